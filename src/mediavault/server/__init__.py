"""The HTTP server, and the checks that every request passes before a route sees it."""
