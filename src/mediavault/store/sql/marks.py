"""The marks."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from mediavault.core.job import JobId
from mediavault.core.marks import Mark, MarkCount
from mediavault.store import rows
from mediavault.store.sql.txn import SqlTxn


async def put(txn: SqlTxn, marks: Sequence[Mark]) -> int:
    distinct = [
        rows.mark_values(mark, number) for number, mark in enumerate(rows.distinct_marks(marks))
    ]
    stored = 0
    for stay in (True, False):  # where the mark is already: at its place, or at the new one
        given = [values for values in distinct if (values["place"] is None) is stay]
        if given:
            stored += len(await txn.rows("put_marks", {"marks": json.dumps(given), "stay": stay}))
    return stored


async def remove(
    txn: SqlTxn, name: str, job_ids: Collection[JobId] | None = None, *, if_text: str | None = None
) -> int:
    values = {
        "name": rows.mark_name(name),
        "text": if_text,
        "all": job_ids is None,
        "ids": list(job_ids or ()),
    }
    return len(await txn.rows("remove_marks", values))


async def rename(txn: SqlTxn, name: str, new_name: str, *, text: str) -> int:
    name, new_name, text = rows.mark_name(name), rows.mark_name(new_name), rows.mark_name(text)
    if new_name != name:
        taken = await txn.rows("take_marks", {"name": name})
        if not taken:
            return 0
        moved = json.dumps([list(row) for row in taken])
        await txn.rows("give_marks", {"name": new_name, "text": text, "marks": moved})
    return len(await txn.rows("text_of_marks", {"name": new_name, "text": text}))


async def of_jobs(txn: SqlTxn, job_ids: Collection[JobId]) -> Mapping[JobId, tuple[Mark, ...]]:
    return rows.marks_by_job(await txn.rows("marks_of_jobs", {"ids": list(set(job_ids))}))


async def marked(
    txn: SqlTxn,
    name: str,
    *,
    after: Mark | None = None,
    limit: int = 100,
    newest_first: bool = False,
) -> list[Mark]:
    values = {
        "name": rows.mark_name(name),
        "limit": limit,
        **rows.mark_start(after, newest_first=newest_first),
    }
    found = await txn.rows("marked_newest_first" if newest_first else "marked", values)
    return [rows.mark_from_row(row) for row in found]


async def names(txn: SqlTxn, prefix: str) -> list[MarkCount]:
    prefix = rows.mark_name(prefix)
    found = await txn.rows("mark_names", {"prefix": prefix, "end": rows.after_prefix(prefix)})
    return [MarkCount(*row) for row in found]
