"""Our own store, used as the worker uses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.servers import RunningServer, running_postgres
from benchmarks.subjects import (
    LEASE,
    SAVED,
    SLOTS,
    Cost,
    Stopwatch,
    bulks,
    expect,
    expect_completed,
    make_jobs,
)
from mediavault.core.clock import SystemClock
from mediavault.core.job import ClaimedJob, JobId, JobStatus, NewJob, new_worker_id
from mediavault.store.port import Store
from mediavault.store.postgres.store import PostgresJobStore
from mediavault.store.sqlite.store import SqliteJobStore


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[SqliteJobStore]:
    store = SqliteJobStore(database(folder), SystemClock())
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def database(folder: Path) -> Path:
    return folder / "mediavault.db"


def enqueue(folder: Path, count: int) -> Cost:
    return asyncio.run(_enqueue(folder, [[job] for job in make_jobs(count)]))


def enqueue_in_bulk(folder: Path, count: int) -> Cost:
    return asyncio.run(_enqueue(folder, bulks(make_jobs(count))))


async def _enqueue(folder: Path, calls: Sequence[Sequence[NewJob]]) -> Cost:
    created = 0
    async with opened(folder) as store:
        watch = Stopwatch()
        for jobs in calls:
            created += sum(answer.created for answer in await store.queue.enqueue(jobs))
        cost = watch.cost(created)
    expect(created, sum(map(len, calls)))
    return cost


def drain(folder: Path, count: int) -> Cost:
    cost = asyncio.run(_drain(folder, count))
    expect_completed(database(folder), count)
    return cost


def enqueue_on_postgres(folder: Path, count: int) -> Cost:
    with running_postgres() as server:
        return asyncio.run(_enqueue_on_postgres(server, [[job] for job in make_jobs(count)]))


def enqueue_in_bulk_on_postgres(folder: Path, count: int) -> Cost:
    with running_postgres() as server:
        return asyncio.run(_enqueue_on_postgres(server, bulks(make_jobs(count))))


def drain_on_postgres(folder: Path, count: int) -> Cost:
    with running_postgres() as server:
        return asyncio.run(_drain_on_postgres(server, count))


async def _enqueue_on_postgres(server: RunningServer, calls: Sequence[Sequence[NewJob]]) -> Cost:
    async with opened_on_postgres(server.url) as store:
        watch = Stopwatch(server.cpu_s)
        created = 0
        for jobs in calls:
            created += sum(answer.created for answer in await store.queue.enqueue(jobs))
        cost = watch.cost(created)
    expect(created, sum(map(len, calls)))
    return cost


async def _drain_on_postgres(server: RunningServer, count: int) -> Cost:
    async with opened_on_postgres(server.url) as store:
        for jobs in bulks(make_jobs(count)):
            await store.queue.enqueue(jobs)
        watch = Stopwatch(server.cpu_s)
        await drain_some(store, count)
        cost = watch.cost(count)
        expect((await store.catalogue.report()).counts[JobStatus.COMPLETED], count)
    return cost


@asynccontextmanager
async def opened_on_postgres(url: str) -> AsyncIterator[PostgresJobStore]:
    store = PostgresJobStore(url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def _drain(folder: Path, count: int) -> Cost:
    async with opened(folder) as store:
        for jobs in bulks(make_jobs(count)):
            await store.queue.enqueue(jobs)
        watch = Stopwatch()
        await drain_some(store, count)
        return watch.cost(count)


async def drain_some(store: Store, count: int) -> None:
    """Run a task for each job, as the worker does.

    When only the store's response to a job's completion is pending, its slot is free and the
    claiming loop is woken. So a claim shares the transaction of the completions that freed its
    slots.
    """
    worker = new_worker_id()
    woken = asyncio.Event()
    running: set[JobId] = set()
    tasks: list[asyncio.Task[None]] = []

    async def attempt(claim: ClaimedJob) -> None:
        running.remove(claim.id)
        woken.set()
        await store.queue.complete(claim, SAVED)

    while len(tasks) < count:
        woken.clear()
        for claim in await store.queue.claim(worker, limit=SLOTS - len(running), lease=LEASE):
            running.add(claim.id)
            tasks.append(asyncio.create_task(attempt(claim)))
        await woken.wait()
    for task in tasks:
        await task
