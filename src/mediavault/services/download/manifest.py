"""The model of a segmented stream, HLS or DASH, once its manifest has been read: qualities, tracks, segments. Pure.

A manifest is untrusted text: its size, its lines and its number of segments are bounded, and every URL in it is resolved
and parsed here, and guarded by the client when it is fetched.

Qualities are ordered as in ``services.extraction.ranking``: whether it can be decoded, sound, what plays everywhere
where that is preferred, and only then size. Codecs are named as in RFC 6381 and the registry of https://mp4ra.org.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from mediavault.core.failures import BadUrl, NotAVideo
from mediavault.core.media import Preference
from mediavault.core.messages import Message
from mediavault.core.urls import MAX_MEDIA_URL_CHARS, HttpUrl, parse_http_url, resolve_reference

# --- qualities ---------------------------------------------------------------------------------------------------------

_VIDEO_CODEC = re.compile(
    r"\b(avc[1-4]|hvc[12]|hev[12]|vp0?[89]|av01|av1\b|mp4v|dvh[1e]|dva[1v]|theora|vv[ci]1|bvc2|bytevc2)", re.IGNORECASE
)
_AUDIO_CODEC = re.compile(r"\b(mp4a|ac-[34]|ec-3|opus|vorbis|flac|alac|mp3|aac)", re.IGNORECASE)
_RARE_SOUND = re.compile(r"\b(ec-3|ac-[34]|dts[a-z]|mh[am][12]|mp4a\.a[5-9])\b", re.IGNORECASE)
_DOLBY_VISION = re.compile(r"\bdv(h[1e]|a[1v])", re.IGNORECASE)
_UNDECODABLE = re.compile(r"\b(vv[ci]1|bvc2|bytevc2)", re.IGNORECASE)  # H.266 and TikTok's variant of it
# H.264; AAC except xHE-AAC, whose object type is 42; MP3
_PLAYS_EVERYWHERE = re.compile(r"avc[1-4](\..*)?|mp4a(\.40(\.(?!42$).*)?|\.6[79b])?|aac|mp3", re.IGNORECASE)
_NO_MEDIA = re.compile(r"(stpp|wvtt|tx3g|c608|c708)(\..*)?", re.IGNORECASE)  # text tracks


@dataclass(frozen=True, slots=True)
class QualityLevel:
    """One quality of a stream as its manifest describes it; 0 and "" where it says nothing."""

    width: int = 0
    height: int = 0
    bandwidth: int = 0
    codecs: str = ""
    fps: float = 0.0

    @property
    def shorter_side(self) -> int:
        """The height in landscape: 1080 for 1080p, even when the video is in portrait format."""
        return min(self.height, self.width or self.height)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which quality to choose. ``sound``: whether the post has sound; None when that is not known."""

    prefer: Preference = Preference.BEST
    sound: bool | None = None

    def rank(self, rung: QualityLevel, *, has_sound: bool | None) -> tuple[bool, bool, bool, int, bool, int]:
        """Return the rank of a quality; larger is better. ``has_sound`` includes separate sound; None: not known.

        Dolby Vision's own profiles count as undecodable: players that do not support them show wrong colours. Bit
        rates are compared unadjusted: a manifest's are peaks, which cannot be compared by the codecs' efficiency.
        """
        return (
            not _UNDECODABLE.search(rung.codecs) and not _DOLBY_VISION.search(rung.codecs),
            has_sound is not False or self.sound is False,
            self.prefers(rung.codecs),
            rung.shorter_side,
            not has_rare_sound(rung.codecs),
            rung.bandwidth,
        )

    def prefers(self, codecs: str) -> bool:
        """Return whether these codecs are preferred to anything larger."""
        return self.prefer is Preference.COMPATIBLE and plays_everywhere(codecs)


