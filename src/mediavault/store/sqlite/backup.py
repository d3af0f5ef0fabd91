"""Copies a database while others write to it: a consistent snapshot, in one file.

The file itself is never copied: what is in the write-ahead log would be missing, or the copy would
have half of a change.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from mediavault.core.failures import StoreError
from mediavault.core.messages import Message
from mediavault.core.records import MANY_KINDS
from mediavault.store.sqlite.engine import (
    Connection,
    connect_to_copy_into,
    connect_to_read,
    fetch_all,
    translate_errors,
)
from mediavault.store.tables import TABLES
from mediavault.store.upgrade import SMALL

# ours have a few kilobytes; a post's text and inline manifests are the longest parts
MAX_ROW_BYTES = 4 << 20
MAX_HISTORY = 10_000  # records of one job, which are read at once
MAX_HISTORY_BYTES = 16 << 20  # of their texts
MAX_SMALL_TABLE_BYTES = 64 << 20  # of a table that is read at once
# gates: site limits in an older backup
_SMALL_TABLES = ("site_limits", "gates", "agreed", "records", "workers")
MAX_ENTRY_BYTES = 64 << 10  # of a record, or a row, of which there may be very many
# never read at once
_IN_PAGES = (
    f"WHERE kind IN ({', '.join(map(repr, (*sorted(kind.value for kind in MANY_KINDS), *SMALL)))})"
)
PAGES_A_STEP = 2_048  # 8 MiB: a progress bar moves, and no step is long
# a read begins the transaction that BEGIN only announces
_BEGIN_SNAPSHOT = "SELECT count(*) FROM sqlite_schema"

OnPages = Callable[[int, int], None]  # (pages copied, pages in all)


def copy_database(path: Path, into: Path, *, on_pages: OnPages = lambda *_: None) -> None:
    """Copy the database to ``into``, which must not exist yet, and sync that file to the disk, but
    not its folder.

    Writers are not held up. Raises StoreError, and then ``into`` does not exist. ``path`` is never
    written to.
    """
    with translate_errors(path):
        source = connect_to_read(path)
    try:
        os.close(os.open(into, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            with translate_errors(into):
                _copy(source, into, on_pages)
            fsync(into)
        except BaseException:
            into.unlink(missing_ok=True)
            raise
    except OSError as exc:
        raise StoreError(
            Message(
                "The copy %(into)s cannot be written: %(error)s.", into=into, error=exc.strerror
            )
        ) from exc
    finally:
        source.close()


def refuse_oversized(path: Path) -> int:
    """Return the largest row's bytes. Raises StoreError for a database that would take too much
    memory to read.

    The file is untrusted, so the sizes are read without loading the values.
    """
    with translate_errors(path):
        db = connect_to_read(path)
        try:
            tables = [
                str(row[0])
                for row in fetch_all(db, "SELECT name FROM sqlite_schema WHERE type = 'table'")
            ]
            large = [table.name for table in TABLES if table.has_large_rows]
            sizes = {
                table: _sizes(db, table)
                for table in ("jobs", "history", *large, *_SMALL_TABLES)
                if table in tables
            }
            largest = max((row for row, _ in sizes.values()), default=0)
            entry, in_pages = _sizes(db, "records", _IN_PAGES) if "records" in tables else (0, 0)
            entry = max(
                [
                    entry,
                    *(
                        _sizes(db, t.name)[0]
                        for t in TABLES
                        if t.name in tables and not t.has_large_rows
                    ),
                ]
            )
            totals = {table: total for table, (_, total) in sizes.items() if table in _SMALL_TABLES}
            small = max({**totals, "records": totals.get("records", 0) - in_pages}.values())
            longest, texts = _longest_history(db) if "history" in tables else (0, 0)
        finally:
            db.close()
    is_too_long = longest > MAX_HISTORY or texts > MAX_HISTORY_BYTES
    if (
        largest > MAX_ROW_BYTES
        or entry > MAX_ENTRY_BYTES
        or small > MAX_SMALL_TABLE_BYTES
        or is_too_long
    ):
        raise StoreError(
            Message(
                (
                    "The backup contains larger values than mediavault writes: %(largest)d bytes in"
                    " a row, %(small)d in a small table, %(longest)d records with %(texts)d bytes"
                    " about a job."
                ),
                largest=largest,
                small=small,
                longest=longest,
                texts=texts,
            ),
            help="Restore another backup, or rebuild from the library with `mediavault rebuild`.",
        )
    return largest


def _sizes(db: Connection, table: str, where: str = "") -> tuple[int, int]:
    """Return the bytes of the table's largest row, and of all its rows."""
    columns = [
        str(row[0])
        for row in fetch_all(db, "SELECT name FROM pragma_table_info(:table)", {"table": table})
    ]
    quoted = ['"' + column.replace('"', '""') + '"' for column in columns]
    row = " + ".join(f"coalesce(octet_length({column}), 0)" for column in quoted)
    ((largest, total),) = fetch_all(
        db,
        f"SELECT coalesce(max({row}), 0), coalesce(sum({row}), 0) FROM {table} {where}",  # noqa: S608
    )
    return largest, total


def _longest_history(db: Connection) -> tuple[int, int]:
    """Return the most records that one job has, and the most bytes that the texts of one job
    have.
    """
    of_a_job = (
        "SELECT count(*) AS n, sum(coalesce(octet_length(detail), 0)) AS texts FROM history GROUP"
        " BY job"
    )
    ((longest, texts),) = fetch_all(
        db,
        f"SELECT coalesce(max(n), 0), coalesce(max(texts), 0) FROM ({of_a_job})",  # noqa: S608
    )
    return longest, texts


def _copy(source: Connection, into: Path, on_pages: OnPages) -> None:
    target = connect_to_copy_into(into)
    try:
        # Inside one read transaction: otherwise each step after another process's write would start
        # from the beginning.
        source.execute("BEGIN")
        fetch_all(source, _BEGIN_SNAPSHOT)
        with target.backup("main", source, "main") as backup:
            while not backup.done:
                backup.step(PAGES_A_STEP)
                on_pages(backup.page_count - backup.remaining, backup.page_count)
        source.execute("ROLLBACK")
        target.pragma("journal_mode", "delete")  # the copy is one file, without a log
        _refuse_damaged(target, into)
    finally:
        target.close()


def _refuse_damaged(db: Connection, path: Path) -> None:
    """Raise StoreError for a damaged copy: it must not be taken for a backup."""
    results = [str(row[0]) for row in fetch_all(db, "PRAGMA integrity_check(3)")]
    if results != ["ok"]:
        raise StoreError(
            Message(
                "The database is damaged, so the copy %(path)s was not kept: %(found)s",
                path=path.name,
                found="; ".join(results),
            ),
            help=(
                "Restore an earlier backup, or rebuild from the library with `mediavault rebuild`."
            ),
        )


def fsync(path: Path) -> None:
    """Make a file, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
