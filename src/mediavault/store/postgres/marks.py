"""The marks on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from mediavault.core.job import JobId
from mediavault.core.marks import Mark, MarkCount
from mediavault.store import rows
from mediavault.store.postgres.engine import Transaction
from mediavault.store.postgres.server import PostgresServer
from mediavault.store.postgres.sql import SQL


async def put(server: PostgresServer, marks: Sequence[Mark]) -> int:
    async with server.database.transaction() as txn:
        return await put_in(txn, marks, server.now)


async def put_in(txn: Transaction, marks: Sequence[Mark], now: int | None) -> int:
    """Store marks in a transaction that has begun; ``now`` is None for the database's time."""
    distinct = [rows.mark_values(mark, index) for index, mark in enumerate(rows.distinct_marks(marks))]
    stored = 0
    for stay in (True, False):
        given = [values for values in distinct if (values["place"] is None) is stay]
        columns = {f"{name}s": [values[name] for values in given] for name in ("name", "id", "text", "place", "now")}
        if given:
            stored += len(await txn.rows(SQL["put_marks"], {**columns, "stay": stay, "now": now}))
    return stored


async def remove(
    server: PostgresServer, name: str, job_ids: Collection[JobId] | None = None, *, if_text: str | None = None
) -> int:
    ids = None if job_ids is None else list(job_ids)
    return len(
        await server.database.rows(SQL["remove_marks"], {"name": rows.mark_name(name), "ids": ids, "text": if_text})
    )


async def rename(server: PostgresServer, name: str, new_name: str, *, text: str) -> int:
    names = {"name": rows.mark_name(name), "new_name": rows.mark_name(new_name)}
    async with server.database.transaction() as txn:
        if name != new_name and not await txn.rows(SQL["any_mark"], names):
            return 0
        await txn.rows(SQL["rename_marks"], names)
        return len(await txn.rows(SQL["text_of_marks"], {"name": names["new_name"], "text": rows.mark_name(text)}))


async def of_jobs(server: PostgresServer, job_ids: Collection[JobId]) -> Mapping[JobId, tuple[Mark, ...]]:
    return rows.marks_by_job(await server.database.rows(SQL["marks_of_jobs"], {"ids": list(job_ids)}))


async def marked(
    server: PostgresServer, name: str, *, after: Mark | None = None, limit: int = 100, newest_first: bool = False
) -> list[Mark]:
    statement = "marked_newest_first" if newest_first else "marked"
    values = {"name": rows.mark_name(name), "limit": limit, **rows.mark_start(after, newest_first=newest_first)}
    return [rows.mark_from_row(row) for row in await server.database.rows(SQL[statement], values)]


async def names(server: PostgresServer, prefix: str) -> list[MarkCount]:
    values = {"prefix": rows.mark_name(prefix), "end": rows.after_prefix(rows.mark_name(prefix))}
    return [MarkCount(*row) for row in await server.database.rows(SQL["mark_names"], values)]
