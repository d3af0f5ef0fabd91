"""One format, as yt-dlp lists it, as a candidate: for its live answers and for saved info JSON. Pure.

Source: yt-dlp's InfoExtractor, docstring of the field ``formats``; read in 2026.10.26. ``none`` means that there is no such
track, an absent codec that it is not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mediavault.core.media import Candidate, FoundIn, SourceType, Watermark
from mediavault.core.platform import Platform
from mediavault.services.extraction.media_urls import MediaKind, classify_media
from mediavault.services.extraction.page_data import build, values
from mediavault.services.extraction.page_data.json_walk import Node

# yt-dlp's name of a transport -> ours. What is missing here (rtmp, f4m, ism, mhtml, websocket …) is not fetched.
_TRANSPORTS: Mapping[str, SourceType] = {
    "https": SourceType.DIRECT,
    "http": SourceType.DIRECT,
    "m3u8": SourceType.HLS,
    "m3u8_native": SourceType.HLS,
    "http_dash_segments": SourceType.DASH,
}
SEGMENTED = frozenset({SourceType.HLS, SourceType.DASH})
_HEADERS = frozenset({"referer", "origin", "user-agent"})
_SOUND_EXTS = frozenset({"mp3", "mpga", "m4a", "aac", "ogg", "oga", "opus", "wav", "flac", "weba", "wma"})

# RFC 6381 names and yt-dlp's own, by their beginnings
_VIDEO_CODECS: Sequence[tuple[str, str]] = (
    ("avc", "h264"), ("h264", "h264"), ("x264", "h264"), ("hev", "hevc"), ("hvc", "hevc"), ("h265", "hevc"),
    ("bytevc1", "hevc"), ("bytevc2", "bytevc2"), ("vvc", "vvc"), ("h266", "vvc"), ("dvh", "hevc"), ("av01", "av1"),
    ("av1", "av1"), ("vp09", "vp9"), ("vp9", "vp9"), ("vp08", "vp8"), ("vp8", "vp8"), ("mp4v", "mpeg4"),
)  # fmt: skip
_AUDIO_CODECS: Sequence[tuple[str, str]] = (
    ("mp4a", "aac"), ("aac", "aac"), ("opus", "opus"), ("vorbis", "vorbis"), ("mp3", "mp3"), ("ac-3", "ac3"),
    ("ec-3", "eac3"), ("flac", "flac"),
)  # fmt: skip


def transport(one: Node) -> SourceType | None:
    """How the format is delivered; None for what we do not fetch."""
    protocol = one.get("protocol")
    return _TRANSPORTS.get(protocol) if isinstance(protocol, str) and one.get("ext") != "mhtml" else None


def is_sound(one: Node) -> bool:
    """Sound alone; of which kind is not always said."""
    if one.get("vcodec"):
        return one["vcodec"] == "none" and one.get("acodec") != "none"
    return one.get("ext") in _SOUND_EXTS


def has_picture(one: Node) -> bool:
    return one.get("vcodec") != "none" and not is_sound(one)


def kilobits(one: Node) -> float | None:
    """1,000 bits a second."""
    return next(filter(None, (values.number(one.get(name)) for name in ("tbr", "vbr", "abr"))), None)


def sound_codec(one: Node) -> str | None:
    """Our name of its audio codec."""
    return _codec(one.get("acodec"), _AUDIO_CODECS)


def candidate(one: Node, address: str, platform: Platform, found_in: FoundIn) -> Candidate:
    """The format as a candidate at ``address``, with all that is said of it and that the address itself says."""
    base = build.candidate(address, platform, found_in)
    picture, sound = one.get("vcodec"), one.get("acodec")
    bits = kilobits(one)
    return replace(
        base,
        source_type=transport(one) or SourceType.UNKNOWN,
        container=values.text(one.get("ext")),
        video_codec=_codec(picture, _VIDEO_CODECS),
        audio_codec=_codec(sound, _AUDIO_CODECS),
        has_video=True if picture else None,
        has_audio=sound != "none" if sound else base.has_audio,
        width=values.integer(one.get("width")) or base.width,
        height=values.integer(one.get("height")) or base.height,
        fps=values.number(one.get("fps")),
        bitrate=int(bits * 1_000) if bits else None,
        size=values.integer(one.get("filesize")),
        duration_s=values.duration(one.get("duration")),
        watermark=_watermark(one, base.watermark),
        original=_is_original(one, platform),
        drm=one.get("has_drm") is True,
        headers=headers(one),
        note="perhaps copy-protected" if one.get("has_drm") == "maybe" else "",
    )


def is_foreign(address: str, platform: Platform) -> bool:
    """Adverts, previews, pictures: what its address alone says that it is."""
    seen = classify_media(address, platform=platform)
    return seen.rejected is not None or seen.kind is MediaKind.IMAGE


def headers(one: Node) -> dict[str, str]:
    """Those of its request headers that may be sent on, in lower case; never credentials."""
    given = values.obj(one.get("http_headers"))
    kept = {name.lower(): value for name, value in given.items() if isinstance(value, str)}
    return {name: value for name, value in kept.items() if name in _HEADERS and _CAN_BE_SENT.fullmatch(value)}


_CAN_BE_SENT = re.compile(r"[\x20-\x7e]{1,2000}")


def _codec(name: object, table: Sequence[tuple[str, str]]) -> str | None:
    if not isinstance(name, str) or name == "none":
        return None
    plain = name.strip().lower()
    known = next((codec for start, codec in table if plain.startswith(start)), None)
    return known or values.text(plain.partition(".")[0][:20])


def _watermark(one: Node, by_address: Watermark) -> Watermark:
    """TikTok's marked copy has it in its note."""
    note = str(one.get("format_note") or "").lower()
    return Watermark.YES if re.search(r"(?<!no )(?<!un)(?<!without )watermark", note) else by_address


def _is_original(one: Node, platform: Platform) -> bool:
    """The uploader's own file: Vimeo's and Twitch's "Original" or "source", Bluesky's blob."""
    name = str(one.get("format_id") or "").lower()
    return name in {"source", "original"} or (name == "blob" and platform.name == "bluesky")
