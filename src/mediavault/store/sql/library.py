"""The library's pages of jobs and accounts, its totals and failures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from mediavault.core.job import Job, JobId
from mediavault.store import browsing, library_index, paging, search_words
from mediavault.store.paging import SortKey
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
from mediavault.store.rows import job_from_row
from mediavault.store.sql import reads
from mediavault.store.sql.txn import SqlTxn


async def jobs(txn: SqlTxn, query: JobQuery) -> JobPage:
    return paging.page_of(await _select(txn, query, paging.after(query), query.limit + 1), query)


async def count(txn: SqlTxn, query: JobQuery) -> int:
    terms = search_words.parse_search(query.text)
    if terms == ():
        return 0
    [[number]] = await txn.query(*await txn.pages.count(txn, query, terms))
    return int(number)


async def neighbours(txn: SqlTxn, job_id: JobId, query: JobQuery) -> Neighbours:
    key = paging.sort_key(await reads.get(txn, job_id), query.order)
    before = await _select(txn, query, key, 1, backwards=True)
    after = await _select(txn, query, key, 1)
    return Neighbours(before[0] if before else None, after[0] if after else None)


async def _select(
    txn: SqlTxn, query: JobQuery, start: SortKey | None, limit: int, *, backwards: bool = False
) -> list[Job]:
    """Return the jobs after ``start`` in the query's order, or before it if ``backwards``."""
    terms = search_words.parse_search(query.text)
    if terms == ():
        return []
    descending = paging.is_descending(query.order) is not backwards
    sql, values = await txn.pages.jobs(txn, query, terms, start, descending=descending)
    return [job_from_row(row) for row in await txn.query(sql, {**values, "limit": limit})]


async def accounts(txn: SqlTxn, query: AccountQuery) -> AccountPage:
    terms = search_words.parse_search(query.text)
    rows = [] if terms == () else await txn.query(*txn.pages.accounts(query, terms))
    return paging.account_page_of([library_index.account_from_row(row) for row in rows], query)


async def account(txn: SqlTxn, key: str) -> AccountSummary:
    rows = await txn.rows("account", {"key": key})
    if not rows:
        raise browsing.account_not_found(key)
    return library_index.account_from_row(rows[0])


async def library_totals(txn: SqlTxn) -> LibraryTotals:
    return library_index.totals_from_rows(await txn.rows("totals"))


async def failures(txn: SqlTxn) -> Sequence[FailureGroup]:
    examples: dict[tuple[str, str], list[Job]] = defaultdict(list)
    for job in map(job_from_row, await txn.rows("failure_examples", {"limit": browsing.EXAMPLES})):
        examples[job.error_code or "INTERNAL", job.platform].append(job)
    return library_index.failures_from_rows(await txn.rows("failure_groups"), examples)
