"""The only importer of asyncpg: connections to PostgreSQL, statements by name,
and the translation of its errors.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg

from mediavault.core.failures import StoreError
from mediavault.core.messages import Message
from mediavault.store.calls import ConnectionLost, DuplicateKey
from mediavault.store.schema import POSTGRES_ENCODING, POSTGRES_ENCODING_HELP

T = TypeVar("T")
Row = Sequence[Any]

CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 30.0
POOL_SIZE = 8
OLDEST_VERSION = 15
APPLICATION = "mediavault"
URL_HELP = Message(
    "It looks like postgresql://user:password@host/database. Characters of the password such as /"
    " # @ : ? must be percent-encoded."
)

_NAMED = re.compile(r"(?<!:):([a-z]\w*)")

# The server did not get the statement, or undid it, so it can be repeated. Class 40: transaction
# rollback (serialization failure, deadlock); 53: too many connections, out of memory; 57P: shutting
# down or starting up; 57014 and 55P03: an administrator's limit on how long a statement takes, or
# waits for a lock.
_PASSING = ("40", "53", "57P", "57014", "55P03", "08")


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with ``$1`` … and the names of their values, in that order."""

    sql: str
    names: tuple[str, ...]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        return [values[name] for name in self.names]


def positional(sql: str, *, after: Sequence[str] = ()) -> Statement:
    """Replace ``:name`` with ``$1``, ``$2`` …, the same name with the same number; the first
    numbers are those of ``after``.

    Casts (``::text``) are left alone.
    """
    names = list(after)

    def number(match: re.Match[str]) -> str:
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}"

    return Statement(_NAMED.sub(number, sql), tuple(names))


class Transaction:
    """A connection during a transaction, or for one statement that is its own transaction."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def rows(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        """Run the statement and return all of its rows."""
        with translate_errors():
            rows: list[Row] = await self._connection.fetch(
                statement.sql, *statement.arguments(values)
            )
        return rows

    async def many(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run the statement once for each row of values, in one round trip."""
        with translate_errors():
            await self._connection.executemany(
                statement.sql, [statement.arguments(values) for values in rows]
            )

    async def script(self, sql: str) -> None:
        """Run several statements without values."""
        with translate_errors():
            await self._connection.execute(sql)


