"""Microformats: h-entry with ``u-video``, in the JSON form of a parsed page or on elements of the
page itself.

A ``<video class="u-video">`` is read with the page's other players; links and data elements are
read here. Only what the post's own entry holds counts: entries inside it (cited, quoted, commented)
are other people's.
Source: https://microformats.org/wiki/h-entry and …/microformats2-parsing; checked 2026-11-24.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from mediavault.core.failures import BadUrl
from mediavault.core.media import Expected, Item, ItemType, LengthSource, Post
from mediavault.core.platform import PageData, Platform
from mediavault.core.urls import HttpUrl, parse_http_url
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.build import own_candidates
from mediavault.extraction.page_data.statuses import plain_text
from mediavault.extraction.page_data.values import Node

_ENTRIES = frozenset({"h-entry", "h-event", "h-review", "h-recipe"})
_MAX_ENTRIES = 500


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """Return what parsed entries, or the page's elements, say about ``post``;
    None when they say nothing.
    """
    entries = [entry for document in documents for entry in entries_in(document)]
    own = next((entry for entry in entries if _is_named(entry, post)), None)
    if own is None and len(entries) == 1 and not addresses_of(entries[0]):
        own = entries[0]
    return (
        _page_data(platform, own) if own is not None else _from_elements(post, platform, documents)
    )


def entries_in(document: object) -> list[Node]:
    """Return the entries at the top of a parsed page, or in its feed."""
    root = values.obj(document)
    listed = [values.obj(item) for item in values.items(root.get("items"))[:_MAX_ENTRIES]]
    listed = listed or [root, *(values.obj(item) for item in values.items(document)[:_MAX_ENTRIES])]
    entries: list[Node] = []
    for entry in listed[:_MAX_ENTRIES]:
        kinds = {str(kind) for kind in values.items(entry.get("type"))}
        if kinds & _ENTRIES and values.obj(entry, "properties"):
            entries.append(entry)
        elif "h-feed" in kinds:
            entries += entries_in({"items": entry.get("children")})
    return entries


def addresses_of(entry: Node) -> list[str]:
    """Return the URLs that an entry states as its own."""
    known = values.obj(entry, "properties")
    return [
        url for name in ("url", "uid") for url in _plain(known.get(name)) if url.startswith("http")
    ]


def _is_named(entry: Node, post: Post) -> bool:
    return bool(
        {_location(address) for address in addresses_of(entry)}
        & {_location(post.url), _location(post.canonical_url)} - {""}
    )


def _location(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.hostname}{parts.path.rstrip('/')}?{parts.query}" if parts.hostname else ""


def _plain(value: object) -> list[str]:
    """Return the values of a property, which are text, or objects whose ``value`` is the text."""
    several: Sequence[Any] = value if isinstance(value, list) else [value]
    texts = (entry.get("value") if isinstance(entry, dict) else entry for entry in several)
    return [text for value_text in texts if (text := values.text(value_text))]


def _page_data(platform: Platform, entry: Node) -> PageData:
    known = values.obj(entry, "properties")
    seconds = next(filter(None, map(values.duration, _plain(known.get("duration")))), None)
    videos = [
        candidates
        for address in _plain(known.get("video"))
        if (candidates := own_candidates(address, platform))
    ]
    images = tuple(filter(None, map(values.url, _plain(known.get("photo")))))
    declared = Expected(
        duration_s=seconds if len(videos) == 1 else None, length_source=LengthSource.DECLARED
    )
    items = (
        *(Item(tuple(candidates), expected=declared) for candidates in videos),
        *(Item(type=ItemType.IMAGE, thumbnail_url=image) for image in images),
    )
    handle, name = _author(known.get("author"))
    return PageData(
        items=items,
        handle=handle,
        display_name=name,
        title=next(iter(_plain(known.get("name"))), None),
        text=plain_text(next(iter(_plain(known.get("content"))), None)),
        published_at=next(filter(None, map(values.moment, _plain(known.get("published")))), None),
        thumbnail_url=next(
            filter(None, map(values.url, [*_plain(known.get("featured")), *images])), None
        ),
        image_urls=images,
        found=True,
    )


def _author(value: object) -> tuple[str | None, str | None]:
    author = next(iter(values.items(value)), None)
    card = values.obj(author, "properties")
    if not card:
        return None, values.text(
            author if isinstance(author, str) else values.obj(author).get("value")
        )
    match = re.search(r"/@([\w.-]+)/?$", next(iter(_plain(card.get("url"))), ""))
    nickname = next(iter(_plain(card.get("nickname"))), None)
    return nickname or (match[1] if match else None), next(iter(_plain(card.get("name"))), None)


def _from_elements(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """Return the only link of the page that is marked as its entry's video;
    of several it is unknown whose they are.
    """
    marked = [
        attributes
        for document in documents
        if str(values.obj(document).get("element", "video")) != "video"
        and "u-video"
        in str((attributes := values.obj(document, "attributes")).get("class", "")).split()
    ]
    addresses = {
        values.text(attributes.get("href") or attributes.get("value") or attributes.get("src"))
        for attributes in marked
    } - {None}
    base = _parsed(post.url)
    candidates = (
        own_candidates(values.url(addresses.pop(), base), platform) if len(addresses) == 1 else []
    )
    return PageData(items=(Item(tuple(candidates)),), found=True) if candidates else None


def _parsed(url: str) -> HttpUrl | None:
    try:
        return parse_http_url(url)
    except BadUrl:
        return None
