"""mediavault keeps the video behind a link."""

from mediavault._version import __version__ as __version__
