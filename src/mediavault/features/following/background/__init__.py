"""What a worker does for what is followed: it checks the sources, and reads lists for previews."""
