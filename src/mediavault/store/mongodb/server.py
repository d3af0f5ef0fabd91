"""A MongoDB server as this process uses it: the database, calls under way, signals,
and the time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from mediavault.core.clock import Clock, SystemClock, to_micros
from mediavault.core.job import JobStatus
from mediavault.store.calls import Calls
from mediavault.store.mongodb.engine import APPLICATION, MongoDatabase
from mediavault.store.mongodb.schema import JOBS, SITE_LIMITS, WORKERS
from mediavault.store.mongodb.upgrade import migrate
from mediavault.store.wake import ChangeListener, Subscribers

CANCELLED = JobStatus.CANCELLED.value
OF_JOBS, OF_SITE_LIMITS, OF_WORKERS = (
    {"ns.coll": f"{APPLICATION}.{name}"} for name in (JOBS, SITE_LIMITS, WORKERS)
)

# A job that became claimable or was taken away, a platform that was opened, a worker that was asked
# to drain. Only the change is sent, never the document. The stream does not say whether a job was
# running: workers ignore the jobs that they do not hold.
STAGES: Sequence[Mapping[str, Any]] = [
    {
        "$match": {
            "$or": [
                {**OF_JOBS, "operationType": {"$in": ["insert", "delete"]}},
                {
                    **OF_JOBS,
                    "updateDescription.updatedFields.status": {
                        "$in": [JobStatus.QUEUED.value, CANCELLED]
                    },
                },
                {**OF_JOBS, "operationType": "replace"},  # how a large change is reported
                {**OF_SITE_LIMITS, "updateDescription.updatedFields.failures": 0},
                {**OF_WORKERS, "updateDescription.updatedFields.leaving": 1},
            ]
        }
    },
    {
        "$project": {
            "operationType": 1,
            "documentKey": 1,
            "status": {
                "$ifNull": ["$updateDescription.updatedFields.status", "$fullDocument.status"]
            },
            "leaving": "$updateDescription.updatedFields.leaving",
        }
    },
]


async def until_lost(
    database: MongoDatabase, on_wake: Callable[[], None], on_stop: Callable[[str], None]
) -> None:
    """Call ``on_wake`` at once, for missed changes,
    then either callback at every change until the stream ends.
    """
    async with aclosing(database.changes(STAGES, on_begin=on_wake)) as changes:
        async for change in changes:
            if (
                change["operationType"] == "delete"
                or change.get("status") == CANCELLED
                or change.get("leaving")
            ):
                on_stop(str(change["documentKey"]["_id"]))
            else:
                on_wake()


class MongoServer:
    """A server. Without ``clock`` both sides of every comparison use the server's time; tests may
    pass a clock.

    What is acknowledged has been written to the journals of a majority of the replica set.
    """

    def __init__(self, url: str, clock: Clock | None) -> None:
        self._test_clock = clock
        clock = clock or SystemClock()
        self.database = MongoDatabase(url)
        self.calls = Calls(clock)
        self.schema_version = 0
        self._work, self._stops = Subscribers[[]](), Subscribers[[str]]()
        self._listener = ChangeListener(
            lambda: until_lost(self.database, self.wake, self.stop), clock
        )

    @property
    def now(self) -> int | None:
        """A test's time in microseconds; None for the server's clock."""
        return None if self._test_clock is None else to_micros(self._test_clock.now())

    @property
    def has_wake_ups(self) -> bool:
        """False for a server without a replica set:
        there the jobs of other processes wait for the worker's poll.
        """
        return self.database.facts.has_change_streams

    async def open(self) -> None:
        await self.database.open()
        try:
            self.schema_version = await migrate(self.database)
        except BaseException:
            await self.database.close()
            raise

    async def close(self) -> None:
        await self.calls.settled()
        await self._listener.close()
        await self.database.close()

    def wake(self) -> None:
        """Wake the workers of this process; others learn of the change, as of a stop,
        from their change streams.
        """
        self._work.notify()

    def stop(self, asked: str) -> None:
        """Signal the stop of a job or a worker in this process."""
        self._stops.notify(asked)

    def on_work(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._listen()
        return self._work.add(callback)

    def on_stop(self, callback: Callable[[str], None]) -> Callable[[], None]:
        self._listen()
        return self._stops.add(callback)

    def _listen(self) -> None:
        if self.has_wake_ups:
            self._listener.listen()
