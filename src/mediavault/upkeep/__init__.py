"""Looking after a vault: moving it, verifying it, rebuilding it from its library. What a person starts, now and then."""
