"""Retention: rules for deleting saved posts."""
