"""A post of a Tumblr blog, in the page's state or an answer of the API, which blogs on their own
domain have too.

Content blocks (NPF) of the post come first; what it reblogged is in its ``trail`` and is shown as
the post's own, as on the site. A video block of another provider only embeds that site's player.
Older posts state one video. Source: https://www.tumblr.com/docs/npf and
https://www.tumblr.com/docs/en/api/v2#posts; checked 2026-12-01.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from mediavault.core.media import Candidate, Expected, Item, ItemType, Post
from mediavault.core.platform import PageData, Platform
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.build import own_candidates
from mediavault.extraction.page_data.html_page import read_page
from mediavault.extraction.page_data.html_scan import scan
from mediavault.extraction.page_data.values import Node, walk


def read_blog_post(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """Return what the documents say about ``post`` of Tumblr itself, by its number;
    None for nothing.
    """
    return _read(
        platform, documents, lambda node: bool(post.post_id) and post.post_id in ids_of(node)
    )


def read_on_own_domain(
    post: Post, platform: Platform, documents: Sequence[object]
) -> PageData | None:
    """Return what the documents say about ``post``, on any site that may be a blog's own domain;
    None for nothing.

    The post's address has to name the blog's host and the post's number.
    """
    named = _host_and_number(post.url)
    return (
        _read(platform, documents, lambda node: named == _host_and_number(address_of(node) or ""))
        if named
        else None
    )


def _read(
    platform: Platform, documents: Sequence[object], is_own: Callable[[Node], bool]
) -> PageData | None:
    own = [node for document in documents for node in walk(document) if is_own(node)]
    return _page_data(platform, max(own, key=lambda node: len(_blocks(node)))) if own else None


def ids_of(node: Node) -> set[str]:
    """Return the ids of a post's node; none for any other node."""
    kinds = ("content", "blog_name", "blogName", "trail")
    ids = (node.get(name) for name in ("id_string", "idString", "id"))
    return (
        {str(post_id) for post_id in ids if post_id}
        if any(name in node for name in kinds)
        else set()
    )


def address_of(node: Node) -> str | None:
    """Return the URL of the post that a node of an answer is; None for any other node."""
    is_post = ("blog_name" in node or "blogName" in node) and ids_of(node)
    return values.url(node.get("post_url") or node.get("postUrl")) if is_post else None


_NUMBER = re.compile(r"/post/(\d{6,20})(?=/|$)")


def _host_and_number(url: str) -> tuple[str, str] | None:
    parts = urlsplit(url)
    number = _NUMBER.match(parts.path)
    return ((parts.hostname or "").removeprefix("www."), number[1]) if number else None


def _page_data(platform: Platform, node: Node) -> PageData:
    blog = values.obj(node, "blog")
    items = [item for block in _blocks(node) if (item := _block(platform, block))] or _older_items(
        platform, node
    )
    words = [
        values.text(block.get("text")) for block in _blocks(node) if block.get("type") == "text"
    ]
    images = tuple(
        item.thumbnail_url for item in items if item.type is ItemType.IMAGE and item.thumbnail_url
    )
    pictures = [*(item.thumbnail_url for item in items if item.is_video), *images]
    return PageData(
        items=tuple(items),
        handle=values.text(node.get("blog_name") or node.get("blogName"))
        or values.text(blog.get("name")),
        display_name=values.text(blog.get("title")),
        title=values.text(node.get("title")) or values.text(node.get("summary")),
        text="\n".join(filter(None, words)) or None,
        published_at=values.moment(node.get("timestamp") or node.get("date")),
        thumbnail_url=next(filter(None, pictures), None),
        image_urls=images,
        found=True,
    )


def _blocks(node: Node) -> list[Node]:
    """Return the post's own blocks, then those of what it reblogged, the oldest first."""
    content = values.items(node.get("content"))
    trail = [
        block
        for entry in values.objects(node.get("trail"))
        for block in values.objects(entry.get("content"))
    ]
    return [*(block for block in content if isinstance(block, dict)), *trail]


def _block(platform: Platform, block: Node) -> Item | None:
    media = _media(block)
    match block.get("type"):
        case "image":
            return Item(
                type=ItemType.IMAGE,
                thumbnail_url=next(filter(None, (values.url(m.get("url")) for m in media)), None),
            )
        case "video":
            poster = next(iter(values.objects(block.get("poster"))), {})
            candidates = [c for file in media for c in _file(platform, file)]
            expected = Expected(duration_s=values.milliseconds(block.get("duration")))
            return (
                Item(
                    build.merged(candidates),
                    thumbnail_url=values.url(poster.get("url")),
                    expected=expected,
                )
                if candidates
                else None
            )
    return None


def _older_items(platform: Platform, node: Node) -> list[Item]:
    """Return the video that a post of the older form states, or those in the HTML of its text."""
    poster = values.url(node.get("thumbnail_url"))
    if files := own_candidates(node.get("video_url"), platform, mime="video/mp4"):
        seconds = values.number(node.get("duration"))
        return [
            Item(build.merged(files), thumbnail_url=poster, expected=Expected(duration_s=seconds))
        ]
    texts = [text for name in ("body", "caption") if (text := values.text(node.get(name)))]
    players = [
        player
        for text in texts
        for player in read_page(list(scan(text)), "https://www.tumblr.com/").players
    ]
    return [
        Item(build.merged(candidates), thumbnail_url=values.url(player.poster))
        for player in players
        if (
            candidates := [
                c
                for s in player.sources
                for c in own_candidates(s.address, platform, mime=s.type or None)
            ]
        )
    ]


def _media(block: Node) -> Sequence[Node]:
    media = block.get("media")
    return [media] if isinstance(media, dict) else values.objects(media)


def _file(platform: Platform, media: Node) -> list[Candidate]:
    return own_candidates(
        media.get("url"),
        platform,
        mime=values.text(media.get("type")),
        width=values.integer(media.get("width")),
        height=values.integer(media.get("height")),
    )
