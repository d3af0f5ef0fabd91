"""The MongoDB store: a job is a document, a move is one change of it;
many workers on many machines may share it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import timedelta

from mediavault.core.clock import Clock
from mediavault.core.failures import StoreDamaged, StoreError
from mediavault.core.job import ClaimedJob, JobItem, Priority, WorkerId
from mediavault.core.media import SavedFile
from mediavault.store import transitions
from mediavault.store.calls import Port, shielded, with_retries
from mediavault.store.mongodb import claims, history, library, marks, ops, reads, records, tables
from mediavault.store.mongodb.server import MongoServer
from mediavault.store.port import (
    JobCatalogue,
    JobQueue,
    Marks,
    Records,
    SiteLimits,
    Tables,
    Workers,
)
from mediavault.store.site_limits import ClaimFilter

# --- the ports: each method is an operation of one of the modules here ----------------------------


class MongoQueue(Port[MongoServer]):
    enqueue = shielded(ops.enqueue)
    renew = shielded(ops.renew)
    checkpoint = with_retries(ops.checkpoint)
    progress = shielded(ops.progress)
    record = shielded(ops.record)
    save_items = with_retries(ops.save_items)
    begin_commit = with_retries(ops.begin_commit)
    fail = with_retries(ops.fail, otherwise=ops.failed_before)
    release = shielded(ops.release)
    release_session_jobs = shielded(ops.release_session_jobs)
    recover_stale_jobs = shielded(ops.recover_stale_jobs)
    promote_due = shielded(ops.promote_due)
    cancel = shielded(ops.cancel)
    retry = shielded(ops.retry)
    set_priority = shielded(ops.set_priority)

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
        claiming = claims.claim(self._engine, worker, limit, lease, wanted)
        return await self._engine.calls.shielded_claims(claiming, unseen=self._give_back)

    async def complete(
        self, claim: ClaimedJob, saved: SavedFile, items: Sequence[JobItem] = ()
    ) -> None:
        server = self._engine

        async def done_before() -> bool | None:
            return (
                transitions.is_completed_by(await reads.get(server, claim.id), claim, saved) or None
            )

        async def call() -> bool | None:
            await server.calls.shielded(ops.complete(server, claim, saved, items))
            return True

        await server.calls.with_retries(call, otherwise=done_before)

    async def _give_back(self, claim: ClaimedJob) -> None:
        with suppress(StoreError):  # otherwise the job is stuck until its lease ends
            await ops.release(self._engine, claim)


class MongoCatalogue(Port[MongoServer]):
    get = shielded(reads.get)
    history = shielded(history.read)
    jobs = shielded(library.jobs)
    count = shielded(library.count)
    neighbours = shielded(library.neighbours)
    accounts = shielded(library.accounts)
    account = shielded(library.account)
    library_totals = shielded(library.library_totals)
    failures = shielded(library.failures)
    next_queued = shielded(reads.next_queued)
    of_posts = shielded(reads.of_posts)
    ids_beginning = shielded(reads.ids_beginning)
    changed_since = shielded(reads.changed_since)
    next_due = shielded(reads.next_due)
    count_unparsed = shielded(reads.count_unparsed)
    report = shielded(reads.report)
    remove = shielded(ops.remove)
    relocate = shielded(ops.relocate)
    put_words = shielded(ops.put_words)
    words_of = shielded(reads.words_of)
    import_jobs = shielded(ops.import_jobs)


class MongoSiteLimits(Port[MongoServer]):
    acquire_permit = shielded(claims.acquire_permit)
    pause_site = shielded(claims.pause_site)
    reopen_site = shielded(claims.reopen_site)
    all_limits = shielded(reads.all_limits)
    import_limits = shielded(ops.import_limits)


class MongoWorkers(Port[MongoServer]):
    heartbeat = shielded(ops.heartbeat)
    request_drain = shielded(ops.request_drain)
    alive = shielded(reads.workers_alive)
    forget_worker = shielded(ops.forget_worker)
    expire_leases = shielded(ops.expire_leases)

    def on_work(self, callback: Callable[[], None]) -> Callable[[], None]:
        return self._engine.on_work(callback)

    def on_stop(self, callback: Callable[[str], None]) -> Callable[[], None]:
        return self._engine.on_stop(callback)


class MongoRecords(Port[MongoServer]):
    put = shielded(records.put)
    replace = shielded(records.replace)
    get = shielded(records.get)
    all = shielded(records.all_of)
    put_all = shielded(records.put_all)
    some = shielded(records.some)
    under = shielded(records.under)
    count_under = shielded(records.count_under)
    remove = shielded(records.remove)
    remove_under = shielded(records.remove_under)
    remove_all = shielded(records.remove_all)
    set_once = shielded(ops.set_once)
    constants = shielded(reads.constants)


class MongoMarks(Port[MongoServer]):
    put = shielded(marks.put)
    remove = shielded(marks.remove)
    rename = shielded(marks.rename)
    of_jobs = shielded(marks.of_jobs)
    marked = shielded(marks.marked)
    names = shielded(marks.names)


class MongoTables(Port[MongoServer]):
    put = shielded(tables.put)
    update = shielded(tables.update)
    replace = shielded(tables.replace)
    some = shielded(tables.some)
    select = shielded(tables.select)
    keys = shielded(tables.keys)
    count = shielded(tables.count)
    total = shielded(tables.total)
    remove = shielded(tables.remove)


class MongoJobStore:
    """A ``Store`` in a MongoDB database, 5.0 or newer, in collections named ``mediavault.…``.

    ``url`` is ``mongodb://user:password@host:port/database?tls=true`` or ``mongodb+srv://…``.
    Without ``clock`` the server's clock is used.
    """

    damage: StoreDamaged | None = None

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self._server = MongoServer(url, clock)
        self.queue: JobQueue = MongoQueue(self._server)
        self.catalogue: JobCatalogue = MongoCatalogue(self._server)
        self.site_limits: SiteLimits = MongoSiteLimits(self._server)
        self.workers: Workers = MongoWorkers(self._server)
        self.records: Records = MongoRecords(self._server)
        self.marks: Marks = MongoMarks(self._server)
        self.tables: Tables = MongoTables(self._server)

    @property
    def has_wake_ups(self) -> bool:
        """False for a server without a replica set:
        there the jobs of other processes wait for the worker's poll.
        """
        return self._server.has_wake_ups

    async def open(self) -> None:
        await self._server.open()

    async def close(self) -> None:
        await self._server.close()
