"""ActivityStreams 2: what fediverse servers answer to ``Accept: application/activity+json``, and
PeerTube's videos.

An activity that created or shared an object is read as that object. The post's object is identified
by its ``id`` or ``url``; a lone document without either can only be what it was saved for. Quoted
objects are never read. Source: https://www.w3.org/TR/activitystreams-vocabulary/; checked
2026-11-24.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from mediavault.core.media import Candidate, Expected, Item, ItemType, Post
from mediavault.core.platform import PageData, Platform
from mediavault.extraction.media_urls import classify_media
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.build import own_candidates
from mediavault.extraction.page_data.statuses import plain_text
from mediavault.extraction.page_data.values import Node

_OBJECTS = frozenset(
    {
        "note",
        "article",
        "video",
        "page",
        "question",
        "audio",
        "image",
        "event",
        "document",
        "comment",
    }
)
_ACTIVITIES = frozenset({"create", "update", "announce", "add"})
_MEDIA = {"video": ItemType.VIDEO, "image": ItemType.IMAGE, "audio": ItemType.AUDIO}
_MAX_OBJECTS = 500


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """Return what the documents say about ``post``; None when they say nothing."""
    objects = [node for document in documents for node in objects_in(document)]
    own = next((node for node in objects if _is_named(node, post)), None)
    if (
        own is None
        and len(objects) == 1
        and not addresses_of(objects[0])
        and _is_certain(objects[0])
    ):
        own = objects[0]
    return _page_data(platform, own) if own is not None else None


def objects_in(document: object) -> list[Node]:
    """Return the posts in a document: itself, the object of an activity,
    or the entries of a collection.
    """
    root = values.obj(document)
    lists = (
        values.items(value) for value in (root.get("orderedItems"), root.get("items"), document)
    )
    entries = next(
        (nodes for items in lists if (nodes := values.objects(list(items[:_MAX_OBJECTS])))), []
    )
    return [node for entry in entries or [root] if (node := _object(entry))]


def addresses_of(node: Node) -> list[str]:
    """Return the URLs that an object states as its own, those of web pages first."""
    links = [link for value in _several(node.get("url")) if (link := _page_link(value))]
    return [
        *links,
        *(uri for uri in (node.get("id"),) if isinstance(uri, str) and uri.startswith("http")),
    ]


def _object(node: Node) -> Node | None:
    kind = _kind(node)
    inner = values.obj(node, "object")
    if kind in _ACTIVITIES and inner:
        return inner if _is_object(inner) else None
    return node if _is_object(node) else None


def _is_object(node: Node) -> bool:
    stated = "@context" in node or "attributedTo" in node or str(node.get("type", ""))[:1].isupper()
    return stated and (_kind(node) in _OBJECTS or "attachment" in node)


def _is_certain(node: Node) -> bool:
    """Whether an object surely is ActivityStreams:
    players' records have a ``type`` of ``Video`` too.
    """
    return any(name in node for name in ("@context", "attributedTo", "attachment", "content"))


def _kind(node: Node) -> str:
    """Return the first of the node's types, in lower case."""
    kinds = _several(node.get("type"))
    return str(kinds[0]).rpartition("#")[2].lower() if kinds else ""


def _is_named(node: Node, post: Post) -> bool:
    locations = {_location(address) for address in addresses_of(node)} - {""}
    return bool(locations & {_location(post.url), _location(post.canonical_url)})


def _location(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.hostname}{parts.path.rstrip('/')}?{parts.query}" if parts.hostname else ""


def _page_link(value: object) -> str | None:
    if isinstance(value, str):
        return value if value.startswith("http") else None
    link = values.obj(value)
    is_page = "html" in str(_mime(link) or "text/html")
    return values.text(link.get("href")) if is_page else None


