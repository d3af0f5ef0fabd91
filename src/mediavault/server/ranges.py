"""HTTP range requests: which bytes of a file are requested (RFC 9110,
sections 13.1.5 and 14). Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SINGLE = re.compile(r"bytes=[ \t]*(\d*)-(\d*)[ \t]*", re.ASCII | re.IGNORECASE)
_MAX_DIGITS = 20  # more than any file size has; a longer number counts as _HUGE
_HUGE = 10**_MAX_DIGITS


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A range of bytes. ``start`` and ``end`` are both inclusive, as in Content-Range."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start + 1


class Unsatisfiable(Exception):
    """The range contains no byte of the file: 416."""


def wanted_range(header: str | None, size: int) -> ByteRange | None:
    """Return the requested range; None for the whole file. Raises Unsatisfiable.

    ``0-0`` is the first byte, ``-1`` the last, ``5-`` all from the sixth on; an end past the file
    is cut to it. ``9-5``, ``-0`` and a start past the end are unsatisfiable. A header that is not a
    byte range is ignored, and so are several ranges at once, which are never worth their cost here.
    """
    match = _SINGLE.fullmatch(header or "")
    if match is None or not (match[1] or match[2]):
        return None
    first, last = _number(match[1]), _number(match[2])
    if first is None:
        first, last = max(0, size - (last or 0)), size - 1
    last = size - 1 if last is None else min(last, size - 1) if last >= first else -1
    if first > last:
        raise Unsatisfiable
    return ByteRange(first, last)


def range_still_holds(if_range: str | None, etag: str) -> bool:
    """Whether a range may be answered: without a condition, or when ``if_range`` is the file's
    current strong tag.

    A date or a weak tag never proves that the bytes are the same, so the whole file is sent
    instead.
    """
    return if_range is None or if_range.strip() == etag


def is_unchanged(if_none_match: str | None, etag: str) -> bool:
    """Whether the client already has this version of the file: 304."""
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return etag in tags or tags == ["*"]


def _number(digits: str) -> int | None:
    if not digits:
        return None
    return _HUGE if len(digits) > _MAX_DIGITS else int(digits)
