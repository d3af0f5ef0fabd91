"""The visible text of a saved page, for recognising walls. One pass, linear in time."""

from __future__ import annotations

import re
from html import unescape

MAX_CHARS = 20_000
_MAX_HTML_CHARS = 4_000_000  # only the beginning of a page counts

_HIDDEN = re.compile(
    r"<(?=[!A-Za-z])(?:(script|style|noscript|template|svg|head|textarea|select)(?=[\s/>])|!--)", re.IGNORECASE
)
_END_OF = {
    name: re.compile(rf"</{name}\s*>", re.IGNORECASE)
    for name in ("script", "style", "noscript", "template", "svg", "head", "textarea", "select")
}
_TAG = re.compile(r"<[A-Za-z/!][^<>]*>")


def visible_text(html: str) -> str:
    """Return at most ``MAX_CHARS`` characters of the text outside hidden elements."""
    pieces: list[str] = []
    position, length = 0, 0
    html = html[:_MAX_HTML_CHARS]
    while length < MAX_CHARS and (hidden := _HIDDEN.search(html, position)):
        piece = _words(html[position : hidden.start()])
        pieces.append(piece)
        length += len(piece)
        position = _end(html, hidden)
        if position < 0:
            return " ".join(filter(None, pieces))[:MAX_CHARS]
    if length < MAX_CHARS:
        pieces.append(_words(html[position : position + 50 * MAX_CHARS]))
    return " ".join(filter(None, pieces))[:MAX_CHARS]


def _end(html: str, hidden: re.Match[str]) -> int:
    """Return the position after the hidden element; -1 where it never ends."""
    if hidden[1] is None:
        end = html.find("-->", hidden.end())
        return end + 3 if end >= 0 else -1
    match = _END_OF[hidden[1].lower()].search(html, hidden.end())
    return match.end() if match else -1


def _words(html: str) -> str:
    return " ".join(unescape(_TAG.sub(" ", html)).split())
