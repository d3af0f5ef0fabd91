"""The rules for a job's moves in every store: which are legal,
and the record that each leaves in the history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mediavault.core.failures import ErrorCode, IllegalMove, JobNotFound, LeaseLost
from mediavault.core.job import (
    ClaimedJob,
    Job,
    JobId,
    JobStatus,
    NewJob,
    Stage,
    StepOutcome,
    can_transition,
)
from mediavault.core.media import SavedFile
from mediavault.core.messages import Message
from mediavault.store import codec


@dataclass(frozen=True, slots=True)
class MoveNote:
    """What a move appends to the history of each job that it moves; the moment and the attempt are
    those of the job.

    ``is_timed``: with how long the attempt has taken. Without ``of_attempt`` it belongs to no
    attempt.
    """

    stage: Stage
    detail: str = ""
    outcome: StepOutcome = StepOutcome.OK
    error_code: ErrorCode | None = None
    bytes: int = 0
    of_attempt: bool = True
    is_timed: bool = False


RECOVERED_ERROR = Message("The worker stopped during this attempt, and its lease expired.")

RETRIED_BY_USER = Message("retried by the user")
DUE_AGAIN = Message("the scheduled retry is due")


def must_cancel(job: Job) -> bool:
    """Return False when the job is already cancelled. Raises IllegalMove when it is completed."""
    return job.status is not JobStatus.CANCELLED and _legal(
        job, JobStatus.CANCELLED, Message("cancelled")
    )


def check_requeue(job: Job) -> bool:
    """Return False when the job is already queued or running.
    Raises IllegalMove when it is completed.
    """
    under_way = job.status in (JobStatus.QUEUED, JobStatus.RUNNING)
    return not under_way and _legal(job, JobStatus.QUEUED, Message("tried again"))


def check_priority(job: Job) -> None:
    """Raise IllegalMove when the job is completed: it is not in the queue,
    and will not be again.
    """
    if job.status is JobStatus.COMPLETED:
        raise _illegal(job, Message("moved in the queue"))


def adopts(new: NewJob, existing: Job) -> bool:
    """Return whether a user asks for a post that only lists had named: it becomes the user's."""
    return new.listed_by is None and existing.listed_by is not None


def as_imported(job: Job) -> Job:
    """Return the job as another store imports it: a running job becomes queued and has lost no
    attempt.
    """
    if job.status is not JobStatus.RUNNING:
        return job
    return replace(
        job,
        status=JobStatus.QUEUED,
        claimed_by=None,
        lease_expires_at=None,
        max_attempts=job.max_attempts + 1,
    )


def duration_ms(since: datetime | None, until: datetime) -> int:
    """Return the milliseconds in between; never negative,
    even if the wall clock was set back in the meantime.
    """
    return 0 if since is None else max(0, int((until - since).total_seconds() * 1000))


def is_completed_by(job: Job, claim: ClaimedJob, saved: SavedFile) -> bool:
    """Return whether this completion has already been written: only its response was lost."""
    mine = job.status is JobStatus.COMPLETED and job.attempt_count == claim.fence
    return mine and (job.output_path, job.sha256) == (saved.output_path, saved.sha256)


def is_failed_by(job: Job, claim: ClaimedJob, code: ErrorCode, error: str) -> bool:
    """As :func:`is_completed_by`, for a failure."""
    mine = job.status is JobStatus.FAILED and job.attempt_count == claim.fence
    return mine and (job.error_code, job.error) == (code, error)


def job_not_found(job_id: JobId) -> JobNotFound:
    return JobNotFound(Message("There is no job %(job_id)s.", job_id=job_id))


def lease_lost(job_id: JobId, fence: int) -> LeaseLost:
    return LeaseLost(
        Message("Attempt %(fence)s no longer holds job %(job_id)s.", fence=fence, job_id=job_id)
    )


def _legal(job: Job, after: JobStatus, verb: str) -> bool:
    if not can_transition(job.status, after):
        raise _illegal(job, verb)
    return True


def _illegal(job: Job, verb: str) -> IllegalMove:
    status = _STATUS_WORDS[job.status]
    return IllegalMove(
        Message("The job is %(status)s; it cannot be %(verb)s.", status=status, verb=verb)
    )


_STATUS_WORDS: Mapping[JobStatus, Message] = {
    JobStatus.QUEUED: Message("queued"),
    JobStatus.RUNNING: Message("running"),
    JobStatus.COMPLETED: Message("completed"),
    JobStatus.FAILED: Message("failed"),
    JobStatus.CANCELLED: Message("cancelled"),
}


def progress_values(
    stage: Stage, progress_pct: int, bytes_done: int, bytes_total: int | None
) -> dict[str, Any]:
    """Return a job's progress by the names of the job's fields."""
    return {
        "stage": stage.value,
        "progress_pct": progress_pct,
        "bytes_done": bytes_done,
        "bytes_total": bytes_total,
    }


def place_values(job: Job) -> dict[str, Any]:
    """Return where a job's files are, by the names of the job's fields."""
    return {
        "items": codec.items_to_json(job.items),
        "output_path": job.output_path,
        "thumbnail_path": job.thumbnail_path,
    }


def saved_values(saved: SavedFile) -> dict[str, Any]:
    """Return a saved file's facts by the names of the job's fields."""
    return {
        "output_path": saved.output_path,
        "thumbnail_path": saved.thumbnail_path,
        "bytes": saved.bytes,
        "sha256": saved.sha256,
        "duration_s": saved.duration_s,
        "width": saved.width,
        "height": saved.height,
    }
