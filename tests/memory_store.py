"""The in-memory store: the whole port without a database, for tests and as the plain reference.

Nothing in it awaits, so each method is atomic within its event loop. Everything is lost when the
process ends.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mediavault.core.clock import Clock, plausible, to_micros
from mediavault.core.failures import ErrorCode, StoreDamaged, StoreError
from mediavault.core.holds import is_paused
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
    StepOutcome,
    WorkerHeartbeat,
    WorkerId,
)
from mediavault.core.marks import Mark, MarkCount
from mediavault.core.media import SavedFile
from mediavault.core.records import Record, RecordKind
from mediavault.core.site_limits import Permit, PermitRequest, SiteLimit
from mediavault.store import codec, queries, rows, site_limits, transitions
from mediavault.store.port import (
    AccountPage,
    AccountQuery,
    AccountSummary,
    Checkpoint,
    Enqueued,
    FailureGroup,
    JobCatalogue,
    JobPage,
    JobQuery,
    JobQueue,
    LibraryTotals,
    Marks,
    Neighbours,
    Records,
    Recovered,
    RecoveredJob,
    SiteLimits,
    StoredJob,
    StoreReport,
    Tables,
    Workers,
)
from mediavault.store.search_words import GAP, FurtherWords, WordSource, distinct_line
from mediavault.store.sqlite.writer import ClockGuard
from mediavault.store.tables import Range, Table, TableRow, Where
from mediavault.store.wake import Subscribers
from tests import browsing

_ENDED = datetime(1970, 1, 1, tzinfo=UTC)  # the lease of a worker that is known to be dead
_MICROSECOND = timedelta(microseconds=1)


class MemoryState:
    """What the ports of one store share, and the moves that several of them make."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.guard = ClockGuard()
        self.jobs: dict[JobId, Job] = {}
        self.history: dict[JobId, list[HistoryRecord]] = {}
        self.workers: dict[WorkerId, WorkerHeartbeat] = {}
        self.limits: dict[str, SiteLimit] = {}
        self.leaving: set[WorkerId] = set()
        self.marks: dict[JobId, dict[str, Mark]] = {}
        self.words: dict[JobId, dict[WordSource, str]] = {}
        self.records = MemoryRecords(clock)
        self.tables = defaultdict[str, dict[tuple[str, ...], TableRow]](dict)
        self.subscribers, self.listeners = Subscribers[[]](), Subscribers[[str]]()

    def get(self, job_id: JobId) -> Job:
        if (job := self.jobs.get(job_id)) is None:
            raise transitions.job_not_found(job_id)
        return job

    def in_status(self, status: JobStatus) -> list[Job]:
        return [job for job in self.jobs.values() if job.status is status]

    def holds(self, claim: ClaimedJob) -> bool:
        job = self.jobs.get(claim.id)
        return (
            job is not None and job.status is JobStatus.RUNNING and job.attempt_count == claim.fence
        )

    def fenced(self, claim: ClaimedJob) -> Job:
        if not self.holds(claim):
            raise transitions.lease_lost(claim.id, claim.fence)
        return self.jobs[claim.id]

    def change(self, job: Job, **changes: Any) -> Job:
        self.jobs[job.id] = changed = replace(job, updated_at=self.clock.now(), **changes)
        return changed

    def requeue(self, job: Job, why: str) -> Job:
        self.append(
            job.id, HistoryRecord(self.clock.now(), 0, Stage.RETRY, StepOutcome.OK, detail=why)
        )
        queued = self.change(job, status=JobStatus.QUEUED, retry_at=None)
        self.subscribers.notify()
        return queued

    def stop_attempt(self, before: Job) -> None:
        if before.status is JobStatus.RUNNING:
            self.listeners.notify(before.id)

    def append(self, job_id: JobId, record: HistoryRecord) -> None:
        self.history[job_id].append(record)

    def record_of(self, claim: ClaimedJob, stage: Stage) -> HistoryRecord:
        return HistoryRecord(self.clock.now(), claim.fence, stage, StepOutcome.OK)

    def put_marks(self, marks: Sequence[Mark]) -> int:
        now, stored = to_micros(self.clock.now()), 0
        for index, mark in enumerate(rows.distinct_marks(marks)):
            if mark.job_id in self.jobs:
                values = rows.mark_values(mark, now + index)
                known = self.marks.setdefault(mark.job_id, {})
                there = known[values["name"]].place if values["name"] in known else values["number"]
                place = there if mark.place is None else mark.place
                known[values["name"]] = Mark(mark.job_id, values["name"], values["text"], place)
                stored += 1
        return stored

    def site_limit(self, platform: str) -> SiteLimit:
        return self.limits.get(platform, SiteLimit(platform))


