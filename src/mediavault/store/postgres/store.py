"""The PostgreSQL store: written SQL, one statement a move, any number of workers on any number of machines.

Time is the database's on both sides of every comparison; a test may bring a clock of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from mediavault.core.clock import Clock, SystemClock, to_micros
from mediavault.core.failures import ErrorCode, StoreError
from mediavault.core.gates import Gate, Turn, TurnRequest
from mediavault.core.job import ClaimedJob, HistoryRecord, Job, JobId, JobItem, NewJob, Stage, WorkerBeat, WorkerId
from mediavault.core.logs import get_logger
from mediavault.core.media import KeptFile
from mediavault.core.records import Record, RecordKind
from mediavault.store import codec, moves
from mediavault.store.calls import Calls
from mediavault.store.codec import items_to_json, record_to_json
from mediavault.store.combining import Combiner
from mediavault.store.listening import Listener
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
    StoredJob,
    StoreReport,
)
from mediavault.store.postgres import claims, library, ops, reads, records
from mediavault.store.postgres.engine import Database
from mediavault.store.postgres.schema import migrate
from mediavault.store.postgres.wake import until_lost, wake_ups_arrive
from mediavault.store.rows import checkpoint_values
from mediavault.store.wake import Subscribers
from mediavault.store.wanted import Wanted

log = get_logger(__name__)


class PostgresJobStore:
    """A ``JobStore`` in a PostgreSQL database, 15 or newer, in a schema of its own named ``mediavault``.

    ``url`` is ``postgresql://user:password@host:port/database?sslmode=…``. Without ``clock`` the database's clock is
    the time.
    """

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self._test_clock = clock
        self._clock = clock or SystemClock()
        self._database = Database(url)
        self._subscribers, self._listeners = Subscribers[[]](), Subscribers[[str]]()
        self._listener = Listener(lambda: until_lost(self._database, self._woken, self._listeners.notify), self._clock)
        self._wakes = False
        self._schema_version = 0
        self._mark = claims.LowWaterMark()
        self._claims = self._database.lane(one_plan=True)
        self._beats, self._finishes = self._database.lane(), self._database.lane()
        self._completions: Combiner[claims.Completion, None] = Combiner(self._complete_many)
        self._calls = Calls(self._clock)

    # --- life ---------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        self._wakes = await wake_ups_arrive(self._database)
        if not self._wakes:
            self._database.pooled_by_others = True
            log.warning(
                "no_wake_ups", help="LISTEN does not reach us, as behind PgBouncer: new jobs wait for the poll."
            )
        await self._database.open()
        try:
            self._schema_version = await migrate(self._database)
        except BaseException:
            await self._database.close()
            raise

    async def close(self) -> None:
        await self._completions.settled()
        await self._calls.settled()
        await self._listener.close()
        await self._database.close()

    # --- the queue ----------------------------------------------------------------------------------------------

    async def enqueue(self, jobs: Sequence[NewJob], *, force: bool = False) -> list[Enqueued]:
        if not jobs:
            return []
        self._mark.forget()
        return await self._calls.whole(ops.enqueue(self._database, tuple(jobs), self._now, force=force))

    async def claim(
        self,
        worker: WorkerId,
        *,
        limit: int,
        lease: timedelta,
        platforms: Collection[str] = (),
        sessions: Collection[str] = (),
    ) -> list[ClaimedJob]:
        if limit <= 0:
            return []
        wanted = Wanted(frozenset(platforms), frozenset(sessions))
        at = self._clock.monotonic()
        along = self._completions.take()
        claiming = claims.claim(self._claims, self._mark, worker, limit, lease, wanted, self._now, at=at, along=along)
        return await self._calls.handed(claiming, unseen=self._give_back)

    async def renew(self, worker: WorkerId, held: Collection[ClaimedJob], *, lease: timedelta) -> set[JobId]:
        return await self._calls.whole(ops.renew(self._beats, worker, held, lease, self._now)) if held else set()

    async def checkpoint(self, claim: ClaimedJob, found: Checkpoint) -> None:
        values = checkpoint_values(found)
        await self._calls.patiently(lambda: self._calls.whole(ops.checkpoint(self._database, claim, values, self._now)))

    async def progress(
        self, claim: ClaimedJob, *, stage: Stage, progress_pct: int, bytes_done: int = 0, bytes_total: int | None = None
    ) -> None:
        values = {
            "stage": stage.value,
            "progress_pct": progress_pct,
            "bytes_done": bytes_done,
            "bytes_total": bytes_total,
        }
        await self._calls.whole(ops.fenced(self._database, "progress", claim, values, self._now))

    async def record(self, claim: ClaimedJob, record: HistoryRecord) -> None:
        await self._calls.whole(ops.record(self._database, claim.id, record))

    async def save_items(self, claim: ClaimedJob, items: Sequence[JobItem]) -> None:
        values = {"items": items_to_json(items)}
        await self._calls.patiently(
            lambda: self._calls.whole(ops.fenced(self._database, "save_items", claim, values, self._now))
        )

    async def begin_commit(self, claim: ClaimedJob, kept: KeptFile, items: Sequence[JobItem] = ()) -> None:
        values = {**moves.kept_values(kept), "items": items_to_json(items) if items else None}
        await self._calls.patiently(
            lambda: self._calls.whole(ops.fenced(self._database, "begin_commit", claim, values, self._now))
        )

    async def complete(self, claim: ClaimedJob, kept: KeptFile, items: Sequence[JobItem] = ()) -> None:
        one = claims.Completion(claim, kept, items_to_json(items) if items else None)
        await self._calls.patiently(
            lambda: self._completions.submit(one),
            otherwise=lambda: self._job_if(claim.id, lambda job: moves.is_completed_by(job, claim, kept)),
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
        error = codec.storable(error)
        return await self._calls.patiently(
            lambda: self._calls.whole(
                ops.fail(self._database, claim, error_code, error, retry_in, self._now, uses_attempt=uses_attempt)
            ),
            otherwise=lambda: self._job_if(claim.id, lambda job: moves.is_failed_by(job, claim, error_code, error)),
        )

    async def release(self, claim: ClaimedJob, *, needs_session: bool = False) -> None:
        self._mark.forget()
        values = {"needs_session": int(needs_session)}
        await self._calls.whole(ops.fenced(self._database, "release", claim, values, self._now))

    async def drop_need_of_session(self, held: Collection[str], *, waiting_for: timedelta) -> int:
        self._mark.forget()
        return await self._calls.whole(ops.drop_need_of_session(self._beats, held, waiting_for, self._now))

    async def recover_stale_jobs(self, *, retry_in: timedelta) -> Recovered:
        return await self._calls.whole(ops.recover(self._beats, retry_in, self._now))

    async def expire_leases(self, workers: Collection[WorkerId]) -> int:
        return await self._calls.whole(ops.expire_leases(self._beats, workers))

    async def promote_due(self, *, limit: int = 500) -> int:
        promoted = await self._calls.whole(ops.promote_due(self._claims, limit, self._now))
        if promoted:
            self._mark.forget()
        return promoted

    async def next_due(self) -> datetime | None:
        return await reads.next_due(self._database)

    # --- what a person asks for ---------------------------------------------------------------------------------

    async def cancel(self, job_id: JobId) -> Job:
        job = await self._calls.whole(ops.cancel(self._database, job_id, self._now))
        self._listeners.notify(job_id)  # in this process also where NOTIFY does not arrive, or not yet
        return job

    async def retry(self, job_id: JobId, *, chosen_url: str | None = None) -> Job:
        self._mark.forget()
        return await self._calls.whole(ops.retry(self._database, job_id, chosen_url, self._now))

    async def remove(self, job_id: JobId, *, as_of: datetime | None = None) -> Job:
        job = await self._calls.whole(ops.remove(self._database, job_id, as_of))
        self._listeners.notify(job_id)
        return job

    async def get(self, job_id: JobId) -> Job:
        return await reads.get(self._database, job_id)

    async def jobs(self, query: JobQuery) -> JobPage:
        return await library.page(self._database, query)

    async def neighbours(self, job_id: JobId, query: JobQuery) -> Neighbours:
        return await library.neighbours(self._database, job_id, query)

    async def accounts(self, query: AccountQuery) -> AccountPage:
        return await library.accounts(self._database, query)

    async def account(self, key: str) -> AccountSummary:
        return await library.account(self._database, key)

    async def library_totals(self) -> LibraryTotals:
        return await library.totals(self._database)

    async def failures(self) -> Sequence[FailureGroup]:
        return await library.failures(self._database)

    async def changed_since(self, moment: datetime, *, limit: int = 500) -> list[Job]:
        return await reads.changed_since(self._database, moment, limit)

    async def history(self, job_id: JobId) -> list[HistoryRecord]:
        return await reads.history(self._database, job_id)

    # --- moving from one store to another ------------------------------------------------------------------------

    async def adopt(self, jobs: Sequence[StoredJob]) -> int:
        self._mark.forget()
        return await self._calls.whole(ops.adopt(self._database, tuple(jobs)))

    async def adopt_gates(self, gates: Sequence[Gate]) -> int:
        return await self._calls.whole(ops.adopt_gates(self._database, tuple(gates)))

    async def agree_on(self, name: str, value: str) -> str:
        return await self._calls.whole(ops.agree_on(self._database, name, value))

    async def agreed(self) -> Mapping[str, str]:
        return await reads.agreed(self._database)

    # --- small records ------------------------------------------------------------------------------------------

    async def put_record(
        self, kind: RecordKind, key: str, value: Mapping[str, Any], *, expires_at: datetime | None = None
    ) -> None:
        await self._calls.whole(records.put(self._database, kind, key, record_to_json(value), expires_at, self._now))

    async def replace_record(
        self,
        kind: RecordKind,
        key: str,
        value: Mapping[str, Any],
        *,
        if_value: Mapping[str, Any] | None,
        expires_at: datetime | None = None,
    ) -> bool:
        before = None if if_value is None else record_to_json(if_value)
        return await self._calls.whole(
            records.replace(self._database, kind, key, record_to_json(value), before, expires_at, self._now)
        )

    async def get_record(self, kind: RecordKind, key: str) -> Record | None:
        return await self._calls.whole(records.get(self._database, kind, key, self._now))

    async def records(self, kind: RecordKind) -> list[Record]:
        return await self._calls.whole(records.all_of(self._database, kind, self._now))

    async def remove_record(self, kind: RecordKind, key: str) -> bool:
        return await self._calls.whole(records.remove(self._database, kind, key, self._now))

    async def remove_records(self, kind: RecordKind, *, keep: Collection[str] = ()) -> int:
        return await self._calls.whole(records.remove_all(self._database, kind, keep, self._now))

    # --- gates --------------------------------------------------------------------------------------------------

    async def take_turn(self, asked: TurnRequest) -> Turn:
        return await self._calls.whole(ops.take_turn(self._database, asked, self._now))

    async def close_gate(self, platform: str, *, duration: timedelta, code: ErrorCode, reason: str) -> Gate:
        return await self._calls.whole(ops.close_gate(self._database, platform, duration, code, reason, self._now))

    async def open_gate(self, platform: str) -> None:
        await self._calls.whole(ops.open_gate(self._database, platform, self._now))

    async def gates(self) -> list[Gate]:
        return await reads.gates(self._database)

    async def not_understood(self, *, within: timedelta) -> Mapping[str, int]:
        return await reads.not_understood(self._database, within, self._now)

    # --- workers ------------------------------------------------------------------------------------------------

    async def beat(self, beat: WorkerBeat) -> bool:
        return await self._calls.whole(ops.beat(self._beats, beat, self._now))

    async def ask_to_leave(self, workers: Collection[WorkerId]) -> int:
        asked = await self._calls.whole(ops.ask_to_leave(self._database, workers))
        for worker in workers:
            self._listeners.notify(worker)
        return asked

    async def workers(self, *, seen_within: timedelta) -> list[WorkerBeat]:
        return await reads.workers(self._database, seen_within, self._now)

    async def forget_worker(self, worker: WorkerId) -> None:
        await self._calls.whole(ops.forget_worker(self._database, worker))

    async def report(self) -> StoreReport:
        at, counts, oldest = await reads.counts(self._database, self._now)
        engine = f"PostgreSQL {await self._database.version()}"
        waiting = await reads.waiting(self._database)
        return StoreReport(engine, self._schema_version, at, counts, waiting, oldest_queued_at=oldest)

    def on_work(self, callback: Callable[[], None]) -> Callable[[], None]:
        if self._wakes:
            self._listener.listen()
        return self._subscribers.add(callback)

    def on_stop(self, callback: Callable[[str], None]) -> Callable[[], None]:
        if self._wakes:
            self._listener.listen()
        return self._listeners.add(callback)

    @property
    def has_wake_ups(self) -> bool:
        """False behind a pooler: there new jobs wait for the worker's poll."""
        return self._wakes

    # --- inside -------------------------------------------------------------------------------------------------

    @property
    def _now(self) -> int | None:
        return None if self._test_clock is None else to_micros(self._test_clock.now())

    def _woken(self) -> None:
        self._mark.forget()
        self._subscribers.notify()

    async def _job_if(self, job_id: JobId, is_so: Callable[[Job], bool]) -> Job | None:
        job = await self.get(job_id)
        return job if is_so(job) else None

    async def _complete_many(self, batch: Sequence[claims.Completion]) -> Sequence[Exception | None]:
        return await claims.complete(self._finishes, batch, self._now)

    async def _give_back(self, claim: ClaimedJob) -> None:
        with suppress(StoreError):  # else it is stuck until its lease ends
            await ops.fenced(self._database, "release", claim, {"needs_session": 0}, self._now)
