"""Values from untrusted JSON and HTML, of the right type and usable or None;
and a bounded walk through JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from mediavault.core.failures import BadUrl
from mediavault.core.platform import Node
from mediavault.core.urls import MAX_MEDIA_URL_CHARS, HttpUrl, parse_http_url, resolve_reference

__all__ = ["MAX_DEPTH", "MAX_NODES", "Node", "walk", "walk_all"]

MAX_NODES = 200_000  # X's answers have some 10,000, the largest pages of Meta some 100,000
MAX_DEPTH = 100  # X's nest 30 deep; what is deeper is not a post


def walk(value: object) -> Iterator[Node]:
    """Iterate over the objects inside ``value`` in document order, outer before inner,
    up to the limits.
    """
    return (node for node in walk_all(value) if isinstance(node, dict))


def walk_all(value: object) -> Iterator[Node | Sequence[Any]]:
    """Iterate as :func:`walk`, including lists."""
    open_nodes: list[Iterator[object]] = [iter((value,))]  # from the root to the current node
    seen = 0
    while open_nodes and seen < MAX_NODES:
        for node in open_nodes[-1]:
            inner: Iterable[object]
            if isinstance(node, dict):
                yield node
                inner = node.values()
            elif isinstance(node, list | tuple):
                yield node
                inner = node
            else:
                continue
            seen += 1
            if len(open_nodes) <= MAX_DEPTH:
                open_nodes.append(iter(inner))
                break
            if seen >= MAX_NODES:
                break
        else:
            open_nodes.pop()


MAX_TEXT_CHARS = 20_000
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NO_WORD = re.compile(r"[\W_]+")


def parsed(text: str) -> object:
    """Return the value of JSON; None for any other text. The caller limits its length."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def as_words(name: str) -> str:
    """Return a name as it is written in code as lower-case words: skipAd,
    skip-ad and skip_ad are the same.
    """
    return " ".join(_NO_WORD.split(_CAPITAL.sub(" ", name))).lower()


def obj(value: object, *path: str) -> Node:
    """Return the object at ``path`` below ``value``; an empty one where there is none."""
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def items(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def objects(value: object) -> Sequence[Node]:
    """Return the objects of a list."""
    return [item for item in items(value) if isinstance(item, dict)]


def text(value: object) -> str | None:
    """Return non-empty text without lone surrogates, which no store and no file name accepts."""
    if not isinstance(value, str):
        return None
    clean = value[:MAX_TEXT_CHARS].encode("utf-8", "ignore").decode("utf-8").strip()
    return clean or None


def number(value: object) -> float | None:
    """Return a finite number above zero; numerals count."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        parsed = float(value)
    except (ValueError, OverflowError):
        return None
    return parsed if math.isfinite(parsed) and 0 < parsed < 1e15 else None


def integer(value: object) -> int | None:
    """Return the whole part of a number of 1 or more; None for anything else."""
    parsed = number(value)
    return int(parsed) if parsed is not None and parsed >= 1 else None


def url(value: object, base: HttpUrl | None = None) -> str | None:
    """Return a plain http URL, resolved against ``base`` where one is given."""
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        if base is not None:
            return str(resolve_reference(base, value))
        return str(parse_http_url(value, max_chars=MAX_MEDIA_URL_CHARS))
    except BadUrl:
        return None


def moment(value: object) -> datetime | None:
    """Return the time of epoch seconds, ISO 8601, or the date form of mail and X;
    UTC where no zone is given.
    """
    if (seconds := number(value)) is not None:
        return _at(seconds)
    if not isinstance(value, str) or len(value) > 64:
        return None
    for read in (datetime.fromisoformat, _x_date, parsedate_to_datetime):
        try:
            parsed = read(value.strip())
            return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _at(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds / 1_000 if seconds > 1e11 else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _x_date(value: str) -> datetime:
    return datetime.strptime(value, "%a %b %d %H:%M:%S %z %Y")


_DURATIONS = tuple(
    re.compile(form, re.IGNORECASE | re.ASCII)
    for form in (
        # ISO 8601; years, months and weeks only where there are none of them
        (
            r"P(?:0+Y)?(?:0+M)?(?:0+W)?(?:(?P<d>\d{1,4}(?:\.\d+)?)D)?(?:T(?:(?P<h>\d{1,4}(?:\.\d+)?)H)?"
            r"(?:(?P<m>\d{1,6}(?:\.\d+)?)M)?(?:(?P<s>\d{1,8}(?:[.,]\d{1,9})?)S)?)?"
        ),
        r"(?:(?P<h>\d{1,3}):(?=[0-5]?\d:))?(?P<m>\d{1,4}):(?P<s>[0-5]?\d(?:[.,]\d{1,9})?)",
        (
            r"(?:(?P<h>\d{1,3}(?:\.\d+)?) ?(?:hours?|hrs?|h)[., ]*(?:and )?)?"
            r"(?:(?P<m>\d{1,6}(?:\.\d+)?) ?(?:minutes?|mins?|m)[., ]*(?:and )?)?"
            r"(?:(?P<s>\d{1,8}(?:\.\d+)?) ?(?:seconds?|secs?|s)\.?)?"
        ),
        r"(?P<ms>\d{1,11}) ?(?:milliseconds?|ms)",
    )
)
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1, "ms": 0.001}


def duration(value: object) -> float | None:
    """Return the seconds of a length as pages write it; None for zero and for anything else.

    The forms are a number of seconds (``62``, ``"62.5"``), ISO 8601 (``PT1M2S``), a clock's
    (``1:02``, ``00:01:02``) and numbers with units (``1 min 2 s``, ``62000 ms``).
    """
    if (seconds := number(value)) is not None:
        return seconds
    written = value.strip() if isinstance(value, str) and len(value) < 64 else ""
    match = next(filter(None, (form.fullmatch(written) for form in _DURATIONS)), None)
    if match is None:
        return None
    total = sum(
        float(part.replace(",", ".")) * _SECONDS[unit]
        for unit, part in match.groupdict().items()
        if part
    )
    return total or None


def milliseconds(value: object) -> float | None:
    """Return a positive number of milliseconds in seconds; None for anything else."""
    millis = number(value)
    return millis / 1_000 if millis is not None else None
