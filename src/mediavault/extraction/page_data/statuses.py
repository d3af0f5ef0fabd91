"""Mastodon's API: a status (``/api/v1/statuses/<id>``), bare or in a list, and those of Pleroma,
Pixelfed and the like.

The status of the post is identified by its ``id``, or by the address in its ``url`` or ``uri``. A
boost shows another status, whose media are the post's; a quoted status's are items with that role.
Source: https://docs.joinmastodon.org/entities/Status/ and …/MediaAttachment/; checked 2026-11-24.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from urllib.parse import urlsplit

from mediavault.core.media import Expected, Item, ItemRole, ItemType, Post
from mediavault.core.platform import PageData, Platform
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.build import own_candidates, own_sounds, pictures
from mediavault.extraction.page_data.values import Node, walk

_TYPES = {
    "video": ItemType.VIDEO,
    "gifv": ItemType.GIF,
    "image": ItemType.IMAGE,
    "audio": ItemType.AUDIO,
}


def read_status(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """Return what the documents say about ``post``, on any site that may have Mastodon's API;
    None for nothing.
    """
    own = (
        node
        for document in documents
        for node in walk(document)
        if _is_status(node) and _is_own(node, post)
    )
    status = next(own, None)
    return _page_data(platform, status) if status is not None else None


def _is_status(node: Node) -> bool:
    return "media_attachments" in node and "account" in node


def ids_of(node: Node) -> set[str]:
    """Return the ids by which a status may be requested, here and on its own server;
    none for any other node.
    """
    if not _is_status(node):
        return set()
    ends = (_location(node.get(name)).rpartition("/")[2] for name in ("url", "uri"))
    return {name for name in (str(node.get("id") or ""), *ends) if name}


def address_of(node: Node) -> str | None:
    """Return the URL of the status that a node is; None for any other node."""
    return (
        values.text(node.get("url")) or values.text(node.get("uri")) if _is_status(node) else None
    )


def _is_own(node: Node, post: Post) -> bool:
    named = {_location(node.get("url")), _location(node.get("uri"))} - {""}
    if _location(post.url) in named or _location(post.canonical_url) in named:
        return True
    return bool(post.post_id) and str(node.get("id")) == post.post_id


def _location(address: object) -> str:
    """Return host and path, without the prefixes of front ends."""
    try:
        parts = urlsplit(address if isinstance(address, str) else "")
    except ValueError:
        return ""
    path = re.sub(r"^/(?:web|deck)(?=/)", "", parts.path).rstrip("/")
    return f"{parts.hostname}{path}" if parts.hostname else ""


def _page_data(platform: Platform, status: Node) -> PageData:
    boosted = values.obj(status, "reblog")
    shown = boosted or status
    account = values.obj(shown, "account")
    items = [
        _item(attachment, platform) for attachment in values.objects(shown.get("media_attachments"))
    ]
    images = tuple(
        item.thumbnail_url for item in items if item.type is ItemType.IMAGE and item.thumbnail_url
    )
    return PageData(
        items=(*items, *_quoted(shown, platform)),
        handle=values.text(account.get("acct")) or values.text(account.get("username")),
        display_name=values.text(account.get("display_name"))
        or values.text(account.get("username")),
        text=plain_text(shown.get("content")),
        published_at=values.moment(shown.get("created_at")),
        thumbnail_url=_thumbnail(shown, items),
        image_urls=images,
        found=True,
        metadata={"reposted_from": values.text(shown.get("uri"))} if boosted else {},
    )


def _thumbnail(status: Node, items: Sequence[Item]) -> str | None:
    videos = [item.thumbnail_url for item in items if item.is_video]
    others = [item.thumbnail_url for item in items]
    return next(
        filter(None, [*videos, *others, values.url(values.obj(status, "card").get("image"))]), None
    )


def _item(attachment: Node, platform: Platform) -> Item:
    """Return the item of an attachment.

    ``remote_url`` is the file on the author's own server, ``url`` this server's copy of it, or a
    redirect to it.
    """
    kind = _type_of(attachment)
    addresses = _addresses(attachment)
    measures = {**values.obj(attachment, "meta"), **values.obj(attachment, "meta", "original")}
    is_video = kind in (ItemType.VIDEO, ItemType.GIF)
    seconds = values.duration(measures.get("duration"))
    candidates = [
        candidate
        for address in addresses
        for candidate in own_candidates(
            address if is_video else None,
            platform,
            width=values.integer(measures.get("width")),
            height=values.integer(measures.get("height")),
            fps=_fraction(measures.get("frame_rate")) or values.number(measures.get("fps")),
            bitrate=values.integer(measures.get("bitrate")),
            duration_s=seconds,
            has_audio=False if kind is ItemType.GIF else None,
        )
    ]
    if kind is ItemType.AUDIO:
        candidates = [
            c for address in addresses for c in own_sounds(address, platform, duration_s=seconds)
        ]
    own_file = None
    if kind is ItemType.IMAGE:
        candidates, own_file = [*pictures(*addresses)], addresses[1] or addresses[0]
    return Item(
        tuple({candidate.url: candidate for candidate in candidates}.values()),
        type=kind,
        media_id=values.text(attachment.get("id")),
        thumbnail_url=values.url(attachment.get("preview_url")) or own_file,
        expected=Expected(duration_s=seconds, audio=False if kind is ItemType.GIF else None),
    )


def attached_types(status: Node) -> set[ItemType]:
    """Return what a status has attached."""
    return set(map(_type_of, values.objects(status.get("media_attachments"))))


def _type_of(attachment: Node) -> ItemType:
    if attachment.get("type") == "unknown" and _is_video_name(_addresses(attachment)):
        return ItemType.VIDEO
    return _TYPES.get(str(attachment.get("type")), ItemType.IMAGE)


def _addresses(attachment: Node) -> list[str | None]:
    return [values.url(attachment.get(name)) for name in ("remote_url", "url")]


def _is_video_name(addresses: Sequence[str | None]) -> bool:
    return any(
        re.search(r"\.(?:mp4|webm|mov|m4v)(?:[?#]|$)", address or "") for address in addresses
    )


def _fraction(value: object) -> float | None:
    """Return the value of a fraction, ``30/1``."""
    over, _, under = str(value or "").partition("/")
    upper, lower = values.number(over), values.number(under or 1)
    return upper / lower if upper and lower else None


def _quoted(status: Node, platform: Platform) -> list[Item]:
    """Return the items of the quoted status, which Mastodon 4.5 wraps and forks do not."""
    quote = values.obj(status, "quote")
    other = values.obj(quote, "quoted_status") or quote
    items = (
        _item(attachment, platform) for attachment in values.objects(other.get("media_attachments"))
    )
    return [
        replace(item, role=ItemRole.QUOTED, label=values.text(other.get("id"))) for item in items
    ]


def plain_text(html: object) -> str | None:
    """Return the text of a status, whose paragraphs and line breaks are elements."""
    if not isinstance(html, str):
        return None
    broken = re.sub(r"<br\s*/?>|</p>\s*<p[^<>]*>", "\n", html[: values.MAX_TEXT_CHARS])
    return values.text(unescape(re.sub(r"<[^<>]*>", "", broken)))
