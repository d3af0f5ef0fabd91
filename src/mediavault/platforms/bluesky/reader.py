"""Bluesky: the post's own view in an answer (getPostThread, getPosts, getRecord).

A post is identified by the last part of its ``at://`` address, and by its author where the page's URL names one. The
video of a quoted post is in the record's own view and becomes an item with that role; parents and replies are ignored.
Source: the lexicons app.bsky.embed.video, .recordWithMedia, .record and app.bsky.feed.defs; checked 2026-11-24.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote, unquote

from mediavault.core.failures import Deleted, Failure, LoginRequired
from mediavault.core.media import Expected, Item, ItemRole, ItemType, Post
from mediavault.core.messages import Message
from mediavault.core.platform import PageData, Platform
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.build import own_candidates
from mediavault.extraction.page_data.values import Node, walk

_POST_URI = re.compile(r"^at://(?P<repo>[^/]+)/app\.bsky\.feed\.post/(?P<id>[\w-]+)$")
_ADDRESS = re.compile(r"/profile/(?P<repo>[^/?#]+)/post/")


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing. Raises Deleted or LoginRequired where they do."""
    own = [node for document in documents for node in walk(document) if _is_own(node, post)]
    if not own:
        if failure := next(filter(None, map(_refusal, documents)), None):
            raise failure
        return None
    view = max(own, key=lambda node: ("author" in node) * 2 + ("embed" in node))
    return _page_data(platform, view)


def _is_own(node: Node, post: Post) -> bool:
    match = _POST_URI.match(str(node.get("uri", "")))
    if match is None or match["id"] != post.post_id or not _record(node):
        return False
    named = _ADDRESS.search(post.url)
    wanted = unquote(named["repo"]).lower() if named else None
    author = values.obj(node, "author")
    names = {match["repo"], values.text(author.get("did")), str(author.get("handle", "")).lower()}
    return wanted is None or wanted in names or not (wanted.startswith("did:") or author.get("handle"))


def ids_of(node: Node) -> set[str]:
    """Return the last part of the ``at://`` address of a post's view; none for any other node."""
    match = _POST_URI.match(str(node.get("uri", "")))
    return {match["id"]} if match and _record(node) else set()


def address_of(node: Node) -> str | None:
    """The URL of the post whose view a node is; None for any other node."""
    match = _POST_URI.match(str(node.get("uri", "")))
    author = values.text(values.obj(node, "author").get("handle")) or (match["repo"] if match else "")
    return f"https://bsky.app/profile/{author}/post/{match['id']}" if match else None


def _record(node: Node) -> Node:
    item = "depth" in node  # of a thread: its value is a view, or replaces one
    return values.obj(node, "record") or (values.obj(node, "value") if not item else {})


def _page_data(platform: Platform, view: Node) -> PageData:
    record, author = _record(view), values.obj(view, "author")
    did = values.text(author.get("did")) or _repo(view)
    embed = values.obj(view, "embed") or next(iter(values.objects(view.get("embeds"))), {})
    items = _items(embed or values.obj(record, "embed"), did, platform)
    images = tuple(filter(None, (item.thumbnail_url for item in items if item.type is ItemType.IMAGE)))
    own = [item for item in items if item.role is ItemRole.MAIN]
    return PageData(
        items=items,
        handle=values.text(author.get("handle")),
        display_name=values.text(author.get("displayName")),
        text=values.text(record.get("text")),
        published_at=values.moment(record.get("createdAt")),
        thumbnail_url=next(filter(None, (item.thumbnail_url for item in own)), None) or _card_picture(embed),
        image_urls=images,
        found=True,
    )


def _repo(view: Node) -> str | None:
    match = _POST_URI.match(str(view.get("uri", "")))
    return match["repo"] if match and match["repo"].startswith("did:") else None


