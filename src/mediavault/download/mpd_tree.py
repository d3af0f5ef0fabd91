"""Parses an MPD into a tree of plain nodes, and its values (ISO/IEC 23009-1)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mediavault.core.failures import NotAVideo
from mediavault.core.messages import Message
from mediavault.core.xml_tree import BadXml, XmlNode, read_xml
from mediavault.download.manifest import Span

MAX_DEPTH = 32
MAX_ELEMENTS = 200_000
MAX_TEXT_CHARS = 5_000_000


def read_tree(text: str) -> XmlNode:
    """Return the root element. Raises NotAVideo for malformed XML, beyond the limits, or with a document type."""
    if len(text) > MAX_TEXT_CHARS:
        raise NotAVideo("The DASH manifest is too long.")
    try:
        return read_xml(text, max_depth=MAX_DEPTH, max_elements=MAX_ELEMENTS)
    except BadXml as exc:
        raise NotAVideo(Message("The DASH manifest is not valid XML: %(error)s.", error=exc.message)) from exc


MAX_WIDTH = 32  # digits of a padded number
_DURATION = re.compile(
    r"P(?:(\d{1,9})Y)?(?:(\d{1,9})M)?(?:(\d{1,9})D)?"
    r"(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d*)?|\.\d+)S)?)?",
    re.ASCII,
)
_WHOLE = re.compile(r"(\d{1,20})(?:\.0*)?", re.ASCII)
_SECONDS = (31_536_000.0, 2_592_000.0, 86_400.0, 3_600.0, 60.0, 1.0)  # a year and a month as players count them
_IDENTIFIER = re.compile(r"\$(?:(RepresentationID|Number|Bandwidth|Time|SubNumber)(?:%0?(\d{0,2})([diuxXo]))?)?\$")


def seconds_of(text: str) -> float | None:
    """Return an xs:duration in seconds; None when it is absent or malformed."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        return None
    return sum(float(part or 0) * unit for part, unit in zip(match.groups(), _SECONDS, strict=True))


def whole(text: str) -> int | None:
    """Read an unsigned decimal integer, also in the form ``2000000.0`` of some packagers; None for anything else."""
    match = _WHOLE.fullmatch(text.strip())
    return int(match[1]) if match else None


def signed(text: str) -> int | None:
    """Read an integer that may be negative; None for anything else."""
    text = text.strip()
    number = whole(text.removeprefix("-"))
    return number if number is None or not text.startswith("-") else -number


def rate_of(text: str) -> float:
    """Read a frame rate, ``25`` or ``30000/1001``; 0 for anything else."""
    match = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,9})?)(?:/(\d{1,9}))?\s*", text, re.ASCII)
    return float(match[1]) / (int(match[2] or 1) or 1) if match else 0.0


def span_of(text: str) -> Span | None:
    """Read ``first-last``, both inclusive; None when it is empty. Raises ValueError for a malformed one."""
    if not text:
        return None
    first, dash, last = text.partition("-")
    start, end = whole(first), whole(last)
    if not dash or start is None or end is None:
        raise ValueError(Message("a byte range is not valid"))
    return Span(start, end - start + 1)


def fill(template: str, values: Mapping[str, str | int]) -> str:
    """Fill a URL template: ``$Number%05d$`` and the like; ``$$`` is a dollar (5.3.9.4.4).

    An identifier without a value is left unchanged, as players do.
    """

    def substitute(match: re.Match[str]) -> str:
        name, width, kind = match.groups()
        if name is None:
            return "$"
        if name not in values:
            return match[0]
        value = values[name]
        if isinstance(value, str):
            return value
        text = format(value, {"x": "x", "X": "X", "o": "o"}.get(kind or "d", "d"))
        return text.zfill(min(int(width or 1), MAX_WIDTH))

    return _IDENTIFIER.sub(substitute, template)
