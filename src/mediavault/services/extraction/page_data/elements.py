"""Data that a page keeps in the attributes of its elements: Facebook's ``data-store`` and links to files, reddit's players and
posts, LinkedIn's players and posts, links that microformats mark as an entry's video.

One pass over the page's text for the attributes' names, then the element round each: linear in time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape

from mediavault.services.extraction.page_data.document import MAX_JSON_CHARS
from mediavault.services.extraction.page_data.html_scan import MAX_HTML_CHARS, attributes_of

MAX_ELEMENTS = 2_000

_MARK = re.compile(
    r"<shreddit-(?:post|player(?:-2)?)(?=[\s>])"
    r"|\sdata-(?:store|fullname|hls-url|mpd-url|sources|activity-urn)\s*+="
    r"|\shref=[\"']/video_redirect/"  # Facebook's plainest site
    r"|[\s\"']u-video(?=[\s\"'>])",  # microformats
    re.IGNORECASE,
)
_NAME = re.compile(r"<([A-Za-z][\w-]{0,40})")
_FOLDED = "data-cachedhtml"  # old.reddit keeps what a click unfolds as text
_JSON_ATTRIBUTES = ("data-store", "packaged-media-json", "playback-media-json")


def element_documents(html: str) -> list[object]:
    """One object an element, in document order: ``{"element": name, "attributes": {…}}``, and JSON attributes parsed."""
    found: list[object] = []
    room = MAX_JSON_CHARS
    for name, given in _elements(html[:MAX_HTML_CHARS]):
        held: dict[str, object] = dict(given)
        for key in _JSON_ATTRIBUTES:
            if key in given and len(given[key]) <= room:
                room -= len(given[key])
                held[key] = _parsed(given[key])
        found.append({"element": name, "attributes": held})
        if folded := given.get(_FOLDED):
            found += [{"element": inner, "attributes": dict(inside)} for inner, inside in _elements(folded)]
    return found


def _elements(html: str) -> Iterator[tuple[str, dict[str, str]]]:
    position, count = 0, 0
    while count < MAX_ELEMENTS and (mark := _MARK.search(html, position)):
        start = (
            mark.start()
            if mark[0].startswith("<")
            else html.rfind("<", max(position, mark.start() - 5_000), mark.start())
        )
        position, count = mark.end(), count + 1
        name = _NAME.match(html, start) if start >= 0 else None
        if name is not None:
            given, position = attributes_of(html, name.end(), position)
            yield name[1].lower(), given


def _parsed(text: str) -> object:
    """Saved pages have such values escaped twice: entities in entities, or every backslash doubled."""
    if re.match(r"\s*[{\[]?\s*&", text):
        text = unescape(text)
    for written in (text, text.replace("\\\\", "\\")):
        try:
            return json.loads(written)
        except (ValueError, RecursionError):
            continue
    return None
