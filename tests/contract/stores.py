"""The stores that the contract is run against, and a few values that its tests share.

To add a store, add one entry to ``STORES``. Run as a module, it is another process at the database of a URL.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

from mediavault.app.storage import store_at
from mediavault.core.clock import Clock, SystemClock
from mediavault.core.job import ClaimedJob, JobId, NewJob, WorkerId
from mediavault.core.media import SavedFile, SourceType
from mediavault.store.mongodb.store import MongoJobStore
from mediavault.store.port import Checkpoint, Store
from mediavault.store.postgres.store import PostgresJobStore
from mediavault.store.sqlite.store import SqliteJobStore
from tests.memory_store import MemoryJobStore
from tests.servers import mongo, postgres

StoreFactory = Callable[[Path, Clock], Store]  # (an empty folder, the clock) -> a store that is not open yet


def memory_store(folder: Path, clock: Clock) -> Store:
    return MemoryJobStore(clock)


def sqlite_store(folder: Path, clock: Clock) -> Store:
    return SqliteJobStore(folder / "jobs.db", clock)


def postgres_store(folder: Path, clock: Clock) -> Store:
    """Return a store in its own database, one for each folder."""
    return PostgresJobStore(postgres.database_for(folder), clock)


def mongodb_store(folder: Path, clock: Clock) -> Store:
    """Return a store in its own database, one for each folder."""
    return MongoJobStore(mongo.database_for(folder), clock)


STORES: Mapping[str, StoreFactory] = {
    "memory": memory_store,
    "mongodb": mongodb_store,
    "postgres": postgres_store,
    "sqlite": sqlite_store,
}
# These use the host's clock, which may be changed; the others use their database's clock.
ON_THE_HOSTS_CLOCK = ("memory", "sqlite")

LEASE = timedelta(seconds=90)
KEPT = SavedFile("jane/1.mp4", "jane/1.jpg", 20_000, "ab" * 32, 4.5, 320, 180)
NOTHING_FOUND = Checkpoint(None, None, SourceType.UNKNOWN, (), (), None, None, {})


def numbered_job(number: int, url: str, *, platform: str = "generic", max_attempts: int = 5) -> NewJob:
    """The same number gives the same id in every run; the order of the ids is not the order of the numbers."""
    scrambled = number * 0x9E3779B97F4B % (1 << 48)
    return NewJob(
        JobId(f"00000000-0000-7000-8000-{scrambled:012x}"), f"{number:032x}", url, url, platform, max_attempts
    )


async def claim_and_complete(store: Store, worker: WorkerId) -> int:
    """Claim and complete jobs until none is queued, and return how many there were."""
    done = 0
    while claims := await store.queue.claim(worker, limit=5, lease=LEASE):
        done += len(await asyncio.gather(*(_complete(store, claim) for claim in claims)))
    return done


async def _complete(store: Store, claim: ClaimedJob) -> None:
    await store.queue.begin_commit(claim, KEPT)
    await store.queue.complete(claim, KEPT)


async def _process(task: str, url: str, name: str) -> None:
    """Run one task. ``drain`` claims and completes jobs once it reads a line from stdin, ``enqueue`` stores one job of
    the URL ``name``, ``cancel`` cancels the job with the id ``name``.
    """
    store = store_at(url, SystemClock())
    await store.open()
    if task == "enqueue":
        await store.queue.enqueue([numbered_job(1, name)])
    elif task == "cancel":
        await store.queue.cancel(JobId(name))
    else:
        print("ready", flush=True)
        sys.stdin.readline()
        print(await claim_and_complete(store, WorkerId(name)), flush=True)
    await store.close()


if __name__ == "__main__":
    asyncio.run(_process(*sys.argv[1:4]))
