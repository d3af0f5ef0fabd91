"""Stand-ins for the services that work on saved files: states are set by hand, calls are recorded."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from mediavault.core.job import Job, JobId
from mediavault.core.media import PreviewSheet, ProbeReport, SavedFile, TextTracks
from mediavault.core.seals import SealState, SealStep
from mediavault.download.frames import FrameRequest
from mediavault.media.extras import SubtitleFile


@dataclass
class StubChecks:
    running: set[JobId] = field(default_factory=set)
    begun: list[JobId] = field(default_factory=list)

    def begin(self, job: Job) -> None:
        self.begun.append(job.id)

    def is_checking(self, job_id: JobId) -> bool:
        return job_id in self.running


@dataclass
class StubSeals:
    """``states`` are set by hand; a job with an archive has a copy that is ready."""

    states: dict[JobId, SealState] = field(default_factory=dict)
    archives: dict[JobId, tuple[str, list[bytes]]] = field(default_factory=dict)
    begun: list[JobId] = field(default_factory=list)

    def begin(self, job: Job) -> None:
        self.begun.append(job.id)
        self.states[job.id] = SealState(SealStep.CHECKING)

    def state(self, job_id: JobId) -> SealState | None:
        return self.states.get(job_id)

    def open(self, job_id: JobId) -> tuple[str, AsyncGenerator[bytes, None]] | None:
        if job_id not in self.archives:
            return None
        name, pieces = self.archives[job_id]

        async def sent() -> AsyncGenerator[bytes, None]:
            for piece in pieces:
                yield piece

        return name, sent()


@dataclass
class StubFormats:
    """``reports`` by hash; each is known once it has been read."""

    reports: dict[str, ProbeReport] = field(default_factory=dict)
    read_before: set[str] = field(default_factory=set)

    async def read(self, kept: SavedFile) -> ProbeReport | None:
        self.read_before.add(kept.sha256)
        return self.reports.get(kept.sha256)

    def known(self, kept: SavedFile) -> ProbeReport | None:
        return self.reports.get(kept.sha256) if kept.sha256 in self.read_before else None


@dataclass
class StubExtras:
    """Every video has these."""

    text: TextTracks = field(default_factory=TextTracks)
    files: Sequence[SubtitleFile] = ()
    sheet: PreviewSheet | None = None
    picture: bytes | None = None
    forgotten: list[JobId] = field(default_factory=list)

    async def tracks(self, job_id: JobId, place: int, kept: SavedFile) -> TextTracks:
        return self.text

    async def beside(self, kept: SavedFile) -> Sequence[SubtitleFile]:
        return self.files

    async def preview(self, job_id: JobId, place: int, kept: SavedFile) -> PreviewSheet | None:
        return self.sheet

    async def preview_picture(self, job_id: JobId, place: int, kept: SavedFile) -> bytes | None:
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
