"""A whole video that is made without an encoder, for tests in which many files must play and
nothing else.
"""

from __future__ import annotations

import struct

WIDTH, HEIGHT, RATE, PICTURES = 8, 4, 25, 2
_PICTURE = bytes(range(WIDTH * HEIGHT * 3))


def tiny_video(content: bytes, size: int) -> bytes:
    """Return an AVI of two uncompressed pictures, of ``size`` bytes in total, which holds
    ``content`` as padding.

    So each differs from all others. Raises ValueError where it does not fit.
    """
    handler, rate = b"DIB ", struct.pack("<8I", 1, RATE, 0, PICTURES, len(_PICTURE), 0, 0, 0)
    stream = _list(
        b"strl",
        _chunk(b"strh", b"vids" + handler + struct.pack("<IHHI", 0, 0, 0, 0) + rate),
        _chunk(
            b"strf",
            struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 24, 0, len(_PICTURE), 0, 0, 0, 0),
        ),
    )
    head = struct.pack(
        "<14I",
        1_000_000 // RATE,
        0,
        0,
        0x10,
        PICTURES,
        0,
        1,
        len(_PICTURE),
        WIDTH,
        HEIGHT,
        0,
        0,
        0,
        0,
    )
    pictures = _list(b"movi", *[_chunk(b"00db", _PICTURE)] * PICTURES)
    places = [4 + number * (8 + len(_PICTURE)) for number in range(PICTURES)]
    index = b"".join(b"00db" + struct.pack("<3I", 0x10, place, len(_PICTURE)) for place in places)
    film = _list(b"hdrl", _chunk(b"avih", head), stream) + pictures + _chunk(b"idx1", index)
    padding = size - len(film) - 20
    if padding < len(content):
        raise ValueError(f"{size} bytes are too few")
    body = b"AVI " + film + b"JUNK" + struct.pack("<I", padding) + content.ljust(padding, b"\0")
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body


def _list(name: bytes, *chunks: bytes) -> bytes:
    return _chunk(b"LIST", name + b"".join(chunks))
