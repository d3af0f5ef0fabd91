"""The VideoObjects in a page's microdata, in the form of its JSON-LD. Pure, and linear in time.

Source: html.spec.whatwg.org/multipage/microdata.html. Other items are read inside a VideoObject
only, as its author.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from mediavault.extraction.page_data.html_scan import MAX_HTML_CHARS, attributes_of
from mediavault.extraction.page_data.values import Node

MAX_ITEMS = 50
MAX_ITEM_CHARS = 50_000  # from its start tag to its end tag
_MAX_TEXT_CHARS = 1_000
_MAX_BROKEN = 100

_VIDEO = re.compile(
    r"<!--|\sitemtype\s*+=\s*+[\"']?https?://(?:www\.)?schema\.org/VideoObject(?=[\"'\s>])",
    re.IGNORECASE,
)
_TAG = re.compile(r"<(?:!--|(/?)([A-Za-z][\w:-]{0,40})(?=[\s/>]))")
_NAME = re.compile(r"<([A-Za-z][\w:-]{0,40})")
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    ]
)
_RAW = {
    name: re.compile(f"</{name}", re.IGNORECASE)
    for name in ("script", "style", "template", "textarea")
}
_COMMENT_END = re.compile("-->")
_VALUES = {
    "meta": "content",
    "object": "data",
    "time": "datetime",
    "data": "value",
    "a": "href",
    "area": "href",
    "link": "href",
}
_SOURCES = frozenset({"audio", "embed", "iframe", "img", "source", "track", "video"})


@dataclass(slots=True)
class _Scope:
    """An open item. ``nested`` counts the open elements of the same name inside its own."""

    element: str
    node: dict[str, Any] = field(default_factory=dict)
    nested: int = 0


def video_objects(html: str) -> list[Node]:
    """Return the VideoObjects that are in no other VideoObject, in document order. Never raises."""
    html = html[:MAX_HTML_CHARS]
    found: list[Node] = []
    position, broken = 0, 0
    while (
        len(found) < MAX_ITEMS and broken < _MAX_BROKEN and (mark := _VIDEO.search(html, position))
    ):
        if mark[0].startswith("<"):
            position = _after(html, _COMMENT_END, mark.end())
            continue
        start = html.rfind("<", max(position, mark.start() - 5_000), mark.start())
        name = _NAME.match(html, start) if start >= 0 else None
        attributes, position = (
            attributes_of(html, name.end(), mark.end()) if name else ({}, mark.end())
        )
        broken += not attributes
        if name and "itemscope" in attributes and name[1].lower() not in _VOID:
            node, position = _item(html, position, _Scope(name[1].lower(), _begun(attributes)))
            found.append(node)
    return found


def _item(html: str, position: int, item: _Scope) -> tuple[Node, int]:
    """Return the item whose start tag ends at ``position``, and where it ends."""
    scopes, stop = [item], position + MAX_ITEM_CHARS
    while scopes and (tag := _TAG.search(html, position, stop)):
        position, top = tag.end(), scopes[-1]
        if tag[2] is None:
            position = _after(html, _COMMENT_END, position)
            continue
        name = tag[2].lower()
        if tag[1]:
            if name == top.element:
                top.nested -= 1
                if top.nested < 0:
                    scopes.pop()
            continue
        attributes, position = attributes_of(html, tag.end(), position)
        if position == tag.end():  # it has no end
            break
        if name in _RAW:
            position = _after(html, _RAW[name], position)
            continue
        top.nested += name == top.element and name not in _VOID
        scope = _Scope(name, _begun(attributes)) if "itemscope" in attributes else None
        for key in attributes.get("itemprop", "").split():
            _add(
                top.node,
                key,
                _value(html, position, name, attributes) if scope is None else scope.node,
            )
        if scope is not None and name not in _VOID:
            top.nested -= name == top.element  # it is the scope's own
            scopes.append(scope)
    return item.node, position


def _begun(attributes: dict[str, str]) -> dict[str, Any]:
    node = {"@type": attributes.get("itemtype", "").strip().rpartition("/")[2]}
    return {**node, "@id": attributes["itemid"]} if attributes.get("itemid") else node


def _value(html: str, position: int, name: str, attributes: dict[str, str]) -> str:
    written = attributes.get("content") or attributes.get(
        "src" if name in _SOURCES else _VALUES.get(name, "content")
    )
    if written is not None or name in _VOID:
        return (written or "").strip()
    end = html.find("<", position, position + _MAX_TEXT_CHARS)
    return " ".join(
        unescape(html[position : end if end >= 0 else position + _MAX_TEXT_CHARS]).split()
    )


def _add(node: dict[str, Any], key: str, value: object) -> None:
    if key not in node:
        node[key] = value
    elif isinstance(node[key], list):
        node[key].append(value)
    else:
        node[key] = [node[key], value]


def _after(html: str, mark: re.Pattern[str], position: int) -> int:
    """Return where the next ``mark`` ends, or the page."""
    end = mark.search(html, position)
    return end.end() if end else len(html)
