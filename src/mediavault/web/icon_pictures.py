"""The vault's icon as PNG, for phones and the browser extension.

It is drawn from the shapes of ``static/icon.svg``, since the repository holds no pictures.

The icon is two colours and mirrored top to bottom, so a row is described by where its spans begin
and end.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt

GREEN, CREAM = (0x2F, 0x5D, 0x50), (0xF4, 0xEF, 0xE4)
UNITS = 32.0  # the icon's width in its own units; the shapes below are icon.svg's
_MIDDLE = UNITS / 2
_CORNER = 8.0
_RING_OUTSIDE, _RING_INSIDE = 10 + 1.25, 10 - 1.25
_TRIANGLE_LEFT, _TRIANGLE_WIDTH, _TRIANGLE_HALF_HEIGHT = 13.5, 7.0, 4.5
_LINES = 4  # in a row of pixels
_LEVELS = 255

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class IconPicture:
    """A picture of the icon, ``size`` pixels wide and high.

    ``is_full`` fills the corners, for systems that cut their own shape out of it; everything else
    is inside their circle.
    """

    size: int
    is_full: bool = False


PICTURES: Mapping[str, IconPicture] = {
    "icon-192.png": IconPicture(192),
    "icon-512.png": IconPicture(512),
    "icon-maskable-512.png": IconPicture(512, is_full=True),
    "apple-touch-icon.png": IconPicture(180, is_full=True),
}


def draw(picture: IconPicture) -> bytes:
    """Return the picture as PNG. Takes some tens of milliseconds."""
    size = picture.size
    colours = _colours()
    upper = [_row(picture, row, colours) for row in range((size + 1) // 2)]
    rows = upper + upper[: size // 2][::-1]
    # 8 bits of red, green, blue and opacity
    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", data)
        + _chunk(b"IEND", b"")
    )


def _row(picture: IconPicture, row: int, colours: Sequence[bytes]) -> bytes:
    lines = [(row + (line + 0.5) / _LINES) * UNITS / picture.size for line in range(_LINES)]
    ground = [span for y in lines for span in ([(0.0, UNITS)] if picture.is_full else _square(y))]
    ink = [span for y in lines for span in (*_ring(y), *_triangle(y))]
    scale = _LEVELS / _LINES
    return b"".join(
        colours[round(cover * scale)] for cover in _coverage([*ground, *ink], picture.size)
    )


def _colours() -> list[bytes]:
    """Return the pixel of each sum of both coverages: the ground appears first,
    and the ink covers it.
    """
    appearing = [bytes((*GREEN, level)) for level in range(_LEVELS + 1)]
    covered = [
        bytes(
            (
                *(round(a + (b - a) * level / _LEVELS) for a, b in zip(GREEN, CREAM, strict=True)),
                _LEVELS,
            )
        )
        for level in range(1, _LEVELS + 1)
    ]
    return appearing + covered


def _coverage(spans: Sequence[Span], size: int) -> list[float]:
    """Return how much of each pixel of a row the spans cover;
    a span that covers a pixel counts 1.
    """
    changes = [0.0] * (size + 2)
    for span in spans:
        for edge, sign in zip(span, (1.0, -1.0), strict=True):
            at = edge * size / UNITS
            pixel = int(at)
            changes[pixel] += sign * (1 - (at - pixel))
            changes[pixel + 1] += sign * (at - pixel)
    return list(accumulate(changes))[:size]


def _square(y: float) -> list[Span]:
    inset = _CORNER - _half_chord(_CORNER, max(0.0, _CORNER - min(y, UNITS - y)))
    return [(inset, UNITS - inset)]


def _ring(y: float) -> list[Span]:
    outside, inside = (_half_chord(radius, y - _MIDDLE) for radius in (_RING_OUTSIDE, _RING_INSIDE))
    return [(_MIDDLE - outside, _MIDDLE - inside), (_MIDDLE + inside, _MIDDLE + outside)]


def _triangle(y: float) -> list[Span]:
    width = _TRIANGLE_WIDTH * max(0.0, 1 - abs(y - _MIDDLE) / _TRIANGLE_HALF_HEIGHT)
    return [(_TRIANGLE_LEFT, _TRIANGLE_LEFT + width)]


def _half_chord(radius: float, distance: float) -> float:
    return sqrt(max(0.0, radius * radius - distance * distance))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
