"""What the library's pages ask of SQLite: pages of jobs from the queue's indexes or the shelf's, accounts, totals, failures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from mediavault.core.job import Job, JobId, JobStatus
from mediavault.store import browsing, library_rows, paging, search_words
from mediavault.store.library_rows import VALUES, asks_the_shelf
from mediavault.store.paging import Place
from mediavault.store.queries import (
    AccountPage,
    AccountQuery,
    AccountSummary,
    FailureGroup,
    JobPage,
    JobQuery,
    LibraryTotals,
    Neighbours,
)
from mediavault.store.rows import JOB_COLUMNS, job_from_row
from mediavault.store.sqlite.engine import Connection, fetch_all
from mediavault.store.sqlite.ops import SQL
from mediavault.store.sqlite.reads import get
from mediavault.store.sqlite.shelf import PLACES, first_place

_BY_STATUS = {
    JobStatus.QUEUED: "jobs_ready",
    JobStatus.FAILED: "jobs_failed",
    JobStatus.CANCELLED: "jobs_cancelled",
}
_LAST_PLACE = (1 << 63) - 1


def page(db: Connection, query: JobQuery) -> JobPage:
    return paging.page_of(_found(db, query, paging.after(query), query.limit + 1), query)


def neighbours(db: Connection, job_id: JobId, query: JobQuery) -> Neighbours:
    place = paging.place_of(get(db, job_id), query.order)
    before, behind = _found(db, query, place, 1, backwards=True), _found(db, query, place, 1)
    return Neighbours(before[0] if before else None, behind[0] if behind else None)


def _found(db: Connection, query: JobQuery, start: Place | None, limit: int, *, backwards: bool = False) -> list[Job]:
    asked = statement(query, start, limit, backwards=backwards)
    return [] if asked is None else [job_from_row(row) for row in fetch_all(db, *asked)]


def statement(
    query: JobQuery, start: Place | None, limit: int, *, backwards: bool = False
) -> tuple[str, dict[str, Any]] | None:
    """What finds the jobs behind ``start`` in the query's order, or before it; None where nothing can be found."""
    terms = search_words.asked(query.text)
    if terms == ():
        return None
    descending = paging.is_descending(query.order) is not backwards
    if not asks_the_shelf(query):
        return _of_the_queue(query, start, limit, descending=descending)
    if terms is None:
        inner, values = _of_the_shelf(query, start, descending=descending)
    else:
        inner, values = _of_the_words(query, terms, start, descending=descending)
    way = "DESC" if descending else "ASC"
    sql = (
        f"SELECT {JOB_COLUMNS} FROM ({inner}) CROSS JOIN jobs INDEXED BY jobs_id ON jobs.id = found_id"  # noqa: S608 - nothing comes from outside
        f" ORDER BY found_value {way}, found_at {way}, found_id {way}"
    )
    return sql, {**values, "limit": limit}


def _of_the_queue(query: JobQuery, start: Place | None, limit: int, *, descending: bool) -> tuple[str, dict[str, Any]]:
    only = next(iter(query.statuses), None)
    index = (
        "jobs_running"
        if only is JobStatus.RUNNING
        else _BY_STATUS.get(only, "jobs_created")
        if only
        else "jobs_created"
    )
    conditions, values = library_rows.conditions(query, start, descending=descending)
    way = "DESC" if descending else "ASC"
    sql = f"SELECT {JOB_COLUMNS} FROM jobs INDEXED BY {index} {_where(*conditions)} ORDER BY created_at {way}, id {way} LIMIT :limit"  # noqa: S608
    return sql, {**values, "limit": limit}


def _of_the_shelf(query: JobQuery, start: Place | None, *, descending: bool) -> tuple[str, dict[str, Any]]:
    value = VALUES.get(query.order)
    conditions, values = library_rows.conditions(query, start, descending=descending)
    way = "DESC" if descending else "ASC"
    by_value = f"{value} {way}, " if value else ""
    sql = (
        f"SELECT id AS found_id, created_at AS found_at, {value or 0} AS found_value"  # noqa: S608
        f" FROM shelf INDEXED BY {_shelf_index(query)} {_where(*conditions)}"
        f" ORDER BY {by_value}created_at {way}, id {way} LIMIT :limit"
    )
    return sql, values


