"""The pages of the sources, and of the posts that they have brought."""
