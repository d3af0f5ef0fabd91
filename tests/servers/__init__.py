"""Servers for the tests, each started once per process, or named by the environment."""
