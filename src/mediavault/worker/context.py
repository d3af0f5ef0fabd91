"""The ports and settings that a worker works with, put together by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from mediavault.core.clock import Clock
from mediavault.core.media import DownloadedFile, Preference, ProbeReport
from mediavault.core.name_template import DEFAULT_NAME_TEMPLATE
from mediavault.core.settings import ChangeableSettings
from mediavault.services.browser.port import Browser
from mediavault.services.download.port import Downloader, DownloadLimits
from mediavault.services.egress.port import HttpClient
from mediavault.services.extraction.port import Extractor
from mediavault.services.library.port import Library
from mediavault.services.tracing.port import NoTracing, Tracing
from mediavault.store.port import Store
from mediavault.worker.extraction_slots import ExtractionSlots


async def _no_sessions() -> frozenset[str]:
    return frozenset()


class Probe(Protocol):
    """Examines media files, in a child process with a time limit."""

    async def examine(self, file: DownloadedFile) -> ProbeReport:
        """Report what the file is, and every reason why it is not a whole, playable video."""

    async def still(self, video: Path, *, into: Path, at_s: float) -> Path | None:
        """Write the frame at ``at_s`` seconds as a JPEG; None when it cannot be made."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The retry timing. ``base`` is the first wait; ``jitter`` spreads the retries of jobs that failed together."""

    base: timedelta
    jitter: Callable[[], float]  # a random number in [0, 1)


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The worker's dependencies. ``live`` returns the settings that users can change; with None they never change."""

    store: Store
    clock: Clock
    extractors: Mapping[str, Extractor]
    client: HttpClient
    browser: Browser
    downloader: Downloader
    probe: Probe
    remux: Callable[[Sequence[Path], Path], Awaitable[object]]  # joins whole files into one MP4; raises a Failure
    vault: Library
    limits: DownloadLimits
    retry: RetryPolicy
    extraction_timeout_s: float
    prefer: Preference = Preference.BEST
    save_quoted: bool = False
    name_template: str = DEFAULT_NAME_TEMPLATE
    pace: Mapping[str, float] = field(default_factory=dict)  # platform -> factor on the wait between two posts
    live: Callable[[], Awaitable[ChangeableSettings]] | None = None
    signed_in: Callable[[], Awaitable[frozenset[str]]] = _no_sessions  # platforms with a session on this machine
    tracing: Tracing = field(default_factory=NoTracing)
    extraction_slots: ExtractionSlots = field(default_factory=ExtractionSlots)


async def with_live_settings(tools: WorkerContext) -> WorkerContext:
    """Return the context with the current live settings; an attempt keeps those that it began with."""
    if tools.live is None:
        return tools
    now = await tools.live()
    return replace(tools, prefer=now.prefer, name_template=now.name_template, pace=now.pace)
