"""Data that a page keeps in the attributes of its elements: Facebook's stories, players and links
to files, reddit's players and posts, LinkedIn's players and posts, Instagram's embeds, links that
microformats mark as an entry's video.

One pass over the page's text for the attributes' names, then the element around each: linear in
time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from html import unescape
from urllib.parse import parse_qsl, urlsplit

from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.document import MAX_JSON_CHARS
from mediavault.extraction.page_data.html_scan import MAX_HTML_CHARS, attributes_of
from mediavault.extraction.page_data.player_setups import MAX_SETUPS, Setup, setup_in_attributes
from mediavault.extraction.page_data.values import Node

MAX_BOX_CHARS = 20_000  # of the page before an element, in which its boxes are looked for
MAX_NAMES_CHARS = 2_000
_MAX_HEADING_CHARS = 200

_TAG = re.compile(
    r"<(/?)(div|section|figure|li|ul|ol|aside|nav|header|footer|dialog|article|main|body|a|span|p|button|h[2-6])(?=[\s/>])",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"<[^<>]*+>")
# what they are called says nothing about one element in them
_ENDS = frozenset({"article", "main", "body"})


def names_around(html: str, start: int) -> str:
    """Return what the boxes around the element that begins at ``start`` are called,
    the nearest last, up to its article.
    """
    # name, and from where to where its attributes are written
    open_boxes: list[tuple[str, int, int]] = []
    heading, depth = (0, 0), 0
    for tag in _TAG.finditer(html, max(0, start - MAX_BOX_CHARS), start):
        end = html.find(">", tag.end(), start)
        if end < 0:
            break
        name = tag[2].lower()
        if tag[1]:
            place = next(
                (n for n in range(len(open_boxes) - 1, -1, -1) if open_boxes[n][0] == name), None
            )
            if place is not None:
                del open_boxes[place:]
                heading = heading if place >= depth else (0, 0)
        elif name[0] == "h" and name[1:].isdigit():
            heading, depth = (end + 1, min(start, end + _MAX_HEADING_CHARS)), len(open_boxes)
        else:
            open_boxes.append((name, tag.end(), end + 1))
    inner = next((n for n in range(len(open_boxes), 0, -1) if open_boxes[n - 1][0] in _ENDS), 0)
    text = (
        _MARKUP.sub(" ", html[heading[0] : heading[1]].partition("</h")[0])
        if depth >= inner
        else ""
    )
    names = [
        names_of(attributes_of(html[begin:end], 0, 0)[0]) for _, begin, end in open_boxes[inner:]
    ]
    return " ".join(filter(None, (*names, " ".join(unescape(text).split()))))[-MAX_NAMES_CHARS:]


def names_of(attributes: Mapping[str, str]) -> str:
    """Return what an element is called by its own attributes."""
    named = (attributes.get(name, "") for name in ("id", "class", "role", "title", "aria-label"))
    data = (name for name in attributes if name.startswith("data-"))
    return " ".join(filter(None, (*named, *data)))


_MAX_ELEMENTS = 50_000
_MAX_BROKEN = 100
_SIMPLE = re.compile(
    r"([A-Za-z][\w-]*)?((?:#[\w-]+|\.[\w-]+|\[[\w-]+(?:[*^$]?=\"?[^\"\]]*\"?)?\])*)"
)
_PART = re.compile(r"#([\w-]+)|\.([\w-]+)|\[([\w-]++)(?:([*^$]?)=\"?([^\"\[\]]*+)\"?)?\]")
_START = re.compile(r"<(?:(!--)|([A-Za-z][\w-]{0,40})(?=[\s/>]))")
# their contents are not shown
_RAW = frozenset({"script", "style", "template", "textarea", "title", "noscript"})

Element = tuple[str, Mapping[str, str]]


def has_element(html: str, selector: str) -> bool:
    """Whether ``html`` holds an element that matches ``selector``. Raises ValueError for a selector
    of another form.

    It is a comma-separated list of ``tag#id.class[name*=value]`` without combinators.
    """
    wanted = [_read(simple.strip()) for simple in selector.split(",")]
    return any(
        _matches(element, tag, parts) for element in _start_tags(html) for tag, parts in wanted
    )


Parts = tuple[tuple[str, str, str], ...]  # attribute, operator, value


def _read(simple: str) -> tuple[str, Parts]:
    match = _SIMPLE.fullmatch(simple)
    if match is None or not simple:
        raise ValueError(f"selectors of this form are not read: {simple!r}")
    return (match[1] or "").lower(), tuple(_part(part) for part in _PART.finditer(match[2]))


def _part(part: re.Match[str]) -> tuple[str, str, str]:
    if part[1]:
        return "id", "=", part[1]
    if part[2]:
        return "class", "~", part[2]
    return part[3].lower(), "?" if part[5] is None else part[4] or "=", part[5] or ""


def _matches(element: Element, tag: str, parts: Parts) -> bool:
    name, attributes = element
    return tag in ("", name) and all(
        _value_matches(attributes.get(attribute), how, value) for attribute, how, value in parts
    )


def _value_matches(actual: str | None, how: str, value: str) -> bool:
    if actual is None:
        return False
    match how:
        case "?":
            return True
        case "~":
            return value in actual.split()
        case "*":
            return value in actual
        case "^":
            return actual.startswith(value)
        case "$":
            return actual.endswith(value)
        case _:
            return actual == value


def _start_tags(html: str) -> Iterator[Element]:
    html = html[:MAX_HTML_CHARS]
    position, count, broken = 0, 0, 0
    while (
        count < _MAX_ELEMENTS and broken < _MAX_BROKEN and (start := _START.search(html, position))
    ):
        if start[1]:
            end = html.find("-->", start.end())
            if end < 0:
                return
            position = end
            continue
        name, count = start[2].lower(), count + 1
        attributes, position = attributes_of(html, start.end(), start.end())
        # a tag without an end: searching for it in vain is costly
        broken += position == start.end()
        if name in _RAW:
            position = _end_of(html, name, position)
        else:
            yield name, attributes


def _end_of(html: str, name: str, position: int) -> int:
    end = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(html, position)
    return end.start() if end else len(html)


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
    """Return one object per element in document order:
    ``{"element": name, "attributes": {…}, "story": {…}}``.

    Attributes that hold JSON are parsed. ``story`` is what Facebook states in ``data-ft`` of the
    story that began last.
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
            parsed += [
                {"element": inner, "attributes": dict(inside)}
                for inner, inside in _elements(folded)
            ]
    return parsed


