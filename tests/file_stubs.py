"""Stand-ins for the services that work on saved files: states are set by hand,
calls are recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

from mediavault.core.clock import Clock
from mediavault.core.failures import MediavaultError
from mediavault.core.job import Job, JobId
from mediavault.core.media import PreviewSheet, ProbeReport, SavedFile, TextTracks
from mediavault.download.frames import FrameRequest
from mediavault.features.sealing.bag import small_file
from mediavault.features.sealing.model import NotCaptured, SealedCopy, SealStep
from mediavault.features.sealing.sealer import Sealer
from mediavault.features.sealing.service import SealedCopies
from mediavault.features.sealing.timestamps import Timestamp, Trust
from mediavault.media.extras import SubtitleFile
from mediavault.store.port import Store


@dataclass
class StubChecks:
    running: set[JobId] = field(default_factory=set)
    begun: list[JobId] = field(default_factory=list)

    def begin(self, job: Job) -> None:
        self.begun.append(job.id)

    def is_checking(self, job_id: JobId) -> bool:
        return job_id in self.running


@dataclass
class StubSealer:
    """Seals every post with ``outcome``, once ``go`` is set, as it is at first."""

    outcome: SealedCopy | MediavaultError
    archive: Sequence[bytes] = (b"PK", b"", b"rest")
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.go.set()

    async def seal(self, job: Job, on_step: Callable[[SealStep], None]) -> SealedCopy:
        await self.go.wait()
        if isinstance(self.outcome, MediavaultError):
            raise self.outcome
        return self.outcome

    async def pieces(self, copy: SealedCopy) -> AsyncGenerator[bytes, None]:
        for piece in self.archive:
            yield piece


def stub_copies(store: Store, clock: Clock) -> SealedCopies:
    """Return sealed copies that a :class:`StubSealer` makes."""
    missing = (NotCaptured("data/page.txt", "The page showed no text."),)
    file = small_file("data/a.mp4", b"a film")
    stamp = Timestamp(clock.now(), "Local Time", "Local Root", "ab" * 32, Trust.SYSTEM)
    sealer = StubSealer(SealedCopy("mediavault-a", clock.now(), (file,), missing, stamp))
    return SealedCopies(store.catalogue, cast("Sealer", sealer), clock)


@dataclass
class StubFormats:
    """``reports`` by hash; each is known once it has been read."""

    reports: dict[str, ProbeReport] = field(default_factory=dict)
    read_before: set[str] = field(default_factory=set)

    async def read(self, saved: SavedFile) -> ProbeReport | None:
        self.read_before.add(saved.sha256)
        return self.reports.get(saved.sha256)

    def known(self, saved: SavedFile) -> ProbeReport | None:
        return self.reports.get(saved.sha256) if saved.sha256 in self.read_before else None


@dataclass
class StubExtras:
    """Every video has these."""

    text: TextTracks = field(default_factory=TextTracks)
    files: Sequence[SubtitleFile] = ()
    sheet: PreviewSheet | None = None
    picture: bytes | None = None
    forgotten: list[JobId] = field(default_factory=list)

    async def tracks(self, job_id: JobId, place: int, saved: SavedFile) -> TextTracks:
        return self.text

    async def beside(self, saved: SavedFile) -> Sequence[SubtitleFile]:
        return self.files

    async def preview(self, job_id: JobId, place: int, saved: SavedFile) -> PreviewSheet | None:
        return self.sheet

    async def preview_picture(self, job_id: JobId, place: int, saved: SavedFile) -> bytes | None:
        return self.picture

    async def forget(self, job_id: JobId) -> None:
        self.forgotten.append(job_id)


@dataclass
class StubFrames:
    """``pictures`` by the candidate's URL; every request is recorded."""

    pictures: dict[str, bytes] = field(default_factory=dict)
    asked: list[FrameRequest] = field(default_factory=list)
    forgotten: list[JobId] = field(default_factory=list)

    async def frame(self, job_id: JobId, request: FrameRequest) -> bytes | None:
        self.asked.append(request)
        return self.pictures.get(request.media.url)

    async def forget(self, job_id: JobId) -> None:
        self.forgotten.append(job_id)
