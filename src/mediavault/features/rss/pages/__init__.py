"""The page of the RSS feeds, and what their addresses open."""
