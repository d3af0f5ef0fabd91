"""Who may come in: the owner's password, web sessions, API tokens, a reverse proxy's word."""
