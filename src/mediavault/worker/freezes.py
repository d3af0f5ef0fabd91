"""Reports about a blocked event loop: written by the watchdog, processed after the process was
restarted.

Any worker of the host may process a report: the writes are fenced, so a second one changes nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mediavault.core.failures import JobNotFound, LeaseLost, WorkerFroze
from mediavault.core.job import ClaimedJob, Job, JobId, JobStatus, Stage, WorkerId
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.typed_records import from_named_json, to_named_json
from mediavault.store.port import Store
from mediavault.worker.retry import GiveUp, RetryIn, decide

NEW, SETTLED = ".freeze", ".freeze-settled"
KEPT_REPORTS = 20  # settled ones, for the doctor
RETRY_IN = timedelta(seconds=1)

_READING = frozenset({Stage.CLAIM, Stage.ROUTE, Stage.EXTRACT, Stage.CHOOSE, Stage.CHECKPOINT})

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FreezeReport:
    """One freeze. ``job_id`` and ``attempt`` name the job whose code was running; None when it was
    not a job's code.

    ``held``: every attempt that the worker was running, this one included. ``seconds``: how long
    the loop was blocked.
    """

    worker: WorkerId
    at: datetime
    seconds: float
    held: tuple[tuple[JobId, int], ...]
    stack: tuple[str, ...]
    job_id: JobId | None = None
    attempt: int | None = None
    trace_id: str | None = None


def write_report(folder: Path, report: FreezeReport) -> None:
    """Write a report durably. Raises OSError."""
    draft = folder / f"{report.worker}.freeze-draft"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(to_named_json(report, whole=True), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / f"{report.worker}{NEW}")


def settled_reports(folder: Path) -> list[FreezeReport]:
    """The reports that have been processed, newest first. Unreadable ones are left out."""
    reports = (read_report(path) for path in folder.glob(f"*{SETTLED}"))
    return sorted(
        (report for report in reports if report is not None),
        key=lambda report: report.at,
        reverse=True,
    )


async def settle_freezes(store: Store, folder: Path) -> int:
    """Process every new report; return how many. Must run before recovery fails the jobs as those
    of a dead worker.
    """
    settled = 0
    for path in _new_reports(folder):
        report = read_report(path)
        if report is not None:
            await _settle(report, store)
        with contextlib.suppress(FileNotFoundError):  # another worker of this host was faster
            path.rename(path.with_suffix(SETTLED))
        settled += 1
    if settled:
        _drop_old(folder)
    return settled


async def _settle(report: FreezeReport, store: Store) -> None:
    """Fail the job that froze the worker, and release the others, which costs them no attempt.

    When the cause is unknown, all are left to recovery, so that a post that freezes the worker
    again and again uses up its attempts.
    """
    if (report.job_id, report.attempt) not in report.held:
        return
    for job_id, attempt in report.held:
        try:
            job = await store.catalogue.get(job_id)
            if job.status is not JobStatus.RUNNING or job.attempt_count != attempt:
                continue
            claim = ClaimedJob(job, report.worker)
            if job_id == report.job_id:
                await _fail(claim, report, store)
            else:
                await store.queue.release(claim)
        except (JobNotFound, LeaseLost):
            continue  # a user removed it, or another worker has just processed the report


async def _fail(claim: ClaimedJob, report: FreezeReport, store: Store) -> None:
    failure = WorkerFroze(what_happened(claim.job, report.seconds), retry_after=RETRY_IN)
    verdict = decide(
        failure,
        attempt=claim.fence,
        max_attempts=claim.job.max_attempts,
        base=RETRY_IN,
        jitter=0.0,
        now=report.at,
        former=[
            record.error_code
            for record in await store.catalogue.history(claim.id)
            if record.stage is Stage.FAIL
        ],
    )
    gives_up = isinstance(verdict, GiveUp)
    log.error(
        "post_froze_worker",
        job_id=claim.id,
        trace_id=claim.job.trace_id,
        worker=report.worker,
        given_up=gives_up,
    )
    await store.queue.fail(
        claim,
        error_code=failure.code,
        error=failure.message,
        retry_in=verdict.delay if isinstance(verdict, RetryIn) else None,
    )


def what_happened(job: Job, seconds: float) -> str:
    """Return the message to store with the job; it depends on the stage that the job's row
    names.
    """
    if job.stage in _READING:
        return Message(
            "The worker did not respond for %(seconds).0f seconds while it was reading this post.",
            seconds=seconds,
        )
    return Message(
        (
            "The worker did not respond for %(seconds).0f seconds while it was saving this post's"
            " video."
        ),
        seconds=seconds,
    )


def _new_reports(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{NEW}"))


def read_report(path: Path) -> FreezeReport | None:
    """Read one report; None when the file is missing or is not a report."""
    try:
        report = from_named_json(FreezeReport, json.loads(path.read_text(encoding="utf-8")))
        return replace(report, at=report.at.astimezone(UTC))
    except (
        OSError,
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
        OverflowError,
        RecursionError,
    ) as exc:
        log.warning("freeze_report_not_read", file=path.name, error=str(exc))
        return None


def _drop_old(folder: Path) -> None:
    newest_first = sorted(
        folder.glob(f"*{SETTLED}"), key=lambda path: path.stat().st_mtime, reverse=True
    )
    for path in newest_first[KEPT_REPORTS:]:
        path.unlink(missing_ok=True)
