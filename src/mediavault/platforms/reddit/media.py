"""The media of one reddit post: its video with sound (HLS or DASH), its silent file, galleries,
GIFs, pictures.

``fallback_url`` never has sound, whatever ``has_audio`` says of the video. Checked 2026-11-24
against recorded answers of 2017 to 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any
from urllib.parse import SplitResult

from mediavault.core.media import Candidate, Expected, Item, ItemType, SourceType
from mediavault.core.platform import Measures, Platform
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.build import own_candidates, pictures
from mediavault.extraction.page_data.values import Node

MAX_ITEMS = 100  # a gallery has 20 at most
_FILE = re.compile(r"\.(?:mp4|webm|mov)(?:$|\?)", re.IGNORECASE)
_PICTURE = re.compile(r"\.(?:jpe?g|png|webp|gif)(?:$|\?)", re.IGNORECASE)
_GIFV_HOSTS = ("https://i.imgur.com/", "http://i.imgur.com/")  # the page of a file of the same name
_VIDEO_ID = re.compile(r"v\.redd\.it/(?:link/\w+/asset/)?(\w{5,20})")


def items_of(post: Node, platform: Platform) -> tuple[Item, ...]:
    """Return the post's own media in its order; none for text and for links to other sites."""
    return (
        _hosted(post, platform)
        or _gallery(post, platform)
        or _inline(post, platform)
        or _gif(post, platform)
        or _linked(post, platform)
        or _unready(post)
    )


def picture_of(post: Node) -> str | None:
    """Return the largest preview, which is the video's first frame."""
    images = values.objects(values.obj(post, "preview").get("images"))
    source = values.obj(images[0], "source") if images else {}
    return next(filter(None, map(address, (source.get("url"), post.get("thumbnail")))), None)


def address(value: object) -> str | None:
    """Return ``value`` as a URL. Answers without ``raw_json=1`` write ``&amp;`` for ``&``."""
    return values.url(unescape(value)) if isinstance(value, str) else None


def video_id(url: object) -> str | None:
    match = _VIDEO_ID.search(url) if isinstance(url, str) else None
    return match[1] if match else None


# --- a video --------------------------------------------------------------------------------------


def _hosted(post: Node, platform: Platform) -> tuple[Item, ...]:
    """Return the post's ``reddit_video``, as the API has it."""
    for name in ("secure_media", "media"):
        video = values.obj(post, name, "reddit_video")
        if video:
            return (_video(video, platform, picture_of(post)),)
    return ()


def _video(video: Node, platform: Platform, picture: str | None) -> Item:
    is_gif = video.get("is_gif") is True
    sound = (
        False
        if is_gif
        else video.get("has_audio")
        if isinstance(video.get("has_audio"), bool)
        else None
    )
    return video_item(
        platform,
        hls=video.get("hls_url"),
        dash=video.get("dash_url"),
        silent=video.get("fallback_url"),
        size=(values.integer(video.get("width")), values.integer(video.get("height"))),
        seconds=values.number(video.get("duration")),
        sound=sound,
        is_gif=is_gif,
        bitrate=1_000 * (values.integer(video.get("bitrate_kbps")) or 0) or None,
        picture=picture,
    )


def video_item(
    platform: Platform,
    *,
    hls: object = None,
    dash: object = None,
    silent: object = None,
    whole: Sequence[Candidate] = (),
    size: tuple[int | None, int | None] = (None, None),
    seconds: float | None = None,
    sound: bool | None = None,
    is_gif: bool = False,
    bitrate: int | None = None,
    picture: str | None = None,
) -> Item:
    """Return a video. ``silent`` is a file without sound, of rate ``bitrate``;
    ``whole`` are files with sound.
    """
    width, height = size
    facts: dict[str, Any] = {"width": width, "height": height, "duration_s": seconds}
    candidates = build.merged(
        [
            *whole,
            *own_candidates(
                address(hls), platform, source_type=SourceType.HLS, has_audio=sound, **facts
            ),
            *own_candidates(
                address(dash), platform, source_type=SourceType.DASH, has_audio=sound, **facts
            ),
            *own_candidates(
                address(silent),
                platform,
                mime="video/mp4",
                container="mp4",
                has_audio=False,
                bitrate=bitrate,
                **facts,
            ),
        ]
    )
    return Item(
        candidates=candidates,
        type=ItemType.GIF if is_gif else ItemType.VIDEO,
        media_id=next(filter(None, map(video_id, (hls, dash, silent))), None),
        thumbnail_url=picture,
        expected=Expected(duration_s=seconds, audio=sound),
    )


