"""The JSON API: jobs, events, health, metrics, sessions, sites and the saved files."""