class _MemoryPort:
    def __init__(self, state: MemoryState) -> None:
        self._state = state


class MemoryQueue(_MemoryPort):
    async def enqueue(self, jobs: Sequence[NewJob], *, force: bool = False) -> list[Enqueued]:
        before = dict(self._state.jobs), dict(self._state.history)
        try:
            listed = self._enqueue_all(jobs, force=force)
        except StoreError:
            self._state.jobs, self._state.history = before
            raise
        if any(answer.created for answer in listed):
            self._state.subscribers.notify()
        return listed

    def _enqueue_all(self, jobs: Sequence[NewJob], *, force: bool) -> list[Enqueued]:
        answers: dict[str, Enqueued] = {}
        listed: list[Enqueued] = []
        for job in jobs:
            known = answers.get(job.canonical_url)
            if known is None:
                # A microsecond apart, so that the jobs of one call are claimed in the order given.
                at = self._state.clock.now() + len(answers) * _MICROSECOND
                answers[job.canonical_url] = known = self._enqueue_one(job, at, force=force)
                listed.append(known)
            else:
                listed.append(Enqueued(known.job, created=False))
        return listed

    def _enqueue_one(self, new: NewJob, at: datetime, *, force: bool) -> Enqueued:
        versions = [
            job for job in self._state.jobs.values() if job.canonical_url == new.canonical_url
        ]
        newest = max(versions, key=lambda job: job.version, default=None)
        if newest is not None and not force:
            if transitions.adopts(new, newest):
                newest = self._state.change(newest, listed_by=None, post_url=new.post_url)
            return Enqueued(newest, created=False)
        if new.id in self._state.jobs:
            raise StoreError(f"The job {new.id} is stored already.")
        job = Job(
            id=new.id,
            trace_id=new.trace_id,
            post_url=new.post_url,
            canonical_url=new.canonical_url,
            platform=new.platform,
            status=JobStatus.QUEUED,
            created_at=at,
            updated_at=at,
            version=newest.version + 1 if newest else 1,
            max_attempts=new.max_attempts,
            profile=new.profile,
            priority=new.priority,
            listed_by=new.listed_by,
            metadata=new.metadata,
        )
        self._state.jobs[job.id] = job
        self._state.history[job.id] = []
        return Enqueued(job, created=True)

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
        now = self._state.clock.now()
        self._state.guard.lease_given(lease, now, self._state.clock.monotonic())
        paused = [record.key for record in await self._state.records.all(RecordKind.PAUSE)]
        first = self._first_that_may(now, limit, platforms, sessions, at_least, paused)
        for site_limit in {
            self._state.site_limit(job.platform).platform: self._state.site_limit(job.platform)
            for job in first
        }.values():
            if site_limits.uses_permits(site_limit):
                self._state.limits[site_limit.platform] = site_limits.reserve(site_limit, now)
        return [ClaimedJob(self._claim_one(job, worker, now, lease), worker) for job in first]

    def _first_that_may(
        self,
        now: datetime,
        limit: int,
        platforms: Collection[str],
        sessions: Collection[str],
        at_least: Priority,
        paused: Collection[str],
    ) -> list[Job]:
        wanted = (
            job
            for job in self._state.in_status(JobStatus.QUEUED)
            if (not platforms or job.platform in platforms)
            and not is_paused(job.platform, paused)
            and job.priority.rank <= at_least.rank
        )
        queued = sorted(
            (job for job in wanted if not job.needs_session or job.platform in sessions),
            key=queries.turn_of,
        )
        left = dict(
            site_limits.capacity(
                map(self._state.site_limit, {job.platform for job in queued}), now, limit=limit
            )
        )
        first: list[Job] = []
        for job in queued:
            if len(first) < limit and left.get(job.platform, 0) > 0:
                left[job.platform] -= 1
                first.append(job)
        return first

    def _claim_one(self, job: Job, worker: WorkerId, now: datetime, lease: timedelta) -> Job:
        self._state.append(
            job.id,
            HistoryRecord(now, job.attempt_count + 1, Stage.CLAIM, StepOutcome.OK, detail=worker),
        )
        return self._state.change(
            job,
            status=JobStatus.RUNNING,
            attempt_count=job.attempt_count + 1,
            started_at=now,
            claimed_by=worker,
            lease_expires_at=now + lease,
            retry_at=None,
            error_code=None,
            error=None,
            failed_at=None,
            stage=Stage.CLAIM,
            progress_pct=0,
            bytes_done=0,
            bytes_total=None,
        )

    async def renew(
        self, worker: WorkerId, held: Collection[ClaimedJob], *, lease: timedelta
    ) -> set[JobId]:
        now = self._state.clock.now()
        self._state.guard.lease_given(lease, now, self._state.clock.monotonic())
        until = now + lease
        still = {
            claim.id
            for claim in held
            if self._state.holds(claim) and self._state.jobs[claim.id].claimed_by == worker
        }
        for job_id in still:
            self._state.jobs[job_id] = replace(self._state.jobs[job_id], lease_expires_at=until)
        return still

    async def checkpoint(self, claim: ClaimedJob, found: Checkpoint) -> None:
        job = self._state.fenced(claim)
        self._state.change(
            job,
            stage=Stage.CHECKPOINT,
            progress_pct=found.progress_pct,
            source_type=found.source_type,
            extracted_url=codec.storable_or_none(found.extracted_url),
            extracted_url_expires_at=found.extracted_url_expires_at,
            candidates=codec.candidates_from_json(codec.candidates_to_json(found.candidates)),
            items=codec.items_from_json(codec.items_to_json(found.items)),
            image_urls=codec.texts_from_json(codec.texts_to_json(found.image_urls)),
            account=codec.account_from_json(codec.account_to_json(found.account)),
            thumbnail_url=codec.storable_or_none(found.thumbnail_url),
            # an independent copy
            metadata=codec.metadata_from_json(codec.metadata_to_json(found.metadata)),
        )
        self._state.append(claim.id, self._state.record_of(claim, Stage.CHECKPOINT))

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
        job = self._state.fenced(claim)
        self._state.change(
            job,
            stage=stage,
            progress_pct=progress_pct,
            bytes_done=bytes_done,
            bytes_total=bytes_total,
            duration_s=job.duration_s if duration_s is None else duration_s,
        )

    async def record(self, claim: ClaimedJob, record: HistoryRecord) -> None:
        if claim.id in self._state.jobs:
            self._state.append(claim.id, replace(record, detail=codec.storable(record.detail)))

    async def save_items(self, claim: ClaimedJob, items: Sequence[JobItem]) -> None:
        self._state.change(self._state.fenced(claim), items=tuple(items))

    async def begin_commit(
        self, claim: ClaimedJob, saved: SavedFile, items: Sequence[JobItem] = ()
    ) -> None:
        job = self._state.fenced(claim)
        self._state.change(
            job,
            stage=Stage.COMMITTING,
            items=tuple(items) or job.items,
            **transitions.saved_values(saved),
        )
        record = self._state.record_of(claim, Stage.COMMITTING)
        self._state.append(claim.id, replace(record, detail=saved.output_path, bytes=saved.bytes))

    async def complete(
        self, claim: ClaimedJob, saved: SavedFile, items: Sequence[JobItem] = ()
    ) -> None:
        job = self._state.fenced(claim)
        now = self._state.clock.now()
        record = self._state.record_of(claim, Stage.COMPLETE)
        self._state.append(
            claim.id,
            replace(
                record, bytes=saved.bytes, duration_ms=transitions.duration_ms(job.started_at, now)
            ),
        )
        self._state.change(
            job,
            **_NOT_RUNNING,
            status=JobStatus.COMPLETED,
            completed_at=now,
            stage=Stage.COMPLETE,
            progress_pct=100,
            bytes_done=saved.bytes,
            bytes_total=saved.bytes,
            items=tuple(items) or job.items,
            **transitions.saved_values(saved),
        )

    async def fail(
        self,
        claim: ClaimedJob,
        *,
        error_code: ErrorCode,
        error: str,
        retry_in: timedelta | None,
        uses_attempt: bool = True,
    ) -> Job:
        job = self._state.fenced(claim)
        now = self._state.clock.now()
        error = codec.storable(error)
        took = transitions.duration_ms(job.started_at, now)
        self._state.append(
            claim.id,
            HistoryRecord(
                now,
                claim.fence,
                Stage.FAIL,
                StepOutcome.FAILED,
                error_code=error_code,
                detail=error,
                duration_ms=took,
            ),
        )
        return self._state.change(
            job,
            **_NOT_RUNNING,
            status=JobStatus.FAILED,
            failed_at=now,
            error_code=error_code,
            error=error,
            retry_at=None if retry_in is None else now + retry_in,
            max_attempts=job.max_attempts + (not uses_attempt),
        )

    async def release(self, claim: ClaimedJob, *, needs_session: bool = False) -> None:
        job = self._state.fenced(claim)
        self._state.change(
            job,
            **_NOT_RUNNING,
            status=JobStatus.QUEUED,
            max_attempts=job.max_attempts + 1,
            needs_session=job.needs_session or needs_session,
        )
        self._state.append(claim.id, self._state.record_of(claim, Stage.RELEASE))
        self._state.subscribers.notify()

    async def release_session_jobs(self, held: Collection[str], *, waiting_for: timedelta) -> int:
        before = self._state.clock.now() - waiting_for
        waiting = [
            job
            for job in self._state.in_status(JobStatus.QUEUED)
            if job.needs_session and job.updated_at <= before
        ]
        freed = [
            self._state.change(job, needs_session=False)
            for job in waiting
            if job.platform not in held
        ]
        if freed:
            self._state.subscribers.notify()
        return len(freed)

    async def recover_stale_jobs(self, *, retry_in: timedelta) -> Recovered:
        now = self._state.clock.now()
        ended_before = (
            now if self._state.guard.may_reap(now, self._state.clock.monotonic()) else _ENDED
        )
        stale = [
            job
            for job in self._state.in_status(JobStatus.RUNNING)
            if job.lease_expires_at is not None and job.lease_expires_at <= ended_before
        ]
        failed = [self._recover_one(job, now, retry_in) for job in stale]
        return Recovered(
            tuple(RecoveredJob(job.id, job.trace_id, job.retry_at is not None) for job in failed)
        )

    def _recover_one(self, job: Job, now: datetime, retry_in: timedelta) -> Job:
        tries = job.max_attempts + (job.stage is Stage.COMMITTING)
        record = HistoryRecord(now, job.attempt_count, Stage.RECOVER, StepOutcome.FAILED)
        record = replace(
            record, error_code=ErrorCode.RECOVERED_FROM_RESTART, detail=transitions.RECOVERED_ERROR
        )
        self._state.append(job.id, record)
        return self._state.change(
            job,
            **_NOT_RUNNING,
            status=JobStatus.FAILED,
            failed_at=now,
            error_code=ErrorCode.RECOVERED_FROM_RESTART,
            error=transitions.RECOVERED_ERROR,
            retry_at=now + retry_in if job.attempt_count < tries else None,
        )

    async def promote_due(self, *, limit: int = 500) -> int:
        now = self._state.clock.now()
        due = sorted(
            (at, job.id)
            for job in self._state.jobs.values()
            if (at := job.retry_at) is not None and at <= now
        )
        for _, job_id in due[:limit]:
            self._state.requeue(self._state.jobs[job_id], transitions.DUE_AGAIN)
        return len(due[:limit])

    async def cancel(self, job_id: JobId) -> Job:
        job = self._state.get(job_id)
        if not transitions.must_cancel(job):
            return job
        attempt = job.attempt_count if job.status is JobStatus.RUNNING else 0
        self._state.append(
            job_id, HistoryRecord(self._state.clock.now(), attempt, Stage.CANCEL, StepOutcome.OK)
        )
        self._state.stop_attempt(job)
        return self._state.change(job, **_NOT_RUNNING, status=JobStatus.CANCELLED, retry_at=None)

    async def retry(
        self, job_id: JobId, *, chosen_urls: Sequence[str] = (), profile: str | None = None
    ) -> Job:
        job = self._state.get(job_id)
        if not transitions.check_requeue(job):
            return job
        job = replace(
            job, chosen_urls=tuple(chosen_urls) or job.chosen_urls, profile=profile or job.profile
        )
        job = replace(
            job, max_attempts=max(job.max_attempts, job.attempt_count + 1), needs_session=False
        )
        return self._state.requeue(job, transitions.RETRIED_BY_USER)

    async def set_priority(self, job_id: JobId, priority: Priority) -> Job:
        job = self._state.get(job_id)
        transitions.check_priority(job)
        return self._state.change(job, priority=priority)


