"""Bytes behind the end of a whole film: padding and pasted text do no harm, anything else means a broken file."""

from __future__ import annotations

from typing import BinaryIO

from mediavault.core.words import counted

MAX_TEXT_BYTES = 1 << 20
_BLOCK = 1 << 20
_TEXT = bytes(range(0x20, 0x7F)) + b"\t\r\n"


def harmless_tail(file: BinaryIO, start: int, end: int) -> bool:
    """True when the bytes from ``start`` to ``end`` are all zero, or at most a megabyte of printable ASCII text."""
    file.seek(start)
    zeros, text = True, end - start <= MAX_TEXT_BYTES
    left = end - start
    while left > 0 and (zeros or text):
        block = file.read(min(_BLOCK, left))
        if not block:
            return False
        zeros = zeros and not block.strip(b"\0")
        text = text and not block.translate(None, _TEXT)
        left -= len(block)
    return zeros or text


def follows(count: int) -> str:
    """The note about such bytes."""
    return f"{counted(count, 'byte of padding or text follows', 'bytes of padding or text follow')} its end"
