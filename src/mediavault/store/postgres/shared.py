"""Runs the operations of ``store/sql`` on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from mediavault.store.postgres.engine import Lane, PostgresDatabase, Row, Transaction
from mediavault.store.postgres.server import PostgresServer
from mediavault.store.postgres.sql import SQL
from mediavault.store.sql.txn import SqlTxn

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PostgresStatements:
    """Runs statements by their names; ``now`` is a test's time in microseconds, None for the database's clock."""

    on: Transaction | PostgresDatabase | Lane
    now: int | None
    stops: list[str] = field(default_factory=list)  # notified in this process after the commit

    async def rows(self, name: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        return await self.on.rows(SQL[name], {**(values or {}), "now": self.now})

    async def many(self, name: str, values: Sequence[Mapping[str, Any]]) -> None:
        assert isinstance(self.on, Transaction)
        await self.on.many(SQL[name], [{**row, "now": self.now} for row in values])

    async def wake(self) -> None:
        await self.on.rows(SQL["wake"], {})

    async def stop(self, asked: str) -> None:
        await self.on.rows(SQL["stop"], {"asked": asked})
        self.stops.append(asked)


def in_transaction(
    operation: Callable[Concatenate[SqlTxn, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[PostgresServer, P], Coroutine[Any, Any, T]]:
    """Return a shared operation as one of a server: its statements are one transaction."""

    @wraps(operation)
    async def call(server: PostgresServer, /, *args: P.args, **options: P.kwargs) -> T:
        async with server.database.transaction() as txn:
            statements = PostgresStatements(txn, server.now)
            answer = await operation(statements, *args, **options)
        for asked in statements.stops:
            server.stop(asked)
        return answer

    return call


def on_heartbeats(
    operation: Callable[Concatenate[SqlTxn, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[PostgresServer, P], Coroutine[Any, Any, T]]:
    """As :func:`autocommitted`, on the connection that never waits behind other work."""

    @wraps(operation)
    async def call(server: PostgresServer, /, *args: P.args, **options: P.kwargs) -> T:
        return await operation(PostgresStatements(server.heartbeats, server.now), *args, **options)

    return call


def autocommitted(
    operation: Callable[Concatenate[SqlTxn, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[PostgresServer, P], Coroutine[Any, Any, T]]:
    """Return a shared operation as one of a server: each of its statements commits at once, which saves two round trips."""

    @wraps(operation)
    async def call(server: PostgresServer, /, *args: P.args, **options: P.kwargs) -> T:
        return await operation(PostgresStatements(server.database, server.now), *args, **options)

    return call
