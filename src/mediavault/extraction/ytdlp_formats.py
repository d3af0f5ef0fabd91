"""Turns one video's formats, as yt-dlp lists them, into candidates. Pure; no value is trusted.

The variants of a playlist become one candidate, the playlist itself, because our downloader reads
it and finds the sound of a variant. A silent file gets the URL of its sound with it.
Source: yt-dlp's InfoExtractor, docstring of the field ``formats``; read in 2026.10.26. ``none``
means that there is no such track, an absent codec that it is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby

from mediavault.core.cookies import Cookie, cookies_for, joined
from mediavault.core.media import Candidate, FoundIn, SourceType, Watermark
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.extraction.media_urls import MediaKind, classify_media
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.values import Node

MAX_COOKIES = 100
MAX_CHARS = 16_384  # of one format's line; a longer one may have been cut off
_ATTRIBUTES = frozenset(
    {"domain", "path", "secure", "expires", "version", "httponly", "samesite", "max-age"}
)
_DOMAIN = re.compile(r"\.?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,30}|\[[0-9a-f:.]{2,45}\]")
_LAST_SECOND = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())


def cookies_of(entries: Sequence[Node], *, now: datetime) -> tuple[Cookie, ...]:
    """Return the cookies of all formats, each once,
    without those that do not match their own format's URLs.
    """
    cookies: tuple[Cookie, ...] = ()
    for fmt in (fmt for entry in entries for fmt in values.objects(entry.get("formats"))):
        text = fmt.get("cookies")
        if isinstance(text, str) and len(text) <= MAX_CHARS:
            addresses = [
                address
                for name in ("url", "manifest_url")
                if (address := values.url(fmt.get(name)))
            ]
            read = tuple(read_cookies(text))
            matching = [
                cookie for address in addresses for cookie in cookies_for(address, read, now=now)
            ]
            cookies = joined(cookies, matching)
    return cookies[:MAX_COOKIES]


def read_cookies(text: str) -> Iterator[Cookie]:
    """Yield the cookies of one line, without those whose domain is missing or malformed."""
    name, value = "", ""
    attributes: dict[str, str] = {}
    for pair in (*text.split("; "), "="):
        key, _, content = pair.partition("=")
        if name and key.lower() in _ATTRIBUTES:
            attributes[key.lower()] = content
            continue
        if name and (cookie := _cookie(name, value, attributes)) is not None:
            yield cookie
        name, value, attributes = key.strip(), _unquoted(content), {}


def _cookie(name: str, value: str, attributes: dict[str, str]) -> Cookie | None:
    domain, expires = attributes.get("domain", "").lower(), attributes.get("expires", "")
    if not _DOMAIN.fullmatch(domain):
        return None
    seconds = min(int(expires), _LAST_SECOND) if re.fullmatch(r"[0-9]{1,18}", expires) else None
    return Cookie(
        name=name,
        value=value,
        domain=domain.removeprefix("."),
        path=attributes.get("path") or "/",
        secure="secure" in attributes,
        host_only=not domain.startswith("."),
        expires_at=datetime.fromtimestamp(seconds, UTC) if seconds else None,
    )


def _unquoted(value: str) -> str:
    """Undo Python's quoting: three octal digits, or the character itself, after a backslash."""
    if len(value) < 2 or not (value.startswith('"') and value.endswith('"')):
        return value
    return re.sub(
        r"\\(?:([0-3][0-7]{2})|(.))", lambda m: chr(int(m[1], 8)) if m[1] else m[2], value[1:-1]
    )


# --- the form in which it gets those of a session -------------------------------------------------


def to_netscape_format(cookies: Iterable[Cookie]) -> str:
    """Return cookies in the text format of Netscape's browser, which everything reads; "" for none.

    A cookie that would break its line is left out.
    """
    lines = [_cookie_line(cookie) for cookie in cookies]
    safe = [line for line in lines if line.count("\t") == 6 and not _CONTROL.search(line)]
    return "\n".join(["# Netscape HTTP Cookie File", *safe, ""]) if safe else ""


_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # the tab separates the fields


def _cookie_line(cookie: Cookie) -> str:
    domain = cookie.domain if cookie.host_only else f".{cookie.domain}"
    ends = int(cookie.expires_at.timestamp()) if cookie.expires_at else 0
    flags = (
        "FALSE" if cookie.host_only else "TRUE",
        cookie.path or "/",
        "TRUE" if cookie.secure else "FALSE",
    )
    return "\t".join((domain, *flags, str(ends), cookie.name, cookie.value))


