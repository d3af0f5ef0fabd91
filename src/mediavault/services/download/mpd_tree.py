"""Parses an MPD into a tree of plain nodes, within limits, and its values (ISO/IEC 23009-1). Only importer of expat.

A document type is refused, and with it every entity a document could declare; depth and number of elements are bounded
and nothing outside the text is ever opened. Namespace prefixes are dropped: published manifests choose them freely.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from mediavault.core.failures import NotAVideo
from mediavault.core.messages import Message
from mediavault.services.download.manifest import Span

MAX_DEPTH = 32
MAX_ELEMENTS = 200_000
MAX_TEXT_CHARS = 5_000_000


@dataclass(slots=True)
class Node:
    """``attributes`` by local name; ``text`` is the text directly in the element."""

    name: str
    attributes: dict[str, str]
    children: list[Node] = field(default_factory=list)
    text: str = ""

    def all(self, name: str) -> Iterator[Node]:
        """Return the children with this name."""
        return (child for child in self.children if child.name == name)

    def first(self, name: str) -> Node | None:
        return next(self.all(name), None)

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default).strip()

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it."""
        pending = [self]
        while pending:
            node = pending.pop()
            yield node
            pending += node.children


def read_tree(text: str) -> Node:
    """Return the root element. Raises NotAVideo for malformed XML, beyond the limits, or with a document type."""
    if len(text) > MAX_TEXT_CHARS:
        raise NotAVideo("The DASH manifest is too long.")
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    try:
        parser.Parse(text.lstrip("\ufeff \t\r\n"), True)  # noqa: FBT003 - expat's own signature
    except (expat.ExpatError, ValueError) as exc:
        raise NotAVideo(Message("The DASH manifest is not valid XML: %(error)s.", error=exc)) from exc
    return builder.root


class _Builder:
    def __init__(self) -> None:
        self._open: list[Node] = []
        self._count = 0
        self.root = Node("", {})

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= MAX_DEPTH or self._count > MAX_ELEMENTS:
            raise NotAVideo("The DASH manifest is too deep, or has too many elements.")
        node = Node(_local(name), {_local(key): value for key, value in attributes.items()})
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node
        self._open.append(node)

    def end(self, _name: str) -> None:
        self._open.pop()

    def characters(self, text: str) -> None:
        self._open[-1].text += text


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _refuse_doctype(*_: object) -> None:
    raise NotAVideo("The DASH manifest declares a document type, which is not allowed.")


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
