"""yt-dlp's info JSON: one video with its formats, or a playlist whose entry is the post's.

A format that is known to hold picture and sound comes before tracks without the other; only where there is none is the
best sound attached to the silent ones. Formats of one manifest share its address: the largest stands for it.
Source: yt-dlp's README, section "Output template", and its InfoExtractor's documentation; checked 2026-11-24.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mediavault.core.errors import Drm, LiveNow
from mediavault.core.media import Candidate, Expected, Item, Post, SourceType, Watermark
from mediavault.core.platform import Platform
from mediavault.services.extraction.page_data import values
from mediavault.services.extraction.page_data.json_walk import Node
from mediavault.services.extraction.page_data.record import PageData
from mediavault.services.extraction.page_data.rungs import codec, rung

_PLAYABLE = re.compile(r"^(?:https?|m3u8|m3u8_native|http_dash_segments|dash)")
_MIMES = {
    "m3u8": "application/x-mpegurl",
    "m3u8_native": "application/x-mpegurl",
    "http_dash_segments": "application/dash+xml",
}
_SOUND_EXTS = frozenset({"mp3", "mpga", "m4a", "aac", "ogg", "oga", "opus", "wav", "flac", "weba", "wma"})
_MAX_FORMATS = 2_000


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What a saved info JSON says about ``post``; None where there is none. Raises Drm and LiveNow."""
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


def _page_data(platform: Platform, info: Node) -> PageData:
    if info.get("is_live") is True or info.get("live_status") in ("is_live", "is_upcoming"):
        raise LiveNow("The video is a broadcast that has not ended yet.")
    formats = values.objects(info.get("formats"))[:_MAX_FORMATS] or [info]
    if info.get("_has_drm") is True and all(one.get("has_drm") for one in formats):
        raise Drm("The post's video is copy-protected.")
    candidates = _paired(_merged([c for one in formats for c in _candidate(platform, one)]), formats)
    seconds = values.duration(info.get("duration"))
    handle, name = _author(info)
    item = Item(
        tuple(candidates),
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


def _candidate(platform: Platform, one: Node) -> list[Candidate]:
    """``none`` means that there is no such track, an absent codec that it is not known."""
    protocol = str(one.get("protocol") or "https")
    ext = str(one.get("ext"))
    if one.get("vcodec") == "none" or not _PLAYABLE.match(protocol) or ext == "mhtml":
        return []
    if not one.get("vcodec") and ext in _SOUND_EXTS:
        return []
    facts: dict[str, Any] = {
        # of streams only nominal peak rates are known, which no codec's efficiency makes comparable
        "video_codec": codec(one.get("vcodec")) if protocol not in _MIMES else None,
        "audio_codec": values.text(one.get("acodec")) if one.get("acodec") != "none" else None,
        "container": values.text(one.get("ext")),
        "width": values.integer(one.get("width")),
        "height": values.integer(one.get("height")),
        "fps": values.number(one.get("fps")),
        "bitrate": _bitrate(one),
        "size": values.integer(one.get("filesize")),
        "duration_s": values.duration(one.get("duration")),
        "drm": True if one.get("has_drm") is True else None,
        "watermark": Watermark.YES if "watermarked" in str(one.get("format_note")) else None,
    }
    found = rung(one.get("url"), platform, mime=_MIMES.get(protocol), **facts)
    return [replace(each, has_audio=_sound(one), original=_is_original(one)) for each in found]


def _sound(one: Node) -> bool | None:
    sound = one.get("acodec")
    return False if sound == "none" else True if sound else None


def _is_original(one: Node) -> bool:
    return one.get("format_id") in ("source", "Original", "original", "download") and not one.get("acodec")


def _bitrate(one: Node) -> int | None:
    kilobits = values.number(one.get("tbr")) or values.number(one.get("vbr"))
    return round(kilobits * 1_000) if kilobits else None


def _merged(candidates: Sequence[Candidate]) -> list[Candidate]:
    """One an address, the largest of those that share it."""
    kept: dict[str, Candidate] = {}
    for one in candidates:
        known = kept.get(one.url)
        if known is None or _size(one) > _size(known):
            kept[one.url] = one
    rates = {one.height: one.fps for one in kept.values() if one.fps}
    # a rung that is served by several protocols has one picture rate, whichever of them states it
    return [replace(one, fps=one.fps or rates.get(one.height)) for one in kept.values()]


def _size(one: Candidate) -> tuple[int, int]:
    return one.height or 0, one.bitrate or 0


def _paired(candidates: Sequence[Candidate], formats: Sequence[Node]) -> list[Candidate]:
    """A whole file of which yt-dlp knows no codec has both tracks where another form of the same video has."""
    if any(one.has_audio for one in candidates):
        return [one if _is_told(one) else replace(one, has_audio=True) for one in candidates]
    if any(one.has_audio is not False for one in candidates):
        return list(candidates)
    sounds = [one for one in formats if one.get("vcodec") == "none" and one.get("acodec") not in (None, "none")]
    best = max(sounds, key=lambda one: values.number(one.get("abr") or one.get("tbr")) or 0, default={})
    sound = values.url(best.get("url"))
    return [replace(one, audio_url=sound) if sound and sound != one.url else one for one in candidates]


def _is_told(one: Candidate) -> bool:
    return one.has_audio is not None or one.original or one.source_type is not SourceType.DIRECT


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
