"""Helper processes that can be limited and killed, and die with us."""
