"""JSON documents out of pages and answers; what cannot be read counts as absent. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import islice

from mediavault.services.extraction.page_data.html_scan import Tag

MAX_BYTES = 50_000_000
# Python's objects take up to 25 times the room of their text: this much of one page, and no more, becomes objects
MAX_JSON_CHARS = 8_000_000
_MAX_BROKEN_LINES = 100

_GUARD = re.compile(r"\s*(?:for\s*\(\s*;\s*;\s*\)\s*;?|while\s*\(\s*1\s*\)\s*;?|\)\]\}'?,?|&&&START&&&)\s*")
_ASSIGNED = re.compile(
    r"\b(?:window\s*(?:\.|\[\s*[\"'])|var\s+|let\s+|const\s+)(?:__\w{1,60}|_sharedData|ytInitial\w{1,40}|SIGI_STATE)"
    r"(?:[\"']\s*\])?\s*=\s*(?=[{\[])"
)
_KNOWN_IDS = frozenset({"__UNIVERSAL_DATA_FOR_REHYDRATION__", "__NEXT_DATA__", "SIGI_STATE", "__NUXT_DATA__"})
_DECODER = json.JSONDecoder()


def documents(tags: Iterable[Tag]) -> list[object]:
    """The page's own data in document order: JSON scripts, known ids, and ``window.__NAME__ = {…}``; no JSON-LD."""
    found: list[object] = []
    room = MAX_JSON_CHARS
    for tag in tags:
        if tag.name != "script" or tag.closing or _is_linked_data(tag.attributes.get("type", "")):
            continue
        if room < len(tag.text):
            continue
        if _holds_json(tag.attributes.get("type", ""), tag.attributes.get("id", "")):
            new = parse_json(tag.text)
        else:
            new = _assigned(tag.text)
        room -= len(tag.text) if new else 0
        found += new
    return found


def linked_data(tags: Iterable[Tag]) -> list[object]:
    """The page's JSON-LD documents in order."""
    found: list[object] = []
    room = MAX_JSON_CHARS
    for tag in tags:
        if tag.name == "script" and _is_linked_data(tag.attributes.get("type", "")) and len(tag.text) <= room:
            room -= len(tag.text)
            found += parse_json(_without_comment(tag.text))
    return found


def parse_json(data: bytes | str) -> list[object]:
    """The documents in an answer: one, or several one after the other (NDJSON), with or without a guard before them.

    Too large, too deep, cut off or no JSON at all: what can be read of it, or nothing. Never raises.
    """
    if len(data) > MAX_BYTES:
        return []
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_JSON_CHARS:
        return []
    if guard := _GUARD.match(text):
        text = text[guard.end() :]
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        return _one_after_the_other(text)


def _one_after_the_other(text: str) -> list[object]:
    found: list[object] = []
    position, broken = 0, 0
    while broken < _MAX_BROKEN_LINES and (start := _next_document(text, position)) is not None:
        try:
            value, position = _DECODER.raw_decode(text, start)
            found.append(value)
        except (ValueError, RecursionError):
            broken += 1
            position = text.find("\n", start) + 1
            if position == 0:
                break
    return found


_START = re.compile(r"[{\[]")


def _next_document(text: str, position: int) -> int | None:
    """Documents are objects or arrays; guards and chunk lengths between them are passed over."""
    match = _START.search(text, position)
    return match.start() if match else None


def _assigned(script: str) -> list[object]:
    found: list[object] = []
    for match in islice(_ASSIGNED.finditer(script), 8):  # a page has one or two; a script of thousands is no data
        try:
            found.append(_DECODER.raw_decode(script, match.end())[0])
        except (ValueError, RecursionError):
            continue
    return found


def _holds_json(kind: str, name: str) -> bool:
    kind = kind.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json") or name in _KNOWN_IDS


def _is_linked_data(kind: str) -> bool:
    return kind.partition(";")[0].strip().lower() == "application/ld+json"


def _without_comment(text: str) -> str:
    """Some pages wrap their JSON-LD in ``<!-- -->`` or a CDATA section."""
    return re.sub(r"^\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[)|(?:-->|//\s*\]\]>|\]\]>)\s*$", "", text)
