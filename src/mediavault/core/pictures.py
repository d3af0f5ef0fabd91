"""The kinds of pictures that are saved and passed on to browsers, by their first bytes. None can run scripts, as SVG can."""

from __future__ import annotations

MAX_PICTURE_BYTES = 20 << 20  # of a thumbnail
PICTURE_SUFFIXES = (".jpg", ".png", ".webp", ".gif", ".avif")


def is_picture(path: str) -> bool:
    """Return whether a saved file is a picture, as its name says."""
    return path.lower().endswith(PICTURE_SUFFIXES)


def picture_suffix(body: bytes) -> str | None:
    """Return the suffix of a JPEG, PNG, WebP, GIF or AVIF file by its magic bytes; None for anything else, SVG included."""
    if body.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return ".webp"
    if body[:6] in (b"GIF87a", b"GIF89a"):
        return ".gif"
    if body[4:8] == b"ftyp" and body[8:12] in (b"avif", b"avis"):
        return ".avif"
    return None