def _linked_player(name: str, address: str, story: object) -> Node:
    """Return the player that a link of Facebook's basic site leads to,
    as its mobile site writes it.
    """
    named = dict(parse_qsl(urlsplit(address).query, max_num_fields=_MAX_FIELDS))
    stated = dict(
        part.partition(".")[::2] for part in named.get("_ft_", "").split(":", _MAX_FIELDS)
    )
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
    """Return what other elements are given to play (``data-item='{…}'``, ``data-video-src=…``),
    in document order.
    """
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
            setups.append(
                replace(setup, names=f"{names_around(html, start)} {names_of(attributes)}")
            )
    return setups


def _is_in_link(html: str, start: int) -> bool:
    """Whether the element is inside a link: a clip there previews the page behind it."""
    before = html[max(0, start - _LINK_CHARS) : start].lower()
    return max(before.rfind("<a "), before.rfind("<a\n")) > before.rfind("</a")


def _parsed(text: str) -> object:
    """Parse an attribute, which saved pages may escape twice: entities in entities,
    or every backslash doubled.
    """
    if re.match(r"\s*+[{\[]?\s*+&", text):
        text = unescape(text)
    for written in (text, text.replace("\\\\", "\\")):
        if (value := values.parsed(written)) is not None:
            return value
    return None
