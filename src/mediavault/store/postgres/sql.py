"""Runs the operations of ``store/sql`` on PostgreSQL, with the statements of this engine by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from mediavault.core.job import HistoryRecord
from mediavault.core.messages import to_json
from mediavault.store.postgres.engine import Lane, PostgresDatabase, Row, Statement, Transaction, positional
from mediavault.store.postgres.pages import PostgresPages, vector
from mediavault.store.rows import history_row
from mediavault.store.sql.dialects import in_dialect, statements_of
from mediavault.store.sql.txn import Pages
from mediavault.store.transitions import MoveNote

MOMENT = "t AS MATERIALIZED (SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) AS now)"
SQL: Mapping[str, Statement] = {name: positional(sql) for name, sql in statements_of("postgres", {"t": MOMENT}).items()}

# One statement moves the jobs and appends to their history: one round trip, and one transaction.
_RECORDED = """
  INSERT INTO mediavault.history (job, at, attempt, stage, outcome, error_code, detail, detail_params, bytes, duration_ms)
  SELECT moved_seq, moved_at, CASE WHEN :note_of_attempt::boolean THEN of_attempt ELSE 0 END, :note_stage::text, :note_outcome::text,
         :note_error_code::text, :note_detail::text, :note_detail_params::text, :note_bytes::bigint,
         CASE WHEN :note_is_timed::boolean THEN coalesce(greatest(0, (moved_at - began_at) / 1000), 0) ELSE 0 END
    FROM moved
"""


@dataclass(frozen=True, slots=True)
class PostgresStatements:
    """Runs statements by their names; ``now`` is a test's time in microseconds, None for the database's clock."""

    on: Transaction | PostgresDatabase | Lane
    now: int | None
    stops: list[str] = field(default_factory=list)  # notified in this process after the commit

    async def rows(self, name: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        return await self.on.rows(SQL[name], {**(values or {}), "now": self.now})

    async def query(self, sql: str, values: Mapping[str, Any]) -> Sequence[Row]:
        return await self.on.rows(positional(in_dialect("postgres", sql)), values)

    async def query_many(self, sql: str, values: Sequence[Mapping[str, Any]]) -> None:
        assert isinstance(self.on, Transaction)
        if values:
            await self.on.many(positional(in_dialect("postgres", sql)), values)

    async def many(self, name: str, values: Sequence[Mapping[str, Any]]) -> None:
        if values:
            assert isinstance(self.on, Transaction)
            await self.on.many(SQL[name], [{**row, "now": self.now} for row in values])

    async def move(self, name: str, values: Mapping[str, Any], note: MoveNote, *, wake: bool = False) -> Sequence[Row]:
        recorded = {
            "note_stage": note.stage.value,
            "note_detail": note.detail,
            "note_detail_params": to_json(note.detail),
            "note_outcome": note.outcome.value,
            "note_error_code": note.error_code and note.error_code.value,
            "note_bytes": note.bytes,
            "note_of_attempt": note.of_attempt,
            "note_is_timed": note.is_timed,
        }
        rows = await self.on.rows(_moving(SQL[name], wake=wake), {**values, **recorded, "now": self.now})
        return [row[:-1] for row in rows] if wake else rows

    async def append(self, seq: int, records: Sequence[HistoryRecord]) -> None:
        rows = [history_row(seq, record) for record in records]
        await self.many("append_history", [dict(zip(SQL["append_history"].names, row, strict=True)) for row in rows])

    async def settle(self) -> None:
        """Nothing is written later than it is asked for."""

    @property
    def pages(self) -> Pages:
        return PostgresPages()

    def words(self, line: str) -> str:
        return vector(line)

    async def wake(self) -> None:
        await self.on.rows(SQL["wake"], {})

    async def stop(self, asked: str) -> None:
        await self.on.rows(SQL["stop"], {"asked": asked})
        self.stops.append(asked)


@lru_cache
def _moving(statement: Statement, *, wake: bool) -> Statement:
    """Return a statement that also appends to the history of what it moves, and wakes the workers if it moves anything."""
    wakes = ", pg_notify('mediavault_work', '')" if wake else ""
    recorded = positional(_RECORDED, after=statement.names)
    sql = f"WITH moved AS (\n{statement.sql}\n),\nrecorded AS ({recorded.sql})\nSELECT moved.*{wakes} FROM moved"
    return Statement(sql, recorded.names)
