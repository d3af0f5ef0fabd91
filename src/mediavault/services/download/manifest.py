"""What a segmented stream is once its manifest has been read, HLS or DASH: tracks of segments. Plain records, no I/O.

A manifest is a stranger's text: its size, its lines and its number of segments are bounded, and every address in it
is resolved and parsed here and guarded by the client when it is fetched.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from mediavault.core.errors import BadUrl, NotAVideo
from mediavault.core.urls import MAX_MEDIA_URL_CHARS, HttpUrl, parse_http_url, resolve_reference
from mediavault.services.download.quality import Rung, Wanted

MAX_PLAYLIST_BYTES = 5_000_000
MAX_SEGMENTS = 20_000

_HIDDEN_CONTROL = re.compile(r"%(0[0-9a-f]|1[0-9a-f]|7f)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a resource: ``length`` bytes from ``start``. ValueError for an empty one."""

    start: int
    length: int

    def __post_init__(self) -> None:
        if self.start < 0 or self.length <= 0:
            raise ValueError("a byte range is empty")

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
    """An initialisation section (EXT-X-MAP, Initialization)."""

    url: str
    span: Span | None
    key: Key | None


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a track.

    ``part`` counts the discontinuities and periods before it: in each, time may start anew. ``origin_s`` is the media
    time at which its part begins to be shown, where the manifest says so. ``uncertain`` marks a last segment that the
    manifest does not name: it follows from a length that holds for another track as well.
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
    """One track, or pictures and sound in one. ``whole_file``: its one segment is a file of its own, index and all."""

    segments: tuple[Segment, ...]
    rounded: bool = False  # durations are whole seconds, as before HLS version 3: each may be off by half a second
    whole_file: bool = False
    announced_s: float | None = None  # the manifest's own word, where that is more than the sum of its segments

    @property
    def duration_s(self) -> float:
        if self.announced_s is not None:
            return self.announced_s
        return math.fsum(segment.duration_s for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Variant:
    """One quality of a master playlist. ``audio_url``: its sound, where that is a playlist of its own."""

    url: str
    rung: Rung
    audio_url: str | None
    has_sound: bool | None = None  # inside or beside it; None: the master does not say


@dataclass(frozen=True, slots=True)
class Master:
    """``variables`` are those that its playlists may import (EXT-X-DEFINE)."""

    variants: tuple[Variant, ...]
    variables: dict[str, str] = field(default_factory=dict)

    def best(self, wanted: Wanted) -> Variant:
        return max(self.variants, key=lambda variant: wanted.rank(variant.rung, has_sound=variant.has_sound))


def base_of(url: str) -> HttpUrl:
    """The address of a manifest, as the base of those in it. Raises BadUrl."""
    return parse_http_url(url, max_chars=MAX_MEDIA_URL_CHARS)


def resolve(uri: str, base: HttpUrl) -> str:
    """An absolute http or https address. NotAVideo for anything odd: ``data:``, ``file:``, hidden newlines."""
    try:
        if _HIDDEN_CONTROL.search(uri):
            raise BadUrl("The address contains a hidden control character.")
        return str(resolve_reference(base, uri))
    except BadUrl as exc:
        raise NotAVideo(f"The playlist names an odd address: {exc.message}") from exc
