"""The store's contract: six ports. ``tests/contract/`` runs every sentence below against every
engine.

A store is one :class:`Store`: the queue that workers use, the catalogue that pages read, the site
limits, the workers, small records, and the marks that people make. Code takes only the ports that
it needs. Every method may raise :class:`~mediavault.core.failures.StoreError`.

**Fence.** A write of an attempt names ``(job id, attempt_count)`` and changes a row only
``WHERE status = running AND attempt_count = mine``. No row means
:class:`~mediavault.core.failures.LeaseLost`, and then nothing was written.

**Time.** All comparisons use one clock: the database's, on SQLite the ``Clock`` given at
construction.

**Durability.** ``enqueue``, ``import_jobs``, ``put_words``, every write of ``Records``, ``Marks``
and ``Tables``, and the final states (``complete``, ``fail``, ``cancel``, ``retry``,
``set_priority``, ``remove``, ``begin_commit``, ``save_items``, ``pause_site``) have reached the
disk when they return. ``claim``, ``renew``, ``progress`` and heartbeats may be lost by a power cut
(a lost claim is one more run), never by a crash of a process.

**Lease.** ``claimed_by`` and ``lease_expires_at`` are set exactly while a job is running,
``retry_at`` only on a failed one.

**History.** Each of the moves below appends its own record in the same transaction; ``record``
appends others.

**Library index.** What pages search, sort and sum up is written in the transaction that changes the
job.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from mediavault.core.failures import ErrorCode, StoreDamaged
from mediavault.core.job import (
    ClaimedJob,
    HistoryRecord,
    Job,
    JobId,
    JobItem,
    JobStatus,
    NewJob,
    Priority,
    Stage,
    WorkerHeartbeat,
    WorkerId,
)
from mediavault.core.marks import Mark, MarkCount
from mediavault.core.media import Account, Candidate, SavedFile, SourceType
from mediavault.core.records import Record, RecordKind
from mediavault.core.site_limits import Permit, PermitRequest, SiteLimit
from mediavault.store.queries import AccountPage as AccountPage
from mediavault.store.queries import AccountQuery as AccountQuery
from mediavault.store.queries import AccountSummary as AccountSummary
from mediavault.store.queries import FailureGroup as FailureGroup
from mediavault.store.queries import JobOrder as JobOrder
from mediavault.store.queries import JobPage as JobPage
from mediavault.store.queries import JobQuery as JobQuery
from mediavault.store.queries import LibraryTotals as LibraryTotals
from mediavault.store.queries import Neighbours as Neighbours
from mediavault.store.queries import PlatformTotals as PlatformTotals
from mediavault.store.search_words import FurtherWords, WordSource
from mediavault.store.tables import Table, TableRow, Where


@dataclass(frozen=True, slots=True)
class Enqueued:
    job: Job
    created: bool  # False: the post already had this job


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What extraction found, saved at 50 %."""

    extracted_url: str | None
    extracted_url_expires_at: datetime | None
    source_type: SourceType
    candidates: tuple[Candidate, ...]
    image_urls: tuple[str, ...]
    account: Account | None
    thumbnail_url: str | None
    metadata: Mapping[str, Any]
    items: tuple[JobItem, ...] = ()
    progress_pct: int = 50


@dataclass(frozen=True, slots=True)
class RecoveredJob:
    """A running job whose lease expired, now failed with RECOVERED_FROM_RESTART.

    ``requeueable``: it has a ``retry_at``.
    """

    id: JobId
    trace_id: str
    requeueable: bool


@dataclass(frozen=True, slots=True)
class Recovered:
    """What one pass of recovery did."""

    jobs: tuple[RecoveredJob, ...] = ()

    @property
    def failed(self) -> int:
        """How many jobs it failed."""
        return len(self.jobs)

    @property
    def requeueable(self) -> int:
        """How many of them will be tried again."""
        return sum(job.requeueable for job in self.jobs)

    @property
    def job_ids(self) -> tuple[JobId, ...]:
        return tuple(job.id for job in self.jobs)


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job with all of its history, its marks and its further words,
    as it is moved from one store to another.
    """

    job: Job
    history: tuple[HistoryRecord, ...] = ()
    marks: tuple[Mark, ...] = ()
    words: FurtherWords = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Concern:
    """A problem of the vault, or of its store's server, that an administrator should fix,
    and how.
    """

    what: str
    help: str


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What the store is and how many jobs are in each state, for doctor and health.

    ``waiting`` is by platform: jobs that are queued, or failed with a ``retry_at``. Platforms
    without any are left out. ``oldest_queued_at``: when the oldest queued job was submitted; None
    without one.
    """

    engine: str
    schema_version: int
    at: datetime  # by the store's clock, like the times at which workers were seen
    counts: Mapping[JobStatus, int] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    concerns: Sequence[Concern] = ()
    oldest_queued_at: datetime | None = None


