"""The time from an enqueue to the start in another process with a server between them: PostgreSQL
or Redis.

Each contender has a place (its server, with its tables), a producer, and a worker, which prints
``ready`` once it listens.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries
from saq import Queue, Worker

from benchmarks.peer_mediavault import opened_on_postgres
from benchmarks.servers import running_postgres, running_redis
from benchmarks.subjects import SLOTS
from mediavault.core.job import NewJob

LISTENS_AFTER_S = 1.0  # no contender reports when it listens

Starts = dict[str, int]
Enqueue = Callable[[NewJob], Awaitable[object]]


def say_ready() -> None:
    print("ready", flush=True)


# --- places ---------------------------------------------------------------------------------------


@asynccontextmanager
async def on_postgres(_folder: Path) -> AsyncIterator[str]:
    with running_postgres() as server:
        yield server.url


@asynccontextmanager
async def on_postgres_for_pgqueuer(_folder: Path) -> AsyncIterator[str]:
    with running_postgres() as server:
        async with _queries(server.url) as queries:
            await queries.install()
        yield server.url


@asynccontextmanager
async def on_redis(folder: Path) -> AsyncIterator[str]:
    with running_redis(folder) as server:
        yield server.url


# --- producers ------------------------------------------------------------------------------------


@asynccontextmanager
async def into_mediavault(url: str) -> AsyncIterator[Enqueue]:
    async with opened_on_postgres(url) as store:
        yield lambda job: store.queue.enqueue([job])


@asynccontextmanager
async def into_pgqueuer(url: str) -> AsyncIterator[Enqueue]:
    async with _queries(url) as queries:
        yield lambda job: queries.enqueue("save", job.id.encode())


@asynccontextmanager
async def into_saq(url: str) -> AsyncIterator[Enqueue]:
    queue: Any = Queue.from_url(url)
    yield lambda job: queue.enqueue(
        "save", key=job.id, post_url=job.post_url, platform=job.platform
    )
    await queue.disconnect()


# --- workers --------------------------------------------------------------------------------------


def work_for_pgqueuer(url: str, count: int) -> Starts:
    return asyncio.run(_pgqueuer(url, count))


async def _pgqueuer(url: str, count: int) -> Starts:
    starts: Starts = {}
    connection = await asyncpg.connect(url)
    worker = PgQueuer(AsyncpgDriver(connection))

    async def save(job: Any) -> None:
        starts[job.payload.decode()] = time.time_ns()
        if len(starts) == count:
            worker.shutdown.set()

    worker.entrypoint("save")(save)
    running = asyncio.create_task(worker.run(batch_size=SLOTS))
    await asyncio.sleep(LISTENS_AFTER_S)
    say_ready()
    await running
    await connection.close()
    return starts


def work_for_saq(url: str, count: int) -> Starts:
    return asyncio.run(_saq(url, count))


async def _saq(url: str, count: int) -> Starts:
    starts: Starts = {}
    all_started = asyncio.Event()

    async def save(context: Any, *, post_url: str, platform: str) -> None:
        starts.setdefault(context["job"].key, time.time_ns())
        if len(starts) == count:
            all_started.set()

    queue: Any = Queue.from_url(url)
    worker: Any = Worker(queue, functions=[("save", save)], concurrency=SLOTS)
    worker.SIGNALS = []
    running = asyncio.create_task(worker.start())
    await asyncio.sleep(LISTENS_AFTER_S)
    say_ready()
    await all_started.wait()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await queue.disconnect()
    return starts


@asynccontextmanager
async def _queries(url: str) -> AsyncIterator[Queries]:
    connection = await asyncpg.connect(url)
    try:
        yield Queries(AsyncpgDriver(connection))
    finally:
        await connection.close()
