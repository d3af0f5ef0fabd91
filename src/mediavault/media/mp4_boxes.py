"""The boxes of an MP4 or MOV file, and how far its sample tables reach into the file.

ISO/IEC 14496-12: 4.2 (boxes: a length, a type, contents that may be boxes), 8.7 (sample tables),
8.16.3 (sidx).
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO

from mediavault.core.messages import Message


@dataclass(frozen=True, slots=True)
class Box:
    type: bytes
    start: int
    body: int  # where its content begins
    end: int
    to_the_end: bool = False  # its size field says "until the file ends"


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes between two offsets, in order;
    stops before bytes that are not a box header.
    """
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
        level = [
            child for box in level for child in boxes(file, box.body, box.end) if child.type == name
        ]
    return level


Tables = Mapping[bytes, tuple[int, int]]  # box type -> where its content begins and ends


def end_of_samples(file: BinaryIO, tables: Tables) -> int:
    """Return the offset after the last byte of a track's samples.

    ``tables`` are the children of one track's ``stbl``. Raises ValueError when they contradict each
    other.
    """
    return max(
        (end for _, end in chunks_of(file, tables, ends_of_samples(file, tables))), default=0
    )


def ends_of_samples(file: BinaryIO, tables: Tables) -> Sequence[int]:
    """Return the total size of the first n samples for each n, from 0.
    Raises ValueError for a truncated table.
    """
    if b"stz2" in tables:
        return [0, *accumulate(_small_sizes(file, *tables[b"stz2"]))]
    content = _content(file, tables, b"stsz")
    fixed, count = int.from_bytes(content[4:8], "big"), int.from_bytes(content[8:12], "big")
    if fixed:
        return range(0, fixed * (count + 1), fixed)
    return [0, *accumulate(_numbers("I", content[12:], count))]


def chunks_of(file: BinaryIO, tables: Tables, totals: Sequence[int]) -> list[tuple[int, int]]:
    """Return where each chunk begins and ends in the file; ``totals`` are those of
    :func:`ends_of_samples`.

    Raises ValueError when samples or chunks are left over; the last chunk may announce a few
    samples too many.
    """
    offsets = _offsets(file, tables)
    count = len(totals) - 1
    if not count or not offsets:
        return []
    chunks: list[tuple[int, int]] = []
    first = 0
    samples_per_chunk = _samples_in_chunks(fields(file, tables, b"stsc", 3), len(offsets))
    for offset, samples in zip(offsets, samples_per_chunk, strict=False):
        last = first + samples
        if last > count + (max(1, count // 100) if first < count else 0):
            raise ValueError(Message("its chunks hold more samples than there are"))
        last = min(last, count)
        chunks.append((offset, offset + totals[last] - totals[first]))
        first = last
    if first != count:
        raise ValueError(Message("its chunks hold fewer samples than there are"))
    return chunks


def end_of_segments(index: bytes, index_end: int) -> int:
    """Return where the last segment that a ``sidx`` box announces ends; ``index`` is its content.
    0 when it is cut short.
    """
    wide = index[:1] == b"\1"
    at = 12 + (16 if wide else 8)
    first = int.from_bytes(index[at - (8 if wide else 4) : at], "big")
    count = int.from_bytes(index[at + 2 : at + 4], "big")
    entries = index[at + 4 : at + 4 + 12 * count]
    if len(entries) < 12 * count:
        return 0
    sizes = (
        int.from_bytes(entries[offset : offset + 4], "big") & 0x7FFFFFFF
        for offset in range(0, len(entries), 12)
    )
    return index_end + first + sum(sizes)


def _small_sizes(file: BinaryIO, start: int, end: int) -> list[int]:
    content = _content(file, {b"stz2": (start, end)}, b"stz2")
    bits, count = content[7], int.from_bytes(content[8:12], "big")
    packed = content[12:]
    if bits == 4:
        halves = [half for byte in packed for half in (byte >> 4, byte & 15)]
        return halves[:count]
    return list(_numbers("B" if bits == 8 else "H", packed, count))


def _offsets(file: BinaryIO, tables: Tables) -> array[int]:
    name = b"co64" if b"co64" in tables else b"stco"
    content = _content(file, tables, name)
    return _numbers(
        "Q" if name == b"co64" else "I", content[8:], int.from_bytes(content[4:8], "big")
    )


def fields(file: BinaryIO, tables: Tables, name: bytes, width: int) -> list[tuple[int, ...]]:
    """Return the entries of a table of 32-bit numbers, ``width`` numbers each.
    Raises ValueError if it is cut short.
    """
    content = _content(file, tables, name)
    flat = _numbers("I", content[8:], width * int.from_bytes(content[4:8], "big"))
    return [tuple(flat[at : at + width]) for at in range(0, len(flat), width)]


def _samples_in_chunks(runs: list[tuple[int, ...]], chunks: int) -> Iterator[int]:
    """Yield how many samples each chunk has; a run lasts until the first chunk of the next."""
    for index, (first, count, _) in enumerate(runs):
        following = runs[index + 1][0] if index + 1 < len(runs) else chunks + 1
        yield from [count] * max(0, min(following, chunks + 1) - first)


def _content(file: BinaryIO, tables: Tables, name: bytes) -> bytes:
    if name not in tables:
        raise ValueError(Message("no %(name)s table", name=name.decode("latin-1")))
    start, end = tables[name]
    file.seek(start)
    return file.read(end - start)


def _numbers(code: str, raw: bytes, count: int) -> array[int]:
    numbers = array(code)
    if count * numbers.itemsize > len(raw):
        raise ValueError(Message("a table is shorter than it says"))
    numbers.frombytes(raw[: count * numbers.itemsize])
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers
