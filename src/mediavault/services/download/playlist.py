"""Reads HLS playlists (RFC 8216) into frozen records, or says why one cannot be saved. The only importer of ``m3u8``.

A playlist is a stranger's text: its size, its lines and its number of segments are bounded, and every address in it
is resolved and parsed here and guarded by the client when it is fetched.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import m3u8

from mediavault.core.errors import BadUrl, Drm, Incomplete, LiveNow, NotAVideo
from mediavault.core.urls import MAX_MEDIA_URL_CHARS, parse_http_url

MAX_PLAYLIST_BYTES = 5_000_000
MAX_SEGMENTS = 20_000
MAX_LINE_CHARS = 32_768
IV_BYTES = 16

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]")
_HIDDEN_CONTROL = re.compile(r"%(0[0-9a-f]|1[0-9a-f]|7f)", re.IGNORECASE)
_FRACTION = re.compile(r"^#EXTINF:\s*\d*\.", re.MULTILINE)
_VIDEO_CODEC = re.compile(r"\b(avc[13]|hvc1|hev1|vp0?[89]|av01|mp4v|dvh[1e])", re.IGNORECASE)
_DOLBY_VISION = re.compile(r"\bdvh[1e]", re.IGNORECASE)  # its colours are wrong wherever it is not understood
_PARSE_ERRORS = (m3u8.ParseError, ValueError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a resource: ``length`` bytes from ``start``."""

    start: int
    length: int

    @property
    def header(self) -> str:
        return f"bytes={self.start}-{self.start + self.length - 1}"


@dataclass(frozen=True, slots=True)
class Key:
    """AES-128. ``iv`` None: the segment's sequence number."""

    url: str
    iv: bytes | None


@dataclass(frozen=True, slots=True)
class Init:
    """An initialisation section (EXT-X-MAP)."""

    url: str
    span: Span | None
    key: Key | None


@dataclass(frozen=True, slots=True)
class Segment:
    url: str
    span: Span | None
    duration_s: float
    sequence: int
    key: Key | None
    init: Init | None
    new_run: bool  # time, or the initialisation section, may start anew here


