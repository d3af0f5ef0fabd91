"""Builds the statements of the library's pages on SQLite: pages of jobs in every order,
and of accounts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mediavault.core.job import JobStatus
from mediavault.store import library_index, search_words
from mediavault.store.library_index import VALUES
from mediavault.store.queries import AccountQuery, JobOrder, JobQuery, SortKey
from mediavault.store.rows import JOB_COLUMNS
from mediavault.store.sql.txn import Built, SqlTxn, Terms

# Each of these states has its own index, in the order of age, and usually few jobs.
_BY_STATUS = {
    JobStatus.QUEUED: "jobs_ready",
    JobStatus.RUNNING: "jobs_running",
    JobStatus.FAILED: "jobs_failed",
    JobStatus.CANCELLED: "jobs_cancelled",
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
    value = VALUES.get(query.order)
    direction = "DESC" if descending else "ASC"
    sql = f"""
        SELECT {JOB_COLUMNS} FROM (
          SELECT seq AS found, {value or 0} AS found_value, created_at AS found_at, id AS found_id
            FROM {source}
           ORDER BY {f"{value} {direction}, " if value else ""}created_at {direction}, id {direction} LIMIT :limit
        ) CROSS JOIN jobs ON jobs.seq = found
        ORDER BY found_value {direction}, found_at {direction}, found_id {direction}"""  # noqa: S608, E501 - nothing comes from outside
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
    if query.order in VALUES:
        return f"jobs_{query.order.value}"
    states = set(query.statuses)
    if len(states) == 1 and (index := _BY_STATUS.get(next(iter(states)))):
        return index
    return "jobs_created" if query.platform is None else "jobs_platform"


def match(terms: Sequence[search_words.Term]) -> str:
    """Return a search as an FTS5 expression; no word has a character that is special in it."""
    return " AND ".join(
        f'"{" ".join(term)}"' if len(term) > 1 else f'"{term[0]}" *' for term in terms
    )
