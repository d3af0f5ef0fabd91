"""Runs the operations of ``store/sql`` on SQLite, where a call blocks its thread and so never waits."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from mediavault.store.sql.txn import Row, SqlTxn, run
from mediavault.store.sqlite.engine import Connection, fetch_all
from mediavault.store.sqlite.statements import SQL

P = ParamSpec("P")
T = TypeVar("T")


class At(Protocol):
    """A transaction, or a snapshot: a connection, and the time in microseconds."""

    @property
    def db(self) -> Connection: ...
    @property
    def now(self) -> int: ...


class Changes(At, Protocol):
    """A transaction, and what to notify once it is committed."""

    wake: bool
    stops: list[str]


@dataclass(frozen=True, slots=True)
class SqliteStatements:
    """Runs statements by their names."""

    at: At

    async def rows(self, name: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        return fetch_all(self.at.db, SQL[name], self._bound(values or {}))

    async def many(self, name: str, values: Sequence[Mapping[str, Any]]) -> None:
        self.at.db.executemany(SQL[name], [self._bound(row) for row in values])

    async def wake(self) -> None:
        cast("Changes", self.at).wake = True

    async def stop(self, asked: str) -> None:
        cast("Changes", self.at).stops.append(asked)

    def _bound(self, values: Mapping[str, Any]) -> dict[str, Any]:
        lists = {name: json.dumps(value) for name, value in values.items() if isinstance(value, list)}
        return {**values, **lists, "now": self.at.now}


def blocking(
    operation: Callable[Concatenate[SqlTxn, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[At, P], T]:
    """Return a shared operation as a function of a transaction or a snapshot of this engine."""

    @wraps(operation)
    def call(at: At, /, *args: P.args, **options: P.kwargs) -> T:
        return run(operation(SqliteStatements(at), *args, **options))

    return call