def _several(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


# --- what it says ---------------------------------------------------------------------------------


def _page_data(platform: Platform, node: Node) -> PageData:
    items = _items(platform, node)
    author = next(iter(_several(node.get("attributedTo") or node.get("actor"))), None)
    handle, name = _author(author)
    images = tuple(
        item.thumbnail_url for item in items if item.type is ItemType.IMAGE and item.thumbnail_url
    )
    pictures = [*(item.thumbnail_url for item in items if item.is_video), *_pictures(node), *images]
    return PageData(
        items=tuple(items),
        handle=handle,
        display_name=name,
        title=values.text(node.get("name")),
        text=plain_text(node.get("content") or node.get("summary")),
        published_at=values.moment(node.get("published")),
        thumbnail_url=next(filter(None, pictures), None),
        image_urls=images,
        found=True,
    )


def _author(author: object) -> tuple[str | None, str | None]:
    known = values.obj(author)
    address = (
        author
        if isinstance(author, str)
        else values.text(known.get("url")) or values.text(known.get("id"))
    )
    match = re.search(
        r"/(?:@|users/|u/|profile/|video-channels/|accounts/)([\w.-]+)/?$", address or ""
    )
    handle = values.text(known.get("preferredUsername")) or (match[1] if match else None)
    return handle, values.text(known.get("name"))


def _items(platform: Platform, node: Node) -> list[Item]:
    """Return the attachments in their order; a file that is also the object itself counts once."""
    attached = [
        attachment
        for attachment in _several(node.get("attachment"))
        if isinstance(attachment, dict)
    ]
    items = [item for attachment in attached if (item := _item(platform, attachment))]
    held = {candidate.url for item in items for candidate in item.candidates}
    own = _own_video(platform, node)
    return (
        [own, *items]
        if own and not held & {candidate.url for candidate in own.candidates}
        else items
    )


def _item(platform: Platform, attachment: Node) -> Item | None:
    kind = _media_kind(attachment)
    if kind is None:
        return None
    if kind is not ItemType.VIDEO:
        addresses = (*_links(attachment), *_pictures(attachment))
        return Item(
            type=kind, thumbnail_url=next(iter(addresses), None) if kind is ItemType.IMAGE else None
        )
    candidates = list(_candidates(platform, attachment))
    seconds = values.duration(attachment.get("duration"))
    picture = next(iter(_pictures(attachment)), None)
    return (
        Item(build.merged(candidates), thumbnail_url=picture, expected=Expected(duration_s=seconds))
        if candidates
        else None
    )


def _media_kind(node: Node) -> ItemType | None:
    links = [_mime(link) for link in values.objects(node.get("url"))]  # Pleroma's of 2019
    mime = str(next(filter(None, (_mime(node), *links)), "")).partition("/")[0]
    is_video = _kind(node) == "link" and _names_a_file(node.get("href"))  # Lemmy's link
    return _MEDIA.get(mime) or _MEDIA.get(_kind(node)) or (ItemType.VIDEO if is_video else None)


def _mime(node: Node) -> object:
    """Return the type of a link's file; PeerTube called it ``mimeType`` until 2019."""
    return node.get("mediaType") or node.get("mimeType")


def _names_a_file(address: object) -> bool:
    return isinstance(address, str) and classify_media(address).may_be_video


def _own_video(platform: Platform, node: Node) -> Item | None:
    """Return the item of an object that is itself a video; None for any other object."""
    if _kind(node) != "video":
        return None
    # a plain address is the object's page, unless it is a file's
    streams = _candidates(platform, node)
    candidates = build.merged([c for c in streams if _mime(node) or c.mime or _names_a_file(c.url)])
    seconds = values.duration(node.get("duration"))
    return (
        Item(
            candidates,
            thumbnail_url=next(iter(_pictures(node)), None),
            expected=Expected(duration_s=seconds),
        )
        if candidates
        else None
    )


def _candidates(platform: Platform, node: Node) -> Iterator[Candidate]:
    mime = values.text(_mime(node))
    shape = {
        "width": values.integer(node.get("width")),
        "height": values.integer(node.get("height")),
    }
    for link in _streams(node):
        if isinstance(link, str):
            yield from own_candidates(
                link,
                platform,
                mime=mime if mime and "/" in mime and "text" not in mime else None,
                **shape,
            )
        else:
            yield from _linked(platform, values.obj(link), shape)


def _streams(node: Node) -> list[object]:
    """Return the files of a medium: its ``url`` or ``href``,
    and PeerTube's renditions in their tags.
    """
    links = _several(node.get("url"))
    nested = [tag for link in links for tag in values.objects(values.obj(link).get("tag"))]
    return [*links, *nested, *([node["href"]] if "href" in node and not links else [])]


_PLAYABLE = (
    "video/",
    "application/x-mpegurl",
    "application/vnd.apple.mpegurl",
    "application/dash+xml",
)


def _linked(platform: Platform, link: Node, shape: dict[str, int | None]) -> Iterator[Candidate]:
    mime = str(_mime(link) or "").lower()
    if not mime.startswith(_PLAYABLE):
        return
    facts = {
        "width": values.integer(link.get("width")) or shape["width"],
        "height": values.integer(link.get("height")) or shape["height"],
        "fps": values.number(link.get("fps")),
        "size": values.integer(link.get("size")),
    }
    for candidate in own_candidates(link.get("href"), platform, mime=mime, **facts):
        # a stream's file of one quality is named like one of its tracks, but holds what the stream
        # holds
        yield replace(candidate, has_audio=None)


def _links(node: Node) -> list[str]:
    return [
        url
        for link in _several(node.get("url"))
        if (url := values.url(values.obj(link).get("href") or link))
    ]


def _pictures(node: Node) -> list[str]:
    """Return the node's pictures, those of one property from large to small where their sizes are
    known.
    """
    pictures = [
        picture
        for name in ("image", "icon", "preview")
        for picture in sorted(
            _several(node.get(name)),
            key=lambda link: -(values.number(values.obj(link).get("width")) or 0),
        )
    ]
    addresses = (
        values.obj(picture).get("url") or values.obj(picture).get("href") or picture
        for picture in pictures
    )
    return [
        url
        for address in addresses
        for link in _several(address)
        if (url := values.url(values.obj(link).get("href") or link))
    ]