class MemoryCatalogue(_MemoryPort):
    async def get(self, job_id: JobId) -> Job:
        return self._state.get(job_id)

    async def history(self, job_id: JobId) -> list[HistoryRecord]:
        self._state.get(job_id)
        return list(self._state.history[job_id])

    async def jobs(self, query: JobQuery) -> JobPage:
        return browsing.page(self._state.jobs.values(), query, self._state.marks, self._state.words)

    async def count(self, query: JobQuery) -> int:
        return len(
            browsing.in_order(
                self._state.jobs.values(), query, self._state.marks, self._state.words
            )
        )

    async def neighbours(self, job_id: JobId, query: JobQuery) -> Neighbours:
        state = self._state
        return browsing.neighbours(
            state.get(job_id), state.jobs.values(), query, state.marks, state.words
        )

    async def accounts(self, query: AccountQuery) -> AccountPage:
        return browsing.accounts(self._state.jobs.values(), query)

    async def account(self, key: str) -> AccountSummary:
        return browsing.account(self._state.jobs.values(), key)

    async def library_totals(self) -> LibraryTotals:
        return browsing.totals(self._state.jobs.values())

    async def failures(self) -> Sequence[FailureGroup]:
        return browsing.failures(self._state.jobs.values())

    async def next_queued(self, *, limit: int) -> list[Job]:
        return sorted(self._state.in_status(JobStatus.QUEUED), key=queries.turn_of)[:limit]

    async def of_posts(self, canonical_urls: Collection[str]) -> Mapping[str, Job]:
        wanted = frozenset(canonical_urls)
        found = sorted(
            (job for job in self._state.jobs.values() if job.canonical_url in wanted),
            key=_version_of,
        )
        return {job.canonical_url: job for job in found}

    async def ids_beginning(self, beginnings: Collection[str], *, limit: int) -> list[JobId]:
        found = sorted(job_id for job_id in self._state.jobs if job_id.startswith((*beginnings,)))
        return found[:limit]

    async def changed_since(self, moment: datetime, *, limit: int = 500) -> list[Job]:
        changed = [job for job in self._state.jobs.values() if job.updated_at >= moment]
        return sorted(changed, key=lambda job: job.updated_at)[:limit]

    async def next_due(self) -> datetime | None:
        return min(
            (job.retry_at for job in self._state.jobs.values() if job.retry_at is not None),
            default=None,
        )

    async def count_unparsed(self, *, within: timedelta) -> Mapping[str, int]:
        since = self._state.clock.now() - within
        return Counter(
            job.platform
            for job in self._state.in_status(JobStatus.FAILED)
            if job.error_code is ErrorCode.EXTRACTOR_BROKEN
            and job.failed_at is not None
            and job.failed_at >= since
        )

    async def report(self) -> StoreReport:
        waiting = Counter(
            job.platform
            for job in self._state.jobs.values()
            if job.status is JobStatus.QUEUED or job.retry_at is not None
        )
        counts = {status: len(self._state.in_status(status)) for status in JobStatus}
        oldest = min(
            (job.created_at for job in self._state.in_status(JobStatus.QUEUED)), default=None
        )
        return StoreReport(
            "memory", 0, self._state.clock.now(), counts, waiting, oldest_queued_at=oldest
        )

    async def remove(self, job_id: JobId, *, as_of: datetime | None = None) -> Job:
        job = self._state.get(job_id)
        if as_of is not None and job.updated_at != as_of:
            raise transitions.job_not_found(job_id)
        del self._state.jobs[job_id], self._state.history[job_id]
        self._state.marks.pop(job_id, None)
        self._state.words.pop(job_id, None)
        self._state.stop_attempt(job)
        return job

    async def relocate(self, job: Job) -> bool:
        known = self._state.jobs.get(job.id)
        if (
            known is None
            or known.status is not JobStatus.COMPLETED
            or known.updated_at != job.updated_at
        ):
            return False
        self._state.change(
            known, items=job.items, output_path=job.output_path, thumbnail_path=job.thumbnail_path
        )
        return True

    async def put_words(self, job_id: JobId, source: WordSource, line: str) -> bool:
        if job_id not in self._state.jobs:
            return False
        words = {**self._state.words.pop(job_id, {}), source: distinct_line(line.split(GAP))}
        if stored := {name: text for name, text in words.items() if text}:
            self._state.words[job_id] = stored
        return True

    async def words_of(self, job_ids: Collection[JobId]) -> Mapping[JobId, FurtherWords]:
        return {
            job_id: dict(self._state.words[job_id])
            for job_id in job_ids
            if job_id in self._state.words
        }

    async def import_jobs(self, jobs: Sequence[StoredJob]) -> int:
        new = 0
        for stored in jobs:
            job = _read_back(transitions.as_imported(stored.job))
            if any(
                known.id == job.id or _version_of(known) == _version_of(job)
                for known in self._state.jobs.values()
            ):
                continue
            self._state.jobs[job.id], self._state.history[job.id] = job, list(stored.history)
            self._state.put_marks(stored.marks)
            for source, line in stored.words.items():
                await self.put_words(job.id, source, line)
            new += 1
        if new:
            self._state.subscribers.notify()
        return new


