"""Values of an MPD: durations, numbers, ranges and address templates (ISO/IEC 23009-1). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mediavault.services.download.manifest import Span

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
    """An xs:duration in seconds; None when there is none, or no proper one."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        return None
    return sum(float(part or 0) * unit for part, unit in zip(match.groups(), _SECONDS, strict=True))


def whole(text: str) -> int | None:
    """A decimal integer without a sign, also where a packager writes it as ``2000000.0``; None for anything else."""
    match = _WHOLE.fullmatch(text.strip())
    return int(match[1]) if match else None


def signed(text: str) -> int | None:
    """A whole number that may be negative; None when it is none."""
    text = text.strip()
    number = whole(text.removeprefix("-"))
    return number if number is None or not text.startswith("-") else -number


def rate_of(text: str) -> float:
    """A frame rate, ``25`` or ``30000/1001``; 0 when it is none."""
    match = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,9})?)(?:/(\d{1,9}))?\s*", text, re.ASCII)
    return float(match[1]) / (int(match[2] or 1) or 1) if match else 0.0


def span_of(text: str) -> Span | None:
    """``first-last``, both inclusive; None when there is none. ValueError for an odd one."""
    if not text:
        return None
    first, dash, last = text.partition("-")
    start, end = whole(first), whole(last)
    if not dash or start is None or end is None:
        raise ValueError("a byte range is no range")
    return Span(start, end - start + 1)


def fill(template: str, values: Mapping[str, str | int]) -> str:
    """An address from its template: ``$Number%05d$`` and the like; ``$$`` is a dollar (5.3.9.4.4).

    An identifier that has no value here stays as it is, as players leave it.
    """

    def put(match: re.Match[str]) -> str:
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

    return _IDENTIFIER.sub(put, template)
