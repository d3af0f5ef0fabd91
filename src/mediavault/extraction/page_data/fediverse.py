"""PeerTube's, Misskey's and Lemmy's own APIs: a video record, a note with files, a post that links
to its file.

All are recognised by the ids in the post's address. A renote without text shows the other note's
files.
Source: https://docs.joinpeertube.org/api-rest-reference.html#tag/Video,
https://misskey-hub.net/docs/for-developers/api/; checked 2026-11-24.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from urllib.parse import urlsplit

from mediavault.core.media import Candidate, Expected, Item, ItemRole, ItemType, LiveNow, Post
from mediavault.core.platform import PageData, Platform
from mediavault.extraction.media_urls import classify_media
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.build import own_candidates, own_sounds, pictures
from mediavault.extraction.page_data.values import Node, walk


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """Return what the documents say about ``post``; None when they say nothing.
    Raises LiveNow for a live broadcast.
    """
    steps = set(urlsplit(post.url).path.split("/")) - {""}
    for document in documents:
        for node in walk(document):
            if _is_video(node) and steps & {
                str(node.get(name)) for name in ("uuid", "shortUUID", "id")
            }:
                return _video(post, platform, node)
            if _is_note(node) and str(node.get("id")) in steps:
                return _note(platform, node)
            if _is_link_post(node) and _names(values.obj(node, "post"), post, steps):
                return _link_post(platform, node)
    return None


# --- PeerTube -------------------------------------------------------------------------------------


def _is_video(node: Node) -> bool:
    return (
        "uuid" in node and ("streamingPlaylists" in node or "files" in node) and "channel" in node
    )


def _video(post: Post, platform: Platform, node: Node) -> PageData:
    if node.get("isLive") is True:
        raise LiveNow("This PeerTube broadcast has not ended yet.")
    account = values.obj(node, "account") or values.obj(node, "channel")
    path = node.get("previewPath") or node.get("thumbnailPath")
    picture = values.url(
        f"https://{urlsplit(post.url).hostname}{path}" if path else node.get("previewUrl")
    )
    seconds = values.duration(node.get("duration"))
    candidates = build.merged(list(_files(platform, node)))
    item = Item(candidates, thumbnail_url=picture, expected=Expected(duration_s=seconds))
    return PageData(
        items=(item,) if candidates else (),
        handle=values.text(account.get("name")),
        display_name=values.text(account.get("displayName")),
        title=values.text(node.get("name")),
        text=values.text(node.get("description")),
        published_at=values.moment(node.get("publishedAt")),
        thumbnail_url=picture,
        found=True,
    )


def _files(platform: Platform, node: Node) -> Iterator[Candidate]:
    """Yield whole files, then the playlists, each with the files that its qualities are cut
    from.
    """
    playlists = values.objects(node.get("streamingPlaylists"))
    nested = [file for playlist in playlists for file in values.objects(playlist.get("files"))]
    for file in (*values.objects(node.get("files")), *nested):
        height = values.integer(values.obj(file, "resolution").get("id"))  # 0 is an audio track
        facts = {
            "height": height,
            "fps": values.number(file.get("fps")),
            "size": values.integer(file.get("size")),
        }
        if height is not None:
            has_audio = file.get("hasAudio") if isinstance(file.get("hasAudio"), bool) else None
            yield from (
                replace(c, has_audio=has_audio)
                for c in own_candidates(file.get("fileUrl"), platform, mime="video/mp4", **facts)
            )
    for playlist in playlists:
        yield from own_candidates(
            playlist.get("playlistUrl"), platform, mime="application/x-mpegurl"
        )


# --- Lemmy ----------------------------------------------------------------------------------------


def _is_link_post(node: Node) -> bool:
    return "ap_id" in values.obj(node, "post") and "creator" in node


def _names(shown: Node, post: Post, steps: Set[str]) -> bool:
    return str(shown.get("id")) in steps or shown.get("ap_id") in (post.url, post.canonical_url)


def _link_post(platform: Platform, node: Node) -> PageData:
    """Return a link post's data.

    ``url`` is the uploaded file, or a page elsewhere; ``embed_video_url`` belongs to such a page.
    """
    shown, creator = values.obj(node, "post"), values.obj(node, "creator")
    address = values.url(shown.get("url"))
    is_video = (
        address is not None
        and classify_media(address, values.text(shown.get("url_content_type"))).may_be_video
    )
    candidates = own_candidates(
        address if is_video else None, platform, mime=values.text(shown.get("url_content_type"))
    )
    picture = values.url(shown.get("thumbnail_url"))
    return PageData(
        items=(Item(tuple(candidates), thumbnail_url=picture),) if candidates else (),
        handle=values.text(creator.get("name")),
        display_name=values.text(creator.get("display_name")) or values.text(creator.get("name")),
        title=values.text(shown.get("name")),
        text=values.text(shown.get("body")),
        published_at=values.moment(shown.get("published")),
        thumbnail_url=picture,
        found=True,
        metadata={"external_url": address} if address and not candidates else {},
    )


# --- Misskey --------------------------------------------------------------------------------------


def _is_note(node: Node) -> bool:
    return "files" in node and "user" in node and "visibility" in node


def _note(platform: Platform, node: Node) -> PageData:
    other = values.obj(node, "renote")
    is_renote = bool(other) and not node.get("text") and not node.get("files")
    shown = other if is_renote else node
    user = values.obj(shown, "user")
    items = [_file(platform, file) for file in values.objects(shown.get("files"))]
    quoted = (
        [] if is_renote else [_file(platform, file) for file in values.objects(other.get("files"))]
    )
    label = values.text(other.get("id"))
    images = tuple(
        item.thumbnail_url for item in items if item.type is ItemType.IMAGE and item.thumbnail_url
    )
    pictures = [*(item.thumbnail_url for item in items if item.is_video), *images]
    host = values.text(user.get("host"))
    name = values.text(user.get("username"))
    return PageData(
        items=(*items, *(replace(item, role=ItemRole.QUOTED, label=label) for item in quoted)),
        handle=f"{name}@{host}" if name and host else name,
        display_name=values.text(user.get("name")) or name,
        text=values.text(shown.get("text")),
        published_at=values.moment(shown.get("createdAt")),
        thumbnail_url=next(filter(None, pictures), None),
        image_urls=images,
        found=True,
        metadata={"reposted_from": label} if is_renote else {},
    )


def _file(platform: Platform, file: Node) -> Item:
    mime = str(file.get("type", ""))
    kinds = {"video": ItemType.VIDEO, "audio": ItemType.AUDIO}
    kind = kinds.get(mime.partition("/")[0], ItemType.IMAGE)
    shape = values.obj(file, "properties")
    candidates = own_candidates(
        file.get("url") if kind is ItemType.VIDEO else None,
        platform,
        mime=mime,
        width=values.integer(shape.get("width")),
        height=values.integer(shape.get("height")),
        size=values.integer(file.get("size")),
    )
    if kind is ItemType.AUDIO:
        candidates = own_sounds(
            file.get("url"), platform, mime=mime, size=values.integer(file.get("size"))
        )
    if kind is ItemType.IMAGE:
        candidates = [*pictures(file.get("url"))]
    picture = values.url(file.get("thumbnailUrl")) or (
        values.url(file.get("url")) if kind is ItemType.IMAGE else None
    )
    return Item(
        tuple(candidates), type=kind, media_id=values.text(file.get("id")), thumbnail_url=picture
    )
