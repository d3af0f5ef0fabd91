"""Check B for Ogg: RFC 3533. Every page carries its length, its number and a checksum of all its bytes."""

from __future__ import annotations

import zlib
from typing import BinaryIO

from mediavault.core.media import Problem, ProblemKind
from mediavault.services.media.facts import Structure
from mediavault.services.media.tail import follows, harmless_tail

_HEADER_BYTES = 27
_END_OF_STREAM = 4
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def walk_ogg(file: BinaryIO, size: int) -> Structure:
    """Pages fill the file, each with the right checksum, those of a stream numbered without a gap."""
    numbers: dict[bytes, int] = {}
    ended: set[bytes] = set()
    at = 0
    while at < size:
        file.seek(at)
        header = file.read(_HEADER_BYTES)
        if header[:4] != b"OggS":
            return _foreign(file, at, size)
        table = file.read(header[26] if len(header) == _HEADER_BYTES else 0)
        end = at + _HEADER_BYTES + len(table) + sum(table)
        if len(header) < _HEADER_BYTES or len(table) < header[26] or end > size:
            return _bad(ProblemKind.INCOMPLETE, f"its last page breaks off at byte {size:,}")
        body = header[:22] + bytes(4) + header[26:] + table + file.read(sum(table))
        if checksum(body) != int.from_bytes(header[22:26], "little"):
            return _bad(ProblemKind.DAMAGED, f"the page at byte {at:,} does not match its checksum")
        stream, number = header[14:18], int.from_bytes(header[18:22], "little")
        if number != numbers.get(stream, number - 1) + 1:
            return _bad(ProblemKind.DAMAGED, f"pages are missing before byte {at:,}")
        numbers[stream] = number
        if header[5] & _END_OF_STREAM:
            ended.add(stream)
        at = end
    return Structure(open_ended=ended != set(numbers))


def checksum(body: bytes) -> int:
    """CRC-32 with the polynomial 0x04C11DB7, most significant bit first, begun with zero.

    zlib has the mirror image of it, so bytes and result are mirrored.
    """
    mirrored = zlib.crc32(body.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def _foreign(file: BinaryIO, at: int, size: int) -> Structure:
    if at > 0 and harmless_tail(file, at, size):
        return Structure(notes=(follows(size - at),))
    return _bad(ProblemKind.DAMAGED, f"its structure breaks off at byte {at:,} of {size:,}")


def _bad(kind: ProblemKind, reason: str) -> Structure:
    return Structure((Problem(kind, reason),))