class JobQueue(Protocol):
    """The durable queue: what happens to a job from its submission to its end."""

    async def enqueue(self, jobs: Sequence[NewJob], *, force: bool = False) -> list[Enqueued]:
        """Store jobs as queued, in one durable transaction; returns one answer for each, in the
        order given. (On MongoDB each job is stored separately: a call that is interrupted may have
        stored some of them.)

        A job whose ``canonical_url`` is known is not stored again: the newest job of that post is
        returned with ``created=False``; if only lists had named it (``listed_by``), and this one is
        a user's, it becomes the user's, in any state, with the user's ``post_url``. Two identical
        URLs in one call give one job. ``force`` stores a new job with ``version`` one higher
        instead. Wakes waiting workers, also in other processes of this host.
        """

    async def claim(
        self,
        worker: WorkerId,
        *,
        limit: int,
        lease: timedelta,
        platforms: Collection[str] = (),
        sessions: Collection[str] = (),
        at_least: Priority = Priority.LATER,
    ) -> list[ClaimedJob]:
        """Take up to ``limit`` queued jobs in the order of the queue: by ``priority``, then
        ``created_at``, then ``id``; [] when none.

        With ``platforms`` only jobs of these are taken, with ``at_least`` only those of that
        priority or a higher one. A job that needs a session (see ``release``) is handed out only to
        callers that name its platform in ``sessions``: the platforms that the worker's machine is
        signed in to.

        Nothing is taken while the queue is paused, and no job of a site that is (``store.holds``).

        Jobs are passed over while their platform is closed, or its next permit is not soon
        (``core.site_limits.SOON``). Of a platform that uses permits one job is handed out at a
        time; the next one when that job has taken its permit, or after
        ``store.site_limits.RESERVATION``. Jobs that are passed over cost a claim nothing, however
        many there are.

        One atomic move: status goes from queued to running, ``attempt_count`` grows by one,
        ``started_at``, ``claimed_by`` and the lease are set; ``retry_at``, ``error_code``,
        ``error`` and ``failed_at`` are cleared. Two workers that call this at the same moment never
        get the same job.

        ``stage`` becomes claim and progress starts at 0; what an earlier attempt found, or wrote in
        ``begin_commit``, stays. The claims of a caller that is cancelled while it waits are
        released.
        """

    async def renew(
        self, worker: WorkerId, held: Collection[ClaimedJob], *, lease: timedelta
    ) -> set[JobId]:
        """Extend the lease of exactly these attempts, in one statement; returns the ids that are
        still held.

        Not "all rows of this worker": a claim whose answer was lost must expire.
        """

    async def checkpoint(self, claim: ClaimedJob, checkpoint: Checkpoint) -> None:
        """Save what extraction found. Fenced."""

    async def progress(
        self,
        claim: ClaimedJob,
        *,
        stage: Stage,
        progress_pct: int,
        bytes_done: int = 0,
        bytes_total: int | None = None,
        duration_s: float | None = None,
    ) -> None:
        """Save where the attempt is. Fenced, not durable, may be called often.

        ``duration_s`` is how much of a running stream is recorded; without it the job's stays.
        """

    async def record(self, claim: ClaimedJob, record: HistoryRecord) -> None:
        """Append to the history. Not fenced: what a stale attempt did is history too.
        Ignores unknown jobs.
        """

    async def save_items(self, claim: ClaimedJob, items: Sequence[JobItem]) -> None:
        """Save what became of the post's items so far. Durable:
        a saved file is named here. Fenced.
        """

    async def begin_commit(
        self, claim: ClaimedJob, saved: SavedFile, items: Sequence[JobItem] = ()
    ) -> None:
        """Write path, size, hash and stage ``committing`` before the file is renamed into the
        library. Fenced.

        ``items`` replaces the job's items if given, here and in ``complete``.
        """

    async def complete(
        self, claim: ClaimedJob, saved: SavedFile, items: Sequence[JobItem] = ()
    ) -> None:
        """running -> completed, with the first saved file's facts and 100 %. Fenced."""

    async def fail(
        self,
        claim: ClaimedJob,
        *,
        error_code: ErrorCode,
        error: str,
        retry_in: timedelta | None,
        uses_attempt: bool = True,
    ) -> Job:
        """running -> failed with ``error_code``, ``error``, ``failed_at``; ``retry_at`` when
        ``retry_in`` is given. Fenced.

        Without ``uses_attempt`` ``max_attempts`` grows by one, as in ``release``. ``stage`` stays
        where the attempt failed. Characters that a database refuses are replaced in ``error``.
        """

    async def release(self, claim: ClaimedJob, *, needs_session: bool = False) -> None:
        """running -> queued: at an orderly shutdown, or when the site has no permit.
        ``attempt_count`` stays (a fence never shrinks) and ``max_attempts`` grows by one instead,
        so that the job loses no attempt. Fenced. Wakes waiting workers.

        With ``needs_session`` only workers that have its platform's session take the job, until a
        user retries it or ``release_session_jobs`` drops the need. Without it an earlier need
        stays.
        """

    async def release_session_jobs(self, held: Collection[str], *, waiting_for: timedelta) -> int:
        """Let any worker take the queued jobs that need a session of a platform not among ``held``;
        returns how many.

        ``held``: the platforms that a live worker's machine is signed in to. Only jobs that have
        not changed for ``waiting_for``, since a machine that restarts comes back. Wakes workers.
        """

    async def recover_stale_jobs(self, *, retry_in: timedelta) -> Recovered:
        """Fail every running job whose lease expired, in one statement, with RECOVERED_FROM_RESTART
        and ``failed_at``.

        ``retry_at`` is now + ``retry_in`` while ``attempt_count < max_attempts``; a job in stage
        ``committing`` gets one attempt more, since only the last step is missing. A job of a live
        worker is never touched.

        A store that uses the host's clock ignores expired leases for the length of one lease after
        that clock was set (clock_guard.py).
        """

    async def promote_due(self, *, limit: int = 500) -> int:
        """failed -> queued for jobs whose ``retry_at`` has come; ``created_at`` stays.
        Returns how many.
        """

    async def cancel(self, job_id: JobId) -> Job:
        """queued, running or failed -> cancelled, durable; clears ``retry_at``. Cancelling twice
        changes nothing.

        Raises JobNotFound, IllegalMove (completed).
        """

    async def retry(
        self, job_id: JobId, *, chosen_urls: Sequence[str] = (), profile: str | None = None
    ) -> Job:
        """failed or cancelled -> queued on a user's request; ``max_attempts`` becomes at least
        ``attempt_count + 1``, and ``needs_session`` is reset: the next attempt finds out again.

        ``chosen_urls`` are the candidates that the user chose; without any an earlier choice stays.
        With ``profile`` it is saved in that form. A queued or running
        job is returned unchanged. Raises JobNotFound, IllegalMove (completed). Wakes workers.
        """

    async def set_priority(self, job_id: JobId, priority: Priority) -> Job:
        """Change the priority of a job that is not completed; durable. A queued job takes its new
        place at once.

        Raises JobNotFound, IllegalMove (completed).
        """


