"""The SQLite store: one thread writes with group commit, one reads;
the event loop never waits for the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from mediavault.core.clock import Clock
from mediavault.core.failures import StoreDamaged, StoreError
from mediavault.core.job import ClaimedJob, Priority, WorkerId
from mediavault.core.logs import get_logger
from mediavault.core.records import RecordKind
from mediavault.store.losses import LOG, LOSSES
from mediavault.store.port import (
    JobCatalogue,
    JobQueue,
    Marks,
    Records,
    SiteLimits,
    StoreReport,
    Tables,
    Workers,
)
from mediavault.store.schema import SCHEMA_VERSION
from mediavault.store.sql import attempts, fleet, library, marks, reads, records, requests, tables
from mediavault.store.sql.txn import SqlTxn
from mediavault.store.sqlite import claims
from mediavault.store.sqlite.engine import (
    Connection,
    LockWait,
    Snapshot,
    connect_to_read,
    refuse_unsafe_version,
    sqlite_version,
    translate_errors,
)
from mediavault.store.sqlite.open_file import OpenFile, has_lost_changes
from mediavault.store.sqlite.schema import open_database
from mediavault.store.sqlite.sql import blocking
from mediavault.store.sqlite.writer import ClockGuard, SqliteWriter, Txn, WriteLock
from mediavault.store.wake import Signals, wake_folder

log = get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_Opened = tuple[Connection, WriteLock, Connection, OpenFile, bool]


class SqliteFile:
    """The database file as this process has it open."""

    def __init__(self, path: Path, clock: Clock, signals: Signals) -> None:
        self._path = path
        self._clock = clock
        self._guard = ClockGuard()
        self.signals = signals
        self._writer: SqliteWriter | None = None
        self._reader: ThreadPoolExecutor | None = None
        self._read_db: Connection | None = None
        self._file: OpenFile | None = None  # None while it is not open

    async def open(self) -> None:
        refuse_unsafe_version(sqlite_version())
        self._guard.may_reap(self._clock.now(), self._clock.monotonic())  # the first reading
        reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-reader")
        try:
            db, lock, self._read_db, file, has_lost = await self._connected(reader)
        except BaseException:
            reader.shutdown(wait=False)
            raise
        self._reader, self._file = reader, file
        self._writer = SqliteWriter(
            db,
            lock,
            self._clock,
            path=self._path,
            file=file,
            signals=self.signals,
            guard=self._guard,
        )
        if has_lost:
            loss = LOSSES[LOG]
            log.error("database_log_damaged", path=str(self._path), error=loss.what, help=loss.help)
            await self._writer.submit_durable(blocking(records.put), RecordKind.LOSS, LOG, {})

    async def close(self) -> None:
        if self._reader is not None and self._read_db is not None:
            reader, db = self._reader, self._read_db
            self._reader = self._read_db = None
            await asyncio.get_running_loop().run_in_executor(reader, db.close)
            reader.shutdown(wait=False)
        if self._writer is not None:
            await self._writer.close()
        self.signals.close()

    @property
    def writer(self) -> SqliteWriter:
        if self._writer is None:
            raise StoreError("The job store is not open.")
        return self._writer

    async def read(self, operation: Callable[[Snapshot], T]) -> T:
        if self._reader is None or self._read_db is None or self._file is None:
            raise StoreError("The job store is not open.")
        snapshot, file = Snapshot(self._read_db, self._clock.now()), self._file

        def read() -> T:
            file.require_same()  # what a removed file says is no longer so
            return operation(snapshot)

        try:
            with translate_errors(self._path):
                return await asyncio.get_running_loop().run_in_executor(self._reader, read)
        except StoreDamaged as exc:
            file.note(exc)
            raise

    @property
    def damage(self) -> StoreDamaged | None:
        return self._file.damage if self._file is not None else None

    async def _connected(self, reader: ThreadPoolExecutor) -> _Opened:
        """Open the connections. When cancelled, stop waiting for locks and leave nothing open.

        The interpreter could not exit otherwise, since it waits for its threads.
        """
        wait = LockWait()
        connecting = asyncio.get_running_loop().run_in_executor(reader, self._connect, wait)
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            wait.give_up()
            with suppress(StoreError, OSError):
                db, lock, read_db, *_ = await connecting
                for opened in (db, lock, read_db):
                    opened.close()
            raise

    def _connect(self, wait: LockWait) -> _Opened:
        lock: WriteLock | None = None
        has_lost = False

        def enter(db: Connection, will_write: bool) -> None:  # noqa: FBT001 - as open_database calls it
            """Keep the lock while the schema is changed:
            another process would take a growing log for one that was cut short.
            """
            nonlocal lock, has_lost
            lock = WriteLock(self._path.with_name(f"{self._path.name}-lock"), self._clock)
            if will_write:
                wait.until(lock.try_to_enter)
            elif not lock.try_to_enter():  # the log is in use, and was looked at when that began
                return
            has_lost = has_lost_changes(self._path, db, lacking=lock.left)

        db: Connection | None = None
        try:
            with translate_errors(self._path):
                db = open_database(self._path, wait=wait, enter=enter)
                assert lock is not None
                lock.release()
                return db, lock, connect_to_read(self._path), OpenFile(self._path), has_lost
        except BaseException:
            for opened in (db, lock):
                if opened is not None:
                    opened.close()
            raise


# --- the ports: each method is an operation, run in its thread --------------------------


class _SqlitePort:
    def __init__(self, file: SqliteFile) -> None:
        self._file = file


def _submitted(
    operation: Callable[Concatenate[Txn, P], T], *, durable: bool
) -> Callable[Concatenate[_SqlitePort, P], Coroutine[Any, Any, T]]:
    async def method(self: _SqlitePort, /, *args: P.args, **options: P.kwargs) -> T:
        writer = self._file.writer
        return await (writer.submit_durable if durable else writer.submit)(
            operation, *args, **options
        )

    return method


def _write(
    operation: Callable[Concatenate[SqlTxn, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[_SqlitePort, P], Coroutine[Any, Any, T]]:
    return _submitted(blocking(operation), durable=False)


def _write_durably(
    operation: Callable[Concatenate[SqlTxn, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[_SqlitePort, P], Coroutine[Any, Any, T]]:
    return _submitted(blocking(operation), durable=True)


def _read(
    operation: Callable[Concatenate[SqlTxn, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[_SqlitePort, P], Coroutine[Any, Any, T]]:
    read = blocking(operation)

    async def method(self: _SqlitePort, /, *args: P.args, **options: P.kwargs) -> T:
        return await self._file.read(lambda snapshot: read(snapshot, *args, **options))

    return method


class SqliteQueue(_SqlitePort):
    enqueue = _write_durably(requests.enqueue)
    renew = _submitted(claims.renew, durable=False)
    checkpoint = _write(attempts.checkpoint)
    progress = _write(attempts.progress)
    record = _write(attempts.record)
    save_items = _write_durably(attempts.save_items)
    begin_commit = _write_durably(attempts.begin_commit)
    complete = _submitted(claims.complete, durable=True)
    fail = _write_durably(attempts.fail)
    release = _write(attempts.release)
    release_session_jobs = _write(attempts.release_session_jobs)
    recover_stale_jobs = _submitted(claims.recover_stale_jobs, durable=False)
    promote_due = _write(attempts.promote_due)
    cancel = _write_durably(requests.cancel)
    retry = _write_durably(requests.retry)
    set_priority = _write_durably(requests.set_priority)

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
        claiming = self._file.writer.submit(
            claims.claim,
            worker,
            limit=limit,
            lease=lease,
            platforms=platforms,
            sessions=sessions,
            at_least=at_least,
        )
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            claiming.add_done_callback(self._give_back)
            raise

    def _give_back(self, claiming: asyncio.Future[list[ClaimedJob]]) -> None:
        """Release the claims that a cancelled caller never saw;
        they would be stuck until their leases end.
        """
        if claiming.cancelled() or claiming.exception() is not None:
            return
        for claim in claiming.result():
            with suppress(StoreError):  # closed in the meantime: the leases will expire
                self._file.writer.submit(blocking(attempts.release), claim).add_done_callback(
                    _retrieve
                )


class SqliteCatalogue(_SqlitePort):
    get = _read(reads.get)
    history = _read(reads.history)
    jobs = _read(library.jobs)
    count = _read(library.count)
    neighbours = _read(library.neighbours)
    accounts = _read(library.accounts)
    account = _read(library.account)
    library_totals = _read(library.library_totals)
    failures = _read(library.failures)
    next_queued = _read(reads.next_queued)
    of_posts = _read(reads.of_posts)
    ids_beginning = _read(reads.ids_beginning)
    changed_since = _read(reads.changed_since)
    next_due = _read(reads.next_due)
    count_unparsed = _read(reads.count_unparsed)
    remove = _write_durably(requests.remove)
    relocate = _write_durably(requests.relocate)
    put_words = _write_durably(requests.put_words)
    words_of = _read(reads.words_of)
    import_jobs = _write_durably(requests.import_jobs)
    _report = _read(reads.report)

    async def report(self) -> StoreReport:
        return await self._report(
            engine=f"SQLite {sqlite_version()}", schema_version=SCHEMA_VERSION
        )


class SqliteSiteLimits(_SqlitePort):
    acquire_permit = _write(fleet.acquire_permit)
    pause_site = _write_durably(fleet.pause_site)
    reopen_site = _write_durably(fleet.reopen_site)
    all_limits = _read(fleet.all_limits)
    import_limits = _write_durably(fleet.import_limits)


class SqliteWorkers(_SqlitePort):
    heartbeat = _write(fleet.heartbeat)
    request_drain = _write(fleet.request_drain)
    alive = _read(fleet.alive)
    forget_worker = _write(fleet.forget_worker)
    expire_leases = _write(fleet.expire_leases)

    def on_work(self, callback: Callable[[], None]) -> Callable[[], None]:
        return self._file.signals.on_work(callback)

    def on_stop(self, callback: Callable[[str], None]) -> Callable[[], None]:
        return self._file.signals.on_stop(callback)


class SqliteRecords(_SqlitePort):
    put = _write_durably(records.put)
    replace = _write_durably(records.replace)
    get = _read(records.get)
    all = _read(records.all_of)
    put_all = _write_durably(records.put_all)
    some = _read(records.some)
    under = _read(records.under)
    count_under = _read(records.count_under)
    remove = _write_durably(records.remove)
    remove_under = _write_durably(records.remove_under)
    remove_all = _write_durably(records.remove_all)
    set_once = _write_durably(records.set_once)
    constants = _read(records.constants)


class SqliteMarks(_SqlitePort):
    put = _write_durably(marks.put)
    remove = _write_durably(marks.remove)
    rename = _write_durably(marks.rename)
    of_jobs = _read(marks.of_jobs)
    marked = _read(marks.marked)
    names = _read(marks.names)


class SqliteTables(_SqlitePort):
    put = _write_durably(tables.put)
    update = _write_durably(tables.update)
    replace = _write_durably(tables.replace)
    some = _read(tables.some)
    select = _read(tables.select)
    keys = _read(tables.keys)
    count = _read(tables.count)
    total = _read(tables.total)
    remove = _write_durably(tables.remove)


class SqliteJobStore:
    """A ``Store`` in one file of a local disk; any number of processes of the host may share it.

    ``wake_dir`` holds the wake-up sockets; by default a folder next to the database.
    """

    def __init__(self, path: Path, clock: Clock, *, wake_dir: Path | None = None) -> None:
        self._file = SqliteFile(path, clock, Signals(wake_dir or wake_folder(path)))
        self.queue: JobQueue = SqliteQueue(self._file)
        self.catalogue: JobCatalogue = SqliteCatalogue(self._file)
        self.site_limits: SiteLimits = SqliteSiteLimits(self._file)
        self.workers: Workers = SqliteWorkers(self._file)
        self.records: Records = SqliteRecords(self._file)
        self.marks: Marks = SqliteMarks(self._file)
        self.tables: Tables = SqliteTables(self._file)

    @property
    def damage(self) -> StoreDamaged | None:
        return self._file.damage

    async def open(self) -> None:
        await self._file.open()

    async def close(self) -> None:
        await self._file.close()


def _retrieve(future: asyncio.Future[None]) -> None:
    """Retrieve the outcome that no one awaits, so that asyncio logs no error about it."""
    if not future.cancelled():
        future.exception()
