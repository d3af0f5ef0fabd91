"""Favourites, tags, collections, notes and saved searches."""
