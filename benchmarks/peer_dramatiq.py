"""Dramatiq on Redis with its defaults, ten worker threads. It prefetches,
and requeues a killed worker's jobs late.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.servers import running_redis
from benchmarks.subjects import SLOTS, Cost, Stopwatch, expect, make_jobs


def enqueue(folder: Path, count: int) -> Cost:
    with running_redis(folder) as server:
        _, save = _actor(server.url, [])
        jobs = make_jobs(count)
        watch = Stopwatch(server.cpu_s)
        for job in jobs:
            save.send(job.id, job.post_url, job.platform)
        return watch.cost(count)


def drain(folder: Path, count: int) -> Cost:
    done: list[str] = []
    with running_redis(folder) as server:
        broker, save = _actor(server.url, done)
        for job in make_jobs(count):
            save.send(job.id, job.post_url, job.platform)
        worker = dramatiq.Worker(broker, worker_threads=SLOTS)
        watch = Stopwatch(server.cpu_s)
        worker.start()
        broker.join(save.queue_name)
        worker.join()
        cost = watch.cost(count)
        worker.stop()
        broker.close()
    expect(len(done), count)
    return cost


def _actor(url: str, done: list[str]) -> tuple[Any, Any]:
    broker = RedisBroker(url=url)

    def save(job_id: str, post_url: str, platform: str) -> None:
        done.append(job_id)

    return broker, dramatiq.actor(save, broker=broker, actor_name="save")
