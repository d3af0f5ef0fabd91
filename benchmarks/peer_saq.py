"""SAQ on Redis with its defaults: a sweep aborts the jobs of a killed worker and does not run them
again.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from saq import Queue, Worker

from benchmarks.servers import RunningServer, running_redis
from benchmarks.subjects import SLOTS, Cost, Stopwatch, expect, make_jobs


def enqueue(folder: Path, count: int) -> Cost:
    with running_redis(folder) as server:
        return asyncio.run(_enqueue(server, count))


def drain(folder: Path, count: int) -> Cost:
    with running_redis(folder) as server:
        return asyncio.run(_drain(server, count))


async def _enqueue(server: RunningServer, count: int) -> Cost:
    queue: Any = Queue.from_url(server.url)
    jobs = make_jobs(count)
    watch = Stopwatch(server.cpu_s)
    for job in jobs:
        await queue.enqueue("save", key=job.id, post_url=job.post_url, platform=job.platform)
    cost = watch.cost(count)
    await queue.disconnect()
    return cost


async def _drain(server: RunningServer, count: int) -> Cost:
    done: list[str] = []

    async def save(context: Any, *, post_url: str, platform: str) -> None:
        done.append(post_url)

    queue: Any = Queue.from_url(server.url)
    for job in make_jobs(count):
        await queue.enqueue("save", key=job.id, post_url=job.post_url, platform=job.platform)
    worker: Any = Worker(
        queue, functions=[("save", save)], concurrency=SLOTS, burst=True, dequeue_timeout=1
    )
    worker.SIGNALS = []
    watch = Stopwatch(server.cpu_s)
    await worker.start()
    cost = watch.cost(count)
    await queue.disconnect()
    # Under load its sweep races with its dequeue, and one or two jobs of thousands run twice.
    expect(len(set(done)), count)
    return cost
