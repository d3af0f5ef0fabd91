"""Splits an HLS playlist into lines, tags, attributes and variables. Pure (RFC 8216;
draft-pantos-hls-rfc8216bis).

Tolerant where players are: any line end is accepted, surrounding whitespace is ignored, a malformed
value counts as absent. ``playlist.py`` judges what that means for a download.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

from mediavault.core.messages import Message

# only from where a name begins, and never back into it: a long run of letters is scanned once
_ATTRIBUTE = re.compile(r'(?<![A-Z0-9-])([A-Z0-9-]++)\s*+=\s*+("[^"]*"|[^",]*)')
_REFERENCE = re.compile(r"\{\$([A-Za-z0-9_-]+)\}")
_TAG = re.compile(r"#(EXT[A-Z0-9-]*)(?::(.*))?", re.DOTALL)
_FIRST_TAG = re.compile(r"#EXT(M3U|INF:|-X-[A-Z])")
_LINE_END = re.compile(r"\r\n?|\n")
_MAX_ATTRIBUTES = 64  # per line
_MAX_PARAMETERS = 1_000
MAX_FILLED_CHARS = 5_000_000  # that all variables together may add to a text

Attributes = Mapping[str, str]


def lines_of(text: str) -> list[str]:
    """Return the lines without their ends: Unix, Windows,
    or the lone carriage return that some old editors still write.
    """
    return _LINE_END.split(text.removeprefix("\ufeff"))


def looks_like_hls(text: str) -> bool:
    """Return whether ``text`` is an HLS playlist: one of the format's tags precedes everything but
    comments.

    ``#EXTM3U`` should be first, but players accept published playlists without it, or with a
    comment before it.
    """
    for line in map(str.strip, lines_of(text[:65_536])):
        if _FIRST_TAG.match(line):
            return True
        if line and not line.startswith("#"):
            return False
    return False


class Variables:
    """EXT-X-DEFINE (8216bis, 4.3 and 4.4.2.3). An undefined name remains unchanged and is added to
    ``unknown``.
    """

    def __init__(self, url: str, imported: Mapping[str, str]) -> None:
        self._url, self._imported = url, imported
        self.values: dict[str, str] = {}
        self.unknown: set[str] = set()
        self._room = MAX_FILLED_CHARS

    def define(self, attributes: Attributes) -> None:
        if name := attributes.get("NAME"):
            self.values[name] = attributes.get("VALUE", "")
        elif name := attributes.get("IMPORT"):
            self._take(name, self._imported)
        elif name := attributes.get("QUERYPARAM"):
            self._take(name, _query_of(self._url))

    def _take(self, name: str, known: Mapping[str, str]) -> None:
        if name in known:
            self.values[name] = known[name]
        else:
            self.unknown.add(name)

    def fill(self, text: str) -> str:
        """Return ``text`` with its references replaced; without any EXT-X-DEFINE there are none.

        Raises ValueError once all replacements together have more than MAX_FILLED_CHARS characters.
        """
        if "{$" not in text or not (self.values or self.unknown):
            return text
        return _REFERENCE.sub(self._value, text)

    def _value(self, match: re.Match[str]) -> str:
        if (value := self.values.get(match[1])) is not None:
            self._room -= len(value)
            if self._room < 0:
                raise ValueError(Message("its variables make it too long"))
            return value
        self.unknown.add(match[1])
        return match[0]


def _query_of(url: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(urlsplit(url).query, max_num_fields=_MAX_PARAMETERS))
    except ValueError:
        return {}


def tags_of(text: str, variables: Variables) -> Iterator[tuple[str, str]]:
    """Yield (name, value) for each tag and ("", address) for each other line;
    comments and empty lines are left out.
    """
    for line in map(str.strip, lines_of(text)):
        if not line:
            continue
        if not line.startswith("#"):
            yield "", variables.fill(line)
        elif match := _TAG.fullmatch(line):
            value = (match[2] or "").strip()
            if match[1] == "EXT-X-DEFINE":
                variables.define(attributes_of(value))
            else:
                yield match[1], variables.fill(value)


def attributes_of(value: str) -> dict[str, str]:
    pairs = _ATTRIBUTE.findall(value)[:_MAX_ATTRIBUTES]
    return {name: text.strip().strip('"') for name, text in pairs}


def decimal(text: str) -> float | None:
    """Read an unsigned number; None for anything else."""
    match = re.match(r"\s*(\d{1,12}(?:\.\d*)?|\.\d+)\s*$", text)
    return float(match[1]) if match else None


def integer(text: str | None) -> int | None:
    """Read an unsigned decimal integer; None for anything else."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None
