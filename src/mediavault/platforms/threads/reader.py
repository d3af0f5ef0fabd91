"""Threads: the post's own record in the page's Relay data or a GraphQL answer. Its form is Instagram's.

Answers and recommended posts in the same document are ignored. A quoted or reposted post has its own record:
its media are items with that role. Checked 2026-11-24 against recorded answers of 2023 to 2026.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from mediavault.core.failures import LoginRequired
from mediavault.core.media import Item, ItemRole, ItemType, Post
from mediavault.core.platform import PageData, Platform
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.values import Node, walk
from mediavault.platforms.instagram.reader import selected, thumbnail
from mediavault.platforms.reading import meta_media


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing. Raises LoginRequired where it is withheld."""
    if not post.post_id:
        return None
    wanted = post.post_id
    records = (node for document in documents for node in walk(document))
    matches = (record for record in records if meta_media.is_media_of(record, wanted))
    own = list(islice(matches, meta_media.MAX_RECORDS))
    readings = [(_items(node, platform), node) for node in own]
    if not readings:
        if any(map(_is_withheld, documents)):
            raise LoginRequired("Threads does not show this post to everyone; it may depend on sign-in, age or place.")
        return None
    items, node = max(readings, key=lambda pair: (len(pair[0]), meta_media.handle_of(pair[1]) is not None))
    main = [item for item in items if item.role is ItemRole.MAIN]
    moments = (values.moment(record.get(name)) for record in (node, *own) for name in meta_media.PUBLISHED)
    return PageData(
        items=items,
        selected=selected(main, post.url),
        handle=next(filter(None, map(meta_media.handle_of, (node, *own))), None),
        display_name=next(filter(None, map(meta_media.display_name_of, (node, *own))), None),
        text=meta_media.caption_of(node),
        published_at=next(filter(None, moments), None),
        thumbnail_url=thumbnail(main),
        image_urls=tuple(item.thumbnail_url for item in main if item.type is ItemType.IMAGE and item.thumbnail_url),
        found=True,
        metadata={"quoted_post_id": code} if (code := values.text(_other(node, "quoted_post").get("code"))) else {},
    )


def _items(node: Node, platform: Platform) -> tuple[Item, ...]:
    """Return its own media, or those that it shows from Instagram; then those of a reposted and of a quoted post."""
    linked = values.obj(node, "text_post_app_info", "linked_inline_media")
    items = [*(meta_media.items_of(node, platform) or (meta_media.items_of(linked, platform) if linked else ()))]
    for name, role in (("reposted_post", ItemRole.REPOSTED), ("quoted_post", ItemRole.QUOTED)):
        other = _other(node, name)
        if other:
            label = values.text(other.get("code"))
            items += meta_media.items_of(other, platform, role=role, label=label)
    return tuple(items)


def _other(node: Node, name: str) -> Node:
    about = values.obj(node, "text_post_app_info")
    other = values.obj(about, "share_info", name) or values.obj(about, name)
    return values.obj(other, "original_media") or other


def _is_withheld(document: object) -> bool:
    """Whether the page has, instead of the post, a note that it "can't be seen by certain audiences"."""
    return any(node.get("__dr") == "BarcelonaGeoBlockedErrorRoot.react" for node in walk(document))
