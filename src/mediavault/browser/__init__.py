"""The one browser of a worker process."""
