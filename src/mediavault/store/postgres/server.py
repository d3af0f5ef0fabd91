"""A PostgreSQL server as this process uses it: connections, calls under way, signals,
and the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mediavault.core.clock import Clock, SystemClock, to_micros
from mediavault.core.logs import get_logger
from mediavault.store.calls import Calls
from mediavault.store.postgres.engine import PostgresDatabase, hang_up, named, translate_errors
from mediavault.store.postgres.schema import migrate
from mediavault.store.wake import ChangeListener, Subscribers

_QUERY = """
SELECT current_setting('server_version_num')::int / 10000,
       (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
       current_user::text, current_database()::text,
       has_database_privilege(current_database(), 'CREATE'),
       to_regnamespace('mediavault') IS NOT NULL,
       coalesce((SELECT has_schema_privilege(oid, 'USAGE') AND has_schema_privilege(oid, 'CREATE')
                   FROM pg_namespace WHERE nspname = 'mediavault'), false),
       pg_is_in_recovery(),
       current_setting('default_transaction_isolation'),
       coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false),
       coalesce(inet_client_addr() <<= '127.0.0.0/8'::inet OR inet_client_addr() <<= '::1'::inet, true),
       current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',
       current_setting('synchronous_commit')
"""  # noqa: E501


@dataclass(frozen=True, slots=True)
class PostgresFacts:
    """What the server says about itself.

    ``ahead_by`` is how far the server's clock is ahead of this host's, to half a round trip.
    ``is_local``: reached through a socket or over loopback. ``has_wake_ups``: NOTIFY reaches
    LISTEN, which it does not behind a pooler.
    """

    server: str  # host and database, without user or password
    version: int
    ahead_by: timedelta
    user: str
    database: str
    may_create_schema: bool
    has_schema: bool
    may_use_schema: bool
    is_standby: bool
    isolation: str
    has_tls: bool
    is_local: bool
    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    has_wake_ups: bool


async def query_facts(url: str, clock: Clock) -> PostgresFacts:
    """Query the server's facts. Raises ConnectionLost when no server answers,
    StoreError when it refuses us.
    """
    database = PostgresDatabase(url)
    database.pooled_by_others = True  # it may be a pooler that answers
    with translate_errors():
        connection = await database.connect()
        try:
            before = to_micros(clock.now())
            [version, micros, *values] = await connection.fetchrow(_QUERY)
            after = to_micros(clock.now())
        finally:
            await hang_up(connection)
    ahead_by = timedelta(microseconds=micros - (before + after) // 2)
    facts: list[Any] = [named(url), version, ahead_by, *values, await wake_ups_arrive(database)]
    return PostgresFacts(*facts)


WORK, STOP = "mediavault_work", "mediavault_stop"
SELF_TEST_S = 2.0


async def wake_ups_arrive(database: PostgresDatabase) -> bool:
    """Return whether a NOTIFY of one connection reaches a LISTEN of another, within
    ``SELF_TEST_S``.

    Behind a pooler in transaction mode it does not: there the listening server connection is lent
    to others.
    """
    channel = f"mediavault_test_{secrets.token_hex(8)}"
    arrived = asyncio.Event()
    with translate_errors():
        listener, sender = await database.connect(), await database.connect()
        try:
            await listener.add_listener(channel, lambda *_: arrived.set())
            await sender.execute(f"NOTIFY {channel}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(arrived.wait(), SELF_TEST_S)
            return arrived.is_set()
        finally:
            for connection in (listener, sender):
                with contextlib.suppress(Exception):
                    await connection.close(timeout=1.0)


async def until_lost(
    database: PostgresDatabase, on_wake: Callable[[], None], on_stop: Callable[[str], None]
) -> None:
    """Call ``on_wake`` at once, for missed notifications,
    then either callback at each until the connection ends.
    """
    lost = asyncio.Event()
    with translate_errors():
        connection: Any = await database.connect()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(WORK, lambda *_: on_wake())
            await connection.add_listener(STOP, lambda *payload: on_stop(payload[-1]))
            on_wake()
            await lost.wait()
        finally:
            with contextlib.suppress(Exception):
                await connection.close(timeout=1.0)


log = get_logger(__name__)


class PostgresServer:
    """A server. Without ``clock`` both sides of every comparison use the database's time;
    tests may pass a clock.
    """

    def __init__(self, url: str, clock: Clock | None, on_work: Callable[[], None]) -> None:
        self._test_clock = clock
        self.clock = clock or SystemClock()
        self.database = PostgresDatabase(url)
        self.calls = Calls(self.clock)
        self.heartbeats = self.database.lane()  # they must not wait behind other work
        self.schema_version = 0
        # False behind a pooler: there new jobs wait for the worker's poll
        self.has_wake_ups = False
        self._work, self._stops = Subscribers[[]](), Subscribers[[str]]()
        self._work.add(on_work)
        self._listener = ChangeListener(
            lambda: until_lost(self.database, self._work.notify, self.stop), self.clock
        )

    @property
    def now(self) -> int | None:
        """A test's time in microseconds; None for the database's clock."""
        return None if self._test_clock is None else to_micros(self._test_clock.now())

    async def open(self) -> None:
        self.has_wake_ups = await wake_ups_arrive(self.database)
        if not self.has_wake_ups:
            self.database.pooled_by_others = True
            log.warning(
                "no_wake_ups",
                help="LISTEN does not reach us, as behind PgBouncer: new jobs wait for the poll.",
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
        """Signal the stop of a job or a worker in this process, even if NOTIFY does not arrive,
        or not yet.
        """
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