MAX_CANDIDATES = 60
MAX_SOUNDS = 3


def candidates_of(info: Node, platform: Platform, found_in: FoundIn) -> tuple[Candidate, ...]:
    """Return the videos among the formats of ``info``, best first, then the sound alone; their
    ownership is not decided yet.
    """
    page = info.get("webpage_url")
    formats = [
        fmt
        for fmt in values.objects(info.get("formats"))
        if transport(fmt) and not _is_the_page(fmt, page)
    ]
    formats.reverse()  # yt-dlp lists the best last
    direct, segmented = _split(formats)
    videos = [*_playlists(segmented, platform, found_in), *_single(direct, platform, found_in)]
    length = values.number(info.get("duration"))
    fit, sounds = (
        [
            replace(c, duration_s=c.duration_s or length)
            for c in candidates
            if not is_foreign(c.url, platform)
        ]
        for candidates in (videos, _sounds(formats, platform, found_in))
    )
    return (*build.merged(fit)[: MAX_CANDIDATES - len(sounds)], *sounds)


def has_sound_only(info: Node) -> bool:
    """Whether there are formats and none of them has a picture."""
    formats = values.objects(info.get("formats"))
    return bool(formats) and all(fmt.get("vcodec") == "none" for fmt in formats)


def user_agent_of(info: Node) -> str | None:
    """Return the user agent that yt-dlp used; the signature of a URL can depend on it."""
    agents = (headers(fmt).get("user-agent") for fmt in values.objects(info.get("formats")))
    return next(filter(None, agents), None)


# --- which formats --------------------------------------------------------------------------------


def _is_the_page(fmt: Node, page: object) -> bool:
    """Whether the format is the page itself: yt-dlp guesses that of a page that is empty or not a
    page.
    """
    return fmt.get("ext") == "unknown_video" and fmt.get("url") == page


def _split(formats: Sequence[Node]) -> tuple[list[Node], list[Node]]:
    """Split formats into those with their own URL and those that are parts of a playlist whose URL
    is known.
    """
    segmented = [
        fmt
        for fmt in formats
        if transport(fmt) in SEGMENTED and values.url(fmt.get("manifest_url"))
    ]
    # A DASH format without its manifest has only pieces to offer
    direct = [
        fmt for fmt in formats if fmt not in segmented and transport(fmt) is not SourceType.DASH
    ]
    return direct, segmented


# --- playlists ------------------------------------------------------------------------------------


def _playlists(formats: Sequence[Node], platform: Platform, found_in: FoundIn) -> list[Candidate]:
    """Return one candidate per playlist: its best variant's facts,
    and sound if any of its variants has some.
    """
    first_index = {
        str(fmt["manifest_url"]): index for index, fmt in reversed(list(enumerate(formats)))
    }
    ordered = sorted(formats, key=lambda fmt: first_index[str(fmt["manifest_url"])])
    candidates = []
    for _, group in groupby(ordered, key=lambda fmt: fmt["manifest_url"]):
        variants = list(group)
        if pictures := [fmt for fmt in variants if has_picture(fmt)]:
            best = max(pictures, key=_size_key)
            candidates.append(_playlist(best, variants, platform, found_in))
    return candidates


def _playlist(
    best: Node, variants: Sequence[Node], platform: Platform, found_in: FoundIn
) -> Candidate:
    base = candidate(best, str(values.url(best["manifest_url"])), platform, found_in)
    heard = next(filter(None, map(sound_codec, variants)), None)
    has_audio = True if heard or any(map(is_sound, variants)) else None
    container = None if base.source_type is SourceType.HLS else base.container
    # the size of a variant is not that of the playlist
    return replace(base, has_audio=has_audio, audio_codec=heard, container=container, size=None)


def _size_key(fmt: Node) -> tuple[float, float, float]:
    width, height = values.number(fmt.get("width")) or 0, values.number(fmt.get("height")) or 0
    return (
        min(width or height, height or width),
        values.number(fmt.get("fps")) or 0,
        kilobits(fmt) or 0,
    )


# --- single files ---------------------------------------------------------------------------------