def packaged_files(packaged: object, platform: Platform) -> list[Candidate]:
    """Return whole files with sound, from ``packaged-media-json`` or GraphQL's
    ``packagedMedia``.
    """
    candidates: list[Candidate] = []
    for permutation in values.objects(values.obj(packaged, "playbackMp4s").get("permutations")):
        source = values.obj(permutation, "source")
        size = values.obj(source, "dimensions")
        width, height = values.integer(size.get("width")), values.integer(size.get("height"))
        candidates += own_candidates(
            address(source.get("url")),
            platform,
            mime="video/mp4",
            container="mp4",
            has_audio=True,
            width=width,
            height=height,
        )
    return candidates


# --- several, and others --------------------------------------------------------------------------


def _gallery(post: Node, platform: Platform) -> tuple[Item, ...]:
    order = values.objects(values.obj(post, "gallery_data").get("items"))[:MAX_ITEMS]
    media = values.obj(post, "media_metadata")
    entries = (values.obj(media, str(entry.get("media_id"))) for entry in order)
    return tuple(_listed(entry, platform) for entry in entries if entry)


def _inline(post: Node, platform: Platform) -> tuple[Item, ...]:
    """Return the media inside a text post, in the order of the text."""
    media = [
        entry for entry in values.obj(post, "media_metadata").values() if isinstance(entry, dict)
    ][:MAX_ITEMS]
    text = str(post.get("selftext", ""))
    positions = {id(entry): text.find(str(entry.get("id"))) for entry in media}
    # those not in the text last
    ordered = sorted(media, key=lambda entry: positions[id(entry)] % (len(text) + 1))
    return tuple(_listed(entry, platform) for entry in ordered)


def _listed(entry: Node, platform: Platform) -> Item:
    kind, source = entry.get("e"), values.obj(entry, "s")
    if kind == "RedditVideo":
        is_gif = entry.get("isGif") is True
        size = values.integer(entry.get("x")), values.integer(entry.get("y"))
        sound = False if is_gif else None
        return video_item(
            platform,
            hls=entry.get("hlsUrl"),
            dash=entry.get("dashUrl"),
            size=size,
            sound=sound,
            is_gif=is_gif,
        )
    picture = address(source.get("u") or source.get("gif"))
    size = values.integer(source.get("x")), values.integer(source.get("y"))
    if kind == "AnimatedImage" and address(source.get("mp4")):
        return _animation(
            source.get("mp4"), platform, size, picture, media_id=values.text(entry.get("id"))
        )
    return Item(type=ItemType.IMAGE, media_id=values.text(entry.get("id")), thumbnail_url=picture)


def _animation(
    url: object,
    platform: Platform,
    size: tuple[int | None, int | None],
    picture: str | None,
    media_id: str | None = None,
) -> Item:
    """Return a GIF that reddit has turned into a silent video."""
    candidates = own_candidates(
        address(url),
        platform,
        mime="video/mp4",
        container="mp4",
        has_audio=False,
        width=size[0],
        height=size[1],
    )
    return Item(
        tuple(candidates),
        type=ItemType.GIF,
        media_id=media_id,
        thumbnail_url=picture,
        expected=Expected(audio=False),
    )


def _gif(post: Node, platform: Platform) -> tuple[Item, ...]:
    """Return an animation of reddit's own hosts, or one of other hosts that reddit has turned into
    a silent video.
    """
    preview = values.obj(post, "preview")
    if video := values.obj(preview, "reddit_video_preview"):
        return (_video(video, platform, picture_of(post)),)
    if not _is_a_picture(post):
        return ()
    images = values.objects(preview.get("images"))
    mp4 = values.obj(images[0] if images else {}, "variants", "mp4", "source")
    if address(mp4.get("url")):
        size = values.integer(mp4.get("width")), values.integer(mp4.get("height"))
        return (_animation(mp4.get("url"), platform, size, picture_of(post)),)
    return ()