class JobCatalogue(Protocol):
    """All jobs as pages, commands and maintenance read them;
    also what adds or removes whole jobs.
    """

    async def get(self, job_id: JobId) -> Job:
        """Return the job. Raises JobNotFound."""

    async def history(self, job_id: JobId) -> list[HistoryRecord]:
        """Return the job's history, oldest record first. Raises JobNotFound."""

    async def jobs(self, query: JobQuery) -> JobPage:
        """Return a page of jobs in the query's order. An invalid cursor,
        or one of another order, raises BadInput.
        """

    async def count(self, query: JobQuery) -> int:
        """Return how many jobs the query has on all its pages: its cursor,
        limit and order are ignored.
        """

    async def neighbours(self, job_id: JobId, query: JobQuery) -> Neighbours:
        """Return the jobs before and after this one among the query's jobs, in its order; the job
        need not be one of them. The query's cursor and limit are ignored. Raises JobNotFound.
        """

    async def accounts(self, query: AccountQuery) -> AccountPage:
        """Return a page of the accounts that have jobs. An invalid cursor raises BadInput."""

    async def account(self, key: str) -> AccountSummary:
        """Return the account with this key. Raises AccountNotFound."""

    async def library_totals(self) -> LibraryTotals:
        """Return how many jobs are in each state, and the size and length of the saved videos, by
        platform and in total.
        """

    async def failures(self) -> Sequence[FailureGroup]:
        """Return the failed jobs grouped by error code and platform, the largest group first."""

    async def next_queued(self, *, limit: int) -> list[Job]:
        """Return the first queued jobs in the order of the queue,
        whether they may be claimed now or not.
        """

    async def of_posts(self, canonical_urls: Collection[str]) -> Mapping[str, Job]:
        """Return the newest job of each of these posts, by canonical URL.
        Posts without a job are left out.
        """

    async def ids_beginning(self, beginnings: Collection[str], *, limit: int) -> list[JobId]:
        """Return the ids of the jobs that begin with one of these texts, each once, in order, at
        most ``limit``. The texts are taken literally; "" begins every id. Reads an index only.
        """

    async def changed_since(self, moment: datetime, *, limit: int = 500) -> list[Job]:
        """Return the jobs with ``updated_at >= moment``, oldest change first."""

    async def next_due(self) -> datetime | None:
        """Return the earliest ``retry_at``, or None."""

    async def count_unparsed(self, *, within: timedelta) -> Mapping[str, int]:
        """Return how many posts of each platform have failed with EXTRACTOR_BROKEN within that
        time, by the store's clock. Platforms without any are left out. Reads an index only.
        """

    async def report(self) -> StoreReport:
        """Return what the store is, and how many jobs it has."""

    async def remove(self, job_id: JobId, *, as_of: datetime | None = None) -> Job:
        """Delete the job, its history, its marks and its words, in any state; returns the job as it
        was. Raises JobNotFound.

        With ``as_of`` only if that is still its ``updated_at``: a job that has changed since counts
        as not found.

        A running attempt finds no row at its next write and stops with LeaseLost.
        """

    async def relocate(self, job: Job) -> bool:
        """Store where the files of a completed job are now: the paths in ``items``, ``output_path``
        and ``thumbnail_path``.

        Returns False, and changes nothing, when the job is gone, is not completed, or has changed
        since its ``updated_at``, which becomes now.
        """

    async def put_words(self, job_id: JobId, source: WordSource, line: str) -> bool:
        """Let searches find a job, in any state, by these words too; durable. Returns False when
        there is no such job.

        ``line`` (``search_words.distinct_line``) replaces the earlier one of the source; an empty
        one removes it. The job keeps its ``updated_at``, and the words stay until it is removed.
        """

    async def words_of(self, job_ids: Collection[JobId]) -> Mapping[JobId, FurtherWords]:
        """Return the lines that ``put_words`` stored for these jobs.
        Jobs without any are left out.
        """

    async def import_jobs(self, jobs: Sequence[StoredJob]) -> int:
        """Store jobs as another store had them, in one durable transaction; returns how many were
        new here.

        A job is skipped when its id, or its post in that version, is stored already, so that an
        interrupted move can be repeated. A running job becomes queued, as by ``release``.
        Everything else is unchanged, times included. Wakes waiting workers.
        """


