"""The job: one post to be saved, its states, its legal moves and its history."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

from mediavault.core.failures import ErrorCode
from mediavault.core.media import Account, Candidate, Item, SavedFile, SourceType
from mediavault.core.messages import Translatable

JobId = NewType("JobId", str)  # UUIDv7, canonical text form
WorkerId = NewType("WorkerId", str)  # one per process incarnation, never reused

DEFAULT_MAX_ATTEMPTS = 5
MAX_BATCH = 500  # URLs in one request


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.CANCELLED}),
    JobStatus.RUNNING: frozenset(
        # back to queued: released by an orderly shutdown
        {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.QUEUED}
    ),
    # queued: the retry policy when due, or a user; cancelled: a user who does not want the planned
    # retry
    JobStatus.FAILED: frozenset({JobStatus.QUEUED, JobStatus.CANCELLED}),
    JobStatus.CANCELLED: frozenset({JobStatus.QUEUED}),
    JobStatus.COMPLETED: frozenset(),
}


class Priority(StrEnum):
    """Which queued jobs go first: all of one priority before any of the next,
    and the oldest of each first.
    """

    NOW = "now"
    NORMAL = "normal"
    LATER = "later"

    @property
    def rank(self) -> int:
        """The position among the priorities: 0 is claimed first. Stores keep this number,
        since they sort by it.
        """
        return list(Priority).index(self)


class Stage(StrEnum):
    """Where an attempt is; also the first column of the history."""

    CLAIM = "claim"
    ROUTE = "route"
    EXTRACT = "extract"
    CHOOSE = "choose"
    CHECKPOINT = "checkpoint"
    DOWNLOAD = "download"
    RECORD = "record"  # a download that lasts as long as the stream does
    VALIDATE = "validate"
    THUMBNAIL = "thumbnail"
    # the file's path, size and hash are in the row; the rename may or may not have happened
    COMMITTING = "committing"
    COMPLETE = "complete"
    FAIL = "fail"
    RECOVER = "recover"
    RELEASE = "release"
    CANCEL = "cancel"
    RETRY = "retry"


class StrategyName(StrEnum):
    """The ways to download a file, in the usual order."""

    PLAIN = "plain"
    SESSION = "session"
    NAVIGATION = "navigation"
    FRESH = "fresh"


class StepOutcome(StrEnum):
    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


class ItemStatus(StrEnum):
    """What became of one item of a job's post."""

    WAITING = "waiting"
    # its file's path, size and hash are in the row; the rename may or may not have happened
    COMMITTING = "committing"
    SAVED = "saved"
    FAILED = "failed"
    SKIPPED = "skipped"  # an image, or another post's video that the user did not ask for


@dataclass(frozen=True, slots=True)
class JobItem:
    """One medium of the job's post, and what became of it. ``item`` has no candidates: they are in
    the job's list.

    ``saved`` is its file where the status says so; before that, a file that an attempt planned to
    save, and perhaps did. ``error`` is why it could not be saved; of a saved one, why it would have
    been refused if a user had not wanted it as it is.
    """

    item: Item
    status: ItemStatus = ItemStatus.WAITING
    saved: SavedFile | None = None
    error_code: ErrorCode | None = None
    error: Translatable | None = None


