"""procrastinate with its defaults: one query per job to fetch and one to finish,
an events table filled by triggers.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import procrastinate

from benchmarks.servers import RunningServer, running_postgres
from benchmarks.subjects import SLOTS, Cost, Stopwatch, expect, make_jobs


def enqueue(folder: Path, count: int) -> Cost:
    with running_postgres() as server:
        return asyncio.run(_enqueue(server, count))


def drain(folder: Path, count: int) -> Cost:
    with running_postgres() as server:
        return asyncio.run(_drain(server, count))


async def _enqueue(server: RunningServer, count: int) -> Cost:
    app, save = _app(server, [])
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        jobs = make_jobs(count)
        watch = Stopwatch(server.cpu_s)
        for job in jobs:
            await save.defer_async(job_id=job.id, post_url=job.post_url, platform=job.platform)
        return watch.cost(count)


async def _drain(server: RunningServer, count: int) -> Cost:
    done: list[str] = []
    app, save = _app(server, done)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        jobs = [
            {"job_id": job.id, "post_url": job.post_url, "platform": job.platform}
            for job in make_jobs(count)
        ]
        await save.batch_defer_async(*jobs)
        watch = Stopwatch(server.cpu_s)
        await app.run_worker_async(wait=False, concurrency=SLOTS, install_signal_handlers=False)
        cost = watch.cost(count)
    expect(len(done), count)
    return cost


def _app(server: RunningServer, done: list[str]) -> tuple[Any, Any]:
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=server.url))

    async def save(job_id: str, post_url: str, platform: str) -> None:
        done.append(job_id)

    return app, app.task(name="save")(save)