class SiteLimits(Protocol):
    """The pace, the daily cap and the circuit breaker of each site, for the whole fleet."""

    async def acquire_permit(self, request: PermitRequest) -> Permit:
        """Return when a job may send requests to its site; one atomic move for the whole fleet.

        An open site gives permits ``interval`` apart, this one not before ``pause``, and refuses
        one that is further away than ``max_wait``. A closed site says until when. A half-open one
        (``closed_until`` has passed, failures are left) lets this caller probe and is closed to all
        others for ``probe_within``; ``is_prober`` lets the prober ask again. With ``account_cap``
        the post that would be the account's ``account_cap + 1``th within 24 hours is refused. A
        refusal takes no permit, counts no post and begins no probe; a job that is refused because
        of its account gets a reservation for the time in the answer.
        """

    async def pause_site(
        self, platform: str, *, duration: timedelta, code: ErrorCode, reason: str
    ) -> SiteLimit:
        """Close a platform for ``duration``, never for less than it is closed already; adds a
        failure.

        ``claim`` passes over the jobs of closed platforms. Durable.
        """

    async def reopen_site(self, platform: str) -> None:
        """Open a platform and clear its failures, after a success or on a user's request.

        Permits and the account's posts are unchanged. Wakes workers.
        """

    async def all_limits(self) -> list[SiteLimit]:
        """Return the limits of all platforms that have any, by name."""

    async def import_limits(self, limits: Sequence[SiteLimit]) -> int:
        """Store the limits of platforms that have none here; returns how many."""


