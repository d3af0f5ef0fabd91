"""HTTP/1.1 heads and message framing, as far as a proxy must understand them: pure.

Strict on purpose: two readings of where a message ends are how one request is smuggled inside another.
Text is latin-1, so that every byte goes through unchanged. Source: RFC 9112, RFC 9110 section 7.6.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

Headers = tuple[tuple[str, str], ...]

CHUNKED = "chunked"
UNTIL_CLOSE = "until close"
Framing = int | str  # bytes, or CHUNKED, or UNTIL_CLOSE

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "upgrade"}
)
_FRAMES_THE_MESSAGE = frozenset({"content-length", "transfer-encoding", "host"})  # cannot be named away
_REQUEST_LINE = re.compile(r"([A-Z]++) ([\x21-\x7e\x80-\xff]+) HTTP/1\.([01])")
_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*+([\t\x20-\x7e\x80-\xff]*)")
_LENGTH = re.compile(r"[0-9]{1,15}")


class BadMessage(Exception):
    """Not HTTP/1 as RFC 9112 writes it, or framed in two ways."""


@dataclass(frozen=True, slots=True)
class Head:
    """A request's or an answer's head. ``start`` holds method and target, or status and reason."""

    start: tuple[str, str]
    http10: bool
    headers: Headers

    def get(self, name: str) -> str | None:
        """The header's value; of several, joined by commas; None when it is absent. ``name`` in lower case."""
        values = [value for header, value in self.headers if header.lower() == name]
        return ", ".join(values) if values else None


def parse_request(raw: bytes) -> Head:
    """Method, target and headers of a head with its empty line. Raises BadMessage."""
    return _parse(raw, _REQUEST_LINE, (1, 2), version=3)


def parse_answer(raw: bytes) -> Head:
    """Status, reason and headers of a head with its empty line. Raises BadMessage."""
    return _parse(raw, _STATUS_LINE, (2, 3), version=1)


def _parse(raw: bytes, line: re.Pattern[str], start: tuple[int, int], *, version: int) -> Head:
    first, *rest = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    match = line.fullmatch(first)
    headers = [_HEADER.fullmatch(text) for text in rest]
    if match is None or None in headers:
        raise BadMessage("not HTTP/1")
    return Head(
        (match[start[0]], match[start[1]] or ""),
        match[version] == "0",
        tuple((header[1], header[2].rstrip(" \t")) for header in headers if header),
    )


def request_framing(head: Head) -> Framing:
    """How long the request's body is: bytes, or CHUNKED."""
    framing = _framing(head)
    return 0 if framing == UNTIL_CLOSE else framing


def answer_framing(head: Head, *, method: str) -> Framing:
    """How long the answer's body is: bytes, CHUNKED or UNTIL_CLOSE."""
    status = int(head.start[0])
    if method == "HEAD" or status < 200 or status in {204, 304}:
        return 0
    return _framing(head)


def _framing(head: Head) -> Framing:
    coding, length = head.get("transfer-encoding"), head.get("content-length")
    if coding is not None:
        if length is not None or coding.lower() != CHUNKED or head.http10:
            raise BadMessage("the message's length is ambiguous")
        return CHUNKED
    if length is None:
        return UNTIL_CLOSE
    values = {value.strip() for value in length.split(",")}
    if len(values) != 1 or not _LENGTH.fullmatch(length := values.pop()):
        raise BadMessage("the message's length is ambiguous")
    return int(length)


def chunk_size(line: bytes) -> int:
    """The size that a chunk's first line announces; extensions are ignored."""
    size = line.partition(b";")[0].strip()
    if not re.fullmatch(rb"[0-9A-Fa-f]{1,12}", size):
        raise BadMessage("not a chunk")
    return int(size, 16)


def end_to_end(head: Head) -> list[tuple[str, str]]:
    """The headers that are meant for the other end: without those of the connection and those it names."""
    named = {name.strip().lower() for name in (head.get("connection") or "").split(",")}
    dropped = _HOP_BY_HOP | (named - _FRAMES_THE_MESSAGE)
    return [(name, value) for name, value in head.headers if name.lower() not in dropped]


def write_head(start: str, headers: Iterable[tuple[str, str]]) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
