"""Reads every saved file again within a number of days, one job at a time: whether it is as saved,
and plays.

The position is a record that all workers of the vault share. Each moves it past a job before it
reads the job's files, so no job is read twice, and after a restart any worker goes on from there. A
job whose reading is interrupted is read in the next reading of the library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from mediavault.core.clock import Clock
from mediavault.core.job import Job
from mediavault.core.records import RecordKind
from mediavault.core.settings import ChangeableSettings
from mediavault.core.system_errors import failure_of_disk
from mediavault.core.typed_records import from_json, to_json
from mediavault.library.disk import Digest
from mediavault.library.port import Library
from mediavault.maintenance.checking import check_job, require_library
from mediavault.maintenance.examining import FileExaminer
from mediavault.maintenance.findings import WITH_FILES
from mediavault.store.port import JobOrder, JobQuery, Records, Store

ROUND_S = 60.0
KEY = "all"
MEGABYTE = 1_000_000
DAY = timedelta(days=1)
MOST_HASTE = 10
MOST_BEHIND = timedelta(hours=1)  # what is caught up at once, of the time in which no worker ran
SHORTEST_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class ReadingPosition:
    """Where a reading of the whole library is: ``passed`` jobs of it, the last of which was due at
    ``at``.

    ``began_at`` is in the future between two readings. Jobs are read by their age, so new ones come
    last.
    """

    began_at: datetime
    at: datetime
    passed: int = 0
    cursor: str | None = None

    def next_at(self, jobs: int, span: timedelta) -> datetime:
        """Return when the next of ``jobs`` jobs is due, for a reading that is to last ``span``.

        The jobs that are left are spread evenly over the time that is left. When the vault was off
        for long, they follow one another faster, but at most ten times as fast.
        """
        pause = (self.began_at + span - self.at) / max(1, jobs - self.passed + 1)
        return self.at + max(pause, span / MOST_HASTE / (jobs + 1))

    def after_the_last(self, now: datetime, span: timedelta) -> ReadingPosition:
        """Return the beginning of the next reading."""
        begin = max(now, self.began_at + span)
        return ReadingPosition(began_at=begin, at=begin)


async def read_position(
    records: Records,
) -> tuple[Mapping[str, Any] | None, ReadingPosition | None]:
    """Return the record's value and the position in it;
    None for what is missing or cannot be read.
    """
    record = await records.get(RecordKind.CHECK_POSITION, KEY)
    if record is None:
        return None, None
    try:
        return record.value, from_json(ReadingPosition, record.value["position"])
    except (LookupError, TypeError, ValueError):
        return record.value, None


class ScheduledChecks:
    """The scheduled checks of one worker. Without an ``examiner`` files are only compared with
    their checksums.
    """

    def __init__(
        self,
        store: Store,
        library: Library,
        clock: Clock,
        settings: Callable[[], Awaitable[ChangeableSettings]],
        examiner: FileExaminer | None,
    ) -> None:
        self._store = store
        self._library = library
        self._clock = clock
        self._settings = settings
        self._examiner = examiner

    async def check_due(self) -> None:
        """Check the jobs that are due now. Raises StorageFailure while the library is not there,
        and StoreError.
        """
        while await self._check_next():
            pass

    async def _check_next(self) -> bool:
        """Check one job, unless none is due; return whether another may be."""
        settings, now = await self._settings(), self._clock.now()
        if not settings.verify_days:
            return False
        span = timedelta(days=settings.verify_days)
        counts = (await self._store.catalogue.report()).counts
        record, position = await read_position(self._store.records)
        # written while a clock was wrong, or for a longer span
        if position is None or position.at > now + span + DAY:
            return await self._move(record, ReadingPosition(now, now))
        due = position.next_at(sum(counts.get(status, 0) for status in WITH_FILES), span)
        if now < due:
            return False
        await require_library(self._library)  # without it every file would seem to be missing
        page = await self._store.catalogue.jobs(
            JobQuery(WITH_FILES, cursor=position.cursor, limit=1, order=JobOrder.OLDEST)
        )
        if not page.jobs or page.next_cursor is None:
            moved = await self._move(record, position.after_the_last(now, span))
        else:
            at = max(due, now - MOST_BEHIND)
            moved = await self._move(
                record,
                replace(position, at=at, passed=position.passed + 1, cursor=page.next_cursor),
            )
        if moved:
            for job in page.jobs:
                await self._check(job, settings.verify_mb_s * MEGABYTE)
        return moved

    async def _move(self, record: Mapping[str, Any] | None, position: ReadingPosition) -> bool:
        """Store the position; False when another worker was faster."""
        value = {"position": to_json(ReadingPosition, position)}
        return await self._store.records.replace(
            RecordKind.CHECK_POSITION, KEY, value, if_value=record
        )

    async def _check(self, job: Job, bytes_per_s: int) -> None:
        digest = partial(self._digest, bytes_per_s=bytes_per_s)
        await check_job(job, digest, self._store, self._library, self._clock, self._examiner)

    async def _digest(self, path: str, *, bytes_per_s: int) -> Digest | None:
        """Read the file from end to end, no faster than this; None when it is missing.
        Raises StorageFailure.
        """
        file = await self._library.open(path)
        if file is None:
            return None
        digest, count, began = hashlib.sha256(), 0, self._clock.monotonic()
        try:
            async for chunk in file.chunks(0, file.size):
                digest.update(chunk)
                count += len(chunk)
                ahead_s = count / bytes_per_s - (self._clock.monotonic() - began)
                if ahead_s >= SHORTEST_PAUSE_S:
                    await self._clock.sleep(ahead_s)
        except OSError as exc:
            raise failure_of_disk(exc, path) from exc
        finally:
            await file.close()
        return Digest(count, digest.hexdigest())
