"""Finds posts whose videos are the same."""
