"""The library's accounts, totals and failures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from mediavault.core.job import Job
from mediavault.store import browsing, library_index
from mediavault.store.queries import AccountSummary, FailureGroup, LibraryTotals
from mediavault.store.rows import job_from_row
from mediavault.store.sql.txn import SqlTxn


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
