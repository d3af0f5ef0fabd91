"""Microformats: h-entry with ``u-video``, in the JSON form of a parsed page or on elements of the page itself.

A ``<video class="u-video">`` is read with the other players of the page; here links and data elements are. Only what the
post's own entry holds counts: entries inside it (cited, quoted, commented) are other people's.
Source: https://microformats.org/wiki/h-entry and …/microformats2-parsing; checked 2026-11-24.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from mediavault.core.failures import BadUrl
from mediavault.core.media import Expected, Item, ItemType, Post
from mediavault.core.platform import PageData, Platform
from mediavault.core.urls import HttpUrl, parse_http_url
from mediavault.services.extraction.page_data import values
from mediavault.services.extraction.page_data.build import own_candidates
from mediavault.services.extraction.page_data.json_walk import Node
from mediavault.services.extraction.page_data.statuses import plain_text

_ENTRIES = frozenset({"h-entry", "h-event", "h-review", "h-recipe"})
_MAX_ENTRIES = 500


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What parsed entries, or the elements of the page, say about ``post``; None when they say nothing."""
    entries = [entry for document in documents for entry in entries_in(document)]
    own = next((entry for entry in entries if _is_named(entry, post)), None)
    if own is None and len(entries) == 1 and not addresses_of(entries[0]):
        own = entries[0]
    return _page_data(platform, own) if own is not None else _from_elements(post, platform, documents)


def entries_in(document: object) -> list[Node]:
    """The entries at the top of a parsed page, or in its feed."""
    root = values.obj(document)
    listed = [values.obj(one) for one in values.items(root.get("items"))[:_MAX_ENTRIES]]
    listed = listed or [root, *(values.obj(one) for one in values.items(document)[:_MAX_ENTRIES])]
    found: list[Node] = []
    for one in listed[:_MAX_ENTRIES]:
        kinds = {str(kind) for kind in values.items(one.get("type"))}
        if kinds & _ENTRIES and values.obj(one, "properties"):
            found.append(one)
        elif "h-feed" in kinds:
            found += entries_in({"items": one.get("children")})
    return found


def addresses_of(entry: Node) -> list[str]:
    """The addresses that an entry states as its own."""
    known = values.obj(entry, "properties")
    return [one for name in ("url", "uid") for one in _plain(known.get(name)) if one.startswith("http")]


def _is_named(entry: Node, post: Post) -> bool:
    return bool({_place(one) for one in addresses_of(entry)} & {_place(post.url), _place(post.canonical_url)} - {""})


def _place(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.hostname}{parts.path.rstrip('/')}?{parts.query}" if parts.hostname else ""


def _plain(value: object) -> list[str]:
    """Values of a property: text, or objects whose ``value`` is the text."""
    several: Sequence[Any] = value if isinstance(value, list) else [value]
    texts = (one.get("value") if isinstance(one, dict) else one for one in several)
    return [text for one in texts if (text := values.text(one))]


def _page_data(platform: Platform, entry: Node) -> PageData:
    known = values.obj(entry, "properties")
    seconds = next(filter(None, map(values.duration, _plain(known.get("duration")))), None)
    videos = [found for address in _plain(known.get("video")) if (found := own_candidates(address, platform))]
    images = tuple(filter(None, map(values.url, _plain(known.get("photo")))))
    items = (
        *(Item(tuple(found), expected=Expected(duration_s=seconds if len(videos) == 1 else None)) for found in videos),
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
        thumbnail_url=next(filter(None, map(values.url, [*_plain(known.get("featured")), *images])), None),
        image_urls=images,
        found=True,
    )


def _author(value: object) -> tuple[str | None, str | None]:
    author = next(iter(values.items(value)), None)
    card = values.obj(author, "properties")
    if not card:
        return None, values.text(author if isinstance(author, str) else values.obj(author).get("value"))
    match = re.search(r"/@([\w.-]+)/?$", next(iter(_plain(card.get("url"))), ""))
    nickname = next(iter(_plain(card.get("nickname"))), None)
    return nickname or (match[1] if match else None), next(iter(_plain(card.get("name"))), None)


def _from_elements(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """The one link of a page that is marked as its entry's video; of several nobody knows whose they are."""
    marked = [
        given
        for document in documents
        if str(values.obj(document).get("element", "video")) != "video"
        and "u-video" in str((given := values.obj(document, "attributes")).get("class", "")).split()
    ]
    addresses = {values.text(given.get("href") or given.get("value") or given.get("src")) for given in marked} - {None}
    base = _parsed(post.url)
    found = own_candidates(values.url(addresses.pop(), base), platform) if len(addresses) == 1 else []
    return PageData(items=(Item(tuple(found)),), found=True) if found else None


def _parsed(url: str) -> HttpUrl | None:
    try:
        return parse_http_url(url)
    except BadUrl:
        return None
