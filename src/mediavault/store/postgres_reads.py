"""The reading operations on PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from mediavault.core.clock import to_micros
from mediavault.core.gates import Gate
from mediavault.core.job import HistoryRecord, Job, JobId, JobStatus, WorkerBeat
from mediavault.store import codec, moves, paging
from mediavault.store.port import JobPage, JobQuery
from mediavault.store.postgres_engine import Database, Statement, positional
from mediavault.store.postgres_ops import SQL
from mediavault.store.rows import JOB_COLUMNS, beat_from_row, gate_from_row, history_from_row, job_from_row, moment


async def get(database: Database, job_id: JobId) -> Job:
    rows = await database.rows(SQL["get"], {"id": job_id})
    if not rows:
        raise moves.job_not_found(job_id)
    return job_from_row(rows[0])


async def jobs(database: Database, query: JobQuery) -> JobPage:
    statement, values = page_statement(query)
    found = [job_from_row(row) for row in await database.rows(statement, values)]
    page = tuple(found[: query.limit])
    return JobPage(page, paging.cursor_of(page[-1]) if page and len(found) > len(page) else None)


def page_statement(query: JobQuery) -> tuple[Statement, dict[str, Any]]:
    """The statement of a page and one job more, which tells whether there is a next page.

    Raises BadInput for a cursor that is none. Statuses come from the enum, so they may stand in the text as literals.
    """
    statuses = sorted({status.value for status in query.statuses})
    values: dict[str, Any] = {"limit": query.limit + 1}
    conditions = []
    if statuses:
        conditions.append(f"status IN ({', '.join(repr(status) for status in statuses)})")
    if query.platform is not None:
        conditions.append("platform = :platform::text")
        values["platform"] = query.platform
    if query.text:
        conditions.append("position(:text::text IN search_text) > 0")
        values["text"] = codec.storable(query.text).casefold()
    if query.cursor is not None:
        conditions.append("(created_at, id) < (:created_at::bigint, :id::text)")
        values["created_at"], values["id"] = paging.place_from(query.cursor)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    select = f"SELECT {JOB_COLUMNS} FROM mediavault.jobs {where}"  # noqa: S608 - nothing comes from outside
    return positional(f"{select} ORDER BY created_at DESC, id DESC LIMIT :limit::int"), values


async def changed_since(database: Database, at: datetime, limit: int) -> list[Job]:
    rows = await database.rows(SQL["changed_since"], {"moment": to_micros(at), "limit": limit})
    return [job_from_row(row) for row in rows]


async def history(database: Database, job_id: JobId) -> list[HistoryRecord]:
    rows = await database.rows(SQL["history"], {"id": job_id})
    if not rows:
        raise moves.job_not_found(job_id)
    return [history_from_row(row) for row in rows if row[0] is not None]  # a job without history is one row of NULLs


async def next_due(database: Database) -> datetime | None:
    rows = await database.rows(SQL["next_due"], {})
    return moment(rows[0][0]) if rows else None


async def gates(database: Database) -> list[Gate]:
    return [gate_from_row(row) for row in await database.rows(SQL["gates"], {})]


async def agreed(database: Database) -> dict[str, str]:
    return {row[0]: row[1] for row in await database.rows(SQL["agreed"], {})}


async def workers(database: Database, seen_within: timedelta, now: int | None) -> list[WorkerBeat]:
    values = {"now": now, "seen_within": seen_within // timedelta(microseconds=1)}
    return [beat_from_row(row) for row in await database.rows(SQL["workers"], values)]


async def not_understood(database: Database, within: timedelta, now: int | None) -> dict[str, int]:
    values = {"now": now, "within": within // timedelta(microseconds=1)}
    return {row[0]: row[1] for row in await database.rows(SQL["not_understood"], values)}


async def counts(database: Database, now: int | None) -> tuple[datetime, dict[JobStatus, int]]:
    """The database's time, and how many jobs stand in each state."""
    [[micros, queued, running, failed, cancelled, total]] = await database.rows(SQL["counts"], {"now": now})
    at = moment(micros)
    assert at is not None
    return at, {
        JobStatus.QUEUED: queued,
        JobStatus.RUNNING: running,
        JobStatus.COMPLETED: total - queued - running - failed - cancelled,
        JobStatus.FAILED: failed,
        JobStatus.CANCELLED: cancelled,
    }


async def waiting(database: Database) -> dict[str, int]:
    return {row[0]: row[1] for row in await database.rows(SQL["waiting"], {})}