class Workers(Protocol):
    """The workers' heartbeats, and the signals between processes."""

    async def heartbeat(self, beat: WorkerHeartbeat) -> bool:
        """Upsert a worker's heartbeat, seen now by the store's clock.

        Returns whether the worker has been asked to drain.
        """

    async def request_drain(self, workers: Collection[WorkerId]) -> int:
        """Ask these workers to finish their jobs, claim nothing more and exit; returns how many are
        known.

        They learn of it at their next heartbeat; ``alive`` shows them as draining from now on.
        """

    async def alive(self, *, seen_within: timedelta) -> list[WorkerHeartbeat]:
        """Return the workers whose last heartbeat is not older than that, newest first."""

    async def forget_worker(self, worker: WorkerId) -> None:
        """Remove a worker after its orderly shutdown."""

    async def expire_leases(self, workers: Collection[WorkerId]) -> int:
        """End the leases of workers known to be dead (their file lock is free);
        returns how many jobs had one.
        """

    def on_work(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` (from the event loop) when jobs may have become claimable; returns the
        unsubscriber.

        A hint that may be lost or come too often; the poll guarantees progress.
        """

    def on_stop(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Call ``callback`` (from the event loop) with the id of a running job that was cancelled
        or removed, or of a worker that was asked to drain, also in another process; returns the
        unsubscriber.

        A hint as in ``on_work``, which may also come late: ``renew`` says whether the current
        attempt is meant, ``heartbeat`` whether the worker is.
        """


class Records(Protocol):
    """Small records under a kind and a key, and what all processes at this store agree on.

    A value is a JSON object, and is returned as JSON has it (a tuple as a list). Two values are the
    same if their JSON is, regardless of the order of names. A value that JSON cannot hold raises
    TypeError. A record whose ``expires_at`` has come, by the store's clock, is gone for every
    method; a later write deletes it from the disk.
    """

    async def put(
        self,
        kind: RecordKind,
        key: str,
        value: Mapping[str, Any],
        *,
        expires_at: datetime | None = None,
    ) -> None:
        """Store a record, replacing any earlier one,
        until ``expires_at`` or until it is removed.
        """

    async def replace(
        self,
        kind: RecordKind,
        key: str,
        value: Mapping[str, Any],
        *,
        if_value: Mapping[str, Any] | None,
        expires_at: datetime | None = None,
    ) -> bool:
        """As ``put``, but only if the value is ``if_value`` now (None: if there is no record).

        Returns whether it was stored. One atomic move: of two concurrent calls with the same
        ``if_value`` one returns True.
        """

    async def get(self, kind: RecordKind, key: str) -> Record | None:
        """Return the record, or None."""

    async def all(self, kind: RecordKind) -> list[Record]:
        """Return all records of a kind, sorted by the code points of their keys."""

    async def put_all(
        self,
        kind: RecordKind,
        values: Mapping[str, Mapping[str, Any]],
        *,
        remove: Collection[str] = (),
    ) -> None:
        """Store records of a kind by their keys, as ``put`` does, and remove others of it, in one
        transaction. (On MongoDB in one command, which goes on when the caller dies; other callers
        may see it half done.)
        """

    async def some(self, kind: RecordKind, keys: Collection[str]) -> Mapping[str, Record]:
        """Return the records with these keys, by key. Keys without a record are left out."""

    async def under(
        self, kind: RecordKind, prefix: str, *, after: str = "", limit: int | None = None
    ) -> list[Record]:
        """Return the records whose keys begin with ``prefix`` and come after ``after``, sorted as
        in ``all``; at most ``limit`` of them. Reads an index: how many others there are does not
        matter.
        """

    async def count_under(self, kind: RecordKind, prefix: str) -> int:
        """Return how many records have keys that begin with ``prefix``."""

    async def remove(self, kind: RecordKind, key: str) -> bool:
        """Remove a record; returns whether there was one."""

    async def remove_under(self, kind: RecordKind, prefix: str) -> int:
        """Remove the records whose keys begin with ``prefix``; returns how many there were."""

    async def remove_all(self, kind: RecordKind, *, keep: Collection[str] = ()) -> int:
        """Remove all records of a kind except these keys; returns how many there were."""

    async def set_once(self, name: str, value: str) -> str:
        """Store ``value`` under ``name`` unless there is one already; returns the one that is
        stored.

        For what all processes at this store must agree on, such as the id of the library.
        """

    async def constants(self) -> Mapping[str, str]:
        """Return all values of ``set_once``, by name."""


class Tables(Protocol):
    """Rows that are looked up by more than their keys: see ``store.tables``.

    A value is a JSON object, as in ``Records``.
    """

    async def put(self, table: Table, rows: Sequence[TableRow]) -> None:
        """Store rows, in one transaction. (On MongoDB in one command, as ``Records.put_all``.)

        All of them have the same columns. A column that they lack is as it was, and None in a row
        that is new. Of two rows with the same key the later one counts.
        """

    async def update(
        self, table: Table, keys: Collection[Sequence[str]], columns: Mapping[str, str | int | None]
    ) -> None:
        """Set these columns of the rows with these keys, and nothing else.
        Keys without a row are left out.
        """

    async def replace(
        self, table: Table, row: TableRow, *, if_value: Mapping[str, Any] | None
    ) -> bool:
        """Store a row, but only if the value under its key is ``if_value`` now (None: if there is
        no row).

        Returns whether it was stored. One atomic move, as ``Records.replace``.
        """

    async def some(self, table: Table, keys: Collection[Sequence[str]]) -> list[TableRow]:
        """Return the rows with these keys, in no particular order.
        Keys without a row are left out.
        """

    async def select(
        self,
        table: Table,
        where: Where,
        *,
        order: Sequence[str] = (),
        descending: bool = False,
        after: Sequence[str] = (),
        limit: int | None = None,
    ) -> list[TableRow]:
        """Return the rows that meet all conditions, at most ``limit`` of them, sorted by the
        columns in ``order``, which all have a value in them, and then by their keys. Texts are
        sorted by their code points. ``after`` is a key, for rows in the order of their keys alone:
        only those after it.
        """

    async def keys(self, table: Table, where: Where) -> set[tuple[str, ...]]:
        """Return the keys of the rows that meet all conditions."""

    async def count(self, table: Table, where: Where) -> int:
        """Return how many rows meet all conditions."""

    async def total(self, table: Table, column: str) -> int:
        """Return the sum of a column's whole numbers over all rows."""

    async def remove(self, table: Table, where: Where) -> int:
        """Remove the rows that meet all conditions; returns how many there were."""


class Marks(Protocol):
    """What people note about posts: see ``core.marks``. A job has at most one mark of a name.

    A mark is no part of the job: it changes neither ``updated_at`` nor the history. It goes when
    the job is removed.
    """

    async def put(self, marks: Sequence[Mark]) -> int:
        """Store marks, replacing those of the same name at the same job; returns how many were
        stored.

        Marks of unknown jobs are ignored. Without a ``place`` an existing mark stays where it is,
        and a new one comes after those that exist: its place is the time in microseconds, by the
        store's clock, in the order given.
        """

    async def remove(
        self, name: str, job_ids: Collection[JobId] | None = None, *, if_text: str | None = None
    ) -> int:
        """Remove the marks of this name from these jobs, or from all; returns how many there were.

        With ``if_text`` only the marks that have this text now.
        """

    async def rename(self, name: str, new_name: str, *, text: str) -> int:
        """Give the marks of ``name`` the name ``new_name``, and all marks of that name the text
        ``text``; returns how many have it then. A job that has both keeps the place of
        ``new_name``. Renaming no mark changes nothing.
        """

    async def of_jobs(self, job_ids: Collection[JobId]) -> Mapping[JobId, tuple[Mark, ...]]:
        """Return the marks of these jobs, each job's sorted by name.
        Jobs without any are left out.
        """

    async def marked(
        self, name: str, *, after: Mark | None = None, limit: int = 100, newest_first: bool = False
    ) -> list[Mark]:
        """Return the marks of a name by their places, then by job id,
        from the one after ``after``.
        """

    async def names(self, prefix: str) -> list[MarkCount]:
        """Return the names that begin with ``prefix`` and have marks, sorted by their code points.

        ``text`` is the first of the texts of a name's marks, by code points.
        """


class Store(Protocol):
    """One store of any engine."""

    queue: JobQueue
    catalogue: JobCatalogue
    site_limits: SiteLimits
    workers: Workers
    records: Records
    marks: Marks
    tables: Tables

    @property
    def damage(self) -> StoreDamaged | None:
        """The damage that a call has met since the store was opened;
        None where a server looks after its own files.
        """

    async def open(self) -> None:
        """Connect, apply pending migrations. Raises SchemaTooNew, without changing anything."""

    async def close(self) -> None:
        """Finish accepted writes and disconnect. Safe to call twice."""