def _is_a_picture(post: Node) -> bool:
    """Whether the post itself is a picture.

    The preview of a text or of a link shows the linked page's picture, which can be an animation
    too.
    """
    link = str(post.get("url_overridden_by_dest") or post.get("url") or "").partition("?")[0]
    named = link.lower().endswith((".gif", ".gifv")) or post.get("post_hint") in (
        "image",
        "rich:video",
    )
    return named and post.get("is_self") is not True


def _unready(post: Node) -> tuple[Item, ...]:
    """Return a posted video whose media reddit does not name (yet)."""
    name = video_id(post.get("url_overridden_by_dest")) or video_id(post.get("url"))
    return (Item(media_id=name, thumbnail_url=picture_of(post)),) if name else ()


def _linked(post: Node, platform: Platform) -> tuple[Item, ...]:
    """Return the file that the post links to."""
    url = address(post.get("url_overridden_by_dest") or post.get("url"))
    if url is None or post.get("is_self") is True:
        return ()
    path = url.partition("?")[0]
    if path.startswith(_GIFV_HOSTS) and path.lower().endswith(".gifv"):
        return (_animation(f"{path[:-5]}.mp4", platform, (None, None), picture_of(post)),)
    if _FILE.search(path):
        return (Item(tuple(own_candidates(url, platform)), thumbnail_url=picture_of(post)),)
    if _PICTURE.search(path) or post.get("post_hint") == "image":
        shown = picture_of(post)
        own = url if _PICTURE.search(path) else None
        return (Item(pictures(own, shown), type=ItemType.IMAGE, thumbnail_url=shown or url),)
    return ()


def packaged_json(value: object) -> object:
    """Return parsed JSON: elements carry it as text or, already parsed, as an object."""
    return values.parsed(value) if isinstance(value, str) else value


# --- size and rate of a URL -----------------------------------------------------------------------

_HEIGHT = re.compile(r"/(?:DASH_|CMAF_|m2-res_)(\d{3,4})p?\.mp4$|/HLS_(\d{3,4})(?:_v\d+)?\.m3u8$")


def stated_size(parts: SplitResult) -> tuple[int | None, int | None]:
    """Return the height in a file's name; the width is never in it."""
    match = _HEIGHT.search(parts.path)
    return None, int(match[match.lastindex or 1]) if match else None


_RATES: Mapping[tuple[str, int], int] = {
    ("DASH", 1080): 4_800_000,
    ("CMAF", 1080): 5_000_000,
    ("DASH", 720): 2_400_000,
    ("CMAF", 720): 2_400_000,
    ("DASH", 480): 1_200_000,
    ("CMAF", 480): 1_200_000,
    ("DASH", 360): 800_000,
    ("CMAF", 360): 800_000,
}
_LEVEL = re.compile(r"/(DASH|CMAF)_(\d{3,4})\.mp4$")
_OLD_LEVEL = re.compile(r"/DASH_(?:(\d+)_)?(\d+)_([KM])$")  # "2_4_M" is 2.4 million bits per second
_AUDIO = re.compile(r"/(?:DASH|CMAF|HLS)_AUDIO_(\d{2,3})(?:_K)?\.(?:mp4|m3u8)$")


def measures(parts: SplitResult, width: int | None, height: int | None) -> Measures:
    """Return what reddit encodes a file of this name to. Source: recorded answers;
    checked 2026-11-24.
    """
    return Measures(width, height, _rate(parts))


def _rate(parts: SplitResult) -> int | None:
    if match := _AUDIO.search(parts.path):
        return int(match[1]) * 1000
    if match := _OLD_LEVEL.search(parts.path):
        tenths = int(match[1] or 0) * 10 + int(match[2]) if match[1] else int(match[2]) * 10
        return tenths * (100_000 if match[3] == "M" else 100)
    match = _LEVEL.search(parts.path)
    return _RATES.get((match[1], int(match[2]))) if match else None
