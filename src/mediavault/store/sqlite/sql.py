"""Runs the operations of ``store/sql`` on SQLite, where a call blocks its thread and so never
waits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from mediavault.core.job import HistoryRecord, JobStatus
from mediavault.core.messages import to_json
from mediavault.store import library_index, search_words
from mediavault.store.queries import AccountQuery, JobOrder, JobQuery, SortKey
from mediavault.store.rows import JOB_COLUMNS, history_row
from mediavault.store.sql.dialects import in_dialect, statements_of
from mediavault.store.sql.txn import Built, Pages, Row, SqlTxn, Terms, run
from mediavault.store.sqlite.engine import Connection, fetch_all
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


# --- pages ----------------------------------------------------------------------------------------
# Builds the statements of the library's pages on SQLite: pages of jobs in every order,
# and of accounts.

# Each of these states has its own index, in the order of age, and usually few jobs.
_BY_STATUS = {
    JobStatus.QUEUED: "jobs_ready",
    JobStatus.RUNNING: "jobs_running",
    JobStatus.FAILED: "jobs_failed",
    JobStatus.CANCELLED: "jobs_cancelled",
}
_BY_VALUE = {
    JobOrder.PUBLISHED: "jobs_posted",
    JobOrder.EARLIEST: "jobs_posted",
    JobOrder.TITLE: "jobs_titled",
    JobOrder.LONGEST: "jobs_longest",
    JobOrder.LARGEST: "jobs_largest",
}
FEW = 1_000  # a search that finds at most this many jobs reads each of them


class SqlitePages:
    async def jobs(
        self, txn: SqlTxn, query: JobQuery, terms: Terms, start: SortKey | None, *, descending: bool
    ) -> Built:
        found, values = found_by(query, terms)
        finds_few = bool(found) and await _finds_few(txn, found, values)
        sql, more = statement(query, found, start, descending=descending, finds_few=finds_few)
        return sql, {**values, **more}

    async def count(self, txn: SqlTxn, query: JobQuery, terms: Terms) -> Built:
        found, values = found_by(query, terms)
        sql, more = count_statement(
            query, found, finds_few=bool(found) and await _finds_few(txn, found, values)
        )
        return sql, {**values, **more}

    def accounts(self, query: AccountQuery, terms: Terms) -> Built:
        where, values = library_index.account_conditions(query, terms or (), "instr(line, {}) > 0")
        index = "library_accounts_latest" if query.platform is None else "library_accounts_platform"
        return (
            f"SELECT {library_index.ACCOUNT_COLUMNS} FROM library_accounts INDEXED BY {index}"  # noqa: S608 - nothing comes from outside
            f" {where}"
            " ORDER BY latest_at DESC, key LIMIT :limit"
        ), values


def found_by(query: JobQuery, terms: Terms) -> tuple[str, dict[str, Any]]:
    """Return the ``SELECT`` of the jobs that have the query's words and marks,
    "" if it asks for none; and its values.
    """
    selects, values = library_index.marked(query, "marks")
    if terms is not None:
        selects.append("SELECT rowid AS hit FROM library_words WHERE library_words MATCH :words")
        values["words"] = match(terms)
    return " INTERSECT ".join(selects), values


async def _finds_few(txn: SqlTxn, found: str, values: Mapping[str, Any]) -> bool:
    """Return whether the search finds few jobs; they are counted up to a limit."""
    [[count]] = await txn.query(
        f"SELECT count(*) FROM (SELECT 1 FROM ({found}) LIMIT {FEW + 1})",  # noqa: S608 - nothing comes from outside
        values,
    )
    return bool(count <= FEW)


def statement(
    query: JobQuery, found: str, start: SortKey | None, *, descending: bool, finds_few: bool
) -> tuple[str, dict[str, Any]]:
    """Return a page's statement and its values, except ``limit`` and those of ``found``, the SELECT
    of the jobs that have its words and marks. Jobs are found in an index, and only these are read.

    If a search finds few jobs, all of them are read and sorted. If it finds many, the order's index
    is read until the page is full: at least one job in a hundred matches.
    """
    source, values = _source(query, found, start, descending=descending, finds_few=finds_few)
    order, value = query.order, library_index.value_of(query.order, "marks")
    inner = library_index.sorting(order, value, "created_at", "id", descending=descending)
    outer = library_index.sorting(
        order, "found_value", "found_at", "found_id", descending=descending
    )
    sql = f"""
        SELECT {JOB_COLUMNS} FROM (
          SELECT seq AS found, {value or 0} AS found_value, created_at AS found_at, id AS found_id
            FROM {source} {inner} LIMIT :limit
        ) CROSS JOIN jobs ON jobs.seq = found {outer}"""  # noqa: S608 - nothing comes from outside
    return sql, values


def count_statement(query: JobQuery, found: str, *, finds_few: bool) -> tuple[str, dict[str, Any]]:
    """Return what counts the query's jobs, and its values except those of ``found``: the index of
    their age is read, which has all that a query asks for, and no job.
    """
    by_age = replace(query, order=JobOrder.NEWEST)
    source, values = _source(by_age, found, None, descending=True, finds_few=finds_few)
    return f"SELECT count(*) FROM {source}", values  # noqa: S608 - nothing comes from outside


def _source(
    query: JobQuery, found: str, start: SortKey | None, *, descending: bool, finds_few: bool
) -> tuple[str, dict[str, Any]]:
    """Return what the query's jobs are selected from, with its ``WHERE`` clause, and the values."""
    conditions, values = library_index.conditions(
        query, start, descending=descending, marks="marks"
    )
    source = f"jobs INDEXED BY {_index(query)}"
    if found and finds_few:
        source = f"({found}) CROSS JOIN jobs ON jobs.seq = hit"
    elif found:
        conditions.append(f"seq IN ({found})")
    return f"{source} WHERE {' AND '.join(conditions)}" if conditions else source, values


def _index(query: JobQuery) -> str:
    """Return the index that has the query's order and filter, or the account's,
    whose rows are then sorted.
    """
    if query.account is not None:
        return "jobs_account"
    if query.order in _BY_VALUE:
        return _BY_VALUE[query.order]
    states = set(query.statuses)
    if len(states) == 1 and (index := _BY_STATUS.get(next(iter(states)))):
        return index
    return "jobs_created" if query.platform is None else "jobs_platform"


def match(terms: Sequence[search_words.Term]) -> str:
    """Return a search as an FTS5 expression; no word has a character that is special in it."""
    return " AND ".join(
        f'"{" ".join(term)}"' if len(term) > 1 else f'"{term[0]}" *' for term in terms
    )
