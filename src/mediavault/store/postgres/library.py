"""The queries of the library's pages on PostgreSQL: pages of jobs in every order, accounts, totals, failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mediavault.core.job import Job, JobId
from mediavault.store import library_index, paging, search_words
from mediavault.store.library_index import VALUES
from mediavault.store.paging import SortKey
from mediavault.store.postgres.engine import Statement, positional
from mediavault.store.postgres.reads import get
from mediavault.store.postgres.server import PostgresServer
from mediavault.store.queries import (
    AccountPage,
    AccountQuery,
    JobPage,
    JobQuery,
    Neighbours,
)
from mediavault.store.rows import JOB_COLUMNS, job_from_row


async def jobs(server: PostgresServer, query: JobQuery) -> JobPage:
    return paging.page_of(await _select(server, query, paging.after(query), query.limit + 1), query)


async def count(server: PostgresServer, query: JobQuery) -> int:
    found = _where(query, None, descending=True)
    if found is None:
        return 0
    [[number]] = await server.database.rows(positional(f"SELECT count(*) FROM mediavault.jobs {found[0]}"), found[1])  # noqa: S608 - nothing comes from outside
    return int(number)


async def neighbours(server: PostgresServer, job_id: JobId, query: JobQuery) -> Neighbours:
    key = paging.sort_key(await get(server, job_id), query.order)
    before = await _select(server, query, key, 1, backwards=True)
    after = await _select(server, query, key, 1)
    return Neighbours(before[0] if before else None, after[0] if after else None)


async def _select(
    server: PostgresServer, query: JobQuery, start: SortKey | None, limit: int, *, backwards: bool = False
) -> list[Job]:
    selection = statement(query, start, limit, backwards=backwards)
    return [] if selection is None else [job_from_row(row) for row in await server.database.rows(*selection)]


def statement(
    query: JobQuery, start: SortKey | None, limit: int, *, backwards: bool = False
) -> tuple[Statement, dict[str, Any]] | None:
    """Return what selects the jobs after ``start`` in the query's order, or before it; None if nothing can be found."""
    descending = paging.is_descending(query.order) is not backwards
    found = _where(query, start, descending=descending)
    if found is None:
        return None
    where, values = found
    direction = "DESC" if descending else "ASC"
    value = VALUES.get(query.order)
    by_value = f"{value} {direction}, " if value else ""
    order = f"ORDER BY {by_value}created_at {direction}, id {direction} LIMIT :limit::int"
    return positional(f"SELECT {JOB_COLUMNS} FROM mediavault.jobs {where} {order}"), {**values, "limit": limit}  # noqa: S608 - nothing comes from outside


def _where(query: JobQuery, start: SortKey | None, *, descending: bool) -> tuple[str, dict[str, Any]] | None:
    """Return the ``WHERE`` clause of the query's jobs ("" for all) and its values; None if nothing can be found."""
    terms = search_words.parse_search(query.text)
    if terms == ():
        return None
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


# --- accounts, totals, failures ------------------------------------------------------------------------------------


async def accounts(server: PostgresServer, query: AccountQuery) -> AccountPage:
    selection = accounts_statement(query)
    rows = [] if selection is None else await server.database.rows(*selection)
    return paging.account_page_of([library_index.account_from_row(row) for row in rows], query)


def accounts_statement(query: AccountQuery) -> tuple[Statement, dict[str, Any]] | None:
    terms = search_words.parse_search(query.text)
    if terms == ():
        return None
    where, values = library_index.account_conditions(query, terms or (), "position({}::text IN line) > 0")
    columns = library_index.ACCOUNT_COLUMNS
    sql = f"SELECT {columns} FROM mediavault.library_accounts {where} ORDER BY latest_at DESC, key LIMIT :limit::int"  # noqa: S608
    return positional(sql), values
