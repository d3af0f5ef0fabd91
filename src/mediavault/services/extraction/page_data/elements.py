"""Data that a page keeps in the attributes of its elements: Facebook's ``data-store`` and links to files, reddit's players and
posts, LinkedIn's players and posts, Instagram's embeds, links that microformats mark as an entry's video.

One pass over the page's text for the attributes' names, then the element round each: linear in time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape

from mediavault.services.extraction.page_data.document import MAX_JSON_CHARS
from mediavault.services.extraction.page_data.html_scan import MAX_HTML_CHARS, attributes_of
from mediavault.services.extraction.page_data.player_setups import MAX_SETUPS, Setup, setup_in_attributes

MAX_ELEMENTS = 2_000
_LINK_CHARS = 2_000  # of a card, from its link to the clip in it
_MAX_TRIED = 300  # elements of which nobody knows whether they hold a player

_MARK = re.compile(
    r"<shreddit-(?:post|player(?:-2)?)(?=[\s>])"
    r"|\sdata-(?:store|fullname|hls-url|mpd-url|sources|activity-urn)\s*+="
    r"|\shref=[\"']/video_redirect/"  # Facebook's plainest site
    r"|\sclass=[\"'](?:Embed[\s\"']|EmbeddedMediaImage|ViewProfileButton|CaptionUsername|Username(?:Text)?[\s\"'])"
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


_FILE_NAME = re.compile(r"\.(?:mp4|m4v|mov|webm|ogv|m3u8|mpd)(?=[?#&\"'\s\\])", re.IGNORECASE)
_READ_ELSEWHERE = frozenset(
    {
        "a",
        "img",
        "source",
        "video",
        "video-js",
        "amp-video",
        "meta",
        "link",
        "script",
        "iframe",
        "object",
        "embed",
        "param",
        "track",
    }
)


def attribute_setups(html: str) -> list[Setup]:
    """What elements of no special kind are given to play (``data-item='{…}'``, ``data-video-src=…``), in document order."""
    html = html[:MAX_HTML_CHARS]
    found: list[Setup] = []
    position, count, tried = 0, 0, 0
    while max(count / MAX_ELEMENTS, tried / _MAX_TRIED, len(found) / MAX_SETUPS) < 1:
        if (mark := _FILE_NAME.search(html, position)) is None:
            break
        start = html.rfind("<", max(position, mark.start() - 5_000), mark.start())
        position, count = mark.end(), count + 1
        name = _NAME.match(html, start) if start >= 0 else None
        if name is None or name[1].lower() in _READ_ELSEWHERE or _is_in_link(html, start):
            continue
        tried += 1
        given, position = attributes_of(html, name.end(), position)
        if (setup := setup_in_attributes(given)) is not None:
            found.append(setup)
    return found


def _is_in_link(html: str, start: int) -> bool:
    """A clip inside a link shows what waits behind it."""
    before = html[max(0, start - _LINK_CHARS) : start].lower()
    return max(before.rfind("<a "), before.rfind("<a\n")) > before.rfind("</a")


def _parsed(text: str) -> object:
    """Saved pages have such values escaped twice: entities in entities, or every backslash doubled."""
    if re.match(r"\s*+[{\[]?\s*+&", text):
        text = unescape(text)
    for written in (text, text.replace("\\\\", "\\")):
        try:
            return json.loads(written)
        except (ValueError, RecursionError):
            continue
    return None