def _items(embed: Node, did: str | None, platform: Platform) -> tuple[Item, ...]:
    """Return a video, pictures, or either of them with a quoted post."""
    kind = str(embed.get("$type", "")).partition("#")[0].rpartition(".")[2]
    match kind:
        case "video":
            return (_video(embed, did, platform),)
        case "images" | "gallery":
            pictures = values.objects(embed.get("images")) or values.objects(embed.get("items"))
            return tuple(Item(type=ItemType.IMAGE, thumbnail_url=_picture(picture)) for picture in pictures)
        case "recordWithMedia":
            return (*_items(values.obj(embed, "media"), did, platform), *_quoted(embed, platform))
        case "record":
            return _quoted(embed, platform)
    return ()


def _picture(picture: Node) -> str | None:
    return values.url(picture.get("fullsize")) or values.url(picture.get("thumb") or picture.get("thumbnail"))


def _card_picture(embed: Node) -> str | None:
    return values.url(values.obj(embed, "external").get("thumb")) or values.url(
        values.obj(embed, "media", "external").get("thumb")
    )


def _video(embed: Node, did: str | None, platform: Platform) -> Item:
    """Return the video. A view names the playlist; a record only the blob, whose id gives the playlist's URL."""
    blob = values.obj(embed, "video")
    cid = values.text(embed.get("cid")) or values.text(values.obj(blob, "ref").get("$link"))
    playlist = values.url(embed.get("playlist"))
    if playlist is None and did and cid:
        playlist = f"https://video.bsky.app/watch/{quote(did, safe='')}/{cid}/playlist.m3u8"
    shape = values.obj(embed, "aspectRatio")
    is_gif = embed.get("presentation") == "gif"
    candidates = own_candidates(
        playlist,
        platform,
        media_key=cid,
        width=values.integer(shape.get("width")),
        height=values.integer(shape.get("height")),
    )
    return Item(
        tuple(candidates),
        type=ItemType.GIF if is_gif else ItemType.VIDEO,
        media_id=cid,
        thumbnail_url=values.url(embed.get("thumbnail")),
        expected=Expected(audio=False if is_gif else None),
    )


def _quoted(embed: Node, platform: Platform) -> tuple[Item, ...]:
    """Return a quoted post's items. ``record`` holds its view, one level deeper with media; lists are not posts."""
    view = values.obj(embed, "record")
    view = view if "uri" in view or "$type" in view else values.obj(view, "record")
    view = values.obj(view, "record") if "uri" not in view and "record" in view else view
    if not _POST_URI.match(str(view.get("uri", ""))):
        return ()
    did = values.text(values.obj(view, "author").get("did")) or _repo(view)
    label = str(view["uri"]).rpartition("/")[2]
    embeds = values.objects(view.get("embeds")) or [values.obj(view, "value", "embed")]
    items = (item for inner in embeds for item in _items(inner, did, platform))
    # what the quoted post quotes in turn is ignored
    return tuple(replace(item, role=ItemRole.QUOTED, label=label) for item in items if item.role is ItemRole.MAIN)


def _refusal(document: object) -> Failure | None:
    """Return the failure of an XRPC error, or of the entry that replaces a post which is gone or hidden."""
    answer = values.obj(document)
    error = values.text(answer.get("error"))
    requested = next((entry for entry in values.objects(answer.get("thread")) if entry.get("depth") == 0), {})
    view = values.obj(answer, "thread") or values.obj(requested, "value")  # the second form of getPostThread is a list
    kind = str(view.get("$type", "")).rpartition("#")[2]
    if kind in {"notFoundPost", "threadItemNotFound"} or error in {"NotFound", "RecordNotFound"}:
        return Deleted("Bluesky says that this post does not exist.")
    if kind in {"blockedPost", "threadItemBlocked", "threadItemNoUnauthenticated"}:
        return LoginRequired("Bluesky shows this post only to some signed-in people.")
    if error in {"AccountTakedown", "AccountDeactivated", "AccountSuspended", "RepoTakendown"}:
        return Deleted(Message("Bluesky says that the account is gone (%(error)s).", error=error))
    return None
