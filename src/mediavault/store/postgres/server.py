"""A PostgreSQL server as this process uses it: connections, calls under way, signals, and the time."""

from __future__ import annotations

from collections.abc import Callable

from mediavault.core.clock import Clock, SystemClock, to_micros
from mediavault.core.logs import get_logger
from mediavault.store.calls import Calls
from mediavault.store.listening import ChangeListener
from mediavault.store.postgres.engine import PostgresDatabase
from mediavault.store.postgres.schema import migrate
from mediavault.store.postgres.wake import until_lost, wake_ups_arrive
from mediavault.store.wake import Subscribers

log = get_logger(__name__)


class PostgresServer:
    """A server. Without ``clock`` both sides of every comparison use the database's time; tests may pass a clock."""

    def __init__(self, url: str, clock: Clock | None, on_work: Callable[[], None]) -> None:
        self._test_clock = clock
        self.clock = clock or SystemClock()
        self.database = PostgresDatabase(url)
        self.calls = Calls(self.clock)
        self.heartbeats = self.database.lane()  # they must not wait behind other work
        self.schema_version = 0
        self.has_wake_ups = False  # False behind a pooler: there new jobs wait for the worker's poll
        self._work, self._stops = Subscribers[[]](), Subscribers[[str]]()
        self._work.add(on_work)
        self._listener = ChangeListener(lambda: until_lost(self.database, self._work.notify, self.stop), self.clock)

    @property
    def now(self) -> int | None:
        """A test's time in microseconds; None for the database's clock."""
        return None if self._test_clock is None else to_micros(self._test_clock.now())

    async def open(self) -> None:
        self.has_wake_ups = await wake_ups_arrive(self.database)
        if not self.has_wake_ups:
            self.database.pooled_by_others = True
            log.warning(
                "no_wake_ups", help="LISTEN does not reach us, as behind PgBouncer: new jobs wait for the poll."
            )
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

    def stop(self, asked: str) -> None:
        """Signal the stop of a job or a worker in this process, even if NOTIFY does not arrive, or not yet."""
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