@dataclass(frozen=True, slots=True)
class NewJob:
    """A submission before it is stored. ``canonical_url`` is the key under which a post is one
    job.
    """

    id: JobId
    trace_id: str
    post_url: str
    canonical_url: str
    platform: str
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    profile: str | None = None  # the name of the form in which it is saved: see core.profiles
    priority: Priority = Priority.NORMAL
    # the origin of the list that named the post; None: a user asked for it
    listed_by: str | None = None
    # what the list states about it; JSON values only
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """A row of the queue. Times are UTC. Sizes are bytes, durations seconds."""

    id: JobId
    trace_id: str
    post_url: str
    canonical_url: str
    platform: str
    status: JobStatus
    created_at: datetime
    updated_at: datetime
    version: int = 1  # 2 and up: the same post saved again on request
    attempt_count: int = 0  # grows at claim and never shrinks: the fencing token
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    # the name of the form in which it is saved; None: as versions without profiles did
    profile: str | None = None
    priority: Priority = Priority.NORMAL
    listed_by: str | None = None  # as in NewJob; "" for a list that is not known
    needs_session: bool = False  # only a machine that is signed in to the platform continues it
    started_at: datetime | None = None
    completed_at: datetime | None = None
    failed_at: datetime | None = None
    claimed_by: WorkerId | None = None
    lease_expires_at: datetime | None = None
    retry_at: datetime | None = None
    progress_pct: int = 0
    stage: Stage | None = None
    bytes_done: int = 0
    bytes_total: int | None = None
    source_type: SourceType = SourceType.UNKNOWN
    extracted_url: str | None = None
    extracted_url_expires_at: datetime | None = None
    candidates: tuple[Candidate, ...] = ()
    items: tuple[JobItem, ...] = ()
    # the candidates that the user chose, in the order of the page
    chosen_urls: tuple[str, ...] = ()
    image_urls: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    account: Account | None = None
    # of the first video; relative to the download folder, forward slashes
    output_path: str | None = None
    thumbnail_url: str | None = None
    thumbnail_path: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    error_code: ErrorCode | None = None
    error: str | None = None

    @property
    def is_recording(self) -> bool:
        """Whether a worker records the job's post now."""
        return self.status is JobStatus.RUNNING and self.stage is Stage.RECORD

    @property
    def is_wanted_by_lists_only(self) -> bool:
        """Whether no user has asked for the post, or moved it in the queue."""
        return self.listed_by is not None and self.priority is Priority.LATER


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job as this attempt holds it. ``(id, fence)`` is what every later write of the attempt must
    match.
    """

    job: Job
    worker: WorkerId

    @property
    def id(self) -> JobId:
        return self.job.id

    @property
    def fence(self) -> int:
        return self.job.attempt_count


@dataclass(frozen=True, slots=True)
class HistoryRecord:
    """One step that was tried. Append-only. ``attempt`` 0 marks what happened outside any
    attempt.
    """

    at: datetime
    attempt: int
    stage: Stage
    outcome: StepOutcome
    strategy: StrategyName | None = None
    error_code: ErrorCode | None = None
    detail: str = ""
    bytes: int = 0
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class WorkerHeartbeat:
    """A worker's sign of life, upserted at every heartbeat. ``last_seen_at`` is by the store's
    clock once it is stored.

    ``draining``: it claims no more jobs, or has been asked to stop; the store reports this as soon
    as it was asked.
    """

    worker: WorkerId
    host: str
    pid: int
    version: str
    started_at: datetime
    last_seen_at: datetime
    running_jobs: int = 0
    skipped_ticks: int = 0
    missed_beats: int = 0
    draining: bool = False
    platforms: tuple[str, ...] = ()  # whose jobs it takes; empty: all
    signed_in: tuple[str, ...] = ()  # platforms whose session is on its machine
    # since it began: claimed, completed, given_back, failed:CODE
    tally: Mapping[str, int] = field(default_factory=dict)


def new_job_id(now: datetime) -> JobId:
    """A UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then 74 random bits,
    so ids sort by age.
    """
    return job_id_at(now, secrets.randbits(74))


def job_id_at(at: datetime, bits: int) -> JobId:
    """The UUIDv7 of this time and of the lowest 74 of these bits."""
    millis = int(at.timestamp() * 1000)
    high, low = bits >> 62 & (1 << 12) - 1, bits & (1 << 62) - 1
    return JobId(
        str(
            uuid.UUID(
                int=(millis & (1 << 48) - 1) << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low
            )
        )
    )


def new_trace_id() -> str:
    """32 lower-case hexadecimal digits, as W3C Trace Context requires."""
    return secrets.token_hex(16)


def new_worker_id() -> WorkerId:
    """Unique to this process incarnation: a restarted worker is another worker."""
    return WorkerId(f"w-{secrets.token_hex(8)}")


def own_file(job: Job) -> SavedFile | None:
    """Return the file that the job's own columns name; None without one."""
    if not job.output_path or not job.sha256 or job.bytes is None:
        return None
    return SavedFile(
        job.output_path,
        job.thumbnail_path,
        job.bytes,
        job.sha256,
        job.duration_s,
        job.width,
        job.height,
    )


def saved_files(job: Job) -> dict[int, SavedFile]:
    """Return the job's files in the library by the index of their items;
    of a row older than items, its own file.
    """
    saved = {
        i: item.saved
        for i, item in enumerate(job.items)
        if item.status is ItemStatus.SAVED and item.saved
    }
    if not saved and job.status is JobStatus.COMPLETED and (own := own_file(job)) is not None:
        return {0: own}
    return saved


def with_paths(job: Job, names: Mapping[str, str]) -> Job:
    """Return the job with the paths of its files replaced by ``names``,
    which maps old ones to new ones.
    """

    def new(path: str | None) -> str | None:
        return None if path is None else names.get(path, path)

    def moved(item: JobItem) -> JobItem:
        if (saved := item.saved) is None:
            return item
        output_path = names.get(saved.output_path, saved.output_path)
        return replace(
            item,
            saved=replace(saved, output_path=output_path, thumbnail_path=new(saved.thumbnail_path)),
        )

    items = tuple(map(moved, job.items))
    return replace(
        job, items=items, output_path=new(job.output_path), thumbnail_path=new(job.thumbnail_path)
    )


def can_transition(before: JobStatus, after: JobStatus) -> bool:
    return after in TRANSITIONS[before]
