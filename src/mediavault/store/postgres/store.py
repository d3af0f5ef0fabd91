"""The PostgreSQL store: hand-written SQL, one statement per move, any number of workers on any number of machines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import timedelta

from mediavault.core.clock import Clock
from mediavault.core.failures import StoreDamaged, StoreError
from mediavault.core.job import ClaimedJob, Job, JobId, JobItem, NewJob, Priority, WorkerId
from mediavault.core.media import KeptFile
from mediavault.store import transitions
from mediavault.store.calls import Port, shielded, with_retries
from mediavault.store.port import Enqueued, JobCatalogue, JobQueue, Marks, Records, SiteLimits, Workers
from mediavault.store.postgres import library, ops, reads
from mediavault.store.postgres.claims import Completion, LowWaterMark, PostgresClaims
from mediavault.store.postgres.server import PostgresServer
from mediavault.store.postgres.shared import autocommitted, in_transaction, on_heartbeats
from mediavault.store.site_limits import ClaimFilter
from mediavault.store.sql import library as shared_library
from mediavault.store.sql import marks, records, site_limits, workers
from mediavault.store.sql import reads as shared_reads

# --- the ports: each method is an operation of one of the modules here ---------------------------------------------------


class PostgresQueue(Port[PostgresServer]):
    """The queue. A call that may make an earlier job claimable resets the low-water mark of this process's claims."""

    def __init__(self, server: PostgresServer, mark: LowWaterMark) -> None:
        super().__init__(server)
        self._mark = mark
        self.claims = PostgresClaims(server, mark)

    renew = shielded(ops.renew)
    checkpoint = with_retries(ops.checkpoint)
    progress = shielded(ops.progress)
    record = shielded(ops.record)
    save_items = with_retries(ops.save_items)
    begin_commit = with_retries(ops.begin_commit)
    fail = with_retries(ops.fail, otherwise=ops.failed_before)
    recover_stale_jobs = shielded(ops.recover_stale_jobs)
    cancel = shielded(ops.cancel)
    _enqueue = shielded(ops.enqueue)
    _release = shielded(ops.release)
    _release_session_jobs = shielded(ops.release_session_jobs)
    _retry = shielded(ops.retry)
    _set_priority = shielded(ops.set_priority)

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

    async def complete(self, claim: ClaimedJob, kept: KeptFile, items: Sequence[JobItem] = ()) -> None:
        completion = Completion(claim, kept, items)

        async def done_before() -> bool | None:
            job = await reads.get(self._engine, claim.id)
            return transitions.is_completed_by(job, claim, kept) or None

        await self._engine.calls.with_retries(lambda: self.claims.completions.submit(completion), otherwise=done_before)

    async def release(self, claim: ClaimedJob, *, needs_session: bool = False) -> None:
        self._mark.forget()
        await self._release(claim, needs_session=needs_session)

    async def release_session_jobs(self, held: Collection[str], *, waiting_for: timedelta) -> int:
        self._mark.forget()
        return await self._release_session_jobs(held, waiting_for=waiting_for)

    async def promote_due(self, *, limit: int = 500) -> int:
        return await self._engine.calls.shielded(self.claims.promote_due(limit))

    async def retry(self, job_id: JobId, *, chosen_urls: Sequence[str] = (), profile: str | None = None) -> Job:
        self._mark.forget()
        return await self._retry(job_id, chosen_urls=chosen_urls, profile=profile)

    async def set_priority(self, job_id: JobId, priority: Priority) -> Job:
        self._mark.forget()
        return await self._set_priority(job_id, priority)

    async def _give_back(self, claim: ClaimedJob) -> None:
        with suppress(StoreError):  # otherwise the job is stuck until its lease ends
            await ops.release(self._engine, claim)


class PostgresCatalogue(Port[PostgresServer]):
    get = shielded(reads.get)
    history = shielded(autocommitted(shared_reads.history))
    jobs = shielded(library.jobs)
    count = shielded(library.count)
    neighbours = shielded(library.neighbours)
    accounts = shielded(library.accounts)
    account = shielded(autocommitted(shared_library.account))
    library_totals = shielded(autocommitted(shared_library.library_totals))
    failures = shielded(autocommitted(shared_library.failures))
    next_queued = shielded(reads.next_queued)
    of_posts = shielded(reads.of_posts)
    changed_since = shielded(autocommitted(shared_reads.changed_since))
    next_due = shielded(autocommitted(shared_reads.next_due))
    count_unparsed = shielded(autocommitted(shared_reads.count_unparsed))
    report = shielded(reads.report)
    remove = shielded(ops.remove)
    relocate = shielded(ops.relocate)
    put_words = shielded(ops.put_words)
    words_of = shielded(autocommitted(shared_reads.words_of))
    import_jobs = shielded(ops.import_jobs)


class PostgresSiteLimits(Port[PostgresServer]):
    acquire_permit = shielded(in_transaction(site_limits.acquire_permit))
    pause_site = shielded(in_transaction(site_limits.pause_site))
    reopen_site = shielded(in_transaction(site_limits.reopen_site))
    all_limits = shielded(autocommitted(site_limits.all_limits))
    import_limits = shielded(in_transaction(site_limits.import_limits))


class PostgresWorkers(Port[PostgresServer]):
    heartbeat = shielded(on_heartbeats(workers.heartbeat))
    request_drain = shielded(in_transaction(workers.request_drain))
    alive = shielded(autocommitted(workers.alive))
    forget_worker = shielded(autocommitted(workers.forget_worker))
    expire_leases = shielded(on_heartbeats(workers.expire_leases))

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


class PostgresJobStore:
    """A ``Store`` in a PostgreSQL database, 15 or newer, in its own schema named ``mediavault``.

    ``url`` is ``postgresql://user:password@host:port/database?sslmode=…``. Without ``clock`` the database's
    clock is used.
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

    @property
    def has_wake_ups(self) -> bool:
        """False behind a pooler: there new jobs wait for the worker's poll."""
        return self._server.has_wake_ups

    async def open(self) -> None:
        await self._server.open()

    async def close(self) -> None:
        await self._queue.claims.completions.settled()
        await self._server.close()
