"""The model of a segmented stream, HLS or DASH, once its manifest has been read: qualities, tracks,
segments. Pure.

A manifest is untrusted text: its size, its lines and its number of segments are bounded, and every
URL in it is resolved and parsed here, and guarded by the client when it is fetched.

Qualities are ordered as in ``extraction.ranking``: whether it can be decoded, sound, what plays
everywhere where that is preferred, and only then size. Codecs are named as in RFC 6381 and the
registry of https://mp4ra.org.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import datetime

from mediavault.core.failures import BadUrl, NotAVideo
from mediavault.core.media import Preference, SubtitleSource
from mediavault.core.messages import Message
from mediavault.core.urls import MAX_MEDIA_URL_CHARS, HttpUrl, parse_http_url, resolve_reference

# --- qualities ------------------------------------------------------------------------------------

_VIDEO_CODEC = re.compile(
    r"\b(avc[1-4]|hvc[12]|hev[12]|vp0?[89]|av01|av1\b|mp4v|dvh[1e]|dva[1v]|theora|vv[ci]1|bvc2|bytevc2)",
    re.IGNORECASE,
)
_AUDIO_CODEC = re.compile(r"\b(mp4a|ac-[34]|ec-3|opus|vorbis|flac|alac|mp3|aac)", re.IGNORECASE)
_RARE_SOUND = re.compile(r"\b(ec-3|ac-[34]|dts[a-z]|mh[am][12]|mp4a\.a[5-9])\b", re.IGNORECASE)
_DOLBY_VISION = re.compile(r"\bdv(h[1e]|a[1v])", re.IGNORECASE)
# H.266 and TikTok's variant of it
_UNDECODABLE = re.compile(r"\b(vv[ci]1|bvc2|bytevc2)", re.IGNORECASE)
# H.264; AAC except xHE-AAC, whose object type is 42; MP3
_PLAYS_EVERYWHERE = re.compile(
    r"avc[1-4](\..*)?|mp4a(\.40(\.(?!42$).*)?|\.6[79b])?|aac|mp3", re.IGNORECASE
)
PLAYS_EVERYWHERE = "h264"
_CODEC = {
    "hevc": re.compile(r"\b(hvc|hev)[12]", re.IGNORECASE),
    "vp9": re.compile(r"\bvp0?9", re.IGNORECASE),
    "av1": re.compile(r"\bav0?1", re.IGNORECASE),
}
_NO_MEDIA = re.compile(r"(stpp|wvtt|tx3g|c608|c708)(\..*)?", re.IGNORECASE)  # text tracks


MAX_CODECS_CHARS = 256  # each quality's are compared several times


@dataclass(frozen=True, slots=True)
class QualityLevel:
    """One quality of a stream as its manifest describes it; 0 and "" where it says nothing. Of long
    codecs the beginning counts.
    """

    width: int = 0
    height: int = 0
    bandwidth: int = 0
    codecs: str = ""
    fps: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "codecs", self.codecs[:MAX_CODECS_CHARS])

    @property
    def shorter_side(self) -> int:
        """The height in landscape: 1080 for 1080p, even when the video is in portrait format."""
        return min(self.height, self.width or self.height)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which quality to choose. ``sound``: whether the post has sound;
    None when that is not known.
    """

    prefer: Preference = field(default_factory=Preference)
    sound: bool | None = None

    def rank(
        self, level: QualityLevel, *, has_sound: bool | None
    ) -> tuple[bool, bool, bool, int, int, bool, int]:
        """Return the rank of a quality; larger is better. ``has_sound`` includes separate sound;
        None: not known.

        Dolby Vision's own profiles count as undecodable: players that do not support them show
        wrong colours. Bit rates are compared unadjusted: a manifest's are peaks, which cannot be
        compared by the codecs' efficiency.
        """
        fits, size = self.prefer.height_rank(level.shorter_side)
        return (
            not _UNDECODABLE.search(level.codecs) and not _DOLBY_VISION.search(level.codecs),
            has_sound is not False or self.sound is False,
            fits,
            self.codec_rank(level.codecs),
            size,
            not has_rare_sound(level.codecs),
            level.bandwidth,
        )

    def codec_rank(self, codecs: str) -> int:
        """Return how much these codecs are preferred to anything larger; 0: not at all.

        Where H.264 is preferred, so is sound that plays wherever H.264 does.
        """
        named = {
            codec
            for codec in self.prefer.codecs
            if codec != PLAYS_EVERYWHERE and _CODEC[codec].search(codecs)
        }
        if plays_everywhere(codecs):
            named.add(PLAYS_EVERYWHERE)
        return max(map(self.prefer.codec_rank, named), default=0)


def plays_everywhere(codecs: str) -> bool:
    """Return whether phones and television sets play it (H.264, AAC, MP3).

    Codecs that a manifest does not name nearly always are among these.
    """
    named = [
        name for name in map(str.strip, codecs.split(",")) if name and not _NO_MEDIA.fullmatch(name)
    ]
    return all(map(_PLAYS_EVERYWHERE.fullmatch, named))


