"""A MongoDB server as this process uses it: the database, calls under way, signals, and the time."""

from __future__ import annotations

from collections.abc import Callable

from mediavault.core.clock import Clock, SystemClock, to_micros
from mediavault.store.calls import Calls
from mediavault.store.listening import ChangeListener
from mediavault.store.mongodb import upgrade, words
from mediavault.store.mongodb.engine import MongoDatabase
from mediavault.store.mongodb.schema import migrate
from mediavault.store.mongodb.wake import until_lost
from mediavault.store.wake import Subscribers


class MongoServer:
    """A server. Without ``clock`` both sides of every comparison use the server's time; tests may pass a clock.

    What is acknowledged has been written to the journals of a majority of the replica set.
    """

    def __init__(self, url: str, clock: Clock | None) -> None:
        self._test_clock = clock
        clock = clock or SystemClock()
        self.database = MongoDatabase(url)
        self.calls = Calls(clock)
        self.schema_version = 0
        self._work, self._stops = Subscribers[[]](), Subscribers[[str]]()
        self._listener = ChangeListener(lambda: until_lost(self.database, self.wake, self.stop), clock)

    @property
    def now(self) -> int | None:
        """A test's time in microseconds; None for the server's clock."""
        return None if self._test_clock is None else to_micros(self._test_clock.now())

    @property
    def has_wake_ups(self) -> bool:
        """False for a server without a replica set: there the jobs of other processes wait for the worker's poll."""
        return self.database.facts.has_change_streams

    async def open(self) -> None:
        await self.database.open()
        try:
            self.schema_version = await migrate(self.database)
            await words.fill(self.database)
            await upgrade.fill(self.database)
        except BaseException:
            await self.database.close()
            raise

    async def close(self) -> None:
        await self.calls.settled()
        await self._listener.close()
        await self.database.close()

    def wake(self) -> None:
        """Wake the workers of this process; others learn of the change, as of a stop, from their change streams."""
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
