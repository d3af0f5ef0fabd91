"""Sealed copies: a post's files with proof of what they were and when,
as one zip that can be checked without mediavault.
"""
