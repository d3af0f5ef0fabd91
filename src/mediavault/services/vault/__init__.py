"""The library: where verified files stand for good, and the folders in which they are made ready."""
