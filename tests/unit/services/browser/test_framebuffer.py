"""A screen's framebuffer file, its changes, and the PNG that is made of them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from mediavault.core.errors import BrowserUnavailable
from mediavault.core.screen import Area
from mediavault.services.browser.framebuffer import Framebuffer, Picture

WIDTH, HEIGHT = 200, 50
STRIDE = WIDTH * 4
RED = bytes((0, 0, 255, 0))  # blue, green, red, nothing


def dump(pixels: bytes, *, version: int = 7, bits: int = 32) -> bytes:
    head = [160, version, 2, 24, WIDTH, HEIGHT, 0, 0, 32, 0, 32, bits, STRIDE, 4, 0xFF0000, 0xFF00, 0xFF, 8, 256, 2]
    return struct.pack(">25I", *head, WIDTH, HEIGHT, 0, 0, 0).ljust(160, b"\0") + bytes(2 * 12) + pixels


def picture(*red: tuple[int, int]) -> Picture:
    pixels = bytearray(STRIDE * HEIGHT)
    for x, y in red:
        pixels[y * STRIDE + x * 4 : y * STRIDE + x * 4 + 4] = RED
    return Picture(WIDTH, HEIGHT, STRIDE, bytes(pixels))


def decoded(png: bytes) -> tuple[int, int, bytes]:
    """Width, height and RGB of a PNG whose rows have filter 0."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, data, size = 8, b"", (0, 0)
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
        data += body if kind == b"IDAT" else b""
        at += 12 + length
    raw, row = zlib.decompress(data), size[0] * 3 + 1
    assert {raw[at] for at in range(0, len(raw), row)} == {0}
    return size[0], size[1], b"".join(raw[at + 1 : at + row] for at in range(0, len(raw), row))


def test_the_file_is_read_past_its_header_and_colours(tmp_path: Path) -> None:
    shown = picture((3, 4))
    file = tmp_path / "screen"
    file.write_bytes(dump(shown.pixels))
    framebuffer = Framebuffer(file)

    assert framebuffer.picture() == shown
    framebuffer.close()
    with pytest.raises(BrowserUnavailable):
        framebuffer.picture()


@pytest.mark.parametrize(
    "content", [b"", b"short", dump(bytes(STRIDE * HEIGHT), version=6), dump(b"", bits=16), dump(bytes(10))]
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "screen").write_bytes(content)

    with pytest.raises(BrowserUnavailable):
        Framebuffer(tmp_path / "screen")


def test_a_picture_that_is_the_same_has_no_changes() -> None:
    assert picture((1, 1)).changes_since(picture((1, 1))) is None


def test_the_changed_area_holds_every_change_and_little_more() -> None:
    assert picture((70, 10), (80, 12)).changes_since(picture()) == Area(64, 10, 64, 3)
    assert picture((0, 0), (199, 49)).changes_since(picture()) == Area(0, 0, WIDTH, HEIGHT)


def test_the_last_strip_of_a_row_ends_at_the_screens_edge() -> None:
    assert picture((199, 7)).changes_since(picture()) == Area(192, 7, 8, 1)


def test_an_area_becomes_a_png_in_the_right_colours() -> None:
    width, height, rgb = decoded(picture((65, 11)).png(Area(64, 10, 3, 2)))

    assert (width, height) == (3, 2)
    assert rgb == bytes(12) + bytes((255, 0, 0)) + bytes(3)
