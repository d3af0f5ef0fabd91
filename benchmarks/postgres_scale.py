"""How fast jobs drain on PostgreSQL in an old database: with many finished and waiting jobs,
or a snapshot held.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from tests.servers import postgres

from benchmarks.peer_mediavault import drain_some, opened_on_postgres
from benchmarks.servers import running_postgres
from benchmarks.subjects import Stopwatch, bulks, make_jobs

FINISHED, WAITING = 1_000_000, 100_000
TENTHS = 10

_CROWD = """
INSERT INTO mediavault.jobs (id, trace_id, post_url, canonical_url, platform, status, created_at,
  updated_at,
                             max_attempts, completed_at, retry_at)
SELECT 'old-' || n, '', 'https://x.com/old/status/' || n, 'https://x.com/old/status/' || n, 'x',
       CASE WHEN n <= {finished} THEN 'completed' ELSE 'failed' END, n, n, 5,
       CASE WHEN n <= {finished} THEN n END, CASE WHEN n > {finished} THEN 9000000000000000 + n END
  FROM generate_series(1, {finished} + {waiting}) AS n
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """CPU microseconds per job with few and with many other jobs;
    jobs per second in the first and the last tenth.
    """

    alone_us: float
    crowded_us: float
    first_tenth_per_s: float
    last_tenth_per_s: float

    @property
    def crowd_costs(self) -> float:
        return self.crowded_us / self.alone_us

    @property
    def last_to_first(self) -> float:
        return self.last_tenth_per_s / self.first_tenth_per_s


def measure(jobs: int, pinned_jobs: int) -> Scale:
    alone, crowded = asyncio.run(_crowded(jobs))
    first, last = asyncio.run(_pinned(pinned_jobs))
    return Scale(alone, crowded, first, last)


async def _crowded(jobs: int) -> tuple[float, float]:
    """Return the cost on the same server before and after the crowd is added; a first drain warms
    it up for both.

    Adding the crowd does not count: what a million new rows leave to be written is written before
    the clock starts.
    """
    with running_postgres() as server:
        async with opened_on_postgres(server.url) as store:
            costs = []
            all_jobs = make_jobs(3 * jobs)
            for part, crowd in ((0, False), (1, False), (2, True)):
                if crowd:
                    postgres.sql(server.url, _CROWD.format(finished=FINISHED, waiting=WAITING))
                    postgres.sql(server.url, "VACUUM ANALYZE mediavault.jobs")
                    postgres.sql(server.url, "CHECKPOINT")
                for call in bulks(all_jobs[part * jobs : (part + 1) * jobs]):
                    await store.queue.enqueue(call)
                watch = Stopwatch(server.cpu_s)
                await drain_some(store, jobs)
                costs.append(watch.cost(jobs).cpu_us_per_job)
    return costs[1], costs[2]


async def _pinned(jobs: int) -> tuple[float, float]:
    """Return the rates while an old snapshot is held,
    so that no dead row of the drain can be cleaned up.
    """
    with running_postgres() as server:
        async with opened_on_postgres(server.url) as store:
            for call in bulks(make_jobs(jobs)):
                await store.queue.enqueue(call)
            async with _snapshot_of(server.url):
                rates = []
                for _ in range(TENTHS):
                    began = time.perf_counter()
                    await drain_some(store, jobs // TENTHS)
                    rates.append(jobs // TENTHS / (time.perf_counter() - began))
    return rates[0], rates[-1]


@asynccontextmanager
async def _snapshot_of(url: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read"):
            await connection.fetch("SELECT count(*) FROM mediavault.jobs")
            yield
    finally:
        await connection.close()
