"""The SQLite store: one thread that writes with group commit, one that reads; the event loop never waits for the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from mediavault.core.clock import Clock
from mediavault.core.failures import ErrorCode, StoreError
from mediavault.core.gates import Gate, Turn, TurnRequest
from mediavault.core.job import (
    ClaimedJob,
    HistoryRecord,
    Job,
    JobId,
    JobItem,
    NewJob,
    Stage,
    WorkerBeat,
    WorkerId,
)
from mediavault.core.logs import get_logger
from mediavault.core.media import KeptFile
from mediavault.core.records import Record, RecordKind
from mediavault.store.clock_guard import ClockGuard
from mediavault.store.codec import items_to_json, record_to_json
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
from mediavault.store.rows import checkpoint_values
from mediavault.store.sqlite import library, ops, reads, records
from mediavault.store.sqlite.engine import (
    Connection,
    LockWait,
    connect_to_read,
    errors_as_ours,
    refuse_unsafe_version,
    sqlite_version,
)
from mediavault.store.sqlite.schema import SCHEMA_VERSION, open_database
from mediavault.store.sqlite.statements import SQL
from mediavault.store.sqlite.writer import SqliteWriter, WriteLock
from mediavault.store.wake import Subscribers, WakeSockets, wake_folder

log = get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_Opened = tuple[Connection, WriteLock, Connection]


class SqliteJobStore:
    """A ``JobStore`` in one file of a local disk; any number of processes of the host may share it.

    ``wake_dir`` holds the wake-up sockets; by default a folder beside the database.
    """

    def __init__(self, path: Path, clock: Clock, *, wake_dir: Path | None = None) -> None:
        self._path = path
        self._clock = clock
        self._guard = ClockGuard()
        self._subscribers, self._listeners = Subscribers[[]](), Subscribers[[str]]()
        self._sockets = WakeSockets(wake_dir or wake_folder(path), self._subscribers.notify, self._listeners.notify)
        self._writer: SqliteWriter | None = None
        self._reader: ThreadPoolExecutor | None = None
        self._read_db: Connection | None = None

    # --- life ---------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        refuse_unsafe_version(sqlite_version())
        self._guard.may_reap(self._clock.now(), self._clock.monotonic())  # the first look
        reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-reader")
        try:
            db, lock, self._read_db = await self._connected(reader)
        except BaseException:
            reader.shutdown(wait=False)
            raise
        self._reader = reader
        self._writer = SqliteWriter(
            db,
            lock,
            self._clock,
            path=self._path,
            append_history=SQL["append_history"],
            ring=self._sockets.ring,
            notify=self._subscribers.notify,
            stop=self._listeners.notify,
            unwanted=self._unwanted,
        )

    async def close(self) -> None:
        if self._reader is not None and self._read_db is not None:
            reader, db = self._reader, self._read_db
            self._reader = self._read_db = None
            await asyncio.get_running_loop().run_in_executor(reader, db.close)
            reader.shutdown(wait=False)
        if self._writer is not None:
            await self._writer.close()
        self._sockets.close()

    async def _connected(self, reader: ThreadPoolExecutor) -> _Opened:
        """Cancelled, it waits for no lock any more, and leaves nothing open: an interpreter ends after its threads."""
        wait = LockWait()
        connecting = asyncio.get_running_loop().run_in_executor(reader, self._connect, wait)
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            wait.give_up()
            with suppress(StoreError, OSError):
                for each in await connecting:
                    each.close()
            raise

    def _connect(self, wait: LockWait) -> _Opened:
        db = open_database(self._path, wait=wait)
        lock: WriteLock | None = None
        try:
            with errors_as_ours(self._path):
                lock = WriteLock(self._path.with_name(f"{self._path.name}-lock"), self._clock)
                return db, lock, connect_to_read(self._path)
        except BaseException:
            db.close()
            if lock is not None:
                lock.close()
            raise

    # --- the queue ----------------------------------------------------------------------------------------------

    async def enqueue(self, jobs: Sequence[NewJob], *, force: bool = False) -> list[Enqueued]:
        return await self._ready.submit_durable(ops.enqueue, tuple(jobs), force=force) if jobs else []

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
        return await self._ready.submit(
            ops.claim, worker, limit, lease, self._guard, platforms=platforms, sessions=sessions
        )

    async def renew(self, worker: WorkerId, held: Collection[ClaimedJob], *, lease: timedelta) -> set[JobId]:
        return await self._ready.submit(ops.renew, worker, tuple(held), lease, self._guard) if held else set()

    async def checkpoint(self, claim: ClaimedJob, found: Checkpoint) -> None:
        await self._ready.submit(ops.checkpoint, claim, checkpoint_values(found))

    async def progress(
        self, claim: ClaimedJob, *, stage: Stage, progress_pct: int, bytes_done: int = 0, bytes_total: int | None = None
    ) -> None:
        await self._ready.submit(ops.progress, claim, stage, progress_pct, bytes_done, bytes_total)

    async def record(self, claim: ClaimedJob, record: HistoryRecord) -> None:
        await self._ready.submit(ops.record, claim, record)

    async def save_items(self, claim: ClaimedJob, items: Sequence[JobItem]) -> None:
        await self._ready.submit_durable(ops.save_items, claim, items_to_json(items))

    async def begin_commit(self, claim: ClaimedJob, kept: KeptFile, items: Sequence[JobItem] = ()) -> None:
        await self._ready.submit_durable(ops.begin_commit, claim, kept, items_to_json(items) if items else None)

    async def complete(self, claim: ClaimedJob, kept: KeptFile, items: Sequence[JobItem] = ()) -> None:
        await self._ready.submit_durable(ops.complete, claim, kept, items_to_json(items) if items else None)

    async def fail(
        self,
        claim: ClaimedJob,
        *,
        error_code: ErrorCode,
        error: str,
        retry_in: timedelta | None,
        uses_attempt: bool = True,
    ) -> Job:
        return await self._ready.submit_durable(ops.fail, claim, error_code, error, retry_in, uses_attempt=uses_attempt)

    async def release(self, claim: ClaimedJob, *, needs_session: bool = False) -> None:
        await self._ready.submit(ops.release, claim, needs_session=needs_session)

    async def drop_need_of_session(self, held: Collection[str], *, waiting_for: timedelta) -> int:
        return await self._ready.submit(ops.drop_need_of_session, tuple(held), waiting_for)

    async def recover_stale_jobs(self, *, retry_in: timedelta) -> Recovered:
        return await self._ready.submit(ops.recover, retry_in, self._guard)

    async def expire_leases(self, workers: Collection[WorkerId]) -> int:
        return await self._ready.submit(ops.expire_leases, tuple(workers))

    async def promote_due(self, *, limit: int = 500) -> int:
        return await self._ready.submit(ops.promote_due, limit)

    async def next_due(self) -> datetime | None:
        return await self._read(reads.next_due)

    # --- what a person asks for ---------------------------------------------------------------------------------

    async def cancel(self, job_id: JobId) -> Job:
        return await self._ready.submit_durable(ops.cancel, job_id)

    async def retry(self, job_id: JobId, *, chosen_url: str | None = None) -> Job:
        return await self._ready.submit_durable(ops.retry, job_id, chosen_url)

    async def remove(self, job_id: JobId, *, as_of: datetime | None = None) -> Job:
        return await self._ready.submit_durable(ops.remove, job_id, as_of)

    async def get(self, job_id: JobId) -> Job:
        return await self._read(reads.get, job_id)

    async def jobs(self, query: JobQuery) -> JobPage:
        return await self._read(library.page, query)

    async def neighbours(self, job_id: JobId, query: JobQuery) -> Neighbours:
        return await self._read(library.neighbours, job_id, query)

    async def accounts(self, query: AccountQuery) -> AccountPage:
        return await self._read(library.accounts, query)

    async def account(self, key: str) -> AccountSummary:
        return await self._read(library.account, key)

    async def library_totals(self) -> LibraryTotals:
        return await self._read(library.totals)

    async def failures(self) -> Sequence[FailureGroup]:
        return await self._read(library.failures)

    async def changed_since(self, moment: datetime, *, limit: int = 500) -> list[Job]:
        return await self._read(reads.changed_since, moment, limit)

    async def history(self, job_id: JobId) -> list[HistoryRecord]:
        return await self._read(reads.history, job_id)

    # --- moving from one store to another ------------------------------------------------------------------------

    async def adopt(self, jobs: Sequence[StoredJob]) -> int:
        return await self._ready.submit_durable(ops.adopt, tuple(jobs))

    async def adopt_gates(self, gates: Sequence[Gate]) -> int:
        return await self._ready.submit_durable(ops.adopt_gates, tuple(gates))

    async def agree_on(self, name: str, value: str) -> str:
        return await self._ready.submit_durable(ops.agree_on, name, value)

    async def agreed(self) -> Mapping[str, str]:
        return await self._read(reads.agreed)

    # --- small records ------------------------------------------------------------------------------------------

    async def put_record(
        self, kind: RecordKind, key: str, value: Mapping[str, Any], *, expires_at: datetime | None = None
    ) -> None:
        await self._ready.submit_durable(records.put, kind, key, record_to_json(value), expires_at)

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
        return await self._ready.submit_durable(records.replace, kind, key, record_to_json(value), before, expires_at)

    async def get_record(self, kind: RecordKind, key: str) -> Record | None:
        return await self._read(records.get, kind, key, self._clock.now())

    async def records(self, kind: RecordKind) -> list[Record]:
        return await self._read(records.all_of, kind, self._clock.now())

    async def remove_record(self, kind: RecordKind, key: str) -> bool:
        return await self._ready.submit_durable(records.remove, kind, key)

    async def remove_records(self, kind: RecordKind, *, keep: Collection[str] = ()) -> int:
        return await self._ready.submit_durable(records.remove_all, kind, tuple(keep))

    # --- gates --------------------------------------------------------------------------------------------------

    async def take_turn(self, asked: TurnRequest) -> Turn:
        return await self._ready.submit(ops.take_turn, asked)

    async def close_gate(self, platform: str, *, duration: timedelta, code: ErrorCode, reason: str) -> Gate:
        return await self._ready.submit_durable(ops.close_gate, platform, duration, code, reason)

    async def open_gate(self, platform: str) -> None:
        await self._ready.submit_durable(ops.open_gate, platform)

    async def gates(self) -> list[Gate]:
        return await self._read(reads.gates)

    # --- workers ------------------------------------------------------------------------------------------------

    async def not_understood(self, *, within: timedelta) -> Mapping[str, int]:
        return await self._read(reads.not_understood, self._clock.now() - within)

    async def beat(self, beat: WorkerBeat) -> bool:
        return await self._ready.submit(ops.beat, beat)

    async def ask_to_leave(self, workers: Collection[WorkerId]) -> int:
        return await self._ready.submit(ops.ask_to_leave, tuple(workers))

    async def workers(self, *, seen_within: timedelta) -> list[WorkerBeat]:
        return await self._read(reads.workers, self._clock.now() - seen_within)

    async def forget_worker(self, worker: WorkerId) -> None:
        await self._ready.submit(ops.forget_worker, worker)

    async def report(self) -> StoreReport:
        (counts, oldest), waiting = await self._read(reads.counts), await self._read(reads.waiting)
        engine, now = f"SQLite {sqlite_version()}", self._clock.now()
        return StoreReport(engine, SCHEMA_VERSION, now, counts, waiting, oldest_queued_at=oldest)

    def on_work(self, callback: Callable[[], None]) -> Callable[[], None]:
        return self._listen(self._subscribers.add(callback))

    def on_stop(self, callback: Callable[[str], None]) -> Callable[[], None]:
        return self._listen(self._listeners.add(callback))

    # --- inside -------------------------------------------------------------------------------------------------

    def _listen(self, unsubscribe: Callable[[], None]) -> Callable[[], None]:
        self._sockets.listen()

        def leave() -> None:
            unsubscribe()
            if not self._subscribers and not self._listeners:
                self._sockets.stop_listening()

        return leave

    @property
    def _ready(self) -> SqliteWriter:
        if self._writer is None:
            raise StoreError("The job store is not open.")
        return self._writer

    async def _read(self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **options: P.kwargs) -> T:
        if self._reader is None or self._read_db is None:
            raise StoreError("The job store is not open.")
        run = partial(operation, self._read_db, *args, **options)
        with errors_as_ours(self._path):
            return await asyncio.get_running_loop().run_in_executor(self._reader, run)

    def _unwanted(self, operation: Callable[..., Any], value: Any) -> None:
        """Give claims back whose caller was cancelled: nobody saw them, and they would be stuck until the lease ends."""
        if operation is ops.claim:
            for claim in value:
                with suppress(StoreError):  # closed meanwhile: the lease ends by itself
                    self._ready.submit(ops.release, claim).add_done_callback(_forget)


def _forget(future: asyncio.Future[None]) -> None:
    """Read the outcome that nobody waits for, so that asyncio does not complain."""
    if not future.cancelled():
        future.exception()
