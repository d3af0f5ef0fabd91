"""Reddit: the post's own record in a listing, or its elements in a page.

A post is identified by its id (base 36, ``t3_`` before it). A crosspost shows the media of the
original post; comments, adverts and other posts are ignored. Checked 2026-11-24 against recorded
answers of 2017 to 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from html import unescape
from itertools import islice
from typing import Any

from mediavault.core.failures import (
    Deleted,
    Failure,
    IpBlocked,
    LoginRequired,
    Private,
    RateLimited,
    Upcoming,
)
from mediavault.core.listings import Entry
from mediavault.core.media import Item, ItemType, Post
from mediavault.core.messages import Message
from mediavault.core.platform import AddressPattern, FeedRules, PageData, Platform
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.build import own_candidates
from mediavault.extraction.page_data.values import Node, walk
from mediavault.platforms.reddit.media import (
    address,
    items_of,
    packaged_files,
    packaged_json,
    picture_of,
    video_id,
    video_item,
)

_MAX_RECORDS = 50  # of one post in one page; there are one or two


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.

    Raises Deleted, Private, LoginRequired, IpBlocked, RateLimited or Upcoming when reddit itself
    says so.
    """
    matches = (node for document in documents for node in _posts(document) if _is_own(node, post))
    own = list(islice(matches, _MAX_RECORDS))
    readings = [(_items(node, platform), node) for node in own]
    if readings:
        items, node = max(
            readings, key=lambda pair: (sum(map(_has_video, pair[0])), len(pair[0]), len(pair[1]))
        )
        return _page_data(platform, items, node)
    if shown := read_elements(post, platform, documents):
        return shown
    if failure := next(filter(None, map(_refusal, documents)), None):
        raise failure
    return None


def _posts(document: object) -> Iterator[Node]:
    return (
        node
        for node in walk(document)
        if "title" in node and any(name in node for name in ("id", "name", "permalink"))
    )


_PERMALINK = re.compile(r"/comments/([a-z0-9]{1,13})(?:/|$)")


def _ids(node: Node) -> set[str]:
    """Return the ids of a post's record; shortened records have it only in the URL of the post's
    page.
    """
    named = {
        str(node[name]).removeprefix("t3_")
        for name in ("id", "name")
        if isinstance(node.get(name), str)
    }
    match = None if named else _PERMALINK.search(str(node.get("permalink")))
    return {match[1]} if match else named


def _is_own(node: Node, post: Post) -> bool:
    """Whether a record is the post's. ``/video/<id>`` names the post's video instead of the
    post.
    """
    if not post.post_id or not any(
        name in node for name in ("author", "permalink", "is_self", "media")
    ):
        return False
    return post.post_id in _ids(node) or (
        "/video/" in post.canonical_url and video_id(node.get("url")) == post.post_id
    )


def ids_of(node: Node) -> set[str]:
    """Return the id of a post's record with media; none for any other node."""
    if "title" not in node or not any(
        name in node for name in ("secure_media", "media", "media_metadata", "preview")
    ):
        return set()
    return _ids(node)


def address_of(node: Node) -> str | None:
    """The URL of the post whose record a node is; None for any other node."""
    return (
        f"https://www.reddit.com{node['permalink']}"
        if node.get("permalink") and "subreddit" in node
        else None
    )


def _has_video(item: Item) -> bool:
    return item.is_video and bool(item.candidates)


def _original(node: Node) -> Node:
    """Return the original post of a crosspost; the post itself where it is not a crosspost."""
    parents = values.objects(node.get("crosspost_parent_list"))
    return parents[0] if parents else node


def _items(node: Node, platform: Platform) -> tuple[Item, ...]:
    own = items_of(node, platform)
    return (
        own
        if any(map(_has_video, own)) or _original(node) is node
        else items_of(_original(node), platform) or own
    )


# --- what it says ---------------------------------------------------------------------------------


def _page_data(platform: Platform, items: tuple[Item, ...], node: Node) -> PageData:
    if not any(item.candidates or not item.is_video for item in items) and (failure := _gone(node)):
        raise failure
    is_whole = "media" in node or "secure_media" in node  # shortened records do not mention media
    if is_whole and any(item.is_video and not item.candidates for item in items):
        raise Upcoming(Message("%(site)s is still processing the video.", site=platform.title))
    return PageData(
        items=items,
        handle=_author(node),
        title=values.text(node.get("title")),
        text=values.text(node.get("selftext")),
        published_at=_moment(node),
        thumbnail_url=picture_of(node)
        or next((item.thumbnail_url for item in items if item.thumbnail_url), None),
        image_urls=tuple(
            item.thumbnail_url
            for item in items
            if item.type is ItemType.IMAGE and item.thumbnail_url
        ),
        found=True,
        metadata=_metadata(node),
    )


def story_of(post: Post, documents: Sequence[object]) -> PageData | None:
    """Return who posted what, for a removed post: its record remains."""
    own = (node for document in documents for node in _posts(document) if _is_own(node, post))
    node = next(own, None)
    return (
        PageData(handle=_author(node), title=_title(node), published_at=_moment(node))
        if node
        else None
    )


