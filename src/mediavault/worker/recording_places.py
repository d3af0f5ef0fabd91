"""How many running streams a worker records at a time: they use no slot, but the same disk and the same network."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from mediavault.core.job import JobId
from mediavault.core.media import LiveNow
from mediavault.core.messages import Message

FULL_FOR = timedelta(minutes=2)  # until a stream is looked at again for which there was no place


@dataclass(slots=True)
class RecordingPlaces:
    """How many streams one worker records at a time. ``most`` None: any number."""

    most: int | None = None
    taken: set[JobId] = field(default_factory=set)

    def take(self, job_id: JobId) -> None:
        """Take a place for the job. Raises LiveNow when there is none."""
        if self.most is not None and len(self.taken - {job_id}) >= self.most:
            raise LiveNow(
                Message("The stream is live, but this worker is already recording %(most)d.", most=self.most),
                retry_after=FULL_FOR,
            )
        self.taken.add(job_id)
