"""Reddit's pages: ``<shreddit-post>`` with its player since 2023, and old.reddit's ``thing`` with its player."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mediavault.core.media import Item, ItemType, Post
from mediavault.core.platform import PageData, Platform
from mediavault.platforms.reddit.media import (
    address,
    packaged_files,
    packaged_json,
    video_id,
    video_item,
)
from mediavault.services.extraction.page_data import values
from mediavault.services.extraction.page_data.build import own_candidates
from mediavault.services.extraction.page_data.json_walk import Node

_PLAYERS = ("shreddit-player", "shreddit-player-2")


def read_elements(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the page's elements say about ``post``; None when they do not show it."""
    elements = list(_elements(documents))
    place = next((n for n, (_, given) in enumerate(elements) if post.post_id and _post_id(given) == post.post_id), None)
    own = elements[place][1] if place is not None else {}
    players = [given for given in _players(elements, place, post.post_id or "") if _shows(given, own, post)]
    if place is None and not players:
        return None
    items = tuple(_item(given, platform) for given in players[:1]) or _picture(own)
    author = values.text(own.get("author")) or values.text(own.get("data-author"))
    return PageData(
        items=items,
        handle=None if author == "[deleted]" else author,
        title=values.text(own.get("post-title")) or values.text((players or [{}])[0].get("post-title")),
        published_at=values.moment(own.get("created-timestamp")) or values.moment(own.get("data-timestamp")),
        thumbnail_url=next((item.thumbnail_url for item in items if item.thumbnail_url), None),
        found=bool(items)
        or (own.get("post-type") or own.get("data-domain", "v.redd.it")) not in ("video", "v.redd.it"),
    )


def _elements(documents: Sequence[object]) -> Iterator[tuple[str, Node]]:
    for document in documents:
        node = values.obj(document)
        if isinstance(node.get("element"), str):
            yield node["element"], values.obj(node, "attributes")


def _post_id(given: Node) -> str | None:
    """Of a post's element; players name theirs in ``post-id``."""
    name = given.get("data-fullname") or (given.get("id") if "permalink" in given or "post-title" in given else None)
    return name.removeprefix("t3_") if isinstance(name, str) and name.startswith("t3_") else None


def _players(elements: Sequence[tuple[str, Node]], place: int | None, post_id: str) -> Iterator[Node]:
    """Players that name the post, and those inside it, before the next post begins."""
    inside = False
    for number, (name, given) in enumerate(elements):
        is_player = name in _PLAYERS or "data-hls-url" in given or "data-mpd-url" in given
        if not is_player:
            inside = number == place if _post_id(given) else inside
        elif "post-promoted" not in given:
            named = given.get("post-id")
            passed_on = place is not None and elements[place][1].get("post-type") == "crosspost"
            if named == f"t3_{post_id}" or (inside and (passed_on or not named)):
                yield given


def _shows(player: Node, own: Node, post: Post) -> bool:
    """The post's link names its video; a player of another one in the same place is a recommendation."""
    wanted = video_id(own.get("content-href")) or video_id(own.get("data-url"))
    shown = video_id(player.get("src")) or video_id(player.get("data-hls-url")) or video_id(player.get("data-mpd-url"))
    return wanted is None or shown is None or wanted == shown or player.get("post-id") == f"t3_{post.post_id}"


def _item(player: Node, platform: Platform) -> Item:
    packaged = packaged_json(player.get("packaged-media-json"))
    source = address(player.get("src"))
    is_stream = source is not None and ".m3u8" in source
    files = packaged_files(packaged, platform)
    if source and not is_stream:
        files += own_candidates(source, platform)
    size = values.integer(player.get("data-video-width")), values.integer(player.get("data-video-height"))
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