def plays_everywhere(codecs: str) -> bool:
    """Return whether phones and television sets play it (H.264, AAC, MP3).

    Codecs that a manifest does not name nearly always are among these.
    """
    named = [name for name in map(str.strip, codecs.split(",")) if name and not _NO_MEDIA.fullmatch(name)]
    return all(map(_PLAYS_EVERYWHERE.fullmatch, named))


def has_video_codec(codecs: str) -> bool:
    return bool(_VIDEO_CODEC.search(codecs))


def has_audio_codec(codecs: str) -> bool:
    return bool(_AUDIO_CODEC.search(codecs))


def has_rare_sound(codecs: str) -> bool:
    """Return whether these codecs include surround sound that browsers cannot decode."""
    return bool(_RARE_SOUND.search(codecs))


# --- tracks and segments -----------------------------------------------------------------------------------------------

MAX_PLAYLIST_BYTES = 5_000_000
MAX_SEGMENTS = 20_000

_HIDDEN_CONTROL = re.compile(r"%(0[0-9a-f]|1[0-9a-f]|7f)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a resource: ``length`` bytes from ``start``. Raises ValueError for an empty one."""

    start: int
    length: int

    def __post_init__(self) -> None:
        if self.start < 0 or self.length <= 0:
            raise ValueError(Message("a byte range is empty"))

    @property
    def header(self) -> str:
        return f"bytes={self.start}-{self.start + self.length - 1}"


@dataclass(frozen=True, slots=True)
class Key:
    """An AES-128 key. ``iv`` None: the segment's sequence number is used."""

    url: str
    iv: bytes | None


@dataclass(frozen=True, slots=True)
class Init:
    """An initialisation section (EXT-X-MAP, Initialization)."""

    url: str
    span: Span | None
    key: Key | None


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a track.

    ``part`` counts the discontinuities and periods before it: in each, the clock may restart. ``origin_s`` is the media
    time at which its part begins to be shown, where the manifest says so. ``uncertain`` marks a last segment that the
    manifest does not list: it follows from a length that applies to other tracks as well, and may not exist.
    """

    url: str
    span: Span | None
    duration_s: float
    sequence: int
    key: Key | None
    init: Init | None
    part: int = 0
    origin_s: float = 0.0
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class MediaPlaylist:
    """One track, or pictures and sound in one. ``whole_file``: each segment is a complete file with its own index."""

    segments: tuple[Segment, ...]
    rounded: bool = False  # durations are whole seconds, as before HLS version 3: each may be off by half a second
    whole_file: bool = False
    announced_s: float | None = None  # the manifest's own duration, where that is more than the sum of its segments

    @property
    def duration_s(self) -> float:
        if self.announced_s is not None:
            return self.announced_s
        return math.fsum(segment.duration_s for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Variant:
    """One quality of a master playlist. ``audio_url``: the playlist of its sound, where that is separate."""

    url: str
    rung: QualityLevel
    audio_url: str | None
    has_sound: bool | None = None  # inside or separate; None: the master does not say


@dataclass(frozen=True, slots=True)
class Master:
    """``variables`` are those that its playlists may import (EXT-X-DEFINE)."""

    variants: tuple[Variant, ...]
    variables: dict[str, str] = field(default_factory=dict)

    def best(self, wanted: Wanted) -> Variant:
        return max(self.variants, key=lambda variant: wanted.rank(variant.rung, has_sound=variant.has_sound))


def base_of(url: str) -> HttpUrl:
    """Parse the URL of a manifest, the base of the URLs in it. Raises BadUrl."""
    return parse_http_url(url, max_chars=MAX_MEDIA_URL_CHARS)


def resolve(uri: str, base: HttpUrl) -> str:
    """Return an absolute http or https URL. Raises NotAVideo for ``data:``, ``file:``, hidden newlines and the like."""
    try:
        if _HIDDEN_CONTROL.search(uri):
            raise BadUrl("The address contains a hidden control character.")
        return str(resolve_reference(base, uri))
    except BadUrl as exc:
        raise NotAVideo(Message("The playlist contains an invalid URL: %(error)s", error=exc.message)) from exc
