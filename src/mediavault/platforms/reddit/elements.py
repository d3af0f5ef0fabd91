"""Reddit's pages: ``<shreddit-post>`` with its player since 2023,
and old.reddit's ``thing`` with its player.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mediavault.core.media import Item, ItemType, Post
from mediavault.core.platform import PageData, Platform
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.build import own_candidates
from mediavault.extraction.page_data.values import Node
from mediavault.platforms.reddit.media import (
    address,
    packaged_files,
    packaged_json,
    video_id,
    video_item,
)

_PLAYERS = ("shreddit-player", "shreddit-player-2")


def read_elements(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """Return what the page's elements say about ``post``; None when they do not show it."""
    elements = list(_elements(documents))
    index = next(
        (
            n
            for n, (_, attributes) in enumerate(elements)
            if post.post_id and _post_id(attributes) == post.post_id
        ),
        None,
    )
    own = elements[index][1] if index is not None else {}
    players = [
        attributes
        for attributes in _players(elements, index, post.post_id or "")
        if _shows(attributes, own, post)
    ]
    if index is None and not players:
        return None
    items = tuple(_item(attributes, platform) for attributes in players[:1]) or _picture(own)
    author = values.text(own.get("author")) or values.text(own.get("data-author"))
    return PageData(
        items=items,
        handle=None if author == "[deleted]" else author,
        title=values.text(own.get("post-title"))
        or values.text((players or [{}])[0].get("post-title")),
        published_at=values.moment(own.get("created-timestamp"))
        or values.moment(own.get("data-timestamp")),
        thumbnail_url=next((item.thumbnail_url for item in items if item.thumbnail_url), None),
        found=bool(items)
        or (own.get("post-type") or own.get("data-domain", "v.redd.it"))
        not in ("video", "v.redd.it"),
    )


def _elements(documents: Sequence[object]) -> Iterator[tuple[str, Node]]:
    for document in documents:
        node = values.obj(document)
        if isinstance(node.get("element"), str):
            yield node["element"], values.obj(node, "attributes")


def _post_id(attributes: Node) -> str | None:
    """Return the post id of a post's element; players name theirs in ``post-id``."""
    name = attributes.get("data-fullname") or (
        attributes.get("id") if "permalink" in attributes or "post-title" in attributes else None
    )
    return name.removeprefix("t3_") if isinstance(name, str) and name.startswith("t3_") else None


def _players(
    elements: Sequence[tuple[str, Node]], post_index: int | None, post_id: str
) -> Iterator[Node]:
    """Yield players that name the post, and those inside it, before the next post begins."""
    inside = False
    for number, (name, attributes) in enumerate(elements):
        is_player = name in _PLAYERS or "data-hls-url" in attributes or "data-mpd-url" in attributes
        if not is_player:
            inside = number == post_index if _post_id(attributes) else inside
        elif "post-promoted" not in attributes:
            named = attributes.get("post-id")
            is_crosspost = (
                post_index is not None and elements[post_index][1].get("post-type") == "crosspost"
            )
            if named == f"t3_{post_id}" or (inside and (is_crosspost or not named)):
                yield attributes


def _shows(player: Node, own: Node, post: Post) -> bool:
    """Whether a player shows the video that the post's link names.
    A player of another video is a recommendation.
    """
    wanted = video_id(own.get("content-href")) or video_id(own.get("data-url"))
    shown = (
        video_id(player.get("src"))
        or video_id(player.get("data-hls-url"))
        or video_id(player.get("data-mpd-url"))
    )
    return (
        wanted is None
        or shown is None
        or wanted == shown
        or player.get("post-id") == f"t3_{post.post_id}"
    )


def _item(player: Node, platform: Platform) -> Item:
    packaged = packaged_json(player.get("packaged-media-json"))
    source = address(player.get("src"))
    is_stream = source is not None and ".m3u8" in source
    files = packaged_files(packaged, platform)
    if source and not is_stream:
        files += own_candidates(source, platform)
    size = (
        values.integer(player.get("data-video-width")),
        values.integer(player.get("data-video-height")),
    )
    is_gif = "gif" in player or player.get("post-type") == "gif"
    return video_item(
        platform,
        hls=player.get("data-hls-url") or (source if is_stream else None),
        dash=player.get("data-mpd-url"),
        whole=files,
        size=size,
        seconds=values.number(values.obj(packaged, "playbackMp4s").get("duration")),
        sound=False if is_gif else None,
        is_gif=is_gif,
        picture=address(player.get("poster")),
    )


def _picture(own: Node) -> tuple[Item, ...]:
    link = address(own.get("content-href") or own.get("data-url"))
    if own.get("post-type") == "image" or (link or "").startswith("https://i.redd.it/"):
        return (Item(type=ItemType.IMAGE, thumbnail_url=link),)
    return ()