class Lane:
    """One connection for one kind of work, opened when it is needed and reopened when it was lost.

    Work that must not wait behind other work has its own lane: a heartbeat that queues for a pool
    is a lost lease.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        self._connect = connect
        self._connection: Any = None
        self._turn = asyncio.Lock()
        self._closed = False

    async def rows(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        async with self._turn:
            if self._closed:
                raise StoreError("The job store is not open.")
            with translate_errors():
                if self._connection is None or self._connection.is_closed():
                    self._connection = await self._connect()
                rows: list[Row] = await self._connection.fetch(
                    statement.sql, *statement.arguments(values)
                )
        return rows

    async def close(self) -> None:
        self._closed = True
        if self._connection is not None and not self._connection.is_closed():
            await hang_up(self._connection)


class PostgresDatabase:
    """The server that ``url`` names: a pool for users' requests,
    lanes for the worker's periodic work.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        # behind PgBouncer or the like: nothing lives longer than a transaction
        self.pooled_by_others = False
        self._pool: Any = None
        self._lanes: list[Lane] = []

    async def open(self) -> None:
        """Connect. Raises ConnectionLost when no server answers,
        StoreError when it refuses us, is too old, or cannot store every character.
        """
        with translate_errors():
            self._pool = await asyncpg.create_pool(
                self.url, min_size=1, max_size=POOL_SIZE, reset=_no_reset, **self._options()
            )
            async with self._pool.acquire() as connection:
                version = connection.get_server_version()
                encoding = connection.get_settings().server_encoding
        if version.major < OLDEST_VERSION:
            await self.close()
            raise StoreError(
                Message("PostgreSQL %(major)s is too old.", major=version.major),
                help=Message(
                    "Use PostgreSQL %(oldest_version)s or newer.", oldest_version=OLDEST_VERSION
                ),
            )
        if encoding != POSTGRES_ENCODING:
            await self.close()
            raise StoreError(
                Message(
                    "The database's encoding is %(encoding)s, which cannot store every title.",
                    encoding=encoding,
                ),
                help=POSTGRES_ENCODING_HELP,
            )

    async def close(self) -> None:
        lanes, self._lanes = self._lanes, []
        for lane in lanes:
            await lane.close()
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    def lane(self, *, one_plan: bool = False) -> Lane:
        """Return a new lane. With ``one_plan`` each of its statements is planned once,
        regardless of its values.
        """
        lane = Lane(self._connect_for_one_plan if one_plan else self.connect)
        self._lanes.append(lane)
        return lane

    async def connect(self) -> Any:
        """Return a new connection, which the caller closes."""
        return await asyncpg.connect(self.url, **self._options())

    async def _connect_for_one_plan(self) -> Any:
        # By default the server plans the claim again at every call once an autovacuum has found
        # that few jobs are queued: it expects a plan for the given values to be cheaper, by more
        # than the planning costs.
        connection = await self.connect()
        if not self.pooled_by_others:
            await connection.execute("SET plan_cache_mode = force_generic_plan")
        return connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Begin a transaction, committed at the end of the block and rolled back when that
        raises.
        """
        async with self._connection() as connection:
            with translate_errors():
                begun = connection.transaction()
                await begun.start()
            try:
                yield Transaction(connection)
            except BaseException:
                with translate_errors():
                    if not connection.is_closed():
                        await begun.rollback()
                raise
            with translate_errors():
                await begun.commit()

    async def rows(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        """Run one statement in its own transaction and return its rows."""
        async with self._connection() as connection:
            return await Transaction(connection).rows(statement, values)

    async def version(self) -> str:
        async with self._connection() as connection:
            return str(connection.get_server_version().major)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        if self._pool is None:
            raise StoreError("The job store is not open.")
        with translate_errors():
            connection = await self._pool.acquire(timeout=CONNECT_TIMEOUT_S)
        try:
            yield connection
        finally:
            with translate_errors():
                await self._pool.release(connection)

    def _options(self) -> dict[str, Any]:
        # A prepared statement belongs to one server connection; behind a pooler the next call may
        # get another one.
        cached = {"statement_cache_size": 0} if self.pooled_by_others else {}
        return {
            "timeout": CONNECT_TIMEOUT_S,
            "command_timeout": COMMAND_TIMEOUT_S,
            "server_settings": {"application_name": APPLICATION},
            **cached,
        }


def named(url: str) -> str:
    """Return the server and database of ``url``, without user or password, for messages."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.hostname or 'localhost'}{port}{parts.path}"


@contextmanager
def translate_errors() -> Iterator[None]:
    try:
        yield
    except asyncpg.UniqueViolationError as exc:
        raise DuplicateKey(
            Message("PostgreSQL already has this row: %(error)s", error=exc.detail or exc)
        ) from exc
    except asyncpg.PostgresError as exc:
        code = exc.sqlstate or ""
        kind = ConnectionLost if code.startswith(_PASSING) else StoreError
        raise kind(Message("PostgreSQL refused: %(error)s", error=exc)) from exc
    except asyncpg.exceptions.ClientConfigurationError as exc:
        raise StoreError(
            Message("MEDIAVAULT_DATABASE_URL cannot be used: %(error)s", error=exc), help=URL_HELP
        ) from exc
    except (asyncpg.InterfaceError, asyncpg.InternalClientError) as exc:
        raise ConnectionLost(
            Message("The connection to PostgreSQL was lost: %(error)s", error=exc)
        ) from exc
    except ssl.SSLCertVerificationError as exc:
        raise StoreError(
            Message(
                "PostgreSQL's certificate is not accepted: %(error)s.", error=exc.verify_message
            )
        ) from exc
    except (OSError, TimeoutError) as exc:
        raise ConnectionLost(
            Message("PostgreSQL cannot be reached: %(error)s", error=exc or type(exc).__name__)
        ) from exc
    except ValueError:  # its text quotes what should be a port, and may be the rest of a password
        raise StoreError("MEDIAVAULT_DATABASE_URL cannot be read.", help=URL_HELP) from None


async def _no_reset(_connection: Any) -> None:
    """Save a round trip: nothing we do changes a connection's state,
    so there is nothing to reset on its release.
    """


async def hang_up(connection: Any) -> None:
    """Close a connection, gracefully if that takes no more than a second. Never raises."""
    try:
        await connection.close(timeout=1.0)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        connection.terminate()
