"""The records that travel down the pipeline: Post -> Extraction -> Candidate -> DownloadedFile -> VerifiedFile -> KeptFile.

Each stage takes the record of the stage before it, so that the wrong order does not type-check.
Sizes are bytes, durations seconds, bit rates bits per second. ``None`` means unknown, never zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

OnProgress = Callable[[int, int | None], None]  # (bytes so far, bytes in all or None)


class SourceType(StrEnum):
    """How a candidate's bytes are delivered."""

    DIRECT = "direct"
    HLS = "hls"
    DASH = "dash"
    UNKNOWN = "unknown"


class FoundIn(StrEnum):
    """Where a candidate was seen, most trusted first."""

    API = "api"
    PAGE_DATA = "page_data"
    NETWORK = "network"
    DOM = "dom"
    META = "meta"


class Watermark(StrEnum):
    NO = "no"
    UNKNOWN = "unknown"
    YES = "yes"


class Ownership(IntEnum):
    """How surely a candidate belongs to the post; smaller is surer. Up to LONE it may be saved without asking."""

    ID_MATCH = 0  # below the node of page data whose own id is the post's id
    KEY_MATCH = 1  # its media key stands below that node
    PLAYER = 2  # the player that the page itself shows as the post's
    LONE = 3  # the only video left after the reject list
    UNKNOWN = 4


@dataclass(frozen=True, slots=True)
class Account:
    """Who posted. ``slug`` is the account's folder in the library: safe on every file system, never empty."""

    platform: str
    handle: str | None
    display_name: str | None
    slug: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What the post announced about its video; the file is held against it."""

    duration_s: float | None = None
    audio: bool | None = None  # True: must have sound; False: must not miss it (a GIF video); None: not known
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One address under which the post's video may be had."""

    url: str
    source_type: SourceType
    found_in: FoundIn
    ownership: Ownership = Ownership.UNKNOWN
    media_key: str | None = None
    mime: str | None = None
    container: str | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    has_video: bool | None = None
    has_audio: bool | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    bitrate: int | None = None
    size: int | None = None
    duration_s: float | None = None
    watermark: Watermark = Watermark.UNKNOWN
    original: bool = False  # the uploader's own file
    signed: bool = False
    expires_at: datetime | None = None
    drm: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)  # what the player sent; never Cookie or Authorization
    note: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """A post's address, read by the platform registry without any network."""

    url: str
    canonical_url: str
    platform: str  # Platform.name
    post_id: str | None = None
    handle: str | None = None


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found out about a post."""

    post: Post
    final_url: str
    candidates: tuple[Candidate, ...]
    account: Account
    title: str | None = None
    text: str | None = None
    published_at: datetime | None = None
    thumbnail_url: str | None = None
    image_urls: tuple[str, ...] = ()
    expected: Expected = field(default_factory=Expected)
    user_agent: str | None = None
    extractor: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)  # JSON values only


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """Bytes in the staging folder, whole as far as the transport can tell."""

    path: Path
    url: str
    bytes: int
    content_type: str | None
    expected: Expected
    segmented: bool = False
    proven_whole: bool = True  # False: no length was announced, or it was resumed: look deeper


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What a media file is. ``problems`` lists why it is no whole, playable video; empty means it is one."""

    container: str | None
    video_codec: str | None
    audio_codec: str | None
    duration_s: float | None
    width: int | None
    height: int | None
    fps: float | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


class ProblemKind(StrEnum):
    NOT_A_VIDEO = "not_a_video"
    INCOMPLETE = "incomplete"
    DAMAGED = "damaged"
    PROTECTED = "protected"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Problem:
    kind: ProblemKind
    reason: str  # completes the sentence "The file was refused because …"


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """A downloaded file that was examined and found to be a whole, playable video."""

    downloaded: DownloadedFile
    report: ProbeReport

    @property
    def path(self) -> Path:
        return self.downloaded.path


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A verified file's place in the library. Paths are relative to the download folder, with forward slashes."""

    output_path: str
    thumbnail_path: str | None
    bytes: int
    sha256: str
    duration_s: float | None
    width: int | None
    height: int | None
