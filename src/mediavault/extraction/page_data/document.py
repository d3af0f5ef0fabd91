"""JSON documents from pages and answers; what cannot be read counts as absent. Pure,
and linear in time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import unescape
from itertools import islice

from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.html_scan import Tag
from mediavault.extraction.page_data.js_literal import parse_literal, written_texts
from mediavault.extraction.page_data.values import Node

MAX_BYTES = 50_000_000
# Python's objects take up to 25 times the memory of their text: no more of one page than this
# becomes objects
MAX_JSON_CHARS = 8_000_000
_MAX_BROKEN_LINES = 100

_GUARD = re.compile(
    r"\s*(?:for\s*\(\s*;\s*;\s*\)\s*;?|while\s*\(\s*1\s*\)\s*;?|\)\]\}'?,?|&&&START&&&)\s*"
)
_KNOWN_IDS = frozenset(
    {"__UNIVERSAL_DATA_FOR_REHYDRATION__", "__NEXT_DATA__", "SIGI_STATE", "__NUXT_DATA__"}
)
_DECODER = json.JSONDecoder(strict=False)  # people write line breaks into JSON-LD


def documents(tags: Iterable[Tag]) -> list[object]:
    """Return the page's own data in document order.

    These are JSON scripts, known ids, and literals in other scripts (``x = {…}``,
    ``load("…", {…})``); no JSON-LD.
    """
    parsed: list[object] = []
    streamed: list[str] = []
    room = MAX_JSON_CHARS
    for tag in tags:
        if tag.name != "script" or tag.closing or _is_linked_data(tag.attributes.get("type", "")):
            continue
        if room < len(tag.text):
            continue
        if _holds_json(tag.attributes.get("type", ""), tag.attributes.get("id", "")):
            new = parse_json(tag.text)
        elif pushed := _FLIGHT.match(tag.text):
            row = values.items(
                values.parsed(tag.text[pushed.end() :].rstrip(" \n;").removesuffix(")"))
            )
            streamed += (text for text in row if isinstance(text, str))
            room, new = room - len(tag.text), []
        else:
            new = literals(tag.text)
        room -= len(tag.text) if new else 0
        parsed += new
    return parsed + _rows("".join(streamed))


# The stream in which Next.js sends a page's data: ``self.__next_f.push([1, "7:{…}\n"])``, one row a
# line. Source: https://github.com/facebook/react/tree/main/packages/react-server (Flight); checked
# 2026-12-01.
_FLIGHT = re.compile(r"\s*self\.__next_f\.push\((?=\[)")
_ROW = re.compile(r"^[0-9a-f]*+:(?=[\[{])", re.MULTILINE)


def _rows(stream: str) -> list[object]:
    rows = (
        stream[row.end() : end if (end := stream.find("\n", row.end())) >= 0 else len(stream)]
        for row in _ROW.finditer(stream)
    )
    return [
        value for row in islice(rows, _MAX_LITERALS) if (value := values.parsed(row)) is not None
    ]


def linked_data(tags: Iterable[Tag]) -> list[object]:
    """Return the page's JSON-LD documents in order."""
    parsed: list[object] = []
    room = MAX_JSON_CHARS
    for tag in tags:
        if (
            tag.name == "script"
            and _is_linked_data(tag.attributes.get("type", ""))
            and len(tag.text) <= room
        ):
            room -= len(tag.text)
            parsed += _linked(_without_comment(tag.text))
    return parsed


_SCHEMA_NAMES = {
    name.lower(): name
    for name in (
        "articleBody", "contentUrl", "datePublished", "duration", "embedUrl", "encodingFormat",
        "mainEntityOfPage", "thumbnailUrl",
        "uploadDate",
    )
}  # fmt: skip


def schema_named(node: Node) -> Node:
    """Return an object with names of the schema as that writes them:
    pages have ``contentURL`` as well.
    """
    wrong = {
        name: right for name in node if (right := _SCHEMA_NAMES.get(name.lower(), name)) != name
    }
    return {**{right: node[name] for name, right in wrong.items()}, **node} if wrong else node


_SUPERFLUOUS_COMMA = re.compile(r",(?=\s*[}\]])")


def _without_superfluous_commas(text: str) -> str:
    return _SUPERFLUOUS_COMMA.sub("", text)


def _linked(text: str) -> list[object]:
    """Parse JSON-LD, which people write by hand: with superfluous commas,
    line breaks in strings, or escaped.
    """
    for repair in (str, _without_superfluous_commas, unescape):
        if (value := values.parsed(repair(text))) is not None:
            return [value]
    return literals(f"({text}") or parse_json(text)


