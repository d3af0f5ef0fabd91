"""Stateless technical work: addresses, paths and options in, records out. Knows no job, no store and no status."""
