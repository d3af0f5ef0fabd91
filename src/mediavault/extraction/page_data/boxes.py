"""The names of the boxes around an element: ids, classes, labels, and the heading above it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape

from mediavault.extraction.page_data.html_scan import attributes_of

MAX_BOX_CHARS = 20_000  # of the page before an element, in which its boxes are looked for
MAX_NAMES_CHARS = 2_000
_MAX_HEADING_CHARS = 200

_TAG = re.compile(
    r"<(/?)(div|section|figure|li|ul|ol|aside|nav|header|footer|dialog|article|main|body|a|span|p|button|h[2-6])(?=[\s/>])",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"<[^<>]*+>")
_ENDS = frozenset({"article", "main", "body"})  # what they are called says nothing about one element in them


def names_around(html: str, start: int) -> str:
    """Return what the boxes around the element that begins at ``start`` are called, the nearest last, up to its article."""
    open_boxes: list[tuple[str, int, int]] = []  # name, and from where to where its attributes are written
    heading, depth = (0, 0), 0
    for tag in _TAG.finditer(html, max(0, start - MAX_BOX_CHARS), start):
        end = html.find(">", tag.end(), start)
        if end < 0:
            break
        name = tag[2].lower()
        if tag[1]:
            place = next((n for n in range(len(open_boxes) - 1, -1, -1) if open_boxes[n][0] == name), None)
            if place is not None:
                del open_boxes[place:]
                heading = heading if place >= depth else (0, 0)
        elif name[0] == "h" and name[1:].isdigit():
            heading, depth = (end + 1, min(start, end + _MAX_HEADING_CHARS)), len(open_boxes)
        else:
            open_boxes.append((name, tag.end(), end + 1))
    inner = next((n for n in range(len(open_boxes), 0, -1) if open_boxes[n - 1][0] in _ENDS), 0)
    text = _MARKUP.sub(" ", html[heading[0] : heading[1]].partition("</h")[0]) if depth >= inner else ""
    names = [names_of(attributes_of(html[begin:end], 0, 0)[0]) for _, begin, end in open_boxes[inner:]]
    return " ".join(filter(None, (*names, " ".join(unescape(text).split()))))[-MAX_NAMES_CHARS:]


def names_of(attributes: Mapping[str, str]) -> str:
    """Return what an element is called by its own attributes."""
    named = (attributes.get(name, "") for name in ("id", "class", "role", "title", "aria-label"))
    data = (name for name in attributes if name.startswith("data-"))
    return " ".join(filter(None, (*named, *data)))
