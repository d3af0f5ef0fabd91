"""What the players that many sites use say about their video, in the JSON that they load or that
their page holds.

One reader per player, by the form of its own interface; no guessing. The forms are those that
published clients and extractors read from JW Player (``/v2/media``), Brightcove (Playback API),
Kaltura (``getPlaybackContext``), Wistia, Vidyard, Streamable, Kick, Rumble and the ARD; checked
2026-12-01.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from mediavault.core.media import Candidate, Expected, Item, LengthSource, Ownership, SourceType
from mediavault.core.platform import Platform
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.values import Node, walk

MAX_NODES = 2_000  # a player's record is near the root of its document
MAX_RECORDS = 20

_HLS, _DASH, _MP4 = "application/x-mpegurl", "application/dash+xml", "video/mp4"


def player_records(documents: Sequence[object], platform: Platform) -> list[Item]:
    """Return the videos that players' own records describe, each once, in document order."""
    items: list[Item] = []
    held: set[str] = set()
    for document in documents:
        for node in islice(walk(document), MAX_NODES):
            item = next(filter(None, (read(node, platform) for read in _READERS)), None)
            if item is None or held & {c.url for c in item.candidates}:
                continue
            held |= {c.url for c in item.candidates}
            items.append(item)
            if len(items) >= MAX_RECORDS:
                return items
    return items


def _wistia(node: Node, platform: Platform) -> Item | None:
    """``{"hashedId", "duration", "assets": [{"type", "url", "ext" or "contentType", "width",
    "height", "size"}]}``.

    Assets end in ``.bin`` whatever they are.
    """
    name = "hashedId" if "hashedId" in node else "hashed_id"
    if not values.text(node.get(name)) or not isinstance(node.get("assets"), list):
        return None
    candidates = []
    for asset in values.objects(node["assets"]):
        kind, extension = str(asset.get("type") or ""), str(asset.get("ext") or "")
        if kind.lower().startswith(("still", "storyboard")) or not _mime(
            asset.get("contentType"), _MP4
        ).startswith("video/"):
            continue
        is_stream = extension == "m3u8" or kind.startswith("hls")
        candidates += _candidate(
            asset.get("url"), platform, asset, mime=_HLS if is_stream else _MP4
        )
    return _item(candidates, node, seconds=values.number(node.get("duration")), name=name)


def _jw(node: Node, platform: Platform) -> Item | None:
    """An entry of a playlist: ``{"mediaid", "duration", "image", "sources": [{"file",
    "type", "width", "height"}]}``.
    """
    if not values.text(node.get("mediaid")) or not isinstance(node.get("sources"), list):
        return None
    candidates = [
        candidate
        for source in values.objects(node["sources"])
        for candidate in _candidate(
            source.get("file"), platform, source, mime=_mime(source.get("type"))
        )
    ]
    return _item(
        candidates,
        node,
        seconds=values.number(node.get("duration")),
        name="mediaid",
        picture=node.get("image"),
    )


def _brightcove(node: Node, platform: Platform) -> Item | None:
    """``{"account_id", "id", "duration" in ms, "poster", "sources": [{"src", "type",
    "height", "key_systems"}]}``.
    """
    if "account_id" not in node or not isinstance(node.get("sources"), list):
        return None
    candidates = [
        candidate
        for source in values.objects(node["sources"])
        if not source.get("key_systems")  # these need a licence
        for candidate in _candidate(
            source.get("src"), platform, source, mime=_mime(source.get("type"))
        )
    ]
    seconds = values.milliseconds(node.get("duration"))
    return _item(candidates, node, seconds=seconds, name="id", picture=node.get("poster"))


_KALTURA_FORMATS = {"applehttp": _HLS, "mpegdash": _DASH, "url": _MP4}


def _kaltura(node: Node, platform: Platform) -> Item | None:
    """``{"objectType": "KalturaPlaybackContext", "sources": [{"format", "url", "flavorIds",
    "drm"}]}``.

    A source of format ``url`` with several flavours is a template, not a file.
    """
    if node.get("objectType") != "KalturaPlaybackContext":
        return None
    candidates = [
        candidate
        for source in values.objects(node.get("sources"))
        if (mime := _KALTURA_FORMATS.get(str(source.get("format")))) and not source.get("drm")
        if mime != _MP4 or "," not in str(source.get("flavorIds"))
        for candidate in _candidate(source.get("url"), platform, {}, mime=mime)
    ]
    return _item(candidates, node, seconds=None, name="entryId")


def _vidyard(node: Node, platform: Platform) -> Item | None:
    """A chapter: ``{"videoId", "seconds", "sources": {"mp4": [{"url", "profile"}],
    "hls": [{"url"}]}}``.
    """
    sources = node.get("sources")
    if "seconds" not in node or not isinstance(sources, Mapping):
        return None
    candidates = [
        candidate
        for kind, mime in (("hls", _HLS), ("mp4", _MP4))
        for source in values.objects(sources.get(kind))
        for candidate in _candidate(
            source.get("url"), platform, source, mime=mime, height=_profile(source)
        )
    ]
    return _item(candidates, node, seconds=values.number(node.get("seconds")), name="videoId")


