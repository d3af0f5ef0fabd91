"""The contract of every downloader: what it is given and what it promises."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from mediavault.core.cookies import Cookie
from mediavault.core.failures import BadFile
from mediavault.core.media import (
    Candidate,
    Cue,
    DownloadedFile,
    Expected,
    ItemType,
    OnProgress,
    Preference,
    RefusedCopy,
    SourceType,
    SubtitleSource,
)
from mediavault.core.messages import Message
from mediavault.core.platform import MAX_CONNECTIONS, Platform
from mediavault.core.recordings import Recording, RecordingEnd
from mediavault.core.urls import EgressScope


class AlreadyRefused(BadFile):
    """The server still has the copy that was refused before. Its body was not read."""

    def __init__(self, copy: RefusedCopy) -> None:
        super().__init__(copy.reason)
        self.copy = copy


MIN_RANGE_BYTES = 1 << 20  # each range repeats 64 KiB of the one before, to compare them


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """Sizes in bytes, times in seconds."""

    max_bytes: int
    reserve_bytes: int = 500 << 20  # free space that is never used
    connect_s: float = 15.0
    stall_s: float = 30.0  # without a single byte
    slow_bytes_per_s: int = 1_024  # less than this over slow_s: given up
    slow_s: float = 60.0
    # without a megabyte of progress in between; a request of a stream is repeated twice at most
    resumes: int = 5
    segment_concurrency: int = 4


@dataclass(slots=True)
class RecordingOrder:
    """How a stream that is running is recorded.

    ``folder`` holds what is recorded, and stays until its owner removes it: a later call with the
    same folder goes on. ``begin`` is awaited before the first segment, and may raise a Failure.
    ``began_at`` is when the stream began, where the site says so. Once ``stop`` is set, the
    recording ends for ``reason`` and keeps what was recorded.
    """

    folder: Path
    begin: Callable[[], Awaitable[None]]
    on_change: Callable[[Recording], None]
    began_at: datetime | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    reason: RecordingEnd = RecordingEnd.STOPPED

    def give_up(self) -> None:
        """End the recording because the site refuses the stream, unless it was to end anyway."""
        if not self.stop.is_set():
            self.reason = RecordingEnd.REFUSED
            self.stop.set()


@dataclass(frozen=True, slots=True)
class MediaRequest:
    """One candidate to be fetched. ``scope`` is the post's, which decides the egress guard's
    exemptions.

    ``type`` is what it is to be: of a picture's URL nothing but a picture is accepted.
    ``site`` is the platform whose bandwidth limits apply. ``audio_url`` is the file with the sound
    of a silent one; both are fetched and joined. A file is asked for in ranges of at most
    ``max_range_bytes`` (None: in one request; at least MIN_RANGE_BYTES). At most
    ``max_connections`` requests for media go to one host at a time, over all requests to one
    fetcher. With ``recording`` a stream that is running is recorded. Of a single file, a copy that
    was ``refused`` before is not read again: AlreadyRefused is raised.
    """

    url: str
    source_type: SourceType
    scope: EgressScope
    audio_url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[Cookie, ...] = ()
    expected: Expected = field(default_factory=Expected)
    prefer: Preference = field(default_factory=Preference)
    type: ItemType = ItemType.VIDEO
    max_range_bytes: int | None = None
    max_connections: int = MAX_CONNECTIONS
    site: str = ""
    recording: RecordingOrder | None = None
    refused: tuple[RefusedCopy, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for ranges below MIN_RANGE_BYTES, and for less than one connection."""
        if self.max_range_bytes is not None and self.max_range_bytes < MIN_RANGE_BYTES:
            raise ValueError(
                Message(
                    "ranges of %(max_range_bytes)s bytes get nowhere",
                    max_range_bytes=self.max_range_bytes,
                )
            )
        if self.max_connections < 1:
            raise ValueError(Message("nothing can be fetched without a connection"))


def media_headers(
    candidate: Candidate, platform: Platform, *, page_url: str, user_agent: str | None
) -> dict[str, str]:
    """Return the headers of a request for a candidate: the player's, then the platform's, and the
    browser's user agent to look alike. ``page_url`` is where the post was read.
    """
    headers = {
        "referer": media_referer(platform, page_url=page_url) or "",
        **candidate.headers,
        **platform.media.headers,
    }
    if user_agent:
        headers.setdefault("user-agent", user_agent)
    return {name: value for name, value in headers.items() if value}


def media_referer(platform: Platform, *, page_url: str) -> str | None:
    """Return the Referer that the platform's media want: the post unless they want another one."""
    wanted = platform.media.referer
    return page_url if wanted in (None, "post") else wanted


class FetchSubtitles(Protocol):
    """Fetches subtitles with our own HTTP client."""

    async def __call__(
        self,
        source: SubtitleSource,
        *,
        scope: EgressScope,
        headers: Mapping[str, str] | None = None,
        cookies: Sequence[Cookie] = (),
    ) -> tuple[Cue, ...]:
        """Return the cues, at least one, by their start. ``scope`` is the post's, as in
        MediaRequest.

        Raises a Failure: RateLimited, LinkExpired, HttpError, NotAVideo (what the site sent are no
        subtitles), TooLarge, AddressRefused, NetworkFailure, TookTooLong; and BadUrl.
        """


class Downloader(Protocol):
    """Fetches a candidate with our own HTTP client into a folder."""

    async def fetch(
        self, request: MediaRequest, *, into: Path, limits: DownloadLimits, on_progress: OnProgress
    ) -> DownloadedFile:
        """Save the media of ``request`` as one file below ``into``.

        The result is whole as far as the transport can tell: announced length reached, no segment
        missing. A partial file that an earlier call for the same media left in ``into`` is resumed
        when that is provably safe. Raises a Failure: LinkExpired, RateLimited, HttpError,
        EmptyBody, NotAVideo, Incomplete, TooLarge, NoSpace, LiveNow, Drm, AddressRefused,
        NetworkFailure, TookTooLong.
        """
