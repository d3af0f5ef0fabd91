"""Traces of attempts, for an OpenTelemetry collector."""
