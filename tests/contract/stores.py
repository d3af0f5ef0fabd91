"""The stores that the contract is run against, and a few values that its tests share.

To add a store, add one entry to ``STORES``. Run as a module, it is another process at the database
of a URL.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import asyncpg
from pymongo import AsyncMongoClient

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

# (an empty folder, the clock) -> a store that is not open yet
StoreFactory = Callable[[Path, Clock], Store]


def memory_store(folder: Path, clock: Clock) -> Store:
    return MemoryJobStore(clock)


def sqlite_store(folder: Path, clock: Clock) -> Store:
    return SqliteJobStore(folder / "jobs.db", clock)


@dataclass(slots=True)
class ReusedDatabases:
    """One server's databases. Tests use them one after another,
    because creating the schema takes longer than a test.
    """

    create: Callable[[Path], str]
    empty: Callable[[str], Awaitable[None]]
    _free: list[str] = field(default_factory=list)
    _urls: dict[Path, str] = field(default_factory=dict)

    def url_for(self, folder: Path) -> str:
        """Return the URL of an empty database; the same folder gives the same database until it is
        given back.
        """
        if folder not in self._urls:
            self._urls[folder] = self._free.pop() if self._free else self.create(folder)
        return self._urls[folder]

    async def give_back(self, folder: Path) -> None:
        """Empty the folder's database, if it has one, for the next folder.
        Its stores are closed.
        """
        if url := self._urls.pop(folder, None):
            await self.empty(url)
            self._free.append(url)


async def _empty_postgres(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'mediavault' AND tablename <>"
            " 'schema_version'"
        )
        await connection.execute(
            "TRUNCATE " + ", ".join(f"mediavault.{table['tablename']}" for table in tables)
        )
    finally:
        await connection.close()


async def _empty_mongodb(url: str) -> None:
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(url)
    async with client:
        database = client.get_default_database()
        for name in await database.list_collection_names():
            if name != "mediavault.schema":
                await database[name].delete_many({})


POSTGRES = ReusedDatabases(postgres.database_for, _empty_postgres)
MONGODB = ReusedDatabases(mongo.database_for, _empty_mongodb)


def postgres_store(folder: Path, clock: Clock) -> Store:
    return PostgresJobStore(POSTGRES.url_for(folder), clock)


def mongodb_store(folder: Path, clock: Clock) -> Store:
    return MongoJobStore(MONGODB.url_for(folder), clock)


async def give_back(folder: Path) -> None:
    """Empty the databases of the folder's stores, which are closed, for the next test."""
    await POSTGRES.give_back(folder)
    await MONGODB.give_back(folder)


STORES: Mapping[str, StoreFactory] = {
    "memory": memory_store,
    "mongodb": mongodb_store,
    "postgres": postgres_store,
    "sqlite": sqlite_store,
}
# These use the host's clock, which may be changed; the others use their database's clock.
ON_THE_HOSTS_CLOCK = ("memory", "sqlite")

LEASE = timedelta(seconds=90)
SAVED = SavedFile("jane/1.mp4", "jane/1.jpg", 20_000, "ab" * 32, 4.5, 320, 180)
NOTHING_FOUND = Checkpoint(None, None, SourceType.UNKNOWN, (), (), None, None, {})


def numbered_job(
    number: int, url: str, *, platform: str = "generic", max_attempts: int = 5
) -> NewJob:
    """The same number gives the same id in every run;
    the order of the ids is not the order of the numbers.
    """
    scrambled = number * 0x9E3779B97F4B % (1 << 48)
    return NewJob(
        JobId(f"00000000-0000-7000-8000-{scrambled:012x}"),
        f"{number:032x}",
        url,
        url,
        platform,
        max_attempts,
    )


async def claim_and_complete(store: Store, worker: WorkerId) -> int:
    """Claim and complete jobs until none is queued, and return how many there were."""
    done = 0
    while claims := await store.queue.claim(worker, limit=5, lease=LEASE):
        done += len(await asyncio.gather(*(_complete(store, claim) for claim in claims)))
    return done


async def _complete(store: Store, claim: ClaimedJob) -> None:
    await store.queue.begin_commit(claim, SAVED)
    await store.queue.complete(claim, SAVED)


async def _process(task: str, url: str, name: str) -> None:
    """Run one task. ``drain`` claims and completes jobs once it reads a line from stdin,
    ``enqueue`` stores one job of the URL ``name``, ``cancel`` cancels the job with the id ``name``.
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
