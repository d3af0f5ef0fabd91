"""The HTTP server, and what every request passes before a route sees it."""