def has_video_codec(codecs: str) -> bool:
    return bool(_VIDEO_CODEC.search(codecs))


def has_audio_codec(codecs: str) -> bool:
    return bool(_AUDIO_CODEC.search(codecs))


def has_rare_sound(codecs: str) -> bool:
    """Return whether these codecs include surround sound that browsers cannot decode."""
    return bool(_RARE_SOUND.search(codecs))


# --- tracks and segments --------------------------------------------------------------------------

MAX_PLAYLIST_BYTES = 5_000_000
MAX_SEGMENTS = 20_000

_HIDDEN_CONTROL = re.compile(r"%(0[0-9a-f]|1[0-9a-f]|7f)", re.IGNORECASE)


_MAX_FILE_BYTES = 1 << 63  # and a number that can be written down


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a resource: ``length`` bytes from ``start``.
    Raises ValueError for an empty one, and for one past any file.
    """

    start: int
    length: int

    def __post_init__(self) -> None:
        if self.start < 0 or self.length <= 0:
            raise ValueError(Message("a byte range is empty"))
        if self.start + self.length > _MAX_FILE_BYTES:
            raise ValueError(Message("a byte range is past the end of any file"))

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

    ``part`` counts the discontinuities and periods before it: in each, the clock may restart.
    ``origin_s`` is the media time at which its part begins to be shown, where the manifest says so.
    ``uncertain`` marks a last segment that the manifest does not list: it follows from a length
    that applies to other tracks as well, and may not exist. ``missing``: the site says that it has
    lost it.
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
    missing: bool = False


@dataclass(frozen=True, slots=True)
class LiveWindow:
    """What a playlist says about the stream of which it lists a part.

    ``starts_s`` is where a player is to begin, from the end of
    the list if it is negative. ``begins_at`` is when the first listed segment was recorded.
    """

    target_s: float
    ended: bool
    starts_s: float | None = None
    begins_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MediaPlaylist:
    """One track, or pictures and sound in one. ``whole_file``: each segment is a complete file with
    its own index.

    ``window`` is known of HLS playlists only. ``has_sound``: whether the manifest says that this
    track or a separate one holds sound.
    """

    segments: tuple[Segment, ...]
    # durations are whole seconds, as before HLS version 3: each may be off by half a second
    rounded: bool = False
    whole_file: bool = False
    # the manifest's own duration, where that is more than the sum of its segments
    announced_s: float | None = None
    window: LiveWindow | None = None
    has_sound: bool = False

    @property
    def is_live(self) -> bool:
        """Whether it may still grow."""
        return self.window is not None and not self.window.ended

    @property
    def duration_s(self) -> float:
        if self.announced_s is not None:
            return self.announced_s
        return math.fsum(segment.duration_s for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Variant:
    """One quality of a master playlist. ``audio_url``: the playlist of its sound,
    where that is separate.
    """

    url: str
    level: QualityLevel
    audio_url: str | None
    has_sound: bool | None = None  # inside or separate; None: the master does not say


@dataclass(frozen=True, slots=True)
class Master:
    """``sounds`` are the variants without pictures, ``subtitles`` name playlists of texts,
    ``variables`` are those that its playlists may import (EXT-X-DEFINE).
    """

    variants: tuple[Variant, ...]
    sounds: tuple[Variant, ...] = ()
    subtitles: tuple[SubtitleSource, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)

    def best(self, wanted: Wanted) -> Variant:
        """Return the variant to take. Raises NotAVideo when there is none with pictures."""
        if not self.variants:
            raise NotAVideo(
                "The playlist offers sound only."
                if self.sounds
                else "The playlist offers no variant."
            )
        return max(
            self.variants,
            key=lambda variant: wanted.rank(variant.level, has_sound=variant.has_sound),
        )

    @property
    def best_sound(self) -> str | None:
        """Return the URL of the sound alone: a separate rendition,
        else a variant without pictures; None without either.
        """
        separate = [variant for variant in self.variants if variant.audio_url is not None]
        if separate:
            return max(separate, key=lambda variant: variant.level.bandwidth).audio_url
        best = max(self.sounds, key=lambda variant: variant.level.bandwidth, default=None)
        return best.url if best is not None else None


def base_of(url: str) -> HttpUrl:
    """Parse the URL of a manifest, the base of the URLs in it. Raises BadUrl."""
    return parse_http_url(url, max_chars=MAX_MEDIA_URL_CHARS)


def resolve(uri: str, base: HttpUrl) -> str:
    """Return an absolute http or https URL. Raises NotAVideo for ``data:``, ``file:``,
    hidden newlines and the like.
    """
    try:
        if _HIDDEN_CONTROL.search(uri):
            raise BadUrl("The address contains a hidden control character.")
        return str(resolve_reference(base, uri))
    except BadUrl as exc:
        raise NotAVideo(
            Message("The playlist contains an invalid URL: %(error)s", error=exc.message)
        ) from exc