def parse_json(data: bytes | str) -> list[object]:
    """Return the documents in an answer: one, or several in sequence (NDJSON), with or without a
    guard before them.

    Too large, too deep, cut off or not JSON at all: what can be read of it, or nothing. Never
    raises.
    """
    if len(data) > MAX_BYTES:
        return []
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_JSON_CHARS:
        return []
    if guard := _GUARD.match(text):
        text = text[guard.end() :]
    if (value := values.parsed(text)) is not None:
        return [value]
    return _script(text) or _in_sequence(text)


_SCRIPT = re.compile(
    r"\s*+(?:(?:/\*(?:[^*]|\*(?!/))*+\*/|//[^\n]*+\n|import\b[^\n]*+\n"
    r"|[\"']use strict[\"'];?)\s*+)*+"
    r"(?:(?:export\s+)?(?:const|let|var)\s|export\s+default\b|module\.exports\b|exports\.|[\w$.]+\s*+[=(]|\{\s*+[\w$']|\(\{)"
)


def _script(text: str) -> list[object]:
    """Return the answer saved in a script: ``const answer = {…}``, ``callback({…})``,
    or a literal that is not JSON.
    """
    return (
        literals(f"({text}" if text.lstrip().startswith("{") else text)
        if _SCRIPT.match(text)
        else []
    )


def _in_sequence(text: str) -> list[object]:
    parsed: list[object] = []
    position, broken = 0, 0
    while broken < _MAX_BROKEN_LINES and (start := _next_document(text, position)) is not None:
        try:
            value, position = _DECODER.raw_decode(text, start)
            parsed.append(value)
        except (ValueError, RecursionError):
            broken += 1
            position = text.find("\n", start) + 1
            if position == 0:
                break
    return parsed


_START = re.compile(r"[{\[]")


def _next_document(text: str, position: int) -> int | None:
    """Return where the next object or array begins;
    guards and chunk lengths before it are skipped.
    """
    match = _START.search(text, position)
    return match.start() if match else None


# Where a script can have a literal of data: assigned, returned, or passed to a function
_LITERAL_START = re.compile(
    r"(?:\A\s*+|[=(,:]|\breturn|\bdefault)\s*+(?=\{\s*+(?:[\"']|[A-Za-z_$][\w$]*+\s*+:)|\[\s*+[{\[])"
)
_MIN_LITERAL_CHARS = 8
_MAX_LITERALS = 2_000
_MAX_FAILURES = 500


def literals(script: str) -> list[object]:
    """Return the objects and arrays written in a script: JSON, JavaScript or strings of JSON.

    Those inside others are not listed separately.
    """
    parsed: list[object] = [
        value for text in written_texts(script) if (value := values.parsed(text)) is not None
    ]
    position, failures, effort = 0, 0, 3 * len(script)  # characters that may be read in vain
    while failures < _MAX_FAILURES and effort > 0 and len(parsed) < _MAX_LITERALS:
        match = _LITERAL_START.search(script, position)
        if match is None:
            break
        try:
            value, position = _literal(script, match.end())
        except ValueError as exc:
            position = match.end() + 1
            failures, effort = failures + 1, effort - (int(exc.args[-1]) - match.end())
            continue
        if position - match.end() >= _MIN_LITERAL_CHARS:
            parsed.append(value)
    return parsed


def _literal(script: str, start: int) -> tuple[object, int]:
    """Return the literal at ``start`` and where it ends.

    Raises ValueError whose last argument is where the reading ended.
    """
    try:
        return _DECODER.raw_decode(script, start)
    except json.JSONDecodeError:
        return parse_literal(script, start)
    except (ValueError, RecursionError) as exc:  # a number without end; too deep
        raise ValueError("no literal", len(script)) from exc


def _holds_json(kind: str, name: str) -> bool:
    kind = kind.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json") or name in _KNOWN_IDS


def _is_linked_data(kind: str) -> bool:
    return kind.partition(";")[0].strip().lower() == "application/ld+json"


_WRAPPING = re.compile(
    r"^\s*+(?:<!--|(?://\s*+|/\*\s*+)?<!\[CDATA\[\s*+(?:\*/)?)|(?:-->|(?://\s*+|/\*\s*+)?\]\]>\s*+(?:\*/)?)\s*+$"
)  # in a comment that hides it from scripts, or not


def _without_comment(text: str) -> str:
    """Return JSON-LD without the ``<!-- -->`` or CDATA section that some pages wrap it in."""
    return _WRAPPING.sub("", text)
