"""How far an MP4's own tables reach into the file: ISO/IEC 14496-12, sections 8.7 (sample tables) and 8.16.3 (sidx)."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import BinaryIO

Tables = Mapping[bytes, tuple[int, int]]  # box type -> where its content begins and ends


def end_of_samples(file: BinaryIO, tables: Tables) -> int:
    """The offset behind the last byte of a track's samples. ValueError when its tables contradict each other.

    ``tables`` are the children of one track's ``stbl``.
    """
    return max((end for _, end in chunks_of(file, tables, ends_of_samples(file, tables))), default=0)


def ends_of_samples(file: BinaryIO, tables: Tables) -> Sequence[int]:
    """How many bytes all samples up to the n-th have together, beginning with 0 for none. ValueError when it is cut short."""
    if b"stz2" in tables:
        return [0, *accumulate(_small_sizes(file, *tables[b"stz2"]))]
    content = _content(file, tables, b"stsz")
    fixed, count = int.from_bytes(content[4:8], "big"), int.from_bytes(content[8:12], "big")
    if fixed:
        return range(0, fixed * (count + 1), fixed)
    return [0, *accumulate(_numbers("I", content[12:], count))]


def chunks_of(file: BinaryIO, tables: Tables, totals: Sequence[int]) -> list[tuple[int, int]]:
    """Where each chunk begins and ends in the file; ``totals`` as :func:`ends_of_samples` gives them.

    ValueError when samples are left over, or chunks; of the last chunk a few more may be said than there are.
    """
    offsets = _offsets(file, tables)
    count = len(totals) - 1
    if not count or not offsets:
        return []
    found: list[tuple[int, int]] = []
    first = 0
    held = _samples_in_chunks(fields(file, tables, b"stsc", 3), len(offsets))
    for offset, samples in zip(offsets, held, strict=False):
        last = first + samples
        if last > count + (max(1, count // 100) if first < count else 0):
            raise ValueError("its chunks hold more samples than there are")
        last = min(last, count)
        found.append((offset, offset + totals[last] - totals[first]))
        first = last
    if first != count:
        raise ValueError("its chunks hold fewer samples than there are")
    return found


def end_of_segments(index: bytes, index_end: int) -> int:
    """Where the last segment ends that a ``sidx`` box (its content is ``index``) announces; 0 when it is cut short."""
    wide = index[:1] == b"\1"
    at = 12 + (16 if wide else 8)
    first = int.from_bytes(index[at - (8 if wide else 4) : at], "big")
    count = int.from_bytes(index[at + 2 : at + 4], "big")
    entries = index[at + 4 : at + 4 + 12 * count]
    if len(entries) < 12 * count:
        return 0
    sizes = (int.from_bytes(entries[place : place + 4], "big") & 0x7FFFFFFF for place in range(0, len(entries), 12))
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
    return _numbers("Q" if name == b"co64" else "I", content[8:], int.from_bytes(content[4:8], "big"))


def fields(file: BinaryIO, tables: Tables, name: bytes, width: int) -> list[tuple[int, ...]]:
    """The entries of a table of 32-bit numbers, ``width`` of them in each. ValueError when it is cut short."""
    content = _content(file, tables, name)
    flat = _numbers("I", content[8:], width * int.from_bytes(content[4:8], "big"))
    return [tuple(flat[at : at + width]) for at in range(0, len(flat), width)]


def _samples_in_chunks(runs: list[tuple[int, ...]], chunks: int) -> Iterator[int]:
    """How many samples each chunk has; a run goes on until the first chunk of the next."""
    for place, (first, count, _) in enumerate(runs):
        following = runs[place + 1][0] if place + 1 < len(runs) else chunks + 1
        yield from [count] * max(0, min(following, chunks + 1) - first)


def _content(file: BinaryIO, tables: Tables, name: bytes) -> bytes:
    if name not in tables:
        raise ValueError(f"no {name.decode('latin-1')} table")
    start, end = tables[name]
    file.seek(start)
    return file.read(end - start)


def _numbers(code: str, raw: bytes, count: int) -> array[int]:
    numbers = array(code)
    if count * numbers.itemsize > len(raw):
        raise ValueError("a table is shorter than it says")
    numbers.frombytes(raw[: count * numbers.itemsize])
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers
