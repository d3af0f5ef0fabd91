"""Checks one job's files against its row; the result is stored in records. On request this runs in the background.

One file is read at a time and few jobs may wait, so that a few clicks cannot keep a disk busy for a day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, ErrorCode, JobNotFound, StorageFailure, StoreError
from mediavault.core.job import Job, JobId
from mediavault.core.logs import get_logger
from mediavault.core.media import KeptFile
from mediavault.core.records import CHECK_KINDS, CheckVerdict, FileCheck, RecordKind, checks_to_json
from mediavault.maintenance.background import BackgroundTasks
from mediavault.maintenance.findings import judge_size, kept_by_place
from mediavault.services.library.disk import Digest
from mediavault.services.library.port import Library
from mediavault.store.port import Store

AT_ONCE = 1  # a disk reads one file faster than two
MAX_WAITING = 20

log = get_logger(__name__)


class TooManyChecks(BadInput):
    code = ErrorCode.TOO_MANY
    help = "Wait until some have ended, or run `mediavault verify` for the whole library."


class JobChecks:
    """The checks of this process. All methods must be called in the event loop's thread."""

    def __init__(self, store: Store, library: Library, clock: Clock) -> None:
        self._store = store
        self._library = library
        self._clock = clock
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._running = BackgroundTasks[JobId](most=MAX_WAITING)

    def begin(self, job: Job) -> None:
        """Check all files of the job in the background, unless that is running already. Raises BadInput (TOO_MANY)."""
        if job.id in self._running:
            return
        if self._running.is_full:
            raise TooManyChecks("Too many files are being checked.")
        self._running.begin(job.id, self._check(job), name=f"check {job.id}")

    def is_checking(self, job_id: JobId) -> bool:
        return job_id in self._running

    async def wait_for(self, job_id: JobId) -> None:
        """Wait until the job's check is over."""
        await self._running.wait_for(job_id)

    async def aclose(self) -> None:
        """Cancel the running checks; they leave no result."""
        await self._running.aclose()

    async def _check(self, job: Job) -> None:
        async with self._turn:
            checks = await check_files(job, self._library.digest, self._clock)
        try:
            await store_checks(self._store, self._library, job, checks)
        except (StoreError, StorageFailure) as exc:
            log.warning("check_not_stored", job_id=job.id, trace_id=job.trace_id, error=exc.message)


ReadDigest = Callable[[str], Awaitable[Digest | None]]  # of a path in the library; may raise StorageFailure


async def require_library(library: Library) -> None:
    """Raise StorageFailure when the library is not there, or does not answer."""
    await library.check_identity()
    if await library.identity() is None:  # which asks a bucket too, where the first trusts the last answer
        raise StorageFailure("The library is not there.")


async def check_files(job: Job, digest: ReadDigest, clock: Clock) -> dict[int, FileCheck]:
    """Read the job's saved files from end to end and judge each; by the index of its item."""
    return {index: await _check_file(kept, digest, clock) for index, kept in kept_by_place(job).items()}


async def _check_file(kept: KeptFile, digest: ReadDigest, clock: Clock) -> FileCheck:
    try:
        verdict, detail = judge(kept, await digest(kept.output_path))
    except StorageFailure as exc:
        verdict, detail = CheckVerdict.UNREADABLE, exc.message
    return FileCheck(clock.now(), verdict, detail)


async def store_checks(store: Store, library: Library, job: Job, checks: Mapping[int, FileCheck]) -> None:
    """Store the result of a check, and note whether the job is damaged, unless it was removed.

    Raises StoreError, and StorageFailure when files seem damaged because the library is not there.
    """
    verdicts = [check.verdict for check in checks.values()]
    is_damaged = any(verdict is not CheckVerdict.WHOLE for verdict in verdicts)
    if is_damaged:
        await require_library(library)  # it may have gone while the files were read
    await store.records.put(RecordKind.VERIFIED, job.id, checks_to_json(checks))
    if is_damaged:
        await store.records.put(RecordKind.DAMAGED, job.id, {"verdicts": verdicts})
    else:
        await store.records.remove(RecordKind.DAMAGED, job.id)
    try:
        await store.catalogue.get(job.id)  # after the writes: a removed job's records would stay forever
    except JobNotFound:
        for kind in CHECK_KINDS:
            await store.records.remove(kind, job.id)
        return
    if is_damaged:
        log.error("file_damaged", job_id=job.id, trace_id=job.trace_id, verdicts=verdicts)
    else:
        log.info("job_checked", job_id=job.id, trace_id=job.trace_id, verdicts=verdicts)


def judge(kept: KeptFile, now: Digest | None) -> tuple[CheckVerdict, str]:
    """Compare the file as it is ``now`` with its row."""
    if now is None:
        return CheckVerdict.MISSING, ""
    if difference := judge_size(kept, now.bytes):
        return CheckVerdict.CHANGED, difference[1]
    if now.sha256 != kept.sha256:
        return CheckVerdict.CHANGED, f"{now.sha256} instead of {kept.sha256}"
    return CheckVerdict.WHOLE, ""
