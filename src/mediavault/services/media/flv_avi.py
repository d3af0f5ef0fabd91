"""Check B for two old containers: Adobe FLV 10.1 and Microsoft's RIFF AVI with its OpenDML extension."""

from __future__ import annotations

from typing import BinaryIO

from mediavault.core.media import Problem, ProblemKind
from mediavault.services.media.facts import Structure
from mediavault.services.media.tail import follows, harmless_tail

_FLV_TAGS = frozenset({8, 9, 18})  # sound, pictures, script data


def walk_flv(file: BinaryIO, size: int) -> Structure:
    """Tags fill the file, each with its length repeated behind it."""
    file.seek(0)
    at = int.from_bytes(file.read(9)[5:9], "big") + 4
    while at < size:
        file.seek(at)
        header = file.read(11)
        if header[0] & 0x1F not in _FLV_TAGS:
            return _broken(at, size)
        end = at + 11 + int.from_bytes(header[1:4], "big")
        file.seek(end)
        behind = file.read(4)
        if len(header) < 11 or end > size or 0 < len(behind) < 4:
            return _cut(end + 4, size)
        if behind and int.from_bytes(behind, "big") not in (end - at, 0):
            return _broken(end, size)
        at = end + 4
    return Structure(open_ended=True)


def walk_avi(file: BinaryIO, size: int) -> Structure:
    """One RIFF chunk, or several (OpenDML), fill the file; lists and chunks of pictures fill these."""
    at, kind = 0, b"AVI "
    while at + 12 <= size:
        file.seek(at)
        header = file.read(12)
        if header[:4] != b"RIFF" or header[8:] != kind:
            break
        end = at + 8 + int.from_bytes(header[4:8], "little")
        if end > size:
            return _cut(end, size)
        broken = _first_broken_chunk(file, at + 12, end)
        if broken is not None:
            return _broken(broken, size)
        at, kind = _padded(end, size), b"AVIX"
    if at == size or (at and _is_junk(file, at, size)):
        return Structure()
    if at == 0 or not harmless_tail(file, at, size):
        return _broken(at, size)
    return Structure(notes=(follows(size - at),))


def _is_junk(file: BinaryIO, at: int, size: int) -> bool:
    """Whether one chunk of padding fills the rest."""
    file.seek(at)
    header = file.read(8)
    return header[:4] == b"JUNK" and _padded(at + 8 + int.from_bytes(header[4:8], "little"), size) == size


def _first_broken_chunk(file: BinaryIO, at: int, end: int) -> int | None:
    """Where a chunk is none, or overruns its parent; None when all is well."""
    while at < end:
        file.seek(at)
        header = file.read(12)
        chunk_end = at + 8 + int.from_bytes(header[4:8], "little")
        if len(header) < 8 or not header[:4].isascii() or not header[:4].strip(b"\0") or chunk_end > end:
            return at
        if header[:4] == b"LIST" and header[8:] in (b"movi", b"rec "):
            inner = _first_broken_chunk(file, at + 12, chunk_end)
            if inner is not None:
                return inner
        at = _padded(chunk_end, end)
    return None


def _padded(at: int, end: int) -> int:
    """Chunks begin at even offsets; behind the last one the pad byte may be missing."""
    return at + 1 if at % 2 and at < end else at


def _cut(should: int, size: int) -> Structure:
    reason = f"its last part should reach to byte {should:,}, but the file ends at {size:,}"
    return Structure((Problem(ProblemKind.INCOMPLETE, reason),))


def _broken(at: int, size: int) -> Structure:
    return Structure((Problem(ProblemKind.DAMAGED, f"its structure breaks off at byte {at:,} of {size:,}"),))