class MemorySiteLimits(_MemoryPort):
    async def acquire_permit(self, asked: PermitRequest) -> Permit:
        permit, self._state.limits[asked.platform] = site_limits.acquire_permit(
            self._state.site_limit(asked.platform), asked, self._state.clock.now()
        )
        return permit

    async def pause_site(
        self, platform: str, *, duration: timedelta, code: ErrorCode, reason: str
    ) -> SiteLimit:
        reason = codec.storable(reason)
        closed = site_limits.close(
            self._state.site_limit(platform),
            self._state.clock.now(),
            duration=duration,
            code=code,
            reason=reason,
        )
        self._state.limits[platform] = closed
        return closed

    async def reopen_site(self, platform: str) -> None:
        self._state.limits[platform] = site_limits.open_(self._state.site_limit(platform))
        self._state.subscribers.notify()

    async def all_limits(self) -> list[SiteLimit]:
        return sorted(self._state.limits.values(), key=lambda site_limit: site_limit.platform)

    async def import_limits(self, limits: Sequence[SiteLimit]) -> int:
        new = {
            site_limit.platform: site_limit
            for site_limit in limits
            if site_limit.platform not in self._state.limits
        }
        self._state.limits |= new
        return len(new)


class MemoryWorkers(_MemoryPort):
    async def heartbeat(self, beat: WorkerHeartbeat) -> bool:
        self._state.workers[beat.worker] = replace(beat, last_seen_at=self._state.clock.now())
        return beat.worker in self._state.leaving

    async def request_drain(self, workers: Collection[WorkerId]) -> int:
        known = [worker for worker in workers if worker in self._state.workers]
        self._state.leaving.update(known)
        for worker in known:
            self._state.listeners.notify(worker)
        return len(known)

    async def alive(self, *, seen_within: timedelta) -> list[WorkerHeartbeat]:
        since = self._state.clock.now() - seen_within
        alive = sorted(
            (beat for beat in self._state.workers.values() if beat.last_seen_at >= since),
            key=lambda b: b.worker,
        )
        newest_first = sorted(alive, key=lambda beat: beat.last_seen_at, reverse=True)
        return [
            replace(beat, draining=beat.draining or beat.worker in self._state.leaving)
            for beat in newest_first
        ]

    async def forget_worker(self, worker: WorkerId) -> None:
        self._state.workers.pop(worker, None)

    async def expire_leases(self, workers: Collection[WorkerId]) -> int:
        theirs = [
            job for job in self._state.in_status(JobStatus.RUNNING) if job.claimed_by in workers
        ]
        for job in theirs:
            self._state.jobs[job.id] = replace(job, lease_expires_at=_ENDED)
        return len(theirs)

    def on_work(self, callback: Callable[[], None]) -> Callable[[], None]:
        return self._state.subscribers.add(callback)

    def on_stop(self, callback: Callable[[str], None]) -> Callable[[], None]:
        return self._state.listeners.add(callback)


