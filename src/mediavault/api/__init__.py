"""The vault over HTTP: jobs, events, health, files, plain pages."""
