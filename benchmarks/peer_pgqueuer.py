"""PgQueuer with its defaults and ten jobs a query. A job is finished by its id alone,
by any worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

from benchmarks.servers import RunningServer, running_postgres
from benchmarks.subjects import BULK, SLOTS, Cost, Stopwatch, expect, make_jobs


def enqueue(folder: Path, count: int) -> Cost:
    with running_postgres() as server:
        return asyncio.run(_enqueue(server, count))


def drain(folder: Path, count: int) -> Cost:
    with running_postgres() as server:
        return asyncio.run(_drain(server, count))


async def _enqueue(server: RunningServer, count: int) -> Cost:
    async with _installed(server) as (_, queries):
        jobs = make_jobs(count)
        watch = Stopwatch(server.cpu_s)
        for job in jobs:
            await queries.enqueue("save", job.post_url.encode())
        return watch.cost(count)


async def _drain(server: RunningServer, count: int) -> Cost:
    done: list[Any] = []
    async with _installed(server) as (driver, queries):
        urls = [job.post_url.encode() for job in make_jobs(count)]
        for start in range(0, count, BULK):
            part = urls[start : start + BULK]
            await queries.enqueue(["save"] * len(part), part, [0] * len(part))
        worker = PgQueuer(driver)

        async def save(job: Any) -> None:
            done.append(job.id)

        worker.entrypoint("save")(save)
        watch = Stopwatch(server.cpu_s)
        await worker.run(batch_size=SLOTS, mode=QueueExecutionMode.drain)
        cost = watch.cost(count)
    expect(len(done), count)
    return cost


@asynccontextmanager
async def _installed(server: RunningServer) -> AsyncIterator[tuple[Any, Any]]:
    connection = await asyncpg.connect(server.url)
    try:
        driver = AsyncpgDriver(connection)
        queries = Queries(driver)
        await queries.install()
        yield driver, queries
    finally:
        await connection.close()