def _single(formats: Sequence[Node], platform: Platform, found_in: FoundIn) -> list[Candidate]:
    sounds = [fmt for fmt in formats if is_sound(fmt)]
    candidates = []
    for fmt in formats:
        address = values.url(fmt.get("url"))
        if has_picture(fmt) and address is not None:
            seen = candidate(fmt, address, platform, found_in)
            partner = _partner(fmt, sounds) if seen.has_audio is False else None
            candidates.append(_with_sound(seen, partner))
    return candidates


def _sounds(formats: Sequence[Node], platform: Platform, found_in: FoundIn) -> list[Candidate]:
    """Return the sound alone, as one file or as one playlist: the best of each container,
    in the video's own language.
    """
    best: dict[object, Node] = {}
    for fmt in sorted(
        filter(is_sound, formats), key=lambda fmt: _sound_key(fmt, fmt), reverse=True
    ):
        if values.url(fmt.get("url")) and transport(fmt) is not SourceType.DASH:
            best.setdefault(fmt.get("ext"), fmt)
    found = [candidate(fmt, str(fmt["url"]), platform, found_in) for fmt in best.values()]
    return [
        replace(c, has_video=False, has_audio=True, watermark=Watermark.UNKNOWN) for c in found
    ][:MAX_SOUNDS]


def _partner(picture: Node, sounds: Sequence[Node]) -> Node | None:
    """Return the sound that goes with a silent format: same transport,
    the video's own language, whole dynamics.
    """
    fitting = [
        fmt
        for fmt in sounds
        if transport(fmt) is transport(picture)
        and values.url(fmt.get("url"))
        and fmt.get("has_drm") is not True
    ]
    return max(fitting, key=lambda fmt: _sound_key(fmt, picture), default=None)


def _sound_key(fmt: Node, picture: Node) -> tuple[float, bool, bool, float]:
    language = fmt.get("language_preference")
    return (
        language if isinstance(language, int) else -1,
        re.search(r"\bdrc\b", f"{fmt.get('format_id')} {fmt.get('format_note')}", re.IGNORECASE)
        is None,
        (fmt.get("ext") == "webm") == (picture.get("ext") == "webm"),
        kilobits(fmt) or 0,
    )


def _with_sound(picture: Candidate, sound: Node | None) -> Candidate:
    """Add the sound to a silent candidate; the pair expires with the first of its URLs.

    A manifest that lists both needs no second URL.
    """
    address = values.url(sound.get("url")) if sound else None
    if sound is None or address is None:
        return picture
    if address == picture.url:
        return replace(picture, has_audio=True, audio_codec=sound_codec(sound))
    ends = build.candidate(address, _NO_PLATFORM, picture.found_in).expires_at
    return replace(
        picture,
        audio_url=address,
        audio_codec=sound_codec(sound),
        expires_at=min(filter(None, (picture.expires_at, ends)), default=None),
    )


_NO_PLATFORM = Platform(name="", title="")


# --- one format -----------------------------------------------------------------------------------

# yt-dlp's name of a transport -> ours. What is missing here (rtmp, f4m, ism, mhtml, websocket …) is
# not fetched.
_TRANSPORTS: Mapping[str, SourceType] = {
    "https": SourceType.DIRECT,
    "http": SourceType.DIRECT,
    "m3u8": SourceType.HLS,
    "m3u8_native": SourceType.HLS,
    "http_dash_segments": SourceType.DASH,
}
SEGMENTED = frozenset({SourceType.HLS, SourceType.DASH})
_HEADERS = frozenset({"referer", "origin", "user-agent"})
_SOUND_EXTS = frozenset(
    {"mp3", "mpga", "m4a", "aac", "ogg", "oga", "opus", "wav", "flac", "weba", "wma"}
)

# RFC 6381 names and yt-dlp's own, by their beginnings
_VIDEO_CODECS: Sequence[tuple[str, str]] = (
    ("avc", "h264"), ("h264", "h264"), ("x264", "h264"), ("hev", "hevc"), ("hvc", "hevc"),
    ("h265", "hevc"), ("bytevc1", "hevc"), ("bytevc2", "bytevc2"), ("vvc", "vvc"), ("h266", "vvc"),
    ("dvh", "hevc"), ("av01", "av1"), ("av1", "av1"), ("vp09", "vp9"), ("vp9", "vp9"),
    ("vp08", "vp8"), ("vp8", "vp8"),
    ("mp4v", "mpeg4"),
)  # fmt: skip
_AUDIO_CODECS: Sequence[tuple[str, str]] = (
    ("mp4a", "aac"), ("aac", "aac"), ("opus", "opus"), ("vorbis", "vorbis"), ("mp3", "mp3"),
    ("ac-3", "ac3"), ("ec-3", "eac3"), ("flac", "flac"),
)  # fmt: skip


