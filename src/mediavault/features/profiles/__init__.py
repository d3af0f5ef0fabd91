"""Profiles: how posts are saved."""