def _author(node: Node) -> str | None:
    author = values.text(node.get("author"))
    return None if author == "[deleted]" else author


def _title(node: Node) -> str | None:
    title = values.text(node.get("title"))
    return None if title in _REMOVED else title


def _moment(node: Node) -> datetime | None:
    return values.moment(node.get("created_utc"))


def _metadata(node: Node) -> Mapping[str, Any]:
    metadata: dict[str, Any] = {}
    if subreddit := values.text(node.get("subreddit")):
        metadata["subreddit"] = subreddit
    if (other := _original(node)) is not node:
        metadata["reposted_from"] = values.text(other.get("id"))
    link = address(node.get("url_overridden_by_dest") or node.get("url"))
    domain = str(node.get("domain", ""))
    if (
        link
        and domain
        and not domain.startswith("self.")
        and not domain.endswith(("reddit.com", "redd.it"))
    ):
        metadata["external_url"] = link
    return metadata


# --- what reddit says instead ---------------------------------------------------------------------

_REMOVED = ("[removed]", "[deleted]", "[ Removed by Reddit ]")


def _gone(node: Node) -> Failure | None:
    by = values.text(node.get("removed_by_category"))
    if by or values.text(node.get("selftext")) in _REMOVED or node.get("title") in _REMOVED:
        return Deleted(
            Message("Reddit says that the post was removed (%(by)s).", by=by or Message("deleted"))
        )
    return None


_REASONS: Mapping[str, type[Failure]] = {
    "private": Private,
    "quarantined": LoginRequired,
    "gated": LoginRequired,
    "banned": Deleted,
    "gold_only": LoginRequired,
}
_STATUSES: Mapping[int, type[Failure]] = {
    401: LoginRequired,
    403: IpBlocked,
    404: Deleted,
    429: RateLimited,
}


def _refusal(document: object) -> Failure | None:
    """Recognise ``{"reason": "private", "message": "Forbidden", "error": 403}``,
    and a listing without the post.
    """
    answer = values.obj(document)
    status = values.integer(answer.get("error"))
    if status is not None and ("message" in answer or "reason" in answer):
        reason = str(answer.get("reason") or answer.get("message"))
        condition = _REASONS.get(reason) or _STATUSES.get(status)
        return (
            condition(
                Message(
                    "Reddit refused the post: %(reason)s (HTTP %(status)s).",
                    reason=reason[:100],
                    status=status,
                ),
                http_status=status,
            )
            if condition
            else None
        )
    listings = values.objects(document) or [answer]
    are_posts = len(listings) <= 2 and all(listing.get("kind") == "Listing" for listing in listings)
    if are_posts and values.obj(listings[0], "data").get("children") == []:
        return Deleted("Reddit says that this post does not exist.")
    return None


_POSTED = re.compile(r'<a href="([^"]{1,2000})">\[link\]</a>')
_PICTURE = re.compile(
    r"https?://(?:i|preview)\.redd\.it/[^?#]*\.(?:jpe?g|png|webp)|https?://(?:www\.)?reddit\.com/gallery/"
)
_OWN_PAGE = re.compile(r"https?://(?:\w+\.)?reddit\.com/(?:r|user|u)/[^/]+/comments/")
_OWN_VIDEO = re.compile(r"v\.redd\.it|/link/\w+/video/")


def read_entry(entry: Entry, item: Node) -> Entry | None:
    """Return the entry, or None for a post that is pictures or text:
    a video in a text has a link to it.
    """
    contents = values.objects(item.get("content"))
    html = next(filter(None, (values.text(content.get("value")) for content in contents)), "")
    posted = _POSTED.search(html)
    if posted is None:
        return entry
    target = unescape(posted[1])
    if _PICTURE.match(target) or (_OWN_PAGE.match(target) and not _OWN_VIDEO.search(html)):
        return None
    return entry


FEEDS = (
    FeedRules(
        pages=(
            AddressPattern(
                re.compile(
                    r"^/(?:u|user)/(?P<handle>[\w.-]+?)/?(?:$|\.rss$|(?:overview|submitted|posts)(?:\.rss|/\.rss)?/?$)"
                )
            ),
        ),
        feed="https://www.reddit.com/user/{handle}/submitted.rss?limit=50",
        key="u/{handle}",
        title="u/{handle}",
        read_entry=read_entry,
    ),
    FeedRules(
        pages=(
            AddressPattern(
                re.compile(
                    r"^/r/(?P<community>[\w-]+)/?(?:$|\.rss$|(?:new|hot|best|rising|top)(?:\.rss|/\.rss)?/?$)"
                )
            ),
        ),
        feed="https://www.reddit.com/r/{community}/new.rss?limit=50",
        key="r/{community}",
        title="r/{community}",
        read_entry=read_entry,
    ),
)


# --- elements -------------------------------------------------------------------------------------
# Reddit's pages: ``<shreddit-post>`` with its player since 2023,
# and old.reddit's ``thing`` with its player.

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
