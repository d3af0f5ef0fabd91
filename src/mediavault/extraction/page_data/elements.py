"""Data that a page keeps in the attributes of its elements: Facebook's stories, players and links to files, reddit's players and
posts, LinkedIn's players and posts, Instagram's embeds, links that microformats mark as an entry's video.

One pass over the page's text for the attributes' names, then the element around each: linear in time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from urllib.parse import parse_qsl, urlsplit

from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.boxes import names_around, names_of
from mediavault.extraction.page_data.document import MAX_JSON_CHARS
from mediavault.extraction.page_data.html_scan import MAX_HTML_CHARS, attributes_of
from mediavault.extraction.page_data.json_walk import Node
from mediavault.extraction.page_data.player_setups import MAX_SETUPS, Setup, setup_in_attributes

MAX_ELEMENTS = 2_000
_LINK_CHARS = 2_000  # of a card, from its link to the clip in it
_MAX_FIELDS = 100  # of a link's address
_MAX_TRIED = 300  # elements that may or may not hold a player

_MARK = re.compile(
    r"<shreddit-(?:post|player(?:-2)?)(?=[\s>])"
    r"|\sdata-(?:store|fullname|hls-url|mpd-url|sources|activity-urn)\s*+="
    r"|\sdata-ft\s*+=[^>]{0,400}?(?:mf_story_key|top_level_post_id)"  # Facebook's stories
    r"|\shref=[\"'](?:https://[\w.]{1,40}+)?/video_redirect/"  # and the files of its basic site
    r"|\sclass=[\"'](?:Embed[\s\"']|EmbeddedMediaImage|ViewProfileButton|CaptionUsername|Username(?:Text)?[\s\"'])"
    r"|[\s\"']u-video(?=[\s\"'>])",  # microformats
    re.IGNORECASE,
)
_NAME = re.compile(r"<([A-Za-z][\w-]{0,40})")
_FOLDED = "data-cachedhtml"  # old.reddit stores what a click unfolds as text
_JSON_ATTRIBUTES = ("data-store", "data-ft", "packaged-media-json", "playback-media-json")


def element_documents(html: str) -> list[object]:
    """Return one object per element in document order: ``{"element": name, "attributes": {…}, "story": {…}}``.

    Attributes that hold JSON are parsed. ``story`` is what Facebook states in ``data-ft`` of the story that began last.
    """
    parsed: list[object] = []
    story: object = None
    room = MAX_JSON_CHARS
    for name, attributes in _elements(html[:MAX_HTML_CHARS]):
        read: dict[str, object] = dict(attributes)
        for key in _JSON_ATTRIBUTES:
            if key in attributes and len(attributes[key]) <= room:
                room -= len(attributes[key])
                read[key] = _parsed(attributes[key])
        stated = read.get("data-ft")
        story = stated if isinstance(stated, dict) and "top_level_post_id" in stated else story
        parsed.append({"element": name, "attributes": read} | ({"story": story} if story else {}))
        if "/video_redirect/?" in attributes.get("href", ""):
            parsed[-1] = _linked_player(name, attributes["href"], story)
        if folded := attributes.get(_FOLDED):
            parsed += [{"element": inner, "attributes": dict(inside)} for inner, inside in _elements(folded)]
    return parsed


def _linked_player(name: str, address: str, story: object) -> Node:
    """Return the player that a link of Facebook's basic site leads to, as its mobile site writes it."""
    named = dict(parse_qsl(urlsplit(address).query, max_num_fields=_MAX_FIELDS))
    stated = dict(part.partition(".")[::2] for part in named.get("_ft_", "").split(":", _MAX_FIELDS))
    own = stated if "top_level_post_id" in stated else story
    player = {"videoID": named.get("id", ""), "src": named.get("src", "")}
    return {"element": name, "attributes": {"data-store": player}} | ({"story": own} if own else {})


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
            attributes, position = attributes_of(html, name.end(), position)
            yield name[1].lower(), attributes


_FILE_NAME = re.compile(r"\.(?:mp4|m4v|mov|webm|ogv|m3u8|mpd)(?=[?#&%\"'\s\\])", re.IGNORECASE)
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
    """Return what other elements are given to play (``data-item='{…}'``, ``data-video-src=…``), in document order."""
    html = html[:MAX_HTML_CHARS]
    setups: list[Setup] = []
    position, count, tried = 0, 0, 0
    while max(count / MAX_ELEMENTS, tried / _MAX_TRIED, len(setups) / MAX_SETUPS) < 1:
        if (mark := _FILE_NAME.search(html, position)) is None:
            break
        start = html.rfind("<", max(position, mark.start() - 5_000), mark.start())
        position, count = mark.end(), count + 1
        name = _NAME.match(html, start) if start >= 0 else None
        if name is None or name[1].lower() in _READ_ELSEWHERE or _is_in_link(html, start):
            continue
        tried += 1
        attributes, position = attributes_of(html, name.end(), position)
        if (setup := setup_in_attributes(attributes)) is not None:
            setups.append(replace(setup, names=f"{names_around(html, start)} {names_of(attributes)}"))
    return setups


def _is_in_link(html: str, start: int) -> bool:
    """Whether the element is inside a link: a clip there previews the page behind it."""
    before = html[max(0, start - _LINK_CHARS) : start].lower()
    return max(before.rfind("<a "), before.rfind("<a\n")) > before.rfind("</a")


def _parsed(text: str) -> object:
    """Parse an attribute, which saved pages may escape twice: entities in entities, or every backslash doubled."""
    if re.match(r"\s*+[{\[]?\s*+&", text):
        text = unescape(text)
    for written in (text, text.replace("\\\\", "\\")):
        if (value := values.parsed(written)) is not None:
            return value
    return None