def _streamable(node: Node, platform: Platform) -> Item | None:
    """``{"shortcode", "files": {"mp4": {"url", "width", "height", "bitrate",
    "size", "duration"}}}``.
    """
    files = node.get("files")
    if not isinstance(files, Mapping) or not ({"shortcode", "thumbnail_url"} & node.keys()):
        return None
    candidates, seconds = [], None
    for name, file in files.items():
        if str(name).startswith("mp4") and isinstance(file, Mapping):
            candidates += _candidate(file.get("url"), platform, file, mime=_MP4)
            seconds = seconds or values.number(file.get("duration"))
    return _item(
        candidates, node, seconds=seconds, name="shortcode", picture=node.get("thumbnail_url")
    )


def _kick(node: Node, platform: Platform) -> Item | None:
    """A clip: ``{"id": "clip_…", "video_url", "thumbnail_url", "duration"}``."""
    if not str(node.get("id") or "").startswith("clip_"):
        return None
    candidates = _candidate(node.get("video_url") or node.get("clip_url"), platform, {})
    return _item(
        candidates,
        node,
        seconds=values.number(node.get("duration")),
        name="id",
        picture=node.get("thumbnail_url"),
    )


def _rumble(node: Node, platform: Platform) -> Item | None:
    """``{"vid", "l", "duration", "i", "ua": {"mp4": {"720": {"url", "meta": {"w", "h",
    "size"}}}}}``.

    ``l`` is the path of the video's page, which begins with the page's id.
    """
    ladders = node.get("ua")
    if "duration" not in node or not isinstance(ladders, Mapping):
        return None
    candidates = []
    for kind, mime in (("mp4", _MP4), ("webm", "video/webm"), ("hls", _HLS)):
        for level in values.obj(ladders, kind).values():
            meta = values.obj(level if isinstance(level, Mapping) else {}, "meta")
            facts = {"width": meta.get("w"), "height": meta.get("h"), "size": meta.get("size")}
            candidates += _candidate(values.obj(level).get("url"), platform, facts, mime=mime)
    known = dict(node) | {
        "page": str(node.get("l") or "").strip("/").partition("-")[0] or node.get("vid")
    }
    return _item(
        candidates,
        known,
        seconds=values.number(node.get("duration")),
        name="page",
        picture=node.get("i"),
    )


def _media_streams(node: Node, platform: Platform) -> Item | None:
    """``{"_mediaStreamArray": [{"_quality", "_stream": URL or [URL], "_width", "_height"}]}``,
    of the ARD's players.
    """
    candidates = [
        candidate
        for stream in values.objects(node.get("_mediaStreamArray"))
        for address in values.items(stream.get("_stream")) or [stream.get("_stream")]
        for candidate in _candidate(
            address, platform, {"width": stream.get("_width"), "height": stream.get("_height")}
        )
    ]
    return _item(candidates, node, seconds=values.number(node.get("_duration")), name="_id")


_READERS: Sequence[Callable[[Node, Platform], Item | None]] = (
    _wistia,
    _jw,
    _brightcove,
    _kaltura,
    _vidyard,
    _streamable,
    _kick,
    _rumble,
    _media_streams,
)


def _candidate(
    address: object,
    platform: Platform,
    facts: Mapping[str, Any],
    *,
    mime: str = "",
    height: int | None = None,
) -> list[Candidate]:
    url = values.url(
        f"https:{address}" if isinstance(address, str) and address.startswith("//") else address
    )
    if url is None:
        return []
    known = {
        "width": values.integer(facts.get("width")),
        "height": values.integer(facts.get("height")) or height,
        "size": values.integer(facts.get("size")),
    }
    return [
        candidate
        for candidate in build.own_candidates(url, platform, mime=mime or None, **known)
        if candidate.source_type is not SourceType.UNKNOWN
    ]


def _item(
    candidates: Sequence[Candidate],
    node: Node,
    *,
    seconds: float | None,
    name: str,
    picture: object = None,
) -> Item | None:
    if not candidates:
        return None
    # whose video it is, the page has to say
    unowned = [replace(candidate, ownership=Ownership.UNKNOWN) for candidate in candidates]
    return Item(
        build.merged(unowned),
        media_id=values.text(node.get(name)) or None,
        thumbnail_url=values.url(picture),
        expected=Expected(duration_s=seconds or None, length_source=LengthSource.LISTED),
    )


def _mime(kind: object, otherwise: str = "") -> str:
    return kind.lower() if isinstance(kind, str) and "/" in kind else otherwise


def _profile(source: Node) -> int | None:
    digits = str(source.get("profile") or "").removesuffix("p")
    return int(digits) if digits.isdecimal() and len(digits) <= 4 else None
