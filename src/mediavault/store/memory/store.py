"""The in-memory store: every sentence of the port, without a database. For tests, demos and as the plain reference.

Nothing in it awaits, so each method is atomic within its event loop. It keeps nothing when the process ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mediavault.core.clock import Clock, plausible
from mediavault.core.failures import ErrorCode, StoreError
from mediavault.core.gates import Gate, Turn, TurnRequest
from mediavault.core.job import (
    ClaimedJob,
    HistoryRecord,
    Job,
    JobId,
    JobItem,
    JobStatus,
    NewJob,
    Outcome,
    Stage,
    WorkerBeat,
    WorkerId,
)
from mediavault.core.media import KeptFile
from mediavault.core.messages import Message
from mediavault.store import browsing, codec, gating, moves, paging
from mediavault.store.clock_guard import ClockGuard
from mediavault.store.memory.records import MemoryRecords
from mediavault.store.port import (
    AccountPage,
    AccountQuery,
    AccountSummary,
    Checkpoint,
    Enqueued,
    FailureGroup,
    JobPage,
    JobQuery,
    LibraryTotals,
    Neighbours,
    Recovered,
    RecoveredJob,
    StoredJob,
    StoreReport,
)
from mediavault.store.wake import Subscribers

_ENDED = datetime(1970, 1, 1, tzinfo=UTC)  # the lease of a worker that is known to be dead
_MICROSECOND = timedelta(microseconds=1)


class MemoryJobStore(MemoryRecords):
    """A ``JobStore`` of one process."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._guard = ClockGuard()
        self._jobs: dict[JobId, Job] = {}
        self._history: dict[JobId, list[HistoryRecord]] = {}
        self._workers: dict[WorkerId, WorkerBeat] = {}
        self._gates: dict[str, Gate] = {}
        self._leaving: set[WorkerId] = set()
        self._agreed: dict[str, str] = {}
        self._subscribers, self._listeners = Subscribers[[]](), Subscribers[[str]]()

    async def open(self) -> None:
        self._guard.may_reap(self._clock.now(), self._clock.monotonic())  # the first look

    async def close(self) -> None:
        pass

    # --- the queue ----------------------------------------------------------------------------------------------

    async def enqueue(self, jobs: Sequence[NewJob], *, force: bool = False) -> list[Enqueued]:
        before = dict(self._jobs), dict(self._history)
        try:
            listed = self._enqueue_all(jobs, force=force)
        except StoreError:
            self._jobs, self._history = before
            raise
        if any(answer.created for answer in listed):
            self._subscribers.notify()
        return listed

    def _enqueue_all(self, jobs: Sequence[NewJob], *, force: bool) -> list[Enqueued]:
        answers: dict[str, Enqueued] = {}
        listed: list[Enqueued] = []
        for job in jobs:
            known = answers.get(job.canonical_url)
            if known is None:
                # A microsecond apart, so that the jobs of one call are claimed in the order given.
                at = self._clock.now() + len(answers) * _MICROSECOND
                answers[job.canonical_url] = known = self._enqueue_one(job, at, force=force)
                listed.append(known)
            else:
                listed.append(Enqueued(known.job, created=False))
        return listed

    def _enqueue_one(self, new: NewJob, at: datetime, *, force: bool) -> Enqueued:
        versions = [job for job in self._jobs.values() if job.canonical_url == new.canonical_url]
        newest = max(versions, key=lambda job: job.version, default=None)
        if newest is not None and not force:
            return Enqueued(newest, created=False)
        if new.id in self._jobs:
            raise StoreError(Message("The job %(id)s is stored already.", id=new.id))
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
        )
        self._jobs[job.id] = job
        self._history[job.id] = []
        return Enqueued(job, created=True)

    async def claim(
        self,
        worker: WorkerId,
        *,
        limit: int,
        lease: timedelta,
        platforms: Collection[str] = (),
        sessions: Collection[str] = (),
    ) -> list[ClaimedJob]:
        now = self._clock.now()
        self._guard.lease_given(lease, now, self._clock.monotonic())
        oldest = self._oldest_that_may(now, limit, platforms, sessions)
        for gate in {self._gate(job.platform).platform: self._gate(job.platform) for job in oldest}.values():
            if gating.takes_turns(gate):
                self._gates[gate.platform] = gating.offer(gate, now)
        return [ClaimedJob(self._claim_one(job, worker, now, lease), worker) for job in oldest]

    def _oldest_that_may(
        self, now: datetime, limit: int, platforms: Collection[str], sessions: Collection[str]
    ) -> list[Job]:
        wanted = (job for job in self._with(JobStatus.QUEUED) if not platforms or job.platform in platforms)
        queued = sorted((job for job in wanted if not job.needs_session or job.platform in sessions), key=paging.age_of)
        left = dict(gating.places(map(self._gate, {job.platform for job in queued}), now, limit=limit))
        oldest: list[Job] = []
        for job in queued:
            if len(oldest) < limit and left.get(job.platform, 0) > 0:
                left[job.platform] -= 1
                oldest.append(job)
        return oldest

    def _claim_one(self, job: Job, worker: WorkerId, now: datetime, lease: timedelta) -> Job:
        self._append(job.id, HistoryRecord(now, job.attempt_count + 1, Stage.CLAIM, Outcome.OK, detail=worker))
        return self._change(
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

    async def renew(self, worker: WorkerId, held: Collection[ClaimedJob], *, lease: timedelta) -> set[JobId]:
        now = self._clock.now()
        self._guard.lease_given(lease, now, self._clock.monotonic())
        until = now + lease
        still = {claim.id for claim in held if self._holds(claim) and self._jobs[claim.id].claimed_by == worker}
        for job_id in still:
            self._jobs[job_id] = replace(self._jobs[job_id], lease_expires_at=until)
        return still

    async def checkpoint(self, claim: ClaimedJob, found: Checkpoint) -> None:
        job = self._fenced(claim)
        self._change(
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
            metadata=codec.metadata_from_json(codec.metadata_to_json(found.metadata)),  # a copy nobody else holds
        )
        self._append(claim.id, self._record_of(claim, Stage.CHECKPOINT))

    async def progress(
        self, claim: ClaimedJob, *, stage: Stage, progress_pct: int, bytes_done: int = 0, bytes_total: int | None = None
    ) -> None:
        job = self._fenced(claim)
        self._change(job, stage=stage, progress_pct=progress_pct, bytes_done=bytes_done, bytes_total=bytes_total)

    async def record(self, claim: ClaimedJob, record: HistoryRecord) -> None:
        if claim.id in self._jobs:
            self._append(claim.id, replace(record, detail=codec.storable(record.detail)))

    async def save_items(self, claim: ClaimedJob, items: Sequence[JobItem]) -> None:
        self._change(self._fenced(claim), items=tuple(items))

    async def begin_commit(self, claim: ClaimedJob, kept: KeptFile, items: Sequence[JobItem] = ()) -> None:
        job = self._fenced(claim)
        self._change(job, stage=Stage.COMMITTING, items=tuple(items) or job.items, **moves.kept_values(kept))
        record = self._record_of(claim, Stage.COMMITTING)
        self._append(claim.id, replace(record, detail=kept.output_path, bytes=kept.bytes))

    async def complete(self, claim: ClaimedJob, kept: KeptFile, items: Sequence[JobItem] = ()) -> None:
        job = self._fenced(claim)
        now = self._clock.now()
        record = self._record_of(claim, Stage.COMPLETE)
        self._append(claim.id, replace(record, bytes=kept.bytes, duration_ms=moves.duration_ms(job.started_at, now)))
        self._change(
            job,
            **_NOT_RUNNING,
            status=JobStatus.COMPLETED,
            completed_at=now,
            stage=Stage.COMPLETE,
            progress_pct=100,
            bytes_done=kept.bytes,
            bytes_total=kept.bytes,
            items=tuple(items) or job.items,
            **moves.kept_values(kept),
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
        job = self._fenced(claim)
        now = self._clock.now()
        error = codec.storable(error)
        took = moves.duration_ms(job.started_at, now)
        self._append(
            claim.id,
            HistoryRecord(
                now, claim.fence, Stage.FAIL, Outcome.FAILED, error_code=error_code, detail=error, duration_ms=took
            ),
        )
        return self._change(
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
        job = self._fenced(claim)
        self._change(
            job,
            **_NOT_RUNNING,
            status=JobStatus.QUEUED,
            max_attempts=job.max_attempts + 1,
            needs_session=job.needs_session or needs_session,
        )
        self._append(claim.id, self._record_of(claim, Stage.RELEASE))
        self._subscribers.notify()

    async def drop_need_of_session(self, held: Collection[str], *, waiting_for: timedelta) -> int:
        before = self._clock.now() - waiting_for
        waiting = [job for job in self._with(JobStatus.QUEUED) if job.needs_session and job.updated_at <= before]
        freed = [self._change(job, needs_session=False) for job in waiting if job.platform not in held]
        if freed:
            self._subscribers.notify()
        return len(freed)

    async def recover_stale_jobs(self, *, retry_in: timedelta) -> Recovered:
        now = self._clock.now()
        ended_before = now if self._guard.may_reap(now, self._clock.monotonic()) else _ENDED
        stale = [
            job
            for job in self._with(JobStatus.RUNNING)
            if job.lease_expires_at is not None and job.lease_expires_at <= ended_before
        ]
        failed = [self._recover_one(job, now, retry_in) for job in stale]
        return Recovered(tuple(RecoveredJob(job.id, job.trace_id, job.retry_at is not None) for job in failed))

    def _recover_one(self, job: Job, now: datetime, retry_in: timedelta) -> Job:
        tries = job.max_attempts + (job.stage is Stage.COMMITTING)
        self._append(job.id, moves.recover_record(now, job.attempt_count))
        return self._change(
            job,
            **_NOT_RUNNING,
            status=JobStatus.FAILED,
            failed_at=now,
            error_code=ErrorCode.RECOVERED_FROM_RESTART,
            error=moves.RECOVERED_ERROR,
            retry_at=now + retry_in if job.attempt_count < tries else None,
        )

    async def expire_leases(self, workers: Collection[WorkerId]) -> int:
        theirs = [job for job in self._with(JobStatus.RUNNING) if job.claimed_by in workers]
        for job in theirs:
            self._jobs[job.id] = replace(job, lease_expires_at=_ENDED)
        return len(theirs)

    async def promote_due(self, *, limit: int = 500) -> int:
        now = self._clock.now()
        due = sorted((at, job.id) for job in self._jobs.values() if (at := job.retry_at) is not None and at <= now)
        for _, job_id in due[:limit]:
            self._requeue(self._jobs[job_id], moves.DUE_AGAIN)
        return len(due[:limit])

    async def next_due(self) -> datetime | None:
        return min((job.retry_at for job in self._jobs.values() if job.retry_at is not None), default=None)

    # --- what a person asks for ---------------------------------------------------------------------------------

    async def cancel(self, job_id: JobId) -> Job:
        job = await self.get(job_id)
        if not moves.must_cancel(job):
            return job
        self._append(job_id, moves.cancel_record(job, self._clock.now()))
        self._stop_attempt(job)
        return self._change(job, **_NOT_RUNNING, status=JobStatus.CANCELLED, retry_at=None)

    async def retry(self, job_id: JobId, *, chosen_url: str | None = None) -> Job:
        job = await self.get(job_id)
        if not moves.must_requeue(job):
            return job
        job = replace(job, chosen_url=chosen_url or job.chosen_url)
        job = replace(job, max_attempts=max(job.max_attempts, job.attempt_count + 1), needs_session=False)
        return self._requeue(job, moves.ASKED_AGAIN)

    async def remove(self, job_id: JobId, *, as_of: datetime | None = None) -> Job:
        job = await self.get(job_id)
        if as_of is not None and job.updated_at != as_of:
            raise moves.job_not_found(job_id)
        del self._jobs[job_id], self._history[job_id]
        self._stop_attempt(job)
        return job

    async def get(self, job_id: JobId) -> Job:
        if (job := self._jobs.get(job_id)) is None:
            raise moves.job_not_found(job_id)
        return job

    async def jobs(self, query: JobQuery) -> JobPage:
        return browsing.page(self._jobs.values(), query)

    async def neighbours(self, job_id: JobId, query: JobQuery) -> Neighbours:
        return browsing.beside(await self.get(job_id), self._jobs.values(), query)

    async def accounts(self, query: AccountQuery) -> AccountPage:
        return browsing.accounts(self._jobs.values(), query)

    async def account(self, key: str) -> AccountSummary:
        return browsing.account(self._jobs.values(), key)

    async def library_totals(self) -> LibraryTotals:
        return browsing.totals(self._jobs.values())

    async def failures(self) -> Sequence[FailureGroup]:
        return browsing.failures(self._jobs.values())

    async def changed_since(self, moment: datetime, *, limit: int = 500) -> list[Job]:
        changed = [job for job in self._jobs.values() if job.updated_at >= moment]
        return sorted(changed, key=lambda job: job.updated_at)[:limit]

    async def history(self, job_id: JobId) -> list[HistoryRecord]:
        await self.get(job_id)
        return list(self._history[job_id])

    # --- moving from one store to another ------------------------------------------------------------------------

    async def adopt(self, jobs: Sequence[StoredJob]) -> int:
        new = 0
        for stored in jobs:
            job = _read_back(moves.as_adopted(stored.job))
            if any(known.id == job.id or _version_of(known) == _version_of(job) for known in self._jobs.values()):
                continue
            self._jobs[job.id], self._history[job.id] = job, list(stored.history)
            new += 1
        if new:
            self._subscribers.notify()
        return new

    async def adopt_gates(self, gates: Sequence[Gate]) -> int:
        new = {gate.platform: gate for gate in gates if gate.platform not in self._gates}
        self._gates |= new
        return len(new)

    async def agree_on(self, name: str, value: str) -> str:
        return self._agreed.setdefault(name, value)

    async def agreed(self) -> Mapping[str, str]:
        return dict(self._agreed)

    # --- gates --------------------------------------------------------------------------------------------------

    async def take_turn(self, asked: TurnRequest) -> Turn:
        turn, self._gates[asked.platform] = gating.take_turn(self._gate(asked.platform), asked, self._clock.now())
        return turn

    async def close_gate(self, platform: str, *, duration: timedelta, code: ErrorCode, reason: str) -> Gate:
        reason = codec.storable(reason)
        closed = gating.close(self._gate(platform), self._clock.now(), duration=duration, code=code, reason=reason)
        self._gates[platform] = closed
        return closed

    async def open_gate(self, platform: str) -> None:
        self._gates[platform] = gating.open_(self._gate(platform))
        self._subscribers.notify()

    async def gates(self) -> list[Gate]:
        return sorted(self._gates.values(), key=lambda gate: gate.platform)

    def _gate(self, platform: str) -> Gate:
        return self._gates.get(platform, Gate(platform))

    # --- workers ------------------------------------------------------------------------------------------------

    async def not_understood(self, *, within: timedelta) -> Mapping[str, int]:
        since = self._clock.now() - within
        return Counter(
            job.platform
            for job in self._with(JobStatus.FAILED)
            if job.error_code is ErrorCode.EXTRACTOR_BROKEN and job.failed_at is not None and job.failed_at >= since
        )

    async def beat(self, beat: WorkerBeat) -> bool:
        self._workers[beat.worker] = replace(beat, last_seen_at=self._clock.now())
        return beat.worker in self._leaving

    async def ask_to_leave(self, workers: Collection[WorkerId]) -> int:
        known = [worker for worker in workers if worker in self._workers]
        self._leaving.update(known)
        for worker in known:
            self._listeners.notify(worker)
        return len(known)

    async def workers(self, *, seen_within: timedelta) -> list[WorkerBeat]:
        since = self._clock.now() - seen_within
        alive = sorted((beat for beat in self._workers.values() if beat.last_seen_at >= since), key=lambda b: b.worker)
        newest_first = sorted(alive, key=lambda beat: beat.last_seen_at, reverse=True)
        return [replace(beat, draining=beat.draining or beat.worker in self._leaving) for beat in newest_first]

    async def forget_worker(self, worker: WorkerId) -> None:
        self._workers.pop(worker, None)

    async def report(self) -> StoreReport:
        waiting = Counter(
            job.platform for job in self._jobs.values() if job.status is JobStatus.QUEUED or job.retry_at is not None
        )
        counts = {status: len(self._with(status)) for status in JobStatus}
        oldest = min((job.created_at for job in self._with(JobStatus.QUEUED)), default=None)
        return StoreReport("memory", 0, self._clock.now(), counts, waiting, oldest_queued_at=oldest)

    def on_work(self, callback: Callable[[], None]) -> Callable[[], None]:
        return self._subscribers.add(callback)

    def on_stop(self, callback: Callable[[str], None]) -> Callable[[], None]:
        return self._listeners.add(callback)

    # --- inside -------------------------------------------------------------------------------------------------

    def _with(self, status: JobStatus) -> list[Job]:
        return [job for job in self._jobs.values() if job.status is status]

    def _holds(self, claim: ClaimedJob) -> bool:
        job = self._jobs.get(claim.id)
        return job is not None and job.status is JobStatus.RUNNING and job.attempt_count == claim.fence

    def _fenced(self, claim: ClaimedJob) -> Job:
        if not self._holds(claim):
            raise moves.lease_lost(claim.id, claim.fence)
        return self._jobs[claim.id]

    def _change(self, job: Job, **changes: Any) -> Job:
        self._jobs[job.id] = changed = replace(job, updated_at=self._clock.now(), **changes)
        return changed

    def _requeue(self, job: Job, why: str) -> Job:
        self._append(job.id, moves.retry_record(self._clock.now(), why))
        queued = self._change(job, status=JobStatus.QUEUED, retry_at=None)
        self._subscribers.notify()
        return queued

    def _stop_attempt(self, before: Job) -> None:
        if before.status is JobStatus.RUNNING:
            self._listeners.notify(before.id)

    def _append(self, job_id: JobId, record: HistoryRecord) -> None:
        self._history[job_id].append(record)

    def _record_of(self, claim: ClaimedJob, stage: Stage) -> HistoryRecord:
        return HistoryRecord(self._clock.now(), claim.fence, stage, Outcome.OK)


_NOT_RUNNING: dict[str, Any] = {"claimed_by": None, "lease_expires_at": None}


def _read_back(job: Job) -> Job:
    """What a stranger wrote as the other stores read it, who keep it as JSON."""
    times: dict[str, Any] = {
        name: plausible(at) for name in Job.__slots__ if isinstance(at := getattr(job, name), datetime)
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
