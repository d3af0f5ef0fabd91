"""yt-dlp's info JSON: one video with its formats, or a playlist whose entry is the post's.

Its formats are read as in yt-dlp's live answers (``ytdlp_formats.py``), each address as it is listed.
Source: yt-dlp's README, section "Output template", and its InfoExtractor's documentation; checked 2026-11-24.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mediavault.core.errors import Drm, LiveNow, Upcoming
from mediavault.core.media import Expected, Item, Post
from mediavault.core.platform import Platform
from mediavault.services.extraction.page_data import values
from mediavault.services.extraction.page_data.json_walk import Node
from mediavault.services.extraction.page_data.record import PageData
from mediavault.services.extraction.ytdlp_formats import listed_candidates


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What a saved info JSON says about ``post``; None where there is none. Raises Drm, LiveNow and Upcoming."""
    for document in documents:
        if (info := _info(document, post)) is not None:
            return _page_data(platform, info)
    return None


def is_info(node: Node) -> bool:
    """Whether it is an info JSON; nobody else writes ``extractor`` beside ``formats``, ``url`` or ``entries``."""
    named = "extractor" in node or "extractor_key" in node or "webpage_url" in node
    return named and any(name in node for name in ("formats", "entries", "requested_formats", "url"))


def _info(document: object, post: Post) -> Node | None:
    root = values.obj(document)
    if not is_info(root):
        return None
    entries = [one for one in values.objects(root.get("entries")) if "formats" in one or "url" in one]
    if not entries:
        return root if "entries" not in root and _is_about(root, post) else None
    own = [one for one in entries if post.post_id and post.post_id in (one.get("id"), one.get("display_id"))]
    return {**root, **own[0]} if own else {**root, **entries[0]} if len(entries) == 1 else None


def _is_about(info: Node, post: Post) -> bool:
    """Some sites' media have ids of their own: then the post's stands in the address. Unknown sites' posts have none."""
    addresses = [text for name in ("webpage_url", "original_url") if (text := values.text(info.get(name)))]
    if not post.post_id:
        return not addresses or not post.url or _place(post.url) in map(_place, addresses)
    names = {str(info.get(name)) for name in ("id", "display_id", "webpage_url_basename")}
    return post.post_id in names or any(post.post_id in address for address in addresses)


def _place(address: str) -> str:
    """Without scheme, ``www.``, query and fragment."""
    bare = address.partition("#")[0].partition("?")[0].rstrip("/").partition("://")[2]
    return bare.removeprefix("www.")


def refuse_live(info: Node) -> None:
    """Raises Upcoming for what has not begun, LiveNow for what has not ended."""
    status = info.get("live_status")
    if status == "is_upcoming":
        raise Upcoming("It is not out yet.", starts_at=values.moment(info.get("release_timestamp")))
    if info.get("is_live") is True or status == "is_live":
        raise LiveNow("This is a live broadcast, of which there is no whole recording yet.")


def _page_data(platform: Platform, info: Node) -> PageData:
    refuse_live(info)
    candidates = listed_candidates(info, platform)
    if info.get("_has_drm") is True and all(one.drm for one in candidates):
        raise Drm("The post's video is copy-protected.")
    seconds = values.duration(info.get("duration"))
    handle, name = _author(info)
    item = Item(
        candidates,
        media_id=values.text(info.get("id")),
        thumbnail_url=_thumbnail(info),
        expected=Expected(duration_s=seconds),
    )
    return PageData(
        items=(item,) if candidates else (),
        handle=handle,
        display_name=name,
        title=values.text(info.get("title")),
        text=values.text(info.get("description")),
        published_at=values.moment(info.get("timestamp")),
        thumbnail_url=_thumbnail(info),
        found=True,
    )


def _thumbnail(info: Node) -> str | None:
    """The one that it chose, else the last of its list, which is ordered from worst to best."""
    listed = [values.url(one.get("url")) for one in values.objects(info.get("thumbnails"))]
    return values.url(info.get("thumbnail")) or next(filter(None, reversed(listed)), None)


def _author(info: Node) -> tuple[str | None, str | None]:
    """A numeric id is no name that people know: then the account's address, or what looks like a name, is taken."""
    user, shown = values.text(info.get("uploader_id")), values.text(info.get("uploader"))
    channel = values.text(info.get("channel"))
    if user and not user.isdigit() and not user.startswith(("UC", "did:")):
        return user.lstrip("@"), shown or channel
    match = re.search(r"/(?:@|user/)?([\w.-]+)/?$", str(info.get("uploader_url") or info.get("channel_url") or ""))
    named = match[1] if match and not match[1].isdigit() and not match[1].startswith(("UC", "MS4w")) else None
    if named and shown == named:
        return named, channel or values.text(info.get("creator")) or shown
    if (
        not named
        and shown
        and re.fullmatch(r"[\w.-]{2,40}", shown)
        and info.get("extractor_key") in ("TikTok", "Reddit")
    ):
        return shown, channel or shown
    return named or (channel if channel and re.fullmatch(r"[\w.]{2,30}", channel) else None), shown or channel
