"""A PostgreSQL server as this process uses it: connections, calls under way, signals,
and the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mediavault.core.clock import Clock, SystemClock, to_micros
from mediavault.core.failures import StoreError
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.store.calls import Calls
from mediavault.store.postgres.engine import (
    PostgresDatabase,
    Transaction,
    hang_up,
    named,
    positional,
    translate_errors,
)
from mediavault.store.postgres.sql import PostgresStatements
from mediavault.store.schema import (
    Migration,
    load_migrations,
    load_schema,
    pending,
    scripts,
    too_new,
)
from mediavault.store.sql import tables
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
       current_setting('synchronous_commit'), current_setting('server_encoding')
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
    encoding: str
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


# --- schema ---------------------------------------------------------------------------------------
# Brings a PostgreSQL database to this version's schema, or refuses it and leaves it untouched.

MIGRATIONS = load_migrations("postgres")
SCHEMA = load_schema("postgres")

# "mvlt" as a decimal number: PostgreSQL reads hexadecimal ones only since version 16
_ONE_AT_A_TIME = positional("SELECT pg_advisory_xact_lock(1836477556)")
_EXISTS = positional("SELECT to_regclass('mediavault.schema_version') IS NOT NULL")
_OTHERS = positional("SELECT to_regnamespace('mediavault') IS NOT NULL")
_VERSION = positional("SELECT version, oldest_code FROM mediavault.schema_version")
_SET_VERSION = positional(
    "UPDATE mediavault.schema_version SET version = :version::int, oldest_code = :oldest_code::int"
)
_CREATE = (
    f"CREATE SCHEMA mediavault;\n{SCHEMA}\nINSERT INTO mediavault.schema_version VALUES (0, 0);"
)


async def migrate(
    database: PostgresDatabase, *, migrations: Sequence[Migration] = MIGRATIONS
) -> int:
    """Create the schema, or apply the missing migrations, in one transaction; processes that start
    at once do so once.

    Returns the schema's version. A newer schema is accepted if it says that this code still works
    with it (``Migration.oldest_code``). Raises SchemaTooNew, SchemaTooOld, and StoreError for a
    schema that another program created or that we may not create.
    """
    newest = migrations[-1].version
    async with database.transaction() as txn:
        await txn.rows(_ONE_AT_A_TIME, {})
        version, oldest_code = await _version(txn, database)
        if oldest_code > newest:
            raise too_new(named(database.url), version, newest)
        if version >= newest:
            return version
        missing = pending(migrations, version, named(database.url))
        for script in scripts(SCHEMA if version else _CREATE, missing, version):
            await txn.script(script)
        reached = [migration.version for migration in missing]
        await tables.fill(PostgresStatements(txn, None), reached)
        await txn.rows(_SET_VERSION, {"version": newest, "oldest_code": migrations[-1].oldest_code})
    return newest


async def _version(txn: Transaction, database: PostgresDatabase) -> tuple[int, int]:
    """Return the schema's version and the oldest code that works with it; (0,
    0) if there is none.
    """
    [[exists]] = await txn.rows(_EXISTS, {})
    if exists:
        [[version, oldest_code]] = await txn.rows(_VERSION, {})
        return version, oldest_code
    [[others]] = await txn.rows(_OTHERS, {})
    if others:
        raise StoreError(
            Message(
                "The schema `mediavault` of %(url)s belongs to another program.",
                url=named(database.url),
            ),
            help="Name another database in MEDIAVAULT_DATABASE_URL.",
        )
    return 0, 0