def transport(fmt: Node) -> SourceType | None:
    """Return how the format is delivered; None for what we do not fetch."""
    protocol = fmt.get("protocol")
    return (
        _TRANSPORTS.get(protocol)
        if isinstance(protocol, str) and fmt.get("ext") != "mhtml"
        else None
    )


def is_sound(fmt: Node) -> bool:
    """Whether the format is sound alone; its codec is not always stated."""
    if fmt.get("vcodec"):
        return fmt["vcodec"] == "none" and fmt.get("acodec") != "none"
    return fmt.get("ext") in _SOUND_EXTS


def has_picture(fmt: Node) -> bool:
    return fmt.get("vcodec") != "none" and not is_sound(fmt)


def kilobits(fmt: Node) -> float | None:
    """Return the format's rate in 1,000 bits per second."""
    return next(
        filter(None, (values.number(fmt.get(name)) for name in ("tbr", "vbr", "abr"))), None
    )


def sound_codec(fmt: Node) -> str | None:
    """Return our name of the format's audio codec."""
    return _codec(fmt.get("acodec"), _AUDIO_CODECS)


def candidate(fmt: Node, address: str, platform: Platform, found_in: FoundIn) -> Candidate:
    """Return the format as a candidate at ``address``,
    with all that is known of it and that the URL itself says.
    """
    base = build.candidate(address, platform, found_in)
    picture, sound = fmt.get("vcodec"), fmt.get("acodec")
    bits = kilobits(fmt)
    return replace(
        base,
        source_type=transport(fmt) or SourceType.UNKNOWN,
        container=values.text(fmt.get("ext")),
        video_codec=_codec(picture, _VIDEO_CODECS),
        audio_codec=_codec(sound, _AUDIO_CODECS),
        has_video=True if picture else None,
        has_audio=sound != "none" if sound else base.has_audio,
        width=values.integer(fmt.get("width")) or base.width,
        height=values.integer(fmt.get("height")) or base.height,
        fps=values.number(fmt.get("fps")),
        bitrate=int(bits * 1_000) if bits else None,
        size=values.integer(fmt.get("filesize")),
        duration_s=values.duration(fmt.get("duration")),
        watermark=_watermark(fmt, base.watermark),
        original=_is_original(fmt, platform),
        drm=fmt.get("has_drm") is True,
        headers=headers(fmt),
        note=Message("perhaps copy-protected") if fmt.get("has_drm") == "maybe" else "",
    )


def is_foreign(address: str, platform: Platform) -> bool:
    """Whether the URL alone says that it is an advert, a preview or a picture."""
    seen = classify_media(address, platform=platform)
    return seen.rejected is not None or seen.kind is MediaKind.IMAGE


def headers(fmt: Node) -> dict[str, str]:
    """Return those of the request headers that may be sent on, in lower case; never credentials."""
    sent = values.obj(fmt.get("http_headers"))
    lowered = {name.lower(): value for name, value in sent.items() if isinstance(value, str)}
    return {
        name: value
        for name, value in lowered.items()
        if name in _HEADERS and _CAN_BE_SENT.fullmatch(value)
    }


_CAN_BE_SENT = re.compile(r"[\x20-\x7e]{1,2000}")


def _codec(name: object, table: Sequence[tuple[str, str]]) -> str | None:
    if not isinstance(name, str) or name == "none":
        return None
    plain = name.strip().lower()
    known = next((codec for start, codec in table if plain.startswith(start)), None)
    return known or values.text(plain.partition(".")[0][:20])


def _watermark(fmt: Node, by_address: Watermark) -> Watermark:
    """Return whether the format has a watermark, which TikTok's copy with one states in its
    note.
    """
    note = str(fmt.get("format_note") or "").lower()
    return (
        Watermark.YES if re.search(r"(?<!no )(?<!un)(?<!without )watermark", note) else by_address
    )


def _is_original(fmt: Node, platform: Platform) -> bool:
    """Whether it is the uploader's own file: Vimeo's and Twitch's "Original" or "source",
    Bluesky's blob.
    """
    name = str(fmt.get("format_id") or "").lower()
    return name in {"source", "original"} or (name == "blob" and platform.name == "bluesky")
