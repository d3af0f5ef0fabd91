"""Which pictures are passed on to browsers, by their first bytes. None of these types can run scripts, as SVG can."""

from __future__ import annotations

MAX_PICTURE_BYTES = 20 << 20


def picture_suffix(body: bytes) -> str | None:
    """Return the suffix of a JPEG, PNG or WebP file by its magic bytes; None for anything else, SVG included."""
    if body.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return ".webp"
    return None
