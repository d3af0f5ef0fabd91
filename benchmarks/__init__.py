"""Measurements against peers, in one run on one machine. Not part of the package."""
