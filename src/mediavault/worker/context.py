"""The ports and settings that a worker works with, put together by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from mediavault.browser.port import Browser
from mediavault.core.bandwidth_limiter import BandwidthLimiter
from mediavault.core.clock import Clock
from mediavault.core.job import Job
from mediavault.core.listings import enclosed_in
from mediavault.core.media import Chapter, Cue, DownloadedFile, ProbeReport
from mediavault.core.name_template import DEFAULT_NAME_TEMPLATE
from mediavault.core.profiles import BEST, Profile
from mediavault.core.settings import ChangeableSettings
from mediavault.core.shows import Layout
from mediavault.download.port import Downloader, DownloadLimits, FetchSubtitles
from mediavault.egress.port import HttpClient
from mediavault.extraction.port import ExtractExtras, Extractor, Lister
from mediavault.library.port import Library
from mediavault.store.port import Store
from mediavault.store.profiles import profile_in_force
from mediavault.tracing.port import NoTracing, Tracing
from mediavault.worker.extraction_slots import ExtractionSlots
from mediavault.worker.hooks import Hooks


async def _no_sessions() -> frozenset[str]:
    return frozenset()


class Probe(Protocol):
    """Examines media files, in a child process with a time limit."""

    async def examine(self, file: DownloadedFile) -> ProbeReport:
        """Report what the file is, and every reason why it is not a whole, playable video."""

    async def still(self, video: Path, *, into: Path, at_s: float) -> Path | None:
        """Write the frame at ``at_s`` seconds as a JPEG; None when it cannot be made."""

    async def shrink(self, picture: Path, *, into: Path, longest_px: int) -> Path | None:
        """Write a JPEG of a picture with sides of at most ``longest_px``;
        None when it cannot be made.
        """


class ExtractSound(Protocol):
    """Copies the sound of a file into a separate file, or converts it to ``codec``,
    in a child process.
    """

    async def __call__(
        self,
        source: Path,
        into: Path,
        *,
        tags: Mapping[str, str],
        chapters: Sequence[Chapter],
        cover: Path | None,
        codec: str | None = None,
    ) -> Path:
        """Write the file at ``into`` and the suffix of its codec, and return its path;
        raises a Failure.
        """


class EmbedTexts(Protocol):
    """Copies a file with subtitles and chapters inside, in a child process."""

    async def __call__(
        self,
        source: Path,
        into: Path,
        *,
        texts: Mapping[str, Sequence[Cue]],
        chapters: Sequence[Chapter],
    ) -> None:
        """Write the copy; raises a Failure. ``texts`` are by language."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The retry timing. ``base`` is the first wait;
    ``jitter`` spreads the retries of jobs that failed together.
    """

    base: timedelta
    jitter: Callable[[], float]  # a random number in [0, 1)


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The worker's dependencies. ``live`` returns the settings that users can change;
    with None they never change.
    """

    store: Store
    clock: Clock
    extractors: Mapping[str, Extractor]
    client: HttpClient
    browser: Browser
    downloader: Downloader
    probe: Probe
    # joins whole files into one MP4; raises a Failure
    remux: Callable[[Sequence[Path], Path], Awaitable[object]]
    extract_sound: ExtractSound
    embed_texts: EmbedTexts
    fetch_subtitles: FetchSubtitles
    extract_extras: ExtractExtras
    library: Library
    limits: DownloadLimits
    bandwidth: BandwidthLimiter
    retry: RetryPolicy
    extraction_timeout_s: float
    profile: Profile = BEST  # of the job, once an attempt has begun
    save_quoted: bool = False
    sponsorblock_url: str = ""
    name_template: str = DEFAULT_NAME_TEMPLATE
    first_player_sites: tuple[str, ...] = ()  # as in the settings
    layout: Layout = Layout.ACCOUNTS
    nfo: bool = False  # whether each video gets files for media servers
    # platform -> factor on the wait between two posts
    pace: Mapping[str, float] = field(default_factory=dict)
    live: Callable[[], Awaitable[ChangeableSettings]] | None = None
    # platforms with a session on this machine
    signed_in: Callable[[], Awaitable[frozenset[str]]] = _no_sessions
    hooks: Hooks = field(default_factory=Hooks)
    listers: Sequence[Lister] = ()  # that read what is followed, the cheapest first
    tracing: Tracing = field(default_factory=NoTracing)
    extraction_slots: ExtractionSlots = field(default_factory=ExtractionSlots)


async def for_attempt(context: WorkerContext, job: Job) -> WorkerContext:
    """Return the context with the job's profile and the current live settings; an attempt keeps
    those that it began with.

    Sound that a feed encloses is saved as sound in every profile: the episode has nothing else.
    Raises StoreError.
    """
    in_force, enclosed = await _in_force(context, job), enclosed_in(job.metadata)
    if enclosed is None or not enclosed.is_sound:
        return in_force
    return replace(in_force, profile=replace(in_force.profile, sound_only=True))


async def _in_force(context: WorkerContext, job: Job) -> WorkerContext:
    if context.live is None:
        return context
    now = await context.live()
    profile = await profile_in_force(context.store.records, job.profile, now, job.platform)
    return replace(
        context,
        profile=profile,
        name_template=profile.name_template or now.name_template,
        first_player_sites=now.first_player_sites,
        layout=now.layout,
        nfo=now.nfo,
        pace=now.pace,
    )
