"""The library: where verified files are kept, and the staging folders in which they are prepared."""
