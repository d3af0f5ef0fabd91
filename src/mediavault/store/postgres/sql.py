"""Runs the operations of ``store/sql`` on PostgreSQL,
with the statements of this engine by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from mediavault.core.job import HistoryRecord
from mediavault.core.messages import to_json
from mediavault.store import library_index, search_words
from mediavault.store.postgres.engine import (
    Lane,
    PostgresDatabase,
    Row,
    Statement,
    Transaction,
    positional,
)
from mediavault.store.queries import AccountQuery, JobQuery, SortKey
from mediavault.store.rows import JOB_COLUMNS, history_row
from mediavault.store.search_words import GAP
from mediavault.store.sql.dialects import in_dialect, statements_of
from mediavault.store.sql.txn import Built, Pages, SqlTxn, Terms
from mediavault.store.transitions import MoveNote

MOMENT = (
    "t AS MATERIALIZED (SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) *"
    " 1000000)::bigint) AS now)"
)
SQL: Mapping[str, Statement] = {
    name: positional(sql) for name, sql in statements_of("postgres", {"t": MOMENT}).items()
}

# One statement moves the jobs and appends to their history: one round trip, and one transaction.
_RECORDED = """
  INSERT INTO mediavault.history (job, at, attempt, stage, outcome, error_code, detail, detail_params, bytes, duration_ms)
  SELECT moved_seq, moved_at, CASE WHEN :note_of_attempt::boolean THEN of_attempt ELSE 0 END, :note_stage::text, :note_outcome::text,
         :note_error_code::text, :note_detail::text, :note_detail_params::text, :note_bytes::bigint,
         CASE WHEN :note_is_timed::boolean THEN coalesce(greatest(0, (moved_at - began_at) / 1000), 0) ELSE 0 END
    FROM moved
"""  # noqa: E501


@dataclass(frozen=True, slots=True)
class PostgresStatements:
    """Runs statements by their names; ``now`` is a test's time in microseconds,
    None for the database's clock.
    """

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

    async def move(
        self, name: str, values: Mapping[str, Any], note: MoveNote, *, wake: bool = False
    ) -> Sequence[Row]:
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
        rows = await self.on.rows(
            _moving(SQL[name], wake=wake), {**values, **recorded, "now": self.now}
        )
        return [row[:-1] for row in rows] if wake else rows

    async def append(self, seq: int, records: Sequence[HistoryRecord]) -> None:
        rows = [history_row(seq, record) for record in records]
        await self.many(
            "append_history",
            [dict(zip(SQL["append_history"].names, row, strict=True)) for row in rows],
        )

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
    """Return a statement that also appends to the history of what it moves,
    and wakes the workers if it moves anything.
    """
    wakes = ", pg_notify('mediavault_work', '')" if wake else ""
    recorded = positional(_RECORDED, after=statement.names)
    sql = (
        f"WITH moved AS (\n{statement.sql}\n),\nrecorded AS ({recorded.sql})\n"
        f"SELECT moved.*{wakes} FROM moved"
    )
    return Statement(sql, recorded.names)


# --- Builds the statements of the library's pages on PostgreSQL: pages of jobs in every order, and
# of accounts.


class PostgresPages:
    async def jobs(
        self,
        txn: SqlTxn,  # noqa: ARG002 - nothing is asked before
        query: JobQuery,
        terms: Terms,
        start: SortKey | None,
        *,
        descending: bool,
    ) -> Built:
        return statement(query, terms, start, descending=descending)

    async def count(self, txn: SqlTxn, query: JobQuery, terms: Terms) -> Built:  # noqa: ARG002
        where, values = _where(query, terms, None, descending=True)
        return f"SELECT count(*) FROM mediavault.jobs {where}", values  # noqa: S608 - nothing comes from outside

    def accounts(self, query: AccountQuery, terms: Terms) -> Built:
        where, values = library_index.account_conditions(
            query, terms or (), "position({}::text IN line) > 0"
        )
        columns = library_index.ACCOUNT_COLUMNS
        sql = (
            f"SELECT {columns} FROM mediavault.library_accounts {where} ORDER BY latest_at DESC,"  # noqa: S608
            " key LIMIT :limit::int"
        )
        return sql, values


def statement(query: JobQuery, terms: Terms, start: SortKey | None, *, descending: bool) -> Built:
    """Return what selects the jobs after ``start`` in the query's order,
    and its values except ``limit``.
    """
    where, values = _where(query, terms, start, descending=descending)
    value = library_index.value_of(query.order, "mediavault.marks")
    order = library_index.sorting(query.order, value, "created_at", "id", descending=descending)
    return f"SELECT {JOB_COLUMNS} FROM mediavault.jobs {where} {order} LIMIT :limit::int", values  # noqa: S608 - nothing comes from outside


def _where(
    query: JobQuery, terms: Terms, start: SortKey | None, *, descending: bool
) -> tuple[str, dict[str, Any]]:
    """Return the ``WHERE`` clause of the query's jobs ("" for all) and its values."""
    conditions, values = library_index.conditions(
        query, start, descending=descending, marks="mediavault.marks"
    )
    selects, names = library_index.marked(query, "mediavault.marks")
    conditions += [f"seq IN ({select})" for select in selects]
    values |= names
    if terms is not None:
        conditions.append(
            "seq IN (SELECT seq FROM mediavault.library_words WHERE words @@ :words::text::tsquery)"
        )
        values["words"] = match(terms)
    return (f"WHERE {' AND '.join(conditions)}" if conditions else ""), values


def match(terms: Sequence[search_words.Term]) -> str:
    """Return a search as a tsquery; no word has a character that is special in it."""
    return " & ".join(
        f"({' <-> '.join(repr(word) for word in term)})" if len(term) > 1 else f"'{term[0]}':*"
        for term in terms
    )


def vector(line: str) -> str:
    """Return a line's words with their positions, in the text form of a tsvector.

    No word has a quote or a backslash.
    """
    return " ".join(
        f"'{word}':{position}" for position, word in enumerate(line.split(), 1) if word != GAP
    )