@dataclass(frozen=True, slots=True)
class MediaPlaylist:
    segments: tuple[Segment, ...]
    rounded: bool = False  # durations are whole seconds, as before version 3: each may be off by half a second

    @property
    def duration_s(self) -> float:
        return math.fsum(segment.duration_s for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Variant:
    """One quality of a master playlist. ``audio_url``: its sound, where that is a playlist of its own."""

    url: str
    height: int
    bandwidth: int
    codecs: str
    audio_url: str | None


@dataclass(frozen=True, slots=True)
class Master:
    variants: tuple[Variant, ...]

    @property
    def best(self) -> Variant:
        """The tallest picture, then the highest bit rate."""
        return max(self.variants, key=lambda v: (not _DOLBY_VISION.search(v.codecs), v.height, v.bandwidth))


def read_playlist(text: str, url: str) -> Master | MediaPlaylist:
    """Read a playlist that came from ``url`` (after redirects; its addresses are relative to that).

    Raises NotAVideo (no playlist, broken, odd addresses, too many segments), LiveNow (it may still grow),
    Drm (protected) and Incomplete (it names gaps).
    """
    text = text.removeprefix("\ufeff")
    _check_text(text)
    try:
        raw: dict[str, Any] = m3u8.parse(text, custom_tags_parser=_own_tags)
        return _master(raw, url) if raw["is_variant"] else _media(raw, url, rounded=not _FRACTION.search(text))
    except _PARSE_ERRORS as exc:
        raise NotAVideo(f"The playlist cannot be read ({type(exc).__name__}).") from exc


def _check_text(text: str) -> None:
    if not text.lstrip().startswith("#EXTM3U"):
        raise NotAVideo("The playlist does not begin as one.")
    if _CONTROL.search(text):
        raise NotAVideo("The playlist contains control characters.")
    lines = text.split("\n")
    if max(map(len, lines)) > MAX_LINE_CHARS:
        raise NotAVideo("The playlist has a line without end.")
    if any(line[:1] in (" ", "\t") and line.strip()[:1] not in ("", "#") for line in lines):
        raise NotAVideo("An address in the playlist begins with a blank.")
    if sum(line.startswith("#EXTINF") for line in lines) > MAX_SEGMENTS:
        raise NotAVideo(f"The playlist has more than {MAX_SEGMENTS:,} segments.")


def _own_tags(line: str, _number: int, _data: dict[str, Any], state: dict[str, Any]) -> bool:
    """Keys are kept by us: the library forgets all but the last of several offered for the same segments, forgets
    which one an initialisation section falls under, and compares each with all before it."""
    if line.startswith("#EXTINF"):
        state["keys_complete"] = True
    if line.startswith("#EXT-X-KEY:"):
        before = () if state.get("keys_complete", True) else state["current_key"]
        state["current_key"], state["keys_complete"] = (*before, _attributes(line)), False
        return True
    if line.startswith("#EXT-X-MAP:"):
        state["current_segment_map"] = {**_attributes(line), "keys": state.get("current_key")}
        return True
    return False


def _attributes(line: str) -> dict[str, str]:
    pairs = re.findall(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)', line.partition(":")[2])
    return {name.lower().replace("-", "_"): value.strip().strip('"') for name, value in pairs}


# --- media playlists ---------------------------------------------------------------------------------------------------


def _media(raw: Mapping[str, Any], url: str, *, rounded: bool) -> MediaPlaylist:
    if not raw["is_endlist"]:
        raise LiveNow("The stream's playlist has no end yet: it is live.")
    if raw["is_i_frames_only"]:
        raise NotAVideo("The playlist holds key frames for seeking, no film.")
    listed = [entry for entry in raw["segments"] if "uri" in entry or "duration" in entry]
    if not listed:
        raise Incomplete("The playlist names no segments.")
    segments: list[Segment] = []
    for number, entry in enumerate(listed):
        sequence = int(raw["media_sequence"] or 0) + number
        segments.append(_segment(entry, sequence, url, segments[-1] if segments else None))
    return MediaPlaylist(tuple(segments), rounded)


def _segment(entry: Mapping[str, Any], sequence: int, base: str, before: Segment | None) -> Segment:
    if entry.get("gap_tag"):
        raise Incomplete("The playlist says itself that a segment is missing.")
    duration_s = float(entry["duration"])
    if not math.isfinite(duration_s) or duration_s < 0:
        raise ValueError("a segment has no proper duration")
    url = _resolve(entry["uri"], base)
    init = _init(entry.get("init_section"), base)
    return Segment(
        url=url,
        span=_span(entry.get("byterange"), url, before),
        duration_s=duration_s,
        sequence=sequence,
        key=_key(entry.get("key"), base),
        init=init,
        new_run=before is not None and (bool(entry.get("discontinuity")) or init != before.init),
    )


def _span(text: str | None, url: str, before: Segment | None) -> Span | None:
    """``length@start``; without a start it goes on behind the segment before, in the same resource."""
    if text is None:
        return None
    length, _, start = text.strip().partition("@")
    if start:
        return _checked(Span(int(start), int(length)))
    if before is None or before.url != url or before.span is None:
        raise ValueError("a byte range has no beginning")
    return _checked(Span(before.span.start + before.span.length, int(length)))


def _checked(span: Span) -> Span:
    if span.start < 0 or span.length <= 0:
        raise ValueError("a byte range is empty")
    return span


def _init(raw: Mapping[str, Any] | None, base: str) -> Init | None:
    if raw is None:
        return None
    length, _, start = raw.get("byterange", "").partition("@")
    span = _checked(Span(int(start or 0), int(length))) if length else None
    return Init(_resolve(raw["uri"], base), span, _key(raw["keys"], base))


def _key(offered: Sequence[Mapping[str, str]] | None, base: str) -> Key | None:
    """The one that can be used without a licence; Drm when there is none."""
    for key in offered or ():
        if key.get("method") == "NONE":
            return None
        if key.get("method") == "AES-128" and key.get("keyformat", "identity") == "identity":
            return Key(_resolve(key["uri"], base), _iv(key.get("iv")))
    if offered:
        raise Drm(f"The stream is protected ({offered[-1].get('method', 'unknown method')}).")
    return None


def _iv(text: str | None) -> bytes | None:
    if text is None:
        return None
    if not text.lower().startswith("0x"):
        raise ValueError("an initialisation vector is no hexadecimal number")
    return int(text, 16).to_bytes(IV_BYTES, "big")


# --- master playlists --------------------------------------------------------------------------------------------------


def _master(raw: Mapping[str, Any], url: str) -> Master:
    variants = tuple(
        _variant(entry, raw["media"], url) for entry in raw["playlists"] if _has_pictures(entry["stream_info"])
    )
    if not variants:
        raise NotAVideo("The playlist offers sound only.")
    return Master(variants)


def _has_pictures(info: Mapping[str, Any]) -> bool:
    return "resolution" in info or not info.get("codecs") or bool(_VIDEO_CODEC.search(info["codecs"]))


def _variant(entry: Mapping[str, Any], media: Sequence[Mapping[str, str]], base: str) -> Variant:
    info = entry["stream_info"]
    size = re.fullmatch(r"\d+x(\d+)", info.get("resolution", ""), re.IGNORECASE)
    return Variant(
        url=_resolve(entry["uri"], base),
        height=int(size[1]) if size else 0,
        bandwidth=int(info.get("bandwidth", 0)),
        codecs=info.get("codecs", ""),
        audio_url=_audio(info.get("audio"), media, base),
    )


def _audio(group: str | None, media: Sequence[Mapping[str, str]], base: str) -> str | None:
    """The rendition a player would start with. One without an address is inside the variant itself."""
    choices = [entry for entry in media if entry.get("type") == "AUDIO" and entry.get("group_id") == group]
    choices.sort(key=lambda entry: (entry.get("default") != "YES", entry.get("autoselect") != "YES"))
    uri = choices[0].get("uri") if choices else None
    return _resolve(uri, base) if uri else None


def _resolve(uri: str, base: str) -> str:
    """An absolute http or https address. NotAVideo for anything odd: ``data:``, ``file:``, blanks, hidden newlines."""
    try:
        if _HIDDEN_CONTROL.search(uri):
            raise BadUrl("The address contains a hidden control character.")
        return str(parse_http_url(urljoin(base, uri), max_chars=MAX_MEDIA_URL_CHARS))
    except (BadUrl, ValueError) as exc:
        raise NotAVideo(f"The playlist names an odd address: {exc}") from exc
