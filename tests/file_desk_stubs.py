"""Stand-ins for what the API does with kept files in the background: states are set by hand, what was asked is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mediavault.core.copies import Copy, CopyStatus, MediaLook
from mediavault.core.job import Job, JobId
from mediavault.core.media import KeptFile
from mediavault.services.vault.disk import DiskFile, open_below


@dataclass
class StubChecks:
    running: set[JobId] = field(default_factory=set)
    begun: list[JobId] = field(default_factory=list)

    def begin(self, job: Job) -> None:
        self.begun.append(job.id)

    def is_checking(self, job_id: JobId) -> bool:
        return job_id in self.running


@dataclass
class StubCopies:
    """``folder`` holds the copies by hash, without a suffix."""

    folder: Path
    copies: dict[str, Copy] = field(default_factory=dict)
    looks: dict[str, MediaLook] = field(default_factory=dict)
    known: dict[str, MediaLook] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def state(self, kept: KeptFile) -> Copy:
        return self.copies.get(kept.sha256, Copy(CopyStatus.NONE))

    def make(self, kept: KeptFile) -> None:
        self.asked.append(kept.sha256)
        self.copies[kept.sha256] = Copy(CopyStatus.MAKING)

    async def open(self, kept: KeptFile) -> DiskFile | None:
        return open_below(self.folder, kept.sha256)

    async def look(self, kept: KeptFile) -> MediaLook | None:
        if kept.sha256 in self.looks:
            self.known[kept.sha256] = self.looks[kept.sha256]
        return self.known.get(kept.sha256)

    def known_look(self, kept: KeptFile) -> MediaLook | None:
        return self.known.get(kept.sha256)
