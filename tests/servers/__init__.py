"""Servers that the tests start, each once a process, or that the environment names."""
