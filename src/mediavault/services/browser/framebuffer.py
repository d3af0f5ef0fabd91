"""What a virtual screen shows: read from its framebuffer file, compared, and written as PNG. No library is needed.

The file is an X window dump (XWDFile.h, version 7): 25 big-endian words, the colour table, then rows of 32-bit pixels.
PNG as in the specification's third edition: one RGB image, filter 0.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from mediavault.core.errors import BrowserUnavailable
from mediavault.core.screen import Area

_HEADER = struct.Struct(">25I")
_COLOUR_BYTES = 12
_PIXEL_BYTES = 4
_STRIP_BYTES = 256  # 64 pixels: how finely changes are told apart along a row
_QUICKLY = 1  # zlib's level: a picture is looked at once


class Framebuffer:
    """The mapped file of a screen. ``close`` it before its folder goes."""

    def __init__(self, file: Path) -> None:
        """Raises BrowserUnavailable for a file that is no dump of 32-bit pixels."""
        try:
            with file.open("rb") as opened:
                self._map = mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ)
            words = _HEADER.unpack(self._map[: _HEADER.size])
        except (OSError, ValueError, struct.error) as exc:
            raise BrowserUnavailable("The virtual screen cannot be read.") from exc
        self.width, self.height, self._stride = words[4], words[5], words[12]
        self._start = words[0] + words[19] * _COLOUR_BYTES
        is_whole = len(self._map) >= self._start + self._stride * self.height
        # least significant byte first is what every machine that we run on writes
        if words[1] != 7 or words[11] != 32 or words[7] != 0 or not is_whole:
            self._map.close()
            raise BrowserUnavailable("The virtual screen has a form that is not known.")

    def picture(self) -> Picture:
        """Raises BrowserUnavailable once it is closed."""
        try:
            pixels = self._map[self._start : self._start + self._stride * self.height]
        except ValueError as exc:
            raise BrowserUnavailable("The virtual screen is gone.") from exc
        return Picture(self.width, self.height, self._stride, pixels)

    def close(self) -> None:
        self._map.close()


@dataclass(frozen=True, slots=True)
class Picture:
    """A moment of the screen: rows of ``stride`` bytes, four for a pixel (blue, green, red, nothing)."""

    width: int
    height: int
    stride: int
    pixels: bytes

    @property
    def whole(self) -> Area:
        return Area(0, 0, self.width, self.height)

    def changes_since(self, before: Picture) -> Area | None:
        """The smallest area that holds every change, to 64 pixels; None when there is none."""
        if self.pixels == before.pixels:
            return None
        stride, ours, theirs = self.stride, self.pixels, before.pixels
        rows = [
            y
            for y in range(self.height)
            if ours[y * stride : (y + 1) * stride] != theirs[y * stride : (y + 1) * stride]
        ]
        strips: set[int] = set()
        for y in rows:
            at = y * stride
            for x in range(0, stride, _STRIP_BYTES):
                if x not in strips and ours[at + x : at + x + _STRIP_BYTES] != theirs[at + x : at + x + _STRIP_BYTES]:
                    strips.add(x)
        left = min(strips) // _PIXEL_BYTES
        right = min(self.width, (max(strips) + _STRIP_BYTES) // _PIXEL_BYTES)
        return Area(left, rows[0], right - left, rows[-1] - rows[0] + 1) if right > left else None

    def png(self, area: Area) -> bytes:
        """The area as a PNG file."""
        first, count = area.left * _PIXEL_BYTES, area.width * _PIXEL_BYTES
        starts = range(area.top * self.stride + first, (area.top + area.height) * self.stride + first, self.stride)
        source = b"".join(self.pixels[at : at + count] for at in starts)
        rgb = bytearray(area.width * area.height * 3)
        for colour in range(3):  # blue, green, red become red, green, blue
            rgb[colour::3] = source[2 - colour :: _PIXEL_BYTES]
        row = area.width * 3
        rows = b"".join(b"\0" + rgb[at : at + row] for at in range(0, len(rgb), row))
        head = struct.pack(">IIBBBBB", area.width, area.height, 8, 2, 0, 0, 0)
        parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, _QUICKLY)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
