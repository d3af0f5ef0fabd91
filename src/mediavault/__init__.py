"""mediavault keeps the video behind a link."""

__version__ = "0.1.0"
