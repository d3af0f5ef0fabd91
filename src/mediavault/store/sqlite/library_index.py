"""Writes the library index on SQLite, inside the transaction that changes the job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from mediavault.core.logs import get_logger
from mediavault.store import search_words
from mediavault.store.library_index import IndexEntry, Sums, account_names, entry_from_row
from mediavault.store.search_words import GAP, WordSource
from mediavault.store.sqlite.engine import Connection, fetch_all
from mediavault.store.sqlite.statements import SQL

BATCH = 1_000
PROGRESS_EVERY = 10_000  # jobs

log = get_logger(__name__)


def add(db: Connection, entry: IndexEntry) -> None:
    """Index a job that is new here, with the further words that are stored."""
    put_words(db, entry.seq, entry.line)
    _add_sums(db, entry.platform, entry.account, entry.sums)
    if entry.account is not None:
        _name_account(db, entry.account)


def remove(db: Connection, entry: IndexEntry) -> None:
    """Take a job out of the index; its row in ``jobs`` is gone already."""
    db.execute(SQL["remove_words"], {"seq": entry.seq})
    _add_sums(db, entry.platform, entry.account, -entry.sums)
    if entry.account is not None:
        _name_account(db, entry.account)


def put_words(db: Connection, seq: int, line: str) -> None:
    """Index the words of a job that has none in the index yet, and its further words."""
    further = search_words.further_words(fetch_all(db, SQL["further_words"], {"seq": seq}))
    db.execute(SQL["put_words"], {"seq": seq, "line": search_words.full_line(line, further)})


def store_further(db: Connection, seq: int, source: WordSource, line: str) -> None:
    """Store the further words of a job, which are to be indexed afterwards."""
    values = {"seq": seq, "source": source.value, "line": search_words.distinct_line(line.split(GAP))}
    db.execute(SQL["put_further_words" if values["line"] else "remove_further_words"], values)


def change_further(db: Connection, entry: IndexEntry, source: WordSource, line: str) -> None:
    """Store the further words of an indexed job, and index them."""
    store_further(db, entry.seq, source, line)
    db.execute(SQL["remove_words"], {"seq": entry.seq})
    put_words(db, entry.seq, entry.line)


def change(db: Connection, entry: IndexEntry, *, account_before: str | None) -> None:
    """Index what a checkpoint found about a running job that is already indexed."""
    db.execute(SQL["remove_words"], {"seq": entry.seq})
    put_words(db, entry.seq, entry.line)
    if account_before != entry.account:
        _add_sums(db, entry.platform, account_before, -entry.sums)
        _add_sums(db, entry.platform, entry.account, entry.sums)
    for key in {account_before, entry.account} - {None}:
        assert key is not None
        _name_account(db, key)


def add_completed(db: Connection, completed: Iterable[tuple[str, str | None, Sums]]) -> None:
    """Add the files of a transaction's completed jobs to the sums of their sites and accounts, which are few."""
    added = defaultdict[tuple[str, str | None], Sums](Sums)
    for platform, account, sums in completed:
        added[platform, account] += sums
    for (platform, account), sums in added.items():
        _add_sums(db, platform, account, sums)


def fill(db: Connection) -> None:
    """Index every job of a vault that an older release wrote, and store each job's account key.

    Everything happens in the caller's transaction, so that a crash leaves the vault as it was, to be indexed again.
    """
    [[total]] = fetch_all(db, "SELECT count(*) FROM jobs")
    done = last = 0
    while rows := fetch_all(db, SQL["entries"], {"after": last, "limit": BATCH}):
        for row in rows:
            entry = entry_from_row(row)
            if entry.account is not None:
                db.execute(SQL["set_account_key"], {"seq": entry.seq, "account_key": entry.account})
            add(db, entry)
        last, done = rows[-1][0], done + len(rows)
        if done % PROGRESS_EVERY == 0 or done == total:
            log.info("library_indexing", done=done, total=total)


def _add_sums(db: Connection, platform: str, account: str | None, sums: Sums) -> None:
    values = {"platform": platform, **sums.values}
    if sums.kept:
        db.execute(SQL["add_totals"], values)
    if account is not None:
        platform, _, slug = account.partition("/")  # a post of one site may be embedded in a page of another
        db.execute(SQL["add_account"], {**values, "key": account, "platform": platform, "slug": slug})


def _name_account(db: Connection, key: str) -> None:
    """Give an account the names of its newest job; delete an account without jobs."""
    for created_at, account_json in fetch_all(db, SQL["newest_of_account"], {"key": key}):
        db.execute(SQL["name_account"], account_names(key, created_at, account_json))
    db.execute(SQL["drop_account"], {"key": key})
