"""The JSON API: jobs, events, health, metrics, sessions, sites and saved files."""
