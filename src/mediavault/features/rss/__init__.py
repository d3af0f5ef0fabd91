"""RSS feeds of the library."""