class MemoryMarks(_MemoryPort):
    async def put(self, marks: Sequence[Mark]) -> int:
        return self._state.put_marks(marks)

    async def remove(
        self, name: str, job_ids: Collection[JobId] | None = None, *, if_text: str | None = None
    ) -> int:
        name = rows.mark_name(name)
        of_jobs = [
            self._state.marks.get(job_id, {})
            for job_id in (self._state.marks if job_ids is None else set(job_ids))
        ]
        found = [
            marks for marks in of_jobs if name in marks and if_text in (None, marks[name].text)
        ]
        for marks in found:
            del marks[name]
        return len(found)

    async def rename(self, name: str, new_name: str, *, text: str) -> int:
        name, new_name = rows.mark_name(name), rows.mark_name(new_name)
        if not any(name in marks for marks in self._state.marks.values()):
            return 0
        for marks in self._state.marks.values():
            if name in marks:
                moved = marks.pop(name)
                marks.setdefault(new_name, moved)
            if new_name in marks:
                marks[new_name] = replace(marks[new_name], name=new_name, text=codec.storable(text))
        return sum(new_name in marks for marks in self._state.marks.values())

    async def of_jobs(self, job_ids: Collection[JobId]) -> Mapping[JobId, tuple[Mark, ...]]:
        found = {job_id: self._state.marks.get(job_id, {}) for job_id in job_ids}
        return {
            job_id: tuple(marks[name] for name in sorted(marks))
            for job_id, marks in found.items()
            if marks
        }

    async def marked(
        self, name: str, *, after: Mark | None = None, limit: int = 100, newest_first: bool = False
    ) -> list[Mark]:
        name = rows.mark_name(name)
        places = sorted(
            (
                (marks[name].place or 0, job_id)
                for job_id, marks in self._state.marks.items()
                if name in marks
            ),
            reverse=newest_first,
        )
        if after is not None:
            start = (after.place or 0, after.job_id)
            places = [at for at in places if (at < start if newest_first else at > start)]
        return [self._state.marks[job_id][name] for _, job_id in places[:limit]]

    async def names(self, prefix: str) -> list[MarkCount]:
        prefix = rows.mark_name(prefix)
        texts = defaultdict[str, list[str]](list)
        for marks in self._state.marks.values():
            for name, mark in marks.items():
                if name.startswith(prefix):
                    texts[name].append(mark.text)
        return [MarkCount(name, min(texts[name]), len(texts[name])) for name in sorted(texts)]


