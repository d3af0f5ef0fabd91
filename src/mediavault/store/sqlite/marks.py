"""The marks on SQLite."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from mediavault.core.job import JobId
from mediavault.core.marks import Mark, MarkCount
from mediavault.store import rows
from mediavault.store.sqlite.engine import Snapshot, fetch_all
from mediavault.store.sqlite.statements import SQL
from mediavault.store.sqlite.writer import Txn


def put(txn: Txn, marks: Sequence[Mark]) -> int:
    values = [rows.mark_values(mark, txn.now + index) for index, mark in enumerate(rows.distinct_marks(marks))]
    return sum(len(fetch_all(txn.db, SQL["put_mark"], row)) for row in values)


def remove(txn: Txn, name: str, job_ids: Collection[JobId] | None = None, *, if_text: str | None = None) -> int:
    ids = None if job_ids is None else json.dumps(list(job_ids))
    return len(fetch_all(txn.db, SQL["remove_marks"], {"name": rows.mark_name(name), "ids": ids, "text": if_text}))


def rename(txn: Txn, name: str, new_name: str, *, text: str) -> int:
    name, new_name = rows.mark_name(name), rows.mark_name(new_name)
    if new_name != name:
        txn.db.execute(SQL["add_renamed_marks"], {"name": name, "new_name": new_name})
        if not remove(txn, name):
            return 0
    return len(fetch_all(txn.db, SQL["text_of_marks"], {"name": new_name, "text": rows.mark_name(text)}))


def of_jobs(snapshot: Snapshot, job_ids: Collection[JobId]) -> Mapping[JobId, tuple[Mark, ...]]:
    return rows.marks_by_job(fetch_all(snapshot.db, SQL["marks_of_jobs"], {"ids": json.dumps(list(set(job_ids)))}))


def marked(
    snapshot: Snapshot, name: str, *, after: Mark | None = None, limit: int = 100, newest_first: bool = False
) -> list[Mark]:
    statement = "marked_newest_first" if newest_first else "marked"
    values = {"name": rows.mark_name(name), "limit": limit, **rows.mark_start(after, newest_first=newest_first)}
    return [rows.mark_from_row(row) for row in fetch_all(snapshot.db, SQL[statement], values)]


def names(snapshot: Snapshot, prefix: str) -> list[MarkCount]:
    prefix = rows.mark_name(prefix)
    values = {"prefix": prefix, "end": rows.after_prefix(prefix)}
    return [MarkCount(*row) for row in fetch_all(snapshot.db, SQL["mark_names"], values)]
