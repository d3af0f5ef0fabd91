"""Checks whether one job's files are as saved, and play; the result is stored in records. On
request this runs in the background.

One file is read at a time and few jobs may wait, so that a few clicks cannot keep a disk busy for a
day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, ErrorCode, JobNotFound, StorageFailure, StoreError
from mediavault.core.job import Job, JobId, JobStatus, saved_files
from mediavault.core.logs import get_logger
from mediavault.core.media import SavedFile
from mediavault.core.records import CHECK_KINDS, CheckVerdict, FileCheck, RecordKind, checks_to_json
from mediavault.library.disk import Digest
from mediavault.library.port import Library
from mediavault.maintenance.background import BackgroundTasks
from mediavault.maintenance.examining import Examined, FileExaminer
from mediavault.maintenance.findings import is_saved_damaged, judge_size
from mediavault.store import file_checks
from mediavault.store.file_checks import read_checks
from mediavault.store.port import Records, Store

AT_ONCE = 1  # a disk reads one file faster than two
MAX_WAITING = 20

log = get_logger(__name__)


class TooManyChecks(BadInput):
    code = ErrorCode.TOO_MANY
    help = "Wait until some have ended, or run `mediavault verify` for the whole library."


class JobChecks:
    """The checks of this process. All methods must be called in the event loop's thread.

    Without an ``examiner`` the files are only compared with their checksums.
    """

    def __init__(
        self, store: Store, library: Library, clock: Clock, examiner: FileExaminer | None
    ) -> None:
        self._store = store
        self._library = library
        self._clock = clock
        self._examiner = examiner
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._running = BackgroundTasks[JobId](most=MAX_WAITING)

    def begin(self, job: Job) -> None:
        """Check all files of the job in the background, unless that is running already.
        Raises BadInput (TOO_MANY).
        """
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
        try:
            async with self._turn:
                await check_job(
                    job,
                    self._library.digest,
                    self._store,
                    self._library,
                    self._clock,
                    self._examiner,
                )
        except (StoreError, StorageFailure) as exc:
            log.warning("check_not_stored", job_id=job.id, trace_id=job.trace_id, error=exc.message)


# of a path in the library; may raise StorageFailure
ReadDigest = Callable[[str], Awaitable[Digest | None]]


async def require_library(library: Library) -> None:
    """Raise StorageFailure when the library is not there, or does not answer."""
    await library.check_identity()
    # which asks a bucket too, where the first trusts the last answer
    if await library.identity() is None:
        raise StorageFailure("The library is not there.")


async def check_job(
    job: Job,
    digest: ReadDigest,
    store: Store,
    library: Library,
    clock: Clock,
    examiner: FileExaminer | None,
) -> None:
    """Check a job's files and store the result; all their pictures are then decoded in the
    background.

    Without an ``examiner`` the files are only compared with their checksums. Raises StoreError, and
    StorageFailure when files seem damaged because the library is not there.
    """
    found = await check_files(job, digest, clock, examiner, store.records)
    if not found.checks:
        return
    await store_checks(store, library, job, found)
    if examiner is None or job.status is not JobStatus.COMPLETED:
        return
    if found.starts.keys() == found.checks.keys():
        await file_checks.note_examined(
            store, job.id, found.checks.keys(), found.starts, clock.now()
        )
    else:  # nothing more is to be found out about it
        await file_checks.note_end(store, job.id, None)


@dataclass(frozen=True, slots=True)
class CheckedFiles:
    """What a check of a job's files found, by the index of their items.

    ``starts`` is of those that were examined and have no problem: where decoding the rest of their
    pictures begins, None when nothing is left.
    """

    checks: dict[int, FileCheck] = field(default_factory=dict)
    starts: dict[int, int | None] = field(default_factory=dict)

    @property
    def verdicts(self) -> list[CheckVerdict]:
        return [check.verdict for check in self.checks.values()]

    @property
    def is_damaged(self) -> bool:
        return any(verdict is not CheckVerdict.WHOLE for verdict in self.verdicts)


async def check_files(
    job: Job, digest: ReadDigest, clock: Clock, examiner: FileExaminer | None, records: Records
) -> CheckedFiles:
    """Read the job's saved files from end to end, compare each with its row, and examine those that
    are as saved.

    A file that was found damaged when all its pictures were decoded stays so until they have been
    decoded again. Raises StoreError.
    """
    found = CheckedFiles()
    former = await read_checks(records, job)
    for index, saved in saved_files(job).items():
        verdict, detail = CheckVerdict.WHOLE, ""
        try:
            verdict, detail = judge(saved, await digest(saved.output_path))
            if (
                verdict is CheckVerdict.WHOLE
                and examiner is not None
                and not is_saved_damaged(job.items, index)
            ):
                verdict, detail = judge_examined(examined := await examiner.examine(saved))
                if examined is not None and not examined.problems:
                    found.starts[index] = examined.next
                    known = former.get(index)
                    if (
                        known is not None
                        and known.verdict is CheckVerdict.DAMAGED
                        and examined.next is not None
                    ):
                        verdict, detail = known.verdict, known.detail
        except StorageFailure as exc:
            verdict, detail = CheckVerdict.UNREADABLE, exc.message
        found.checks[index] = FileCheck(clock.now(), verdict, detail)
    return found


def judge_examined(examined: Examined | None) -> tuple[CheckVerdict, str]:
    """Judge what was found in a file whose bytes are as saved; None when it is missing by now."""
    if examined is None:
        return CheckVerdict.MISSING, ""
    return CheckVerdict.DAMAGED if examined.problems else CheckVerdict.WHOLE, examined.detail


async def store_checks(store: Store, library: Library, job: Job, checked: CheckedFiles) -> None:
    """Store the result of a check, and note whether the job is damaged, unless it was removed.

    Raises StoreError, and StorageFailure when files seem damaged because the library is not there.
    """
    if checked.is_damaged:
        await require_library(library)  # it may have gone while the files were read
    await store.records.put(RecordKind.VERIFIED, job.id, checks_to_json(checked.checks))
    if not checked.is_damaged:
        await store.records.remove(RecordKind.DAMAGED, job.id)
    elif (known := await store.records.get(RecordKind.DAMAGED, job.id)) is None or (
        # else it stays, with the time at which it was found
        known.value.get("verdicts") != checked.verdicts
    ):
        at = max(check.at for check in checked.checks.values())
        await store.records.put(
            RecordKind.DAMAGED, job.id, {"verdicts": checked.verdicts, "at": at.isoformat()}
        )
    try:
        # after the writes: a removed job's records would stay forever
        await store.catalogue.get(job.id)
    except JobNotFound:
        for kind in CHECK_KINDS:
            await store.records.remove(kind, job.id)
        return
    if checked.is_damaged:
        log.error("file_damaged", job_id=job.id, trace_id=job.trace_id, verdicts=checked.verdicts)
    else:
        log.info("job_checked", job_id=job.id, trace_id=job.trace_id, verdicts=checked.verdicts)


def judge(saved: SavedFile, now: Digest | None) -> tuple[CheckVerdict, str]:
    """Compare the file as it is ``now`` with its row."""
    if now is None:
        return CheckVerdict.MISSING, ""
    if difference := judge_size(saved, now.bytes):
        return CheckVerdict.CHANGED, difference[1]
    if now.sha256 != saved.sha256:
        return CheckVerdict.CHANGED, f"{now.sha256} instead of {saved.sha256}"
    return CheckVerdict.WHOLE, ""
