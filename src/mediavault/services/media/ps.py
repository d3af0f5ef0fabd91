"""Check B for MPEG program streams (``.mpg``, ``.vob``): ISO/IEC 13818-1 section 2.5, ISO/IEC 11172-1 section 2.4."""

from __future__ import annotations

from typing import BinaryIO

from mediavault.core.media import Problem, ProblemKind
from mediavault.services.media.facts import Structure

_PACK, _END, _FIRST_PACKET = 0xBA, 0xB9, 0xBB
_MAX_PADDING_BYTES = 4_096
_MPEG1_PACK_BYTES, _MPEG2_PACK_BYTES = 12, 14


def walk_ps(file: BinaryIO, size: int) -> Structure:
    """Packs and packets fill the file, but for a few zeros between them and behind them (a sector of a disc)."""
    at = 0
    while at < size:
        end = _end_of_unit(file, at)
        if end is None:
            end = _after_padding(file, at, size)
            if end is None:
                return _broken(at, size)
        if end > size:
            reason = f"its last packet should reach to byte {end:,}, but the file ends at {size:,}"
            return Structure((Problem(ProblemKind.INCOMPLETE, reason),))
        at = end
    return Structure(open_ended=True)


def _end_of_unit(file: BinaryIO, at: int) -> int | None:
    """Where the pack header or packet at ``at`` ends; None when none begins there."""
    file.seek(at)
    head = file.read(_MPEG2_PACK_BYTES)
    if len(head) < 4 or head[:3] != b"\0\0\1" or head[3] < _END:
        return None
    if head[3] == _END:
        return at + 4
    if head[3] >= _FIRST_PACKET:
        return at + 6 + int.from_bytes(head[4:6], "big")
    if len(head) == _MPEG2_PACK_BYTES and head[4] >> 6 == 1:
        return at + _MPEG2_PACK_BYTES + (head[13] & 7)  # and as many stuffing bytes as it says
    return at + _MPEG1_PACK_BYTES


def _after_padding(file: BinaryIO, at: int, size: int) -> int | None:
    """Where the next unit may begin behind zeros; None when other bytes stand at ``at``, or too many zeros."""
    file.seek(at)
    block = file.read(_MAX_PADDING_BYTES)
    zeros = len(block) - len(block.lstrip(b"\0"))
    if at + zeros == size:
        return size if at > 0 else None
    return at + zeros - 2 if 2 < zeros < len(block) else None  # a start code begins with two zeros of its own


def _broken(at: int, size: int) -> Structure:
    return Structure((Problem(ProblemKind.DAMAGED, f"its structure breaks off at byte {at:,} of {size:,}"),))
