"""Writes the library index on PostgreSQL, inside the transaction that changes the jobs.

A completion's sums are part of its own statement (``complete`` in statements.sql), a new job's words part of
``enqueue``. Rows of totals are locked before those of accounts, and both in the order of their keys, so that no two
transactions wait for each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from mediavault.core.logs import get_logger
from mediavault.store.library_index import IndexEntry, Sums, account_names, accounts_of, entry_from_row, totals_of
from mediavault.store.postgres.engine import Transaction
from mediavault.store.postgres.sql import SQL
from mediavault.store.search_words import GAP, WordSource, distinct_line, full_line, further_words

BATCH = 1_000
PROGRESS_EVERY = 10_000  # jobs

log = get_logger(__name__)


async def add(txn: Transaction, entries: Sequence[IndexEntry]) -> None:
    """Index jobs that are new here, with the further words that are stored."""
    await _put_words(txn, entries)
    await _add_sums(txn, totals_of(entries), accounts_of(entries))


async def remove(txn: Transaction, entry: IndexEntry) -> None:
    """Take a job out of the index; its row in ``jobs`` is gone already."""
    await txn.rows(SQL["remove_words"], {"seq": entry.seq})
    removed = [replace(entry, sums=-entry.sums)]
    await _add_sums(txn, totals_of(removed), accounts_of(removed))


async def change(txn: Transaction, entry: IndexEntry, *, account_before: str | None) -> None:
    """Index what a checkpoint found about a running job that is already indexed."""
    await _put_words(txn, [entry])
    moved = [replace(entry, account=account_before, sums=-entry.sums), entry]
    await _add_sums(txn, {}, accounts_of(moved))


async def fill(txn: Transaction) -> None:
    """Index every job of a vault that an older release wrote, and store each job's account key.

    Everything happens in the caller's transaction, so that a crash leaves the vault as it was, to be indexed again.
    """
    [[total]] = await txn.rows(SQL["count_jobs"], {})
    done = last = 0
    while rows := await txn.rows(SQL["entries"], {"after": last, "limit": BATCH}):
        entries = [entry_from_row(row) for row in rows]
        keys = {"seqs": [entry.seq for entry in entries], "keys": [entry.account for entry in entries]}
        await txn.rows(SQL["set_account_keys"], keys)
        await add(txn, entries)
        last, done = entries[-1].seq, done + len(entries)
        if done % PROGRESS_EVERY == 0 or done == total:
            log.info("library_indexing", done=done, total=total)
    if done:
        await txn.rows(SQL["analyze_library"], {})  # otherwise the planner has no statistics until autovacuum runs


def vector(line: str) -> str:
    """Return a line's words with their positions, in the text form of a tsvector.

    No word has a quote or a backslash.
    """
    return " ".join(f"'{word}':{position}" for position, word in enumerate(line.split(), 1) if word != GAP)


async def store_further(txn: Transaction, seq: int, source: WordSource, line: str) -> None:
    """Store the further words of a job, whose row is locked. They are to be indexed afterwards."""
    line = distinct_line(line.split(GAP))
    values = {"seq": seq, "source": source.value}
    if line:
        await txn.rows(SQL["put_further_words"], {**values, "line": line})
    else:
        await txn.rows(SQL["remove_further_words"], values)


async def change_further(txn: Transaction, entry: IndexEntry, source: WordSource, line: str) -> None:
    """Store the further words of an indexed job, whose row is locked, and index them."""
    await store_further(txn, entry.seq, source, line)
    await _put_words(txn, [entry])


async def _put_words(txn: Transaction, entries: Sequence[IndexEntry]) -> None:
    """Index the words of jobs, and their further words."""
    seqs = [entry.seq for entry in entries]
    further: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for seq, source, line in await txn.rows(SQL["further_words"], {"seqs": seqs}):
        further[seq].append((source, line))
    lines = [vector(full_line(entry.line, further_words(further[entry.seq]))) for entry in entries]
    await txn.rows(SQL["put_words"], {"seqs": seqs, "lines": lines})


async def _add_sums(txn: Transaction, totals: Mapping[str, Sums], accounts: Mapping[str, Sums]) -> None:
    if totals:
        await txn.rows(SQL["add_totals"], {"platforms": list(totals), **_columns(totals.values())})
    if not accounts:
        return
    keys = list(accounts)
    await txn.rows(SQL["add_accounts"], {"keys": keys, **_columns(accounts.values())})
    named = [account_names(*row) for row in await txn.rows(SQL["newest_of_accounts"], {"keys": keys})]
    columns = {
        "keys": "key",
        "handles": "handle",
        "display_names": "display_name",
        "lines": "line",
        "latest": "latest_at",
    }
    await txn.rows(SQL["name_accounts"], {name: [names[column] for names in named] for name, column in columns.items()})
    await txn.rows(SQL["drop_accounts"], {"keys": keys})


def _columns(sums: Collection[Sums]) -> dict[str, list[int]]:
    return {
        "jobs": [entry.jobs for entry in sums],
        "kept": [entry.kept for entry in sums],
        "sizes": [entry.bytes for entry in sums],
        "millis": [entry.duration_ms for entry in sums],
    }