class MemoryRecords:
    """The records; values are stored as the text that a database would store."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._constants: dict[str, str] = {}
        self._rows: dict[tuple[RecordKind, str], tuple[str, int, int | None]] = {}

    async def put(
        self,
        kind: RecordKind,
        key: str,
        value: Mapping[str, Any],
        *,
        expires_at: datetime | None = None,
    ) -> None:
        self._prune()
        row = (
            codec.record_to_json(value),
            to_micros(self._clock.now()),
            rows.micros_or_none(expires_at),
        )
        self._rows[kind, key] = row

    async def replace(
        self,
        kind: RecordKind,
        key: str,
        value: Mapping[str, Any],
        *,
        if_value: Mapping[str, Any] | None,
        expires_at: datetime | None = None,
    ) -> bool:
        self._prune()
        current = self._rows.get((kind, key))
        expected = None if if_value is None else codec.record_to_json(if_value)
        if (current and current[0]) != expected:
            return False
        await self.put(kind, key, value, expires_at=expires_at)
        return True

    async def get(self, kind: RecordKind, key: str) -> Record | None:
        self._prune()
        row = self._rows.get((kind, key))
        return codec.record_from_row((kind, key, *row)) if row else None

    async def all(self, kind: RecordKind) -> list[Record]:
        self._prune()
        keys = sorted(key for row_kind, key in self._rows if row_kind is kind)
        return [codec.record_from_row((kind, key, *self._rows[kind, key])) for key in keys]

    async def put_all(
        self,
        kind: RecordKind,
        values: Mapping[str, Mapping[str, Any]],
        *,
        remove: Collection[str] = (),
    ) -> None:
        self._prune()
        texts = {key: codec.record_to_json(value) for key, value in values.items()}
        now = to_micros(self._clock.now())
        for key in remove:
            self._rows.pop((kind, key), None)
        self._rows |= {(kind, key): (text, now, None) for key, text in texts.items()}

    async def some(self, kind: RecordKind, keys: Collection[str]) -> Mapping[str, Record]:
        self._prune()
        return {
            key: codec.record_from_row((kind, key, *row))
            for key in keys
            if (row := self._rows.get((kind, key)))
        }

    async def under(
        self, kind: RecordKind, prefix: str, *, after: str = "", limit: int | None = None
    ) -> list[Record]:
        keys = [key for key in self._keys_under(kind, prefix) if key > after]
        return [codec.record_from_row((kind, key, *self._rows[kind, key])) for key in keys[:limit]]

    async def count_under(self, kind: RecordKind, prefix: str) -> int:
        return len(self._keys_under(kind, prefix))

    def _keys_under(self, kind: RecordKind, prefix: str) -> list[str]:
        self._prune()
        return sorted(
            key for row_kind, key in self._rows if row_kind is kind and key.startswith(prefix)
        )

    async def remove(self, kind: RecordKind, key: str) -> bool:
        self._prune()
        return self._rows.pop((kind, key), None) is not None

    async def remove_under(self, kind: RecordKind, prefix: str) -> int:
        keys = self._keys_under(kind, prefix)
        for key in keys:
            del self._rows[kind, key]
        return len(keys)

    async def remove_all(self, kind: RecordKind, *, keep: Collection[str] = ()) -> int:
        self._prune()
        removed = [
            (row_kind, key) for row_kind, key in self._rows if row_kind is kind and key not in keep
        ]
        for row_key in removed:
            del self._rows[row_key]
        return len(removed)

    async def set_once(self, name: str, value: str) -> str:
        return self._constants.setdefault(name, value)

    async def constants(self) -> Mapping[str, str]:
        return dict(self._constants)

    def _prune(self) -> None:
        now = to_micros(self._clock.now())
        expired = [
            row_key
            for row_key, (_, _, ends) in self._rows.items()
            if ends is not None and ends <= now
        ]
        for row_key in expired:
            del self._rows[row_key]


class MemoryTables(_MemoryPort):
    async def put(self, table: Table, rows: Sequence[TableRow]) -> None:
        for row in rows:
            key = row.key_in(table)
            before = (
                self._rows(table)[key].columns
                if key in self._rows(table)
                else dict.fromkeys(table.names)
            )
            self._rows(table)[key] = _as_stored(TableRow({**before, **row.columns}, row.value))

    async def update(
        self, table: Table, keys: Collection[Sequence[str]], columns: Mapping[str, str | int | None]
    ) -> None:
        for key in map(tuple, keys):
            if key in (rows := self._rows(table)):
                rows[key] = TableRow({**rows[key].columns, **columns}, rows[key].value)

    async def replace(
        self, table: Table, row: TableRow, *, if_value: Mapping[str, Any] | None
    ) -> bool:
        stored, before = _as_stored(row), self._rows(table).get(row.key_in(table))
        if (None if before is None else before.value) != (
            None if if_value is None else _value_as_stored(if_value)
        ):
            return False
        self._rows(table)[row.key_in(table)] = stored
        return True

    async def some(self, table: Table, keys: Collection[Sequence[str]]) -> list[TableRow]:
        rows = self._rows(table)
        return [rows[key] for key in set(map(tuple, keys)) if key in rows]

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
        found = [
            row
            for key, row in self._rows(table).items()
            if key > tuple(after) and _meets(row, where)
        ]
        by = [*order, *table.key]
        return sorted(
            found, key=lambda row: [row.columns[name] for name in by], reverse=descending
        )[:limit]

    async def keys(self, table: Table, where: Where) -> set[tuple[str, ...]]:
        return {key for key, row in self._rows(table).items() if _meets(row, where)}

    async def count(self, table: Table, where: Where) -> int:
        return sum(_meets(row, where) for row in self._rows(table).values())

    async def total(self, table: Table, column: str) -> int:
        return sum(int(row.columns[column] or 0) for row in self._rows(table).values())

    async def remove(self, table: Table, where: Where) -> int:
        gone = [key for key, row in self._rows(table).items() if _meets(row, where)]
        for key in gone:
            del self._rows(table)[key]
        return len(gone)

    def _rows(self, table: Table) -> dict[tuple[str, ...], TableRow]:
        return self._state.tables[table.name]


def _as_stored(row: TableRow) -> TableRow:
    return TableRow(dict(row.columns), _value_as_stored(row.value))


def _value_as_stored(value: Mapping[str, Any]) -> dict[str, Any]:
    return codec.record_from_json(codec.record_to_json(value))


def _meets(row: TableRow, where: Where) -> bool:
    return all(_is(row.columns[name], wanted) for name, wanted in where.items())


def _is(value: Any, wanted: str | int | Range | None) -> bool:
    if not isinstance(wanted, Range):
        return bool(value == wanted)
    least, most = wanted.at_least, wanted.at_most
    return (
        value is not None and (least is None or value >= least) and (most is None or value <= most)
    )


class MemoryJobStore:
    """A ``Store`` of one process."""

    damage: StoreDamaged | None = None

    def __init__(self, clock: Clock) -> None:
        self._state = MemoryState(clock)
        self.queue: JobQueue = MemoryQueue(self._state)
        self.catalogue: JobCatalogue = MemoryCatalogue(self._state)
        self.site_limits: SiteLimits = MemorySiteLimits(self._state)
        self.workers: Workers = MemoryWorkers(self._state)
        self.records: Records = self._state.records
        self.marks: Marks = MemoryMarks(self._state)
        self.tables: Tables = MemoryTables(self._state)

    async def open(self) -> None:
        # the first reading
        self._state.guard.may_reap(self._state.clock.now(), self._state.clock.monotonic())

    async def close(self) -> None:
        pass


_NOT_RUNNING: dict[str, Any] = {"claimed_by": None, "lease_expires_at": None}


def _read_back(job: Job) -> Job:
    """Return an imported job as the other stores would read it back, which store it as JSON."""
    times: dict[str, Any] = {
        name: plausible(at)
        for name in Job.__slots__
        if isinstance(at := getattr(job, name), datetime)
    }
    return replace(
        job,
        **times,
        account=codec.account_from_json(codec.account_to_json(job.account)),
        metadata=codec.metadata_from_json(codec.metadata_to_json(job.metadata)),
        items=codec.items_from_json(codec.items_to_json(job.items)),
        candidates=codec.candidates_from_json(codec.candidates_to_json(job.candidates)),
        image_urls=codec.texts_from_json(codec.texts_to_json(job.image_urls)),
    )


def _version_of(job: Job) -> tuple[str, int]:
    return job.canonical_url, job.version
