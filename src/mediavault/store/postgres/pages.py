"""Builds the statements of the library's pages on PostgreSQL: pages of jobs in every order, and of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mediavault.store import library_index, search_words
from mediavault.store.library_index import VALUES
from mediavault.store.queries import AccountQuery, JobQuery, SortKey
from mediavault.store.rows import JOB_COLUMNS
from mediavault.store.search_words import GAP
from mediavault.store.sql.txn import Built, SqlTxn, Terms


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
        where, values = library_index.account_conditions(query, terms or (), "position({}::text IN line) > 0")
        columns = library_index.ACCOUNT_COLUMNS
        sql = (
            f"SELECT {columns} FROM mediavault.library_accounts {where} ORDER BY latest_at DESC, key LIMIT :limit::int"  # noqa: S608
        )
        return sql, values


def statement(query: JobQuery, terms: Terms, start: SortKey | None, *, descending: bool) -> Built:
    """Return what selects the jobs after ``start`` in the query's order, and its values except ``limit``."""
    where, values = _where(query, terms, start, descending=descending)
    direction = "DESC" if descending else "ASC"
    value = VALUES.get(query.order)
    by_value = f"{value} {direction}, " if value else ""
    order = f"ORDER BY {by_value}created_at {direction}, id {direction} LIMIT :limit::int"
    return f"SELECT {JOB_COLUMNS} FROM mediavault.jobs {where} {order}", values  # noqa: S608 - nothing comes from outside


def _where(query: JobQuery, terms: Terms, start: SortKey | None, *, descending: bool) -> tuple[str, dict[str, Any]]:
    """Return the ``WHERE`` clause of the query's jobs ("" for all) and its values."""
    conditions, values = library_index.conditions(query, start, descending=descending, marks="mediavault.marks")
    selects, names = library_index.marked(query, "mediavault.marks")
    conditions += [f"seq IN ({select})" for select in selects]
    values |= names
    if terms is not None:
        conditions.append("seq IN (SELECT seq FROM mediavault.library_words WHERE words @@ :words::text::tsquery)")
        values["words"] = match(terms)
    return (f"WHERE {' AND '.join(conditions)}" if conditions else ""), values


def match(terms: Sequence[search_words.Term]) -> str:
    """Return a search as a tsquery; no word has a character that is special in it."""
    return " & ".join(
        f"({' <-> '.join(repr(word) for word in term)})" if len(term) > 1 else f"'{term[0]}':*" for term in terms
    )


def vector(line: str) -> str:
    """Return a line's words with their positions, in the text form of a tsvector.

    No word has a quote or a backslash.
    """
    return " ".join(f"'{word}':{position}" for position, word in enumerate(line.split(), 1) if word != GAP)
