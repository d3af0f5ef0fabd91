"""The contract of every downloader: what it is given and what it promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mediavault.core.cookies import Cookie
from mediavault.core.media import Candidate, DownloadedFile, Expected, OnProgress, Preference, SourceType
from mediavault.core.messages import Message
from mediavault.core.platform import MAX_CONNECTIONS, Platform

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
    resumes: int = 5  # without a megabyte of progress in between
    segment_concurrency: int = 4


@dataclass(frozen=True, slots=True)
class MediaRequest:
    """One candidate to be fetched. ``scope_url`` is the post's URL, which decides the egress guard's exemptions.

    ``audio_url`` is the file with the sound of a silent one; both are fetched and joined. A file is asked for in ranges
    of at most ``max_range_bytes`` (None: in one request; at least MIN_RANGE_BYTES). At most ``max_connections`` requests
    for media go to one host at a time, over all requests to one fetcher.
    """

    url: str
    source_type: SourceType
    scope_url: str
    audio_url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[Cookie, ...] = ()
    expected: Expected = field(default_factory=Expected)
    prefer: Preference = Preference.BEST
    max_range_bytes: int | None = None
    max_connections: int = MAX_CONNECTIONS

    def __post_init__(self) -> None:
        """Raise ValueError for ranges below MIN_RANGE_BYTES, and for less than one connection."""
        if self.max_range_bytes is not None and self.max_range_bytes < MIN_RANGE_BYTES:
            raise ValueError(
                Message("ranges of %(max_range_bytes)s bytes get nowhere", max_range_bytes=self.max_range_bytes)
            )
        if self.max_connections < 1:
            raise ValueError(Message("nothing can be fetched without a connection"))


def media_headers(candidate: Candidate, platform: Platform, *, page_url: str, user_agent: str | None) -> dict[str, str]:
    """Return the headers of a request for a candidate: the player's, then the platform's, and the browser's user agent to
    look alike. ``page_url`` is where the post was read.
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


class Downloader(Protocol):
    """Fetches a candidate with our own HTTP client into a folder."""

    async def fetch(
        self, request: MediaRequest, *, into: Path, limits: DownloadLimits, on_progress: OnProgress
    ) -> DownloadedFile:
        """Save the media of ``request`` as one file below ``into``.

        The result is whole as far as the transport can tell: announced length reached, no segment missing. A partial
        file that an earlier call for the same media left in ``into`` is resumed when that is provably safe.
        Raises a Failure: LinkExpired, RateLimited, HttpError, EmptyBody, NotAVideo, Incomplete, TooLarge, NoSpace,
        LiveNow, Drm, AddressRefused, NetworkFailure, TookTooLong.
        """
