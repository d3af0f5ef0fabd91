"""The boxes of an MP4 or MOV file: a length, a type, a content that may be boxes again (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Box:
    type: bytes
    start: int
    body: int  # where its content begins
    end: int
    to_the_end: bool = False  # its size field says "until the file ends"


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """The boxes between two offsets, in order; stops before bytes that are no box header."""
    while start + 8 <= end:
        file.seek(start)
        header = file.read(16)
        length, kind, body = int.from_bytes(header[:4], "big"), header[4:8], start + 8
        if length == 1:
            length, body = int.from_bytes(header[8:16], "big"), start + 16
        if not _is_box_type(kind) or (length != 0 and length < body - start):
            return
        yield Box(kind, start, body, start + length if length else end, to_the_end=length == 0)
        start += length or end - start


def _is_box_type(kind: bytes) -> bool:
    return len(kind) == 4 and all(0x20 <= byte <= 0x7E or byte == 0xA9 for byte in kind)


def inside(file: BinaryIO, level: list[Box], path: tuple[bytes, ...]) -> list[Box]:
    for name in path:
        level = [child for box in level for child in boxes(file, box.body, box.end) if child.type == name]
    return level
