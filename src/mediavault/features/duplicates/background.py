"""Makes the fingerprints of saved videos in the background, newest first, and notes which posts
have the same video.

The mark FINGERPRINT says that a job's record of that kind is complete; a job without it is next.
The record holds the place of a job that a worker is reading, until it expires: so no two workers
read the same one, and a kill loses nothing. Every worker has an index of all fingerprints in
memory, and reads into it what others have added. A job's own fingerprint is stored before its
duplicates are searched: of two workers that read two duplicates at once, one finds the other's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from mediavault.core.clock import Clock
from mediavault.core.failures import JobNotFound
from mediavault.core.fingerprints import (
    Fingerprint,
    FingerprintIndex,
    Likeness,
    fingerprints_from_json,
    fingerprints_to_json,
)
from mediavault.core.job import Job, JobId, JobStatus, saved_files
from mediavault.core.logs import get_logger
from mediavault.core.marks import Mark, MarkKind
from mediavault.core.media import SavedFile
from mediavault.core.records import RecordKind
from mediavault.library.port import Library
from mediavault.maintenance.checking import require_library
from mediavault.store.duplicates import MOST_DUPLICATES, put_duplicates
from mediavault.store.port import JobQuery, Store

ROUND_S = 30.0
HELD_FOR = timedelta(minutes=15)
PAGE = 20  # jobs, of which other workers may hold some
INDEX_PAGE = 200
REST = 3.0  # times what a video took, before the next: at most a quarter of one processor

ReadFrames = Callable[[str], Awaitable[bytes]]

log = get_logger(__name__)


class DuplicateFinder:
    """The search for duplicates of one worker.

    ``read_frames`` returns the frames of a saved file's fingerprint, none if it can't be read.
    """

    def __init__(
        self, store: Store, library: Library, clock: Clock, read_frames: ReadFrames
    ) -> None:
        self._store = store
        self._library = library
        self._clock = clock
        self._read_frames = read_frames
        self._index = FingerprintIndex()
        self._is_loaded = False

    async def find_due(self) -> int:
        """Look for duplicates of all jobs that have no fingerprint yet; returns how many there
        were.

        Raises StorageFailure while the library is not there, and StoreError.
        """
        count = 0
        while (next_job := await self._take_next()) is not None:
            began = self._clock.monotonic()
            await self._check(*next_job)
            count += 1
            await self._clock.sleep(REST * (self._clock.monotonic() - began))
        return count

    async def _take_next(self) -> tuple[Job, Mapping[int, Fingerprint]] | None:
        """Return the next job, and the fingerprints of its videos that are stored already.

        These are stored if the worker that made them was killed before it marked the job, if the
        job was restored, or if another worker has marked it since the query. No video is read a
        second time.
        """
        query = JobQuery((JobStatus.COMPLETED,), without=(MarkKind.FINGERPRINT,), limit=PAGE)
        for job in (await self._store.catalogue.jobs(query)).jobs:
            if await self._store.records.replace(
                RecordKind.FINGERPRINT,
                job.id,
                {},
                if_value=None,
                expires_at=self._clock.now() + HELD_FOR,
            ):
                return job, {}
            record = await self._store.records.get(RecordKind.FINGERPRINT, job.id)
            if record is not None and record.value:
                return job, fingerprints_from_json(record.value) or {}
        return None

    async def _check(self, job: Job, stored: Mapping[int, Fingerprint]) -> None:
        videos = {}
        for index, saved in saved_files(job).items():
            if not (saved.is_sound or saved.is_picture):
                # without it every file would seem to be missing
                await require_library(self._library)
                videos[index] = await self._fingerprint(saved, stored.get(index))
        await self._store.records.put(RecordKind.FINGERPRINT, job.id, fingerprints_to_json(videos))
        if not await self._store.marks.put([Mark(job.id, MarkKind.FINGERPRINT)]):
            # The job was removed in the meantime.
            await self._store.records.remove(RecordKind.FINGERPRINT, job.id)
            return
        await self._read_new()
        self._index.put(job.id, videos.values())
        duplicates = await self._of_other_posts(
            job, await asyncio.to_thread(self._index.search, job.id)
        )
        await put_duplicates(self._store, job.id, duplicates)
        log.info(
            "fingerprint_made",
            job_id=job.id,
            trace_id=job.trace_id,
            videos=len(videos),
            duplicates=len(duplicates),
        )

    async def _fingerprint(self, saved: SavedFile, stored: Fingerprint | None) -> Fingerprint:
        if stored is not None and stored.sha256 == saved.sha256:
            return stored
        return Fingerprint(
            saved.sha256, saved.duration_s or 0.0, await self._read_frames(saved.output_path)
        )

    async def _of_other_posts(
        self, job: Job, found: dict[JobId, Likeness]
    ) -> dict[JobId, Likeness]:
        """Return the best MOST_DUPLICATES of ``found`` that still exist,
        without other versions of the same post.
        """
        best = sorted(
            found, key=lambda other: (not found[other].identical, -found[other].percent, other)
        )
        duplicates: dict[JobId, Likeness] = {}
        for other in best:
            if len(duplicates) == MOST_DUPLICATES:
                break
            try:
                is_version = (
                    await self._store.catalogue.get(other)
                ).canonical_url == job.canonical_url
            except JobNotFound:
                self._index.drop(other)
            else:
                if not is_version:
                    duplicates[other] = found[other]
        return duplicates

    async def _read_new(self) -> None:
        """Read the fingerprints that the index lacks: those of the latest marks,
        or all of them the first time.
        """
        after = None
        while page := await self._store.marks.marked(
            MarkKind.FINGERPRINT, after=after, limit=INDEX_PAGE, newest_first=True
        ):
            after = page[-1]
            new = [mark.job_id for mark in page if mark.job_id not in self._index]
            if not new and self._is_loaded:
                break
            for job_id in new:
                record = await self._store.records.get(RecordKind.FINGERPRINT, job_id)
                self._index.put(
                    job_id, (fingerprints_from_json(record.value) or {} if record else {}).values()
                )
        self._is_loaded = True
