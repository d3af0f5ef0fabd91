"""Our own store, used as the worker uses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.subjects import KEPT, LEASE, SLOTS, Cost, Stopwatch, bulks, expect, expect_completed, make_jobs
from mediavault.core.clock import SystemClock
from mediavault.core.job import Job, NewJob, new_worker_id
from mediavault.store.port import JobStore
from mediavault.store.sqlite import SqliteJobStore


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
            created += sum(answer.created for answer in await store.enqueue(jobs))
        cost = watch.cost(created)
    expect(created, sum(map(len, calls)))
    return cost


def drain(folder: Path, count: int) -> Cost:
    cost = asyncio.run(_drain(folder, count))
    expect_completed(database(folder), count)
    return cost


async def _drain(folder: Path, count: int) -> Cost:
    async with opened(folder) as store:
        for jobs in bulks(make_jobs(count)):
            await store.enqueue(jobs)
        watch = Stopwatch()
        await _work(store, count)
        return watch.cost(count)


async def _work(store: JobStore, count: int) -> None:
    """As the worker does: a task for each job, whose end frees its slot and wakes the loop that claims."""
    worker = new_worker_id()
    woken = asyncio.Event()
    running: set[asyncio.Task[Job]] = set()
    done: list[asyncio.Task[Job]] = []

    def end(task: asyncio.Task[Job]) -> None:
        running.remove(task)
        done.append(task)
        woken.set()

    while len(done) < count:
        woken.clear()
        for claim in await store.claim(worker, limit=SLOTS - len(running), lease=LEASE):
            task = asyncio.create_task(store.complete(claim, KEPT))
            running.add(task)
            task.add_done_callback(end)
        await woken.wait()
    for task in done:
        task.result()
