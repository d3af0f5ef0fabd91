"""The result of walking over a container's own length fields (check B),
and what the walkers of all formats share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from mediavault.core.media import Problem, ProblemKind
from mediavault.core.messages import Message, Translatable, counted

MAX_TEXT_BYTES = 1 << 20
_BLOCK = 1 << 20
_TEXT = bytes(range(0x20, 0x7F)) + b"\t\r\n"


@dataclass(frozen=True, slots=True)
class Structure:
    """``problems`` are violations of the format itself; ``notes`` are oddities that do no harm."""

    problems: tuple[Problem, ...] = ()
    notes: tuple[Translatable, ...] = ()
    open_ended: bool = False  # the format does not say where the file ends, so a cut cannot be seen
    payload_bytes: int | None = None  # room for packets, where the container announces it
    fragmented: bool = False  # a fragmented MP4: its times need not begin at zero


def incomplete(reason: Message) -> Problem:
    return Problem(ProblemKind.INCOMPLETE, reason)


def damaged(reason: Message) -> Problem:
    return Problem(ProblemKind.DAMAGED, reason)


def cut_off(should_end: int, ends: int) -> Problem:
    """Return the problem of a last part that announces more bytes than there are."""
    return incomplete(
        Message(
            "its last part should reach to byte %(should)d, but it ends at %(ends)d",
            should=should_end,
            ends=ends,
        )
    )


def broken_at(at: int, size: int) -> Problem:
    """Return the problem that no part of the format begins at byte ``at``."""
    return damaged(Message("its structure ends at byte %(at)d of %(size)d", at=at, size=size))


def protected() -> Problem:
    return Problem(
        ProblemKind.PROTECTED, Message("its pictures or sound are encrypted (copy protection)")
    )


def harmless_tail(file: BinaryIO, start: int, end: int) -> bool:
    """Return whether the bytes after the end of a whole video do no harm.

    They do none when all of them are zero, or when they are at most a megabyte of printable ASCII
    text.
    """
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


def tail_note(count: int) -> str:
    """Describe ``count`` harmless bytes after the end."""
    return counted(
        count, "byte of padding or text follows its end", "bytes of padding or text follow its end"
    )
