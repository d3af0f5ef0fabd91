"""The viewer's half of RFB (RFC 6143), as far as needed by the tests of the sign-in window."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from tests.patience import patient

VERSION = b"RFB 003.008\n"
SECURITY_NONE, SHARED = b"\x01", b"\x01"
GREETING = (VERSION, SECURITY_NONE, SHARED)
TAB, ENTER, CONTROL, ALT, SHIFT = 0xFF09, 0xFF0D, 0xFFE3, 0xFFE9, 0xFFE1


class Screen(Protocol):
    async def read(self) -> bytes: ...
    async def write(self, data: bytes) -> None: ...


def key(keysym: int, *, down: bool) -> bytes:
    return struct.pack(">BBxxI", 4, down, keysym)


def stroke(keysym: int) -> bytes:
    return key(keysym, down=True) + key(keysym, down=False)


def keysym_of(char: str) -> int:
    return ord(char) if ord(char) < 0x100 else 0x0100_0000 | ord(char)


def typed(text: str) -> bytes:
    return b"".join(stroke(keysym_of(char)) for char in text)


async def type_slowly(screen: Screen, text: str) -> None:
    """A first press with Control assigns a key to a character that Xvnc's keyboard lacks,
    as the page does.
    """
    for char in text:
        if not char.isascii():
            await screen.write(
                key(CONTROL, down=True) + stroke(keysym_of(char)) + key(CONTROL, down=False)
            )
            await asyncio.sleep(patient(0.15, most=3))
        await screen.write(stroke(keysym_of(char)))


def pointer(x: int, y: int, buttons: int = 0) -> bytes:
    return struct.pack(">BBHH", 5, buttons, x, y)


def click(x: int, y: int) -> bytes:
    return pointer(x, y) + pointer(x, y, 1) + pointer(x, y)


@asynccontextmanager
async def greeted(screen: Screen) -> AsyncIterator[None]:
    """Do the handshake; everything that the screen sends while the block runs is read and
    discarded.
    """
    for part in GREETING:
        await screen.read()
        await screen.write(part)
    reading = asyncio.create_task(_read_all(screen))
    try:
        yield
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _read_all(screen: Screen) -> None:
    while await screen.read():
        pass
