"""Authentication: the owner's password, web sessions, API tokens, sign-in by a reverse proxy."""
