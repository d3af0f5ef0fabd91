"""The library's pages of jobs and accounts, its totals and failures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mediavault.core.job import Job, JobId
from mediavault.store import library_index, queries, search_words
from mediavault.store.library_index import IndexEntry, Sums, account_names, accounts_of, totals_of
from mediavault.store.queries import (
    AccountPage,
    AccountQuery,
    AccountSummary,
    FailureGroup,
    JobPage,
    JobQuery,
    LibraryTotals,
    Neighbours,
    SortKey,
)
from mediavault.store.rows import job_from_row
from mediavault.store.search_words import GAP, WordSource, distinct_line, full_line, further_words
from mediavault.store.sql import marks, reads
from mediavault.store.sql.txn import SqlTxn


async def add(txn: SqlTxn, entries: Sequence[IndexEntry]) -> None:
    """Index jobs that are new here, with the further words that are stored."""
    await _put_words(txn, entries)
    await _change_sums(txn, totals_of(entries), accounts_of(entries))


async def remove(txn: SqlTxn, entry: IndexEntry) -> None:
    """Take a job out of the index; its row in ``jobs`` is gone already."""
    await txn.rows("remove_words", {"seq": entry.seq})
    removed = [replace(entry, sums=-entry.sums)]
    await _change_sums(txn, totals_of(removed), accounts_of(removed))


async def change(txn: SqlTxn, entry: IndexEntry, *, account_before: str | None) -> None:
    """Index what a checkpoint found about a running job that is already indexed."""
    await _put_words(txn, [entry])
    moved = [replace(entry, account=account_before, sums=-entry.sums), entry]
    await _change_sums(txn, {}, accounts_of(moved))


async def store_further(txn: SqlTxn, seq: int, source: WordSource, line: str) -> None:
    """Store the further words of a job, whose row is locked. They are to be indexed afterwards."""
    values = {"seq": seq, "source": source.value, "line": distinct_line(line.split(GAP))}
    await txn.rows("put_further_words" if values["line"] else "remove_further_words", values)


async def change_further(txn: SqlTxn, entry: IndexEntry, source: WordSource, line: str) -> None:
    """Store the further words of an indexed job, whose row is locked, and index them."""
    await store_further(txn, entry.seq, source, line)
    await _put_words(txn, [entry])


async def add_sums(txn: SqlTxn, totals: Mapping[str, Sums], accounts: Mapping[str, Sums]) -> None:
    """Add to the sums of sites, and of accounts by their keys."""
    await txn.many(
        "add_totals", [{"platform": platform, **sums.values} for platform, sums in totals.items()]
    )
    rows = []
    for key, sums in accounts.items():
        # a post of one site may be embedded in a page of another
        platform, _, slug = key.partition("/")
        rows.append({"key": key, "platform": platform, "slug": slug, **sums.values})
    await txn.many("add_account", rows)


async def _put_words(txn: SqlTxn, entries: Sequence[IndexEntry]) -> None:
    """Index the words of jobs, and their further words."""
    further: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for seq, source, line in await txn.rows(
        "further_words", {"seqs": [entry.seq for entry in entries]}
    ):
        further[seq].append((source, line))
    lines = [
        (entry.seq, full_line(entry.line, further_words(further[entry.seq]))) for entry in entries
    ]
    await txn.many("put_words", [{"seq": seq, "line": txn.words(line)} for seq, line in lines])


async def _change_sums(
    txn: SqlTxn, totals: Mapping[str, Sums], accounts: Mapping[str, Sums]
) -> None:
    """As :func:`add_sums`; gives the accounts the names of their newest jobs,
    and deletes those without jobs.
    """
    await add_sums(txn, totals, accounts)
    if accounts:
        newest = await txn.rows("newest_of_accounts", {"keys": list(accounts)})
        await txn.many("name_account", [account_names(*row) for row in newest])
        await txn.rows("drop_accounts", {"keys": list(accounts)})


async def jobs(txn: SqlTxn, query: JobQuery) -> JobPage:
    found = await _select(txn, query, queries.after(query), query.limit + 1)
    placed = queries.placed_by_marks(found, query)
    # A mark that is changed in between only leads to posts that were shown already.
    return queries.page_of(found, query, await marks.of_jobs(txn, placed) if placed else {})


async def count(txn: SqlTxn, query: JobQuery) -> int:
    terms = search_words.parse_search(query.text)
    if terms == ():
        return 0
    [[number]] = await txn.query(*await txn.pages.count(txn, query, terms))
    return int(number)


async def neighbours(txn: SqlTxn, job_id: JobId, query: JobQuery) -> Neighbours:
    job = await reads.get(txn, job_id)
    placed = queries.placed_by_marks([job], query)
    noted = await marks.of_jobs(txn, placed) if placed else {}
    key = queries.sort_key(job, query, noted.get(job_id, ()))
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
    descending = queries.is_descending(query.order) is not backwards
    sql, values = await txn.pages.jobs(txn, query, terms, start, descending=descending)
    return [job_from_row(row) for row in await txn.query(sql, {**values, "limit": limit})]


async def accounts(txn: SqlTxn, query: AccountQuery) -> AccountPage:
    terms = search_words.parse_search(query.text)
    rows = [] if terms == () else await txn.query(*txn.pages.accounts(query, terms))
    return queries.account_page_of([library_index.account_from_row(row) for row in rows], query)


async def account(txn: SqlTxn, key: str) -> AccountSummary:
    rows = await txn.rows("account", {"key": key})
    if not rows:
        raise queries.account_not_found(key)
    return library_index.account_from_row(rows[0])


async def library_totals(txn: SqlTxn) -> LibraryTotals:
    return library_index.totals_from_rows(await txn.rows("totals"))


async def failures(txn: SqlTxn) -> Sequence[FailureGroup]:
    examples: dict[tuple[str, str], list[Job]] = defaultdict(list)
    for job in map(job_from_row, await txn.rows("failure_examples", {"limit": queries.EXAMPLES})):
        examples[job.error_code or "INTERNAL", job.platform].append(job)
    return library_index.failures_from_rows(await txn.rows("failure_groups"), examples)
