"""The time from an enqueue in one process to the start of the job in another, which is idle until
then.

``python -m benchmarks.latency CONTENDER --jobs N --where
PLACE`` is the other process: it prints ``ready``, waits for N jobs and prints as JSON when each was
started, in nanoseconds of the wall clock. PLACE is a folder or a server's URL.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import latency_servers as servers
from benchmarks.latency_servers import LISTENS_AFTER_S, Enqueue, Starts, say_ready
from benchmarks.peer_huey import queue_in, register
from benchmarks.peer_mediavault import opened, opened_on_postgres
from benchmarks.subjects import LEASE, SLOTS, make_jobs
from mediavault.core.clock import SystemClock
from mediavault.core.job import NewJob, new_worker_id
from mediavault.store.port import Store
from mediavault.worker.ticker import Ticker

RATE_PER_S = 50
POLL_S = 1.0  # mediavault's default; what a lost wake-up would cost
TIMEOUT_S = 120.0
MEDIAVAULT, HUEY = "mediavault", "huey"
ON_POSTGRES, PGQUEUER, SAQ = "mediavault PostgreSQL", "PgQueuer", "SAQ (Redis)"


@dataclass(frozen=True, slots=True)
class Sent:
    called_ns: int
    returned_ns: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Latencies in milliseconds. ``after_enqueue`` counts from enqueue's return;
    0 if the job had started by then.
    """

    jobs: int
    p50_ms: float
    p99_ms: float
    enqueue_p50_ms: float
    after_enqueue_p50_ms: float


# --- the producer, in this process ----------------------------------------------------------------


async def measure(contender: str, folder: Path, count: int) -> Latency:
    parts = CONTENDERS[contender]
    async with parts.place(folder) as where, asyncio.timeout(TIMEOUT_S):
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.latency", contender, "--jobs", str(count), "--where",
            where,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert worker.stdout is not None
        try:
            await worker.stdout.readline()  # "ready"
            async with parts.producer(where) as enqueue:
                sent = await _send(enqueue, count)
            starts: Starts = json.loads(await worker.stdout.readline())
            await worker.wait()
        finally:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
    return _summary(sent, starts)


async def _send(enqueue: Enqueue, count: int) -> dict[str, Sent]:
    """Enqueue on a fixed time grid, so that a slow enqueue does not reduce the load."""
    sent: dict[str, Sent] = {}
    began = time.monotonic()
    for number, job in enumerate(make_jobs(count)):
        await asyncio.sleep(max(0.0, began + number / RATE_PER_S - time.monotonic()))
        called = time.time_ns()
        await enqueue(job)
        sent[job.id] = Sent(called, time.time_ns())
    return sent


def _summary(sent: dict[str, Sent], starts: Starts) -> Latency:
    whole = [(starts[job_id] - at.called_ns) / 1e6 for job_id, at in sent.items()]
    rest = [max(0.0, (starts[job_id] - at.returned_ns) / 1e6) for job_id, at in sent.items()]
    return Latency(
        jobs=len(sent),
        p50_ms=statistics.median(whole),
        p99_ms=statistics.quantiles(whole, n=100)[98],
        enqueue_p50_ms=statistics.median(
            (at.returned_ns - at.called_ns) / 1e6 for at in sent.values()
        ),
        after_enqueue_p50_ms=statistics.median(rest),
    )


@asynccontextmanager
async def _in_folder(folder: Path) -> AsyncIterator[str]:
    yield str(folder)


@asynccontextmanager
async def _into_mediavault(folder: str) -> AsyncIterator[Enqueue]:
    async with opened(Path(folder)) as store:
        yield lambda job: store.queue.enqueue([job])


@asynccontextmanager
async def _into_huey(folder: str) -> AsyncIterator[Enqueue]:
    start = register(queue_in(Path(folder)), lambda _: None)

    async def enqueue(job: NewJob) -> None:
        start(job.id)

    yield enqueue


# --- the worker, in the other process -------------------------------------------------------------


def _work_for_mediavault(folder: str, count: int) -> Starts:
    return asyncio.run(_claim_all(opened(Path(folder)), count))


def _work_for_mediavault_on_postgres(url: str, count: int) -> Starts:
    return asyncio.run(_claim_all(opened_on_postgres(url), count))


async def _claim_all(opening: AbstractAsyncContextManager[Store], count: int) -> Starts:
    """Do the worker's own round with its own ticker: a poll promotes due jobs and claims,
    a wake-up only claims.
    """
    starts: Starts = {}
    worker = new_worker_id()
    all_started = asyncio.Event()
    async with opening as store:
        promote_at = 0.0

        async def look() -> None:
            nonlocal promote_at
            if time.monotonic() >= promote_at:
                promote_at = time.monotonic() + POLL_S / 2
                await store.queue.promote_due()
            claims = await store.queue.claim(worker, limit=SLOTS, lease=LEASE)
            now = time.time_ns()
            starts.update((claim.id, now) for claim in claims)
            if len(starts) == count:
                all_started.set()

        ticker = Ticker(look, interval_s=POLL_S, clock=SystemClock())
        unsubscribe = store.workers.on_work(ticker.wake)
        ticking = asyncio.create_task(ticker.run())
        await asyncio.sleep(LISTENS_AFTER_S)
        say_ready()
        await all_started.wait()
        unsubscribe()
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
    return starts


def _work_for_huey(folder: str, count: int) -> Starts:
    """Run its default consumer: one thread that polls, every 0.1 s at first,
    ever less often while nothing happens.
    """
    huey = queue_in(Path(folder))
    starts: Starts = {}
    all_started = threading.Event()

    def start(job_id: str) -> None:
        starts[job_id] = time.time_ns()
        if len(starts) == count:
            all_started.set()

    register(huey, start)
    consumer = huey.create_consumer(workers=1)
    consumer.start()
    say_ready()
    all_started.wait()
    consumer.stop(graceful=True)
    return starts


# --- contenders -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Contender:
    """A contender. ``place`` sets up the queue in an empty folder and yields its location for the
    other two.
    """

    place: Callable[[Path], AbstractAsyncContextManager[str]]
    producer: Callable[[str], AbstractAsyncContextManager[Enqueue]]
    worker: Callable[[str, int], Starts]


CONTENDERS: Mapping[str, Contender] = {
    MEDIAVAULT: Contender(_in_folder, _into_mediavault, _work_for_mediavault),
    HUEY: Contender(_in_folder, _into_huey, _work_for_huey),
    ON_POSTGRES: Contender(
        servers.on_postgres, servers.into_mediavault, _work_for_mediavault_on_postgres
    ),
    PGQUEUER: Contender(
        servers.on_postgres_for_pgqueuer, servers.into_pgqueuer, servers.work_for_pgqueuer
    ),
    SAQ: Contender(servers.on_redis, servers.into_saq, servers.work_for_saq),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency")
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--where", required=True)
    options = parser.parse_args()
    print(json.dumps(CONTENDERS[options.contender].worker(options.where, options.jobs)))


if __name__ == "__main__":
    main()
