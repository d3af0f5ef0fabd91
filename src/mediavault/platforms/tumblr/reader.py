"""Tumblr: the post with the URL's id, in the page's state or an API answer.

Content blocks (NPF) of the post come first; what it reblogged is in its ``trail`` and is shown as the post's own, as
on the site. A video block of another provider only embeds that site's player.
Source: https://www.tumblr.com/docs/npf; checked 2026-11-24.
"""

from __future__ import annotations

from collections.abc import Sequence

from mediavault.core.failures import Deleted, Failure, LoginRequired
from mediavault.core.media import Candidate, Expected, Item, ItemType, Post
from mediavault.core.platform import PageData, Platform
from mediavault.services.extraction.page_data import build, values
from mediavault.services.extraction.page_data.build import own_candidates
from mediavault.services.extraction.page_data.html_page import read_page
from mediavault.services.extraction.page_data.html_scan import scan
from mediavault.services.extraction.page_data.json_walk import Node, walk


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing. Raises Deleted and LoginRequired."""
    own = [node for document in documents for node in walk(document) if _is_own(node, post.post_id)]
    if own:
        return _page_data(platform, max(own, key=lambda node: len(_blocks(node))))
    if failure := next(filter(None, map(_refusal, documents)), None):
        raise failure
    return None


def _is_own(node: Node, post_id: str | None) -> bool:
    return bool(post_id) and post_id in ids_of(node)


def ids_of(node: Node) -> set[str]:
    """The ids of a post's node; none for any other node."""
    kinds = ("content", "blog_name", "blogName", "trail")
    ids = (node.get(name) for name in ("id_string", "idString", "id"))
    return {str(post_id) for post_id in ids if post_id} if any(name in node for name in kinds) else set()


def _page_data(platform: Platform, node: Node) -> PageData:
    blog = values.obj(node, "blog")
    items = [item for block in _blocks(node) if (item := _block(platform, block))] or _legacy_items(platform, node)
    words = [values.text(block.get("text")) for block in _blocks(node) if block.get("type") == "text"]
    images = tuple(item.thumbnail_url for item in items if item.type is ItemType.IMAGE and item.thumbnail_url)
    pictures = [*(item.thumbnail_url for item in items if item.is_video), *images]
    return PageData(
        items=tuple(items),
        handle=values.text(node.get("blog_name") or node.get("blogName")) or values.text(blog.get("name")),
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
    trail = [block for entry in values.objects(node.get("trail")) for block in values.objects(entry.get("content"))]
    return [*(block for block in content if isinstance(block, dict)), *trail]


def _block(platform: Platform, block: Node) -> Item | None:
    media = _media(block)
    match block.get("type"):
        case "image":
            return Item(
                type=ItemType.IMAGE, thumbnail_url=next(filter(None, (values.url(m.get("url")) for m in media)), None)
            )
        case "video":
            poster = next(iter(values.objects(block.get("poster"))), {})
            candidates = [c for file in media for c in _file(platform, file)]
            expected = Expected(duration_s=values.milliseconds(block.get("duration")))
            return (
                Item(build.merged(candidates), thumbnail_url=values.url(poster.get("url")), expected=expected)
                if candidates
                else None
            )
    return None


def _legacy_items(platform: Platform, node: Node) -> list[Item]:
    """Return the videos in the HTML of a post that the site stores in its older form."""
    texts = [text for name in ("body", "caption") if (text := values.text(node.get(name)))]
    players = [player for text in texts for player in read_page(list(scan(text)), "https://www.tumblr.com/").players]
    return [
        Item(build.merged(candidates), thumbnail_url=values.url(player.poster))
        for player in players
        if (candidates := [c for s in player.sources for c in own_candidates(s.address, platform, mime=s.type or None)])
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


def _refusal(document: object) -> Failure | None:
    meta, errors = values.obj(document, "meta"), values.objects(values.obj(document).get("errors"))
    status = values.integer(meta.get("status"))
    if status == 404:
        return Deleted("Tumblr says that this post does not exist.")
    if status in (401, 403) or any(values.integer(error.get("code")) in (4012, 4013) for error in errors):
        return LoginRequired("Tumblr shows this blog only to signed-in people.")
    return None
