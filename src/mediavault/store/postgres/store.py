"""The PostgreSQL store: hand-written SQL, one statement per move,
any number of workers on any number of machines.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from mediavault.core.clock import Clock
from mediavault.core.failures import ErrorCode, StoreDamaged, StoreError
from mediavault.core.job import ClaimedJob, Job, JobId, JobItem, NewJob, Priority, WorkerId
from mediavault.core.media import SavedFile
from mediavault.store import codec, transitions
from mediavault.store.calls import Port, shielded, with_retries
from mediavault.store.port import (
    Enqueued,
    JobCatalogue,
    JobQueue,
    Marks,
    Records,
    SiteLimits,
    StoreReport,
    Tables,
    Workers,
)
from mediavault.store.postgres.claims import Completion, LowWaterMark, PostgresClaims
from mediavault.store.postgres.engine import Lane, PostgresDatabase
from mediavault.store.postgres.server import PostgresServer
from mediavault.store.postgres.sql import PostgresStatements
from mediavault.store.site_limits import ClaimFilter
from mediavault.store.sql import attempts, fleet, library, marks, reads, records, requests, tables
from mediavault.store.sql.txn import SqlTxn

P = ParamSpec("P")
T = TypeVar("T")

# --- how an operation is run ----------------------------------------------------------------------


def in_transaction(
    operation: Callable[Concatenate[SqlTxn, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[PostgresServer, P], Coroutine[Any, Any, T]]:
    """Return an operation as one of a server: its statements are one transaction."""

    async def call(server: PostgresServer, /, *args: P.args, **options: P.kwargs) -> T:
        async with server.database.transaction() as txn:
            statements = PostgresStatements(txn, server.now)
            answer = await operation(statements, *args, **options)
        for asked in statements.stops:
            server.stop(asked)
        return answer

    return call


def autocommitted(
    operation: Callable[Concatenate[SqlTxn, P], Coroutine[Any, Any, T]],
    on: Callable[[PostgresServer], PostgresDatabase | Lane] = lambda server: server.database,
) -> Callable[Concatenate[PostgresServer, P], Coroutine[Any, Any, T]]:
    """Return an operation as one of a server: each of its statements commits at once,
    which saves two round trips.
    """

    async def call(server: PostgresServer, /, *args: P.args, **options: P.kwargs) -> T:
        return await operation(PostgresStatements(on(server), server.now), *args, **options)

    return call


def on_heartbeats(
    operation: Callable[Concatenate[SqlTxn, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[PostgresServer, P], Coroutine[Any, Any, T]]:
    """As :func:`autocommitted`, on the connection that never waits behind other work."""
    return autocommitted(operation, lambda server: server.heartbeats)


_get = autocommitted(reads.get)
_report = autocommitted(reads.report)
_release = autocommitted(attempts.release)


async def _failed_before(
    server: PostgresServer,
    claim: ClaimedJob,
    *,
    error_code: ErrorCode,
    error: str,
    retry_in: timedelta | None,  # noqa: ARG001 - the arguments of ``fail``
    uses_attempt: bool = True,  # noqa: ARG001
) -> Job | None:
    """Return the job as this failure left it if only the response was lost, else None."""
    job = await _get(server, claim.id)
    return job if transitions.is_failed_by(job, claim, error_code, codec.storable(error)) else None


# --- the ports ------------------------------------------------------------------------------------


class PostgresQueue(Port[PostgresServer]):
    """The queue. A call that may make an earlier job claimable resets the low-water mark of this
    process's claims.
    """

    def __init__(self, server: PostgresServer, mark: LowWaterMark) -> None:
        super().__init__(server)
        self._mark = mark
        self.claims = PostgresClaims(server, mark)

    renew = shielded(on_heartbeats(attempts.renew))
    checkpoint = with_retries(in_transaction(attempts.checkpoint))
    progress = shielded(autocommitted(attempts.progress))
    record = shielded(in_transaction(attempts.record))
    save_items = with_retries(autocommitted(attempts.save_items))
    begin_commit = with_retries(autocommitted(attempts.begin_commit))
    fail = with_retries(autocommitted(attempts.fail), otherwise=_failed_before)
    recover_stale_jobs = shielded(on_heartbeats(attempts.recover_stale_jobs))
    cancel = shielded(in_transaction(requests.cancel))
    _enqueue = shielded(in_transaction(requests.enqueue))
    _release = shielded(_release)
    _release_session_jobs = shielded(on_heartbeats(attempts.release_session_jobs))
    _retry = shielded(in_transaction(requests.retry))
    _set_priority = shielded(in_transaction(requests.set_priority))

    async def enqueue(self, jobs: Sequence[NewJob], *, force: bool = False) -> list[Enqueued]:
        self._mark.forget()
        return await self._enqueue(jobs, force=force)

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
        if limit <= 0:
            return []
        wanted = ClaimFilter(frozenset(platforms), frozenset(sessions), at_least)
        claiming = self.claims.claim(worker, limit, lease, wanted)
        return await self._engine.calls.shielded_claims(claiming, unseen=self._give_back)

    async def complete(
        self, claim: ClaimedJob, saved: SavedFile, items: Sequence[JobItem] = ()
    ) -> None:
        completion = Completion(claim, saved, items)

        async def done_before() -> bool | None:
            job = await _get(self._engine, claim.id)
            return transitions.is_completed_by(job, claim, saved) or None

        await self._engine.calls.with_retries(
            lambda: self.claims.completions.submit(completion), otherwise=done_before
        )

    async def release(self, claim: ClaimedJob, *, needs_session: bool = False) -> None:
        self._mark.forget()
        await self._release(claim, needs_session=needs_session)

    async def release_session_jobs(self, held: Collection[str], *, waiting_for: timedelta) -> int:
        self._mark.forget()
        return await self._release_session_jobs(held, waiting_for=waiting_for)

    async def promote_due(self, *, limit: int = 500) -> int:
        return await self._engine.calls.shielded(self.claims.promote_due(limit))

    async def retry(
        self, job_id: JobId, *, chosen_urls: Sequence[str] = (), profile: str | None = None
    ) -> Job:
        self._mark.forget()
        return await self._retry(job_id, chosen_urls=chosen_urls, profile=profile)

    async def set_priority(self, job_id: JobId, priority: Priority) -> Job:
        self._mark.forget()
        return await self._set_priority(job_id, priority)

    async def _give_back(self, claim: ClaimedJob) -> None:
        with suppress(StoreError):  # otherwise the job is stuck until its lease ends
            await _release(self._engine, claim)


class PostgresCatalogue(Port[PostgresServer]):
    get = shielded(_get)
    history = shielded(autocommitted(reads.history))
    jobs = shielded(autocommitted(library.jobs))
    count = shielded(autocommitted(library.count))
    neighbours = shielded(autocommitted(library.neighbours))
    accounts = shielded(autocommitted(library.accounts))
    account = shielded(autocommitted(library.account))
    library_totals = shielded(autocommitted(library.library_totals))
    failures = shielded(autocommitted(library.failures))
    next_queued = shielded(autocommitted(reads.next_queued))
    of_posts = shielded(autocommitted(reads.of_posts))
    ids_beginning = shielded(autocommitted(reads.ids_beginning))
    changed_since = shielded(autocommitted(reads.changed_since))
    next_due = shielded(autocommitted(reads.next_due))
    count_unparsed = shielded(autocommitted(reads.count_unparsed))
    remove = shielded(in_transaction(requests.remove))
    relocate = shielded(autocommitted(requests.relocate))
    put_words = shielded(in_transaction(requests.put_words))
    words_of = shielded(autocommitted(reads.words_of))
    import_jobs = shielded(in_transaction(requests.import_jobs))

    async def report(self) -> StoreReport:
        server = self._engine
        engine = f"PostgreSQL {await server.database.version()}"
        return await server.calls.shielded(
            _report(server, engine=engine, schema_version=server.schema_version)
        )


class PostgresSiteLimits(Port[PostgresServer]):
    acquire_permit = shielded(in_transaction(fleet.acquire_permit))
    pause_site = shielded(in_transaction(fleet.pause_site))
    reopen_site = shielded(in_transaction(fleet.reopen_site))
    all_limits = shielded(autocommitted(fleet.all_limits))
    import_limits = shielded(in_transaction(fleet.import_limits))


class PostgresWorkers(Port[PostgresServer]):
    heartbeat = shielded(on_heartbeats(fleet.heartbeat))
    request_drain = shielded(in_transaction(fleet.request_drain))
    alive = shielded(autocommitted(fleet.alive))
    forget_worker = shielded(autocommitted(fleet.forget_worker))
    expire_leases = shielded(on_heartbeats(fleet.expire_leases))

    def on_work(self, callback: Callable[[], None]) -> Callable[[], None]:
        return self._engine.on_work(callback)

    def on_stop(self, callback: Callable[[str], None]) -> Callable[[], None]:
        return self._engine.on_stop(callback)


class PostgresRecords(Port[PostgresServer]):
    put = shielded(in_transaction(records.put))
    replace = shielded(in_transaction(records.replace))
    get = shielded(autocommitted(records.get))
    all = shielded(autocommitted(records.all_of))
    put_all = shielded(in_transaction(records.put_all))
    some = shielded(autocommitted(records.some))
    under = shielded(autocommitted(records.under))
    count_under = shielded(autocommitted(records.count_under))
    remove = shielded(in_transaction(records.remove))
    remove_under = shielded(autocommitted(records.remove_under))
    remove_all = shielded(autocommitted(records.remove_all))
    set_once = shielded(autocommitted(records.set_once))
    constants = shielded(autocommitted(records.constants))


class PostgresMarks(Port[PostgresServer]):
    put = shielded(in_transaction(marks.put))
    remove = shielded(in_transaction(marks.remove))
    rename = shielded(in_transaction(marks.rename))
    of_jobs = shielded(autocommitted(marks.of_jobs))
    marked = shielded(autocommitted(marks.marked))
    names = shielded(autocommitted(marks.names))


class PostgresTables(Port[PostgresServer]):
    put = shielded(in_transaction(tables.put))
    update = shielded(in_transaction(tables.update))
    replace = shielded(autocommitted(tables.replace))
    some = shielded(autocommitted(tables.some))
    select = shielded(autocommitted(tables.select))
    keys = shielded(autocommitted(tables.keys))
    count = shielded(autocommitted(tables.count))
    total = shielded(autocommitted(tables.total))
    remove = shielded(autocommitted(tables.remove))


class PostgresJobStore:
    """A ``Store`` in a PostgreSQL database, 15 or newer, in its own schema named ``mediavault``.

    ``url`` is ``postgresql://user:password@host:port/database?sslmode=…``. Without ``clock`` the
    database's clock is used.
    """

    damage: StoreDamaged | None = None

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        mark = LowWaterMark()
        self._server = PostgresServer(url, clock, on_work=mark.forget)
        self._queue = PostgresQueue(self._server, mark)
        self.queue: JobQueue = self._queue
        self.catalogue: JobCatalogue = PostgresCatalogue(self._server)
        self.site_limits: SiteLimits = PostgresSiteLimits(self._server)
        self.workers: Workers = PostgresWorkers(self._server)
        self.records: Records = PostgresRecords(self._server)
        self.marks: Marks = PostgresMarks(self._server)
        self.tables: Tables = PostgresTables(self._server)

    @property
    def has_wake_ups(self) -> bool:
        """False behind a pooler: there new jobs wait for the worker's poll."""
        return self._server.has_wake_ups

    async def open(self) -> None:
        await self._server.open()

    async def close(self) -> None:
        await self._queue.claims.completions.settled()
        await self._server.close()
