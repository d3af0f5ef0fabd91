"""From one video's formats, as yt-dlp lists them, to candidates. Pure; every value is read with suspicion.

The variants of a playlist become one candidate, the playlist itself, because our downloader reads it and finds the sound
of a variant. A silent file gets the address of its sound with it.
Source: yt-dlp's InfoExtractor, docstring of the field ``formats``; read in 2026.10.26. ``none`` means that there is no such
track, an absent codec that it is not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from mediavault.core.media import Candidate, FoundIn, SourceType, Watermark
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.services.extraction.media_urls import MediaKind, classify_media
from mediavault.services.extraction.page_data import build, values
from mediavault.services.extraction.page_data.json_walk import Node

MAX_CANDIDATES = 60


def candidates_of(info: Node, platform: Platform, found_in: FoundIn) -> tuple[Candidate, ...]:
    """The videos among the formats of ``info``, best first; none of them is said to be the post's yet."""
    page = info.get("webpage_url")
    formats = [one for one in values.objects(info.get("formats")) if transport(one) and not _is_the_page(one, page)]
    formats.reverse()  # yt-dlp lists the best last
    direct, segmented = _split(formats)
    found = [*_playlists(segmented, platform, found_in), *_single(direct, platform, found_in)]
    length = values.number(info.get("duration"))
    fit = [replace(one, duration_s=one.duration_s or length) for one in found if not is_foreign(one.url, platform)]
    return build.merged(fit)[:MAX_CANDIDATES]


def has_sound_only(info: Node) -> bool:
    """Whether there are formats and none of them has a picture."""
    formats = values.objects(info.get("formats"))
    return bool(formats) and all(one.get("vcodec") == "none" for one in formats)


def user_agent_of(info: Node) -> str | None:
    """The one under which yt-dlp asked; the signature of an address can depend on it."""
    found = (headers(one).get("user-agent") for one in values.objects(info.get("formats")))
    return next(filter(None, found), None)


# --- which formats ---------------------------------------------------------------------------------------------


def _is_the_page(one: Node, page: object) -> bool:
    """Of a page that is empty or no page, yt-dlp guesses that it is the video."""
    return one.get("ext") == "unknown_video" and one.get("url") == page


def _split(formats: Sequence[Node]) -> tuple[list[Node], list[Node]]:
    """Formats with an address of their own, and those that are parts of a playlist whose address is known."""
    segmented = [one for one in formats if transport(one) in SEGMENTED and values.url(one.get("manifest_url"))]
    # A DASH format without its manifest has only pieces to offer
    direct = [one for one in formats if one not in segmented and transport(one) is not SourceType.DASH]
    return direct, segmented


# --- playlists -------------------------------------------------------------------------------------------------


def _playlists(formats: Sequence[Node], platform: Platform, found_in: FoundIn) -> list[Candidate]:
    """One candidate a playlist: its best variant's facts, and sound if anything in it has some."""
    places = {str(one["manifest_url"]): place for place, one in reversed(list(enumerate(formats)))}
    ordered = sorted(formats, key=lambda one: places[str(one["manifest_url"])])
    found = []
    for _, group in groupby(ordered, key=lambda one: one["manifest_url"]):
        variants = list(group)
        if pictures := [one for one in variants if has_picture(one)]:
            best = max(pictures, key=_size_key)
            found.append(_playlist(best, variants, platform, found_in))
    return found


def _playlist(best: Node, variants: Sequence[Node], platform: Platform, found_in: FoundIn) -> Candidate:
    base = candidate(best, str(values.url(best["manifest_url"])), platform, found_in)
    heard = next(filter(None, map(sound_codec, variants)), None)
    has_audio = True if heard or any(map(is_sound, variants)) else None
    container = None if base.source_type is SourceType.HLS else base.container
    # the size of a variant is not that of the playlist
    return replace(base, has_audio=has_audio, audio_codec=heard, container=container, size=None)


def _size_key(one: Node) -> tuple[float, float, float]:
    width, height = values.number(one.get("width")) or 0, values.number(one.get("height")) or 0
    return min(width or height, height or width), values.number(one.get("fps")) or 0, kilobits(one) or 0


# --- single files ----------------------------------------------------------------------------------------------


def _single(formats: Sequence[Node], platform: Platform, found_in: FoundIn) -> list[Candidate]:
    sounds = [one for one in formats if is_sound(one)]
    found = []
    for one in formats:
        address = values.url(one.get("url"))
        if has_picture(one) and address is not None:
            seen = candidate(one, address, platform, found_in)
            partner = _partner(one, sounds) if seen.has_audio is False else None
            found.append(_with_sound(seen, partner))
    return found


def _partner(picture: Node, sounds: Sequence[Node]) -> Node | None:
    """The sound that goes with a silent format: of the same transport, in the video's own language, whole dynamics."""
    fitting = [
        one
        for one in sounds
        if transport(one) is transport(picture) and values.url(one.get("url")) and one.get("has_drm") is not True
    ]
    return max(fitting, key=lambda one: _sound_key(one, picture), default=None)


def _sound_key(one: Node, picture: Node) -> tuple[float, bool, bool, float]:
    language = one.get("language_preference")
    return (
        language if isinstance(language, int) else -1,
        re.search(r"\bdrc\b", f"{one.get('format_id')} {one.get('format_note')}", re.IGNORECASE) is None,
        (one.get("ext") == "webm") == (picture.get("ext") == "webm"),
        kilobits(one) or 0,
    )


def _with_sound(picture: Candidate, sound: Node | None) -> Candidate:
    """The pair lives as long as the first of the two addresses. A manifest that lists both needs no second one."""
    address = values.url(sound.get("url")) if sound else None
    if sound is None or address is None:
        return picture
    if address == picture.url:
        return replace(picture, has_audio=True, audio_codec=sound_codec(sound))
    ends = build.candidate(address, _NOWHERE, picture.found_in).expires_at
    return replace(
        picture,
        audio_url=address,
        audio_codec=sound_codec(sound),
        expires_at=min(filter(None, (picture.expires_at, ends)), default=None),
    )


_NOWHERE = Platform(name="", title="")


# --- one format --------------------------------------------------------------------------------------------------

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
        note=Message("perhaps copy-protected") if one.get("has_drm") == "maybe" else "",
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
