"""The MongoDB store: a job is a document, a move is one change of it; any number of workers on any number of machines.

Time is the server's on both sides of every comparison; a test may bring a clock of its own. What is acknowledged has
been written to their journals by a majority.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

from mediavault.core.clock import Clock, SystemClock, from_micros, to_micros
from mediavault.core.failures import ErrorCode, StoreError
from mediavault.core.gates import Gate, Turn, TurnRequest
from mediavault.core.job import ClaimedJob, HistoryRecord, Job, JobId, JobItem, NewJob, Stage, WorkerBeat, WorkerId
from mediavault.core.media import KeptFile
from mediavault.core.records import Record, RecordKind
from mediavault.store import codec, moves
from mediavault.store.calls import Calls
from mediavault.store.codec import items_to_json, record_to_json
from mediavault.store.listening import Listener
from mediavault.store.mongodb import claims, library, ops, reads, records, words
from mediavault.store.mongodb import history as mongodb_history
from mediavault.store.mongodb.engine import Database, options_of
from mediavault.store.mongodb.facts import concerns
from mediavault.store.mongodb.rows import cut
from mediavault.store.mongodb.schema import migrate
from mediavault.store.mongodb.wake import until_lost
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
from mediavault.store.wake import Subscribers
from mediavault.store.wanted import Wanted

T = TypeVar("T")


class MongoJobStore:
    """A ``JobStore`` in a MongoDB database, 5.0 or newer, in collections named ``mediavault.…``.

    ``url`` is ``mongodb://user:password@host:port/database?tls=true`` or ``mongodb+srv://…``. Without ``clock`` the
    server's clock is the time.
    """

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self._test_clock = clock
        self._clock = clock or SystemClock()
        self._database = Database(url)
        self._subscribers, self._listeners = Subscribers[[]](), Subscribers[[str]]()
        self._listener = Listener(
            lambda: until_lost(self._database, self._subscribers.notify, self._listeners.notify), self._clock
        )
        self._schema_version = 0
        self._calls = Calls(self._clock)

    # --- life ---------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        await self._database.open()
        try:
            self._schema_version = await migrate(self._database)
            await words.fill(self._database)
        except BaseException:
            await self._database.close()
            raise

    async def close(self) -> None:
        await self._calls.settled()
        await self._listener.close()
        await self._database.close()

    # --- the queue ----------------------------------------------------------------------------------------------

    async def enqueue(self, jobs: Sequence[NewJob], *, force: bool = False) -> list[Enqueued]:
        """Each job is stored by itself: a call that the server breaks off may have stored some, as another call would."""
        if not jobs:
            return []
        answers = await self._calls.whole(ops.enqueue(self._database, tuple(jobs), self._now, force=force))
        if any(answer.created for answer in answers):
            self._subscribers.notify()
        return answers

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
        claiming = claims.claim(self._database, worker, limit, lease, wanted, self._now)
        return await self._calls.handed(claiming, unseen=self._give_back)

    async def renew(self, worker: WorkerId, held: Collection[ClaimedJob], *, lease: timedelta) -> set[JobId]:
        return await self._calls.whole(ops.renew(self._database, worker, held, lease, self._now)) if held else set()

    async def checkpoint(self, claim: ClaimedJob, found: Checkpoint) -> None:
        await self._calls.patiently(lambda: self._calls.whole(ops.checkpoint(self._database, claim, found, self._now)))

    async def progress(
        self, claim: ClaimedJob, *, stage: Stage, progress_pct: int, bytes_done: int = 0, bytes_total: int | None = None
    ) -> None:
        values = {
            "stage": stage.value,
            "progress_pct": progress_pct,
            "bytes_done": bytes_done,
            "bytes_total": bytes_total,
        }
        await self._calls.whole(ops.fenced(self._database, claim, ops.literals(values), self._now))

    async def record(self, claim: ClaimedJob, record: HistoryRecord) -> None:
        await self._calls.whole(mongodb_history.append(self._database, claim.id, record))

    async def save_items(self, claim: ClaimedJob, items: Sequence[JobItem]) -> None:
        values = ops.literals({"items": items_to_json(items)})
        await self._calls.patiently(lambda: self._calls.whole(ops.fenced(self._database, claim, values, self._now)))

    async def begin_commit(self, claim: ClaimedJob, kept: KeptFile, items: Sequence[JobItem] = ()) -> None:
        written = items_to_json(items) if items else None
        await self._calls.patiently(
            lambda: self._calls.whole(ops.begin_commit(self._database, claim, kept, written, self._now))
        )

    async def complete(self, claim: ClaimedJob, kept: KeptFile, items: Sequence[JobItem] = ()) -> None:
        written = items_to_json(items) if items else None
        await self._calls.patiently(
            lambda: self._calls.whole(ops.complete(self._database, claim, kept, written, self._now)),
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
        error = cut(codec.storable(error))
        return await self._calls.patiently(
            lambda: self._calls.whole(
                ops.fail(self._database, claim, error_code, error, retry_in, self._now, uses_attempt=uses_attempt)
            ),
            otherwise=lambda: self._job_if(claim.id, lambda job: moves.is_failed_by(job, claim, error_code, error)),
        )

    async def release(self, claim: ClaimedJob, *, needs_session: bool = False) -> None:
        await self._and_wake(ops.release(self._database, claim, self._now, needs_session=needs_session))

    async def drop_need_of_session(self, held: Collection[str], *, waiting_for: timedelta) -> int:
        return await self._and_wake(ops.drop_need_of_session(self._database, held, waiting_for, self._now))

    async def recover_stale_jobs(self, *, retry_in: timedelta) -> Recovered:
        return await self._calls.whole(ops.recover(self._database, retry_in, self._now))

    async def expire_leases(self, workers: Collection[WorkerId]) -> int:
        return await self._calls.whole(ops.expire_leases(self._database, workers)) if workers else 0

    async def promote_due(self, *, limit: int = 500) -> int:
        return await self._and_wake(ops.promote_due(self._database, limit, self._now))

    async def next_due(self) -> datetime | None:
        return await self._calls.whole(reads.next_due(self._database))

    # --- what a person asks for ---------------------------------------------------------------------------------

    async def cancel(self, job_id: JobId) -> Job:
        job = await self._calls.whole(ops.cancel(self._database, job_id, self._now))
        self._listeners.notify(job_id)  # in this process; others learn it from their change stream
        return job

    async def retry(self, job_id: JobId, *, chosen_url: str | None = None) -> Job:
        return await self._and_wake(ops.retry(self._database, job_id, chosen_url, self._now))

    async def remove(self, job_id: JobId, *, as_of: datetime | None = None) -> Job:
        job = await self._calls.whole(ops.remove(self._database, job_id, as_of))
        self._listeners.notify(job_id)
        return job

    async def get(self, job_id: JobId) -> Job:
        return await self._calls.whole(reads.get(self._database, job_id))

    async def jobs(self, query: JobQuery) -> JobPage:
        return await self._calls.whole(library.page(self._database, query))

    async def neighbours(self, job_id: JobId, query: JobQuery) -> Neighbours:
        return await self._calls.whole(library.neighbours(self._database, job_id, query))

    async def accounts(self, query: AccountQuery) -> AccountPage:
        return await self._calls.whole(library.accounts(self._database, query))

    async def account(self, key: str) -> AccountSummary:
        return await self._calls.whole(library.account(self._database, key))

    async def library_totals(self) -> LibraryTotals:
        return await self._calls.whole(library.totals(self._database))

    async def failures(self) -> Sequence[FailureGroup]:
        return await self._calls.whole(library.failures(self._database))

    async def changed_since(self, moment: datetime, *, limit: int = 500) -> list[Job]:
        return await self._calls.whole(reads.changed_since(self._database, moment, limit))

    async def history(self, job_id: JobId) -> list[HistoryRecord]:
        return await self._calls.whole(mongodb_history.read(self._database, job_id))

    # --- moving from one store to another ------------------------------------------------------------------------

    async def adopt(self, jobs: Sequence[StoredJob]) -> int:
        """Each job by itself; a move that broke off goes on where it was."""
        return await self._and_wake(ops.adopt(self._database, tuple(jobs)))

    async def adopt_gates(self, gates: Sequence[Gate]) -> int:
        return await self._calls.whole(ops.adopt_gates(self._database, tuple(gates)))

    async def agree_on(self, name: str, value: str) -> str:
        return await self._calls.whole(ops.agree_on(self._database, name, value))

    async def agreed(self) -> Mapping[str, str]:
        return await self._calls.whole(reads.agreed(self._database))

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
        return await self._calls.whole(claims.take_turn(self._database, asked, self._now))

    async def close_gate(self, platform: str, *, duration: timedelta, code: ErrorCode, reason: str) -> Gate:
        return await self._calls.whole(claims.close_gate(self._database, platform, duration, code, reason, self._now))

    async def open_gate(self, platform: str) -> None:
        await self._and_wake(claims.open_gate(self._database, platform, self._now))

    async def gates(self) -> list[Gate]:
        return await self._calls.whole(reads.gates(self._database))

    async def not_understood(self, *, within: timedelta) -> Mapping[str, int]:
        return await self._calls.whole(reads.not_understood(self._database, within, self._now))

    # --- workers ------------------------------------------------------------------------------------------------

    async def beat(self, beat: WorkerBeat) -> bool:
        return await self._calls.whole(ops.beat(self._database, beat, self._now))

    async def ask_to_leave(self, workers: Collection[WorkerId]) -> int:
        asked = await self._calls.whole(ops.ask_to_leave(self._database, workers))
        for worker in workers:
            self._listeners.notify(worker)
        return asked

    async def workers(self, *, seen_within: timedelta) -> list[WorkerBeat]:
        return await self._calls.whole(reads.workers(self._database, seen_within, self._now))

    async def forget_worker(self, worker: WorkerId) -> None:
        await self._calls.whole(ops.forget_worker(self._database, worker))

    async def report(self) -> StoreReport:
        at = self._clock.now() if self._test_clock else from_micros(await self._database.now())
        counts, waiting = await reads.counts(self._database), await reads.waiting(self._database)
        facts = self._database.facts
        found = concerns(facts, options_of(self._database.url))
        oldest = await reads.oldest_queued(self._database)
        return StoreReport(str(facts), self._schema_version, at, counts, waiting, found, oldest)

    def on_work(self, callback: Callable[[], None]) -> Callable[[], None]:
        if self.has_wake_ups:
            self._listener.listen()
        return self._subscribers.add(callback)

    def on_stop(self, callback: Callable[[str], None]) -> Callable[[], None]:
        if self.has_wake_ups:
            self._listener.listen()
        return self._listeners.add(callback)

    @property
    def has_wake_ups(self) -> bool:
        """False at a server without a replica set: there the jobs of other processes wait for the worker's poll."""
        return self._database.facts.has_change_streams

    # --- inside -------------------------------------------------------------------------------------------------

    @property
    def _now(self) -> int | None:
        return None if self._test_clock is None else to_micros(self._test_clock.now())

    async def _and_wake(self, work: Coroutine[Any, Any, T]) -> T:
        """Wake the workers of this process when something was done: an outcome that is not 0."""
        done = await self._calls.whole(work)
        if done != 0:
            self._subscribers.notify()
        return done

    async def _job_if(self, job_id: JobId, is_so: Callable[[Job], bool]) -> Job | None:
        job = await self.get(job_id)
        return job if is_so(job) else None

    async def _give_back(self, claim: ClaimedJob) -> None:
        with suppress(StoreError):  # else it is stuck until its lease ends
            await ops.release(self._database, claim, self._now)
