"""Runs the operations of ``store/sql`` on SQLite, where a call blocks its thread and so never
waits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from mediavault.core.job import HistoryRecord
from mediavault.core.messages import to_json
from mediavault.store.rows import history_row
from mediavault.store.sql.dialects import in_dialect, statements_of
from mediavault.store.sql.txn import Pages, Row, SqlTxn, run
from mediavault.store.sqlite.engine import Connection, fetch_all
from mediavault.store.sqlite.pages import SqlitePages
from mediavault.store.transitions import MoveNote

P = ParamSpec("P")
T = TypeVar("T")

SQL = statements_of("sqlite", {})


class At(Protocol):
    """A transaction, or a snapshot: a connection, and the time in microseconds."""

    @property
    def db(self) -> Connection: ...
    @property
    def now(self) -> int: ...


class Changes(At, Protocol):
    """A transaction: what is written before it is committed, and what to notify once it is."""

    history: list[tuple[Any, ...]]
    wake: bool
    stops: list[str]

    def settle(self) -> None: ...


@dataclass(frozen=True, slots=True)
class SqliteStatements:
    """Runs statements by their names."""

    at: At

    async def rows(self, name: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        return fetch_all(self.at.db, SQL[name], self._bound(values or {}))

    async def query(self, sql: str, values: Mapping[str, Any]) -> Sequence[Row]:
        return fetch_all(self.at.db, in_dialect("sqlite", sql), values)

    async def query_many(self, sql: str, values: Sequence[Mapping[str, Any]]) -> None:
        self.at.db.executemany(in_dialect("sqlite", sql), values)

    async def many(self, name: str, values: Sequence[Mapping[str, Any]]) -> None:
        self.at.db.executemany(SQL[name], [self._bound(row) for row in values])

    async def move(
        self, name: str, values: Mapping[str, Any], note: MoveNote, *, wake: bool = False
    ) -> Sequence[Row]:
        rows, txn = await self.rows(name, values), cast("Changes", self.at)
        code, params = note.error_code and note.error_code.value, to_json(note.detail)
        for *_, attempt, began_at, at, seq in rows:
            took = max(0, (at - began_at) // 1000) if note.is_timed and began_at is not None else 0
            of, stage, outcome = (
                attempt if note.of_attempt else 0,
                note.stage.value,
                note.outcome.value,
            )
            txn.history.append(
                (seq, at, of, stage, outcome, None, code, note.detail, note.bytes, took, params)
            )
        txn.wake = txn.wake or (wake and bool(rows))
        return rows

    async def append(self, seq: int, records: Sequence[HistoryRecord]) -> None:
        cast("Changes", self.at).history += [history_row(seq, record) for record in records]

    async def settle(self) -> None:
        cast("Changes", self.at).settle()

    @property
    def pages(self) -> Pages:
        return SqlitePages()

    def words(self, line: str) -> str:
        return line

    async def wake(self) -> None:
        cast("Changes", self.at).wake = True

    async def stop(self, asked: str) -> None:
        cast("Changes", self.at).stops.append(asked)

    def _bound(self, values: Mapping[str, Any]) -> dict[str, Any]:
        lists = {
            name: json.dumps(value) for name, value in values.items() if isinstance(value, list)
        }
        return {**values, **lists, "now": self.at.now}


def blocking(
    operation: Callable[Concatenate[SqlTxn, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[At, P], T]:
    """Return a shared operation as a function of a transaction or a snapshot of this engine."""

    @wraps(operation)
    def call(at: At, /, *args: P.args, **options: P.kwargs) -> T:
        return run(operation(SqliteStatements(at), *args, **options))

    return call
