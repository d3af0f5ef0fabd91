"""Read the pictures that the vault draws."""

from __future__ import annotations

import struct
import zlib


def pixels(png: bytes) -> tuple[int, list[bytes]]:
    """Return the width, and the rows of RGBA pixels."""
    width, height = struct.unpack(">II", png[16:24])
    data = zlib.decompress(png[png.index(b"IDAT") + 4 : -16])
    rows = [data[start : start + 4 * width + 1] for start in range(0, len(data), 4 * width + 1)]

    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(rows) == height
    assert {row[0] for row in rows} == {0}
    return width, [row[1:] for row in rows]
