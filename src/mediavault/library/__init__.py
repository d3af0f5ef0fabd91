"""The library: where verified files are saved, and the staging folders in which they are
prepared.
"""