def _shelf_index(query: JobQuery) -> str:
    if query.account is not None:
        return "shelf_account"
    if query.order in VALUES:
        return f"shelf_{query.order.value}"
    return "shelf_created" if query.platform is None else "shelf_platform"


def _of_the_words(
    query: JobQuery, terms: Sequence[search_words.Term], start: Place | None, *, descending: bool
) -> tuple[str, dict[str, Any]]:
    """In the order of age a search is read by its places, and ends with the page: those of one moment may stand in any
    order there, so the moment of the last is read to its end."""
    value = VALUES.get(query.order)
    conditions, values = library_rows.conditions(query, start, descending=descending)
    way = "DESC" if descending else "ASC"
    words = "FROM shelf_words(:words) AS w CROSS JOIN shelf ON shelf.place = w.rowid"
    found = f"SELECT id AS found_id, created_at AS found_at, {value or 0} AS found_value {words}"
    values["words"] = match(terms)
    if value:
        return f"{found} {_where(*conditions)} ORDER BY {value} {way}, created_at {way}, id {way} LIMIT :limit", values
    lowest, highest = _places(query, start, descending=descending)
    values |= {"lowest": lowest, "highest": highest}
    within = _where("w.rowid >= :lowest", "w.rowid <= :highest", *conditions)
    first = f"SELECT w.rowid AS found_place {words} {within} ORDER BY w.rowid {way} LIMIT :limit"
    last = "min" if descending else "max"
    moment = f"(SELECT {last}(found_place) / {PLACES} * {PLACES} FROM ({first}))"  # noqa: S608
    bound = f"w.rowid >= {moment}" if descending else f"w.rowid <= {moment} + {PLACES - 1}"
    inside = _where("w.rowid >= :lowest", "w.rowid <= :highest", bound, *conditions)
    return f"{found} {inside} ORDER BY created_at {way}, id {way} LIMIT :limit", values


def _places(query: JobQuery, start: Place | None, *, descending: bool) -> tuple[int, int]:
    lowest, highest = 0, _LAST_PLACE
    moments = library_rows.moments(query)
    if "since" in moments:
        lowest = first_place(moments["since"])
    if "until" in moments:
        highest = first_place(moments["until"]) + PLACES
    if start is not None and descending:
        highest = min(highest, first_place(start[1]) + 2 * PLACES)
    elif start is not None:
        lowest = max(lowest, first_place(start[1]))
    return lowest, highest


def match(terms: Sequence[search_words.Term]) -> str:
    """FTS5's words for a search; no word holds a character that means something to it."""
    return " AND ".join(f'"{" ".join(term)}"' if len(term) > 1 else f'"{term[0]}" *' for term in terms)


def _where(*conditions: str) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


# --- accounts, totals, failures ------------------------------------------------------------------------------------


def accounts(db: Connection, query: AccountQuery) -> AccountPage:
    asked = accounts_statement(query)
    found = [] if asked is None else [library_rows.account_from_row(row) for row in fetch_all(db, *asked)]
    return paging.account_page_of(found, query)


def accounts_statement(query: AccountQuery) -> tuple[str, dict[str, Any]] | None:
    terms = search_words.asked(query.text)
    if terms == ():
        return None
    where, values = library_rows.account_conditions(query, terms or (), "instr(line, {}) > 0")
    index = "shelf_accounts_latest" if query.platform is None else "shelf_accounts_of_platform"
    return (
        f"SELECT {library_rows.ACCOUNT_COLUMNS} FROM shelf_accounts INDEXED BY {index} {where}"  # noqa: S608
        " ORDER BY latest_at DESC, key LIMIT :limit"
    ), values


def account(db: Connection, key: str) -> AccountSummary:
    rows = fetch_all(db, SQL["account"], {"key": key})
    if not rows:
        raise browsing.account_not_found(key)
    return library_rows.account_from_row(rows[0])


def totals(db: Connection) -> LibraryTotals:
    return library_rows.totals_from_rows(fetch_all(db, SQL["totals"]))


def failures(db: Connection) -> Sequence[FailureGroup]:
    examples: dict[tuple[str, str], list[Job]] = defaultdict(list)
    for row in fetch_all(db, SQL["failure_examples"], {"limit": browsing.EXAMPLES}):
        job = job_from_row(row)
        examples[job.error_code or "INTERNAL", job.platform].append(job)
    return library_rows.failures_from_rows(fetch_all(db, SQL["failure_groups"]), examples)
