"""The reading operations on PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta

from mediavault.core.clock import to_micros
from mediavault.core.gates import Gate
from mediavault.core.job import HistoryRecord, Job, JobId, JobStatus, WorkerBeat
from mediavault.store import moves
from mediavault.store.postgres.engine import Database
from mediavault.store.postgres.sql import SQL
from mediavault.store.rows import (
    beat_from_row,
    counts_from_row,
    gate_from_row,
    history_from_row,
    job_from_row,
    moment,
)


async def get(database: Database, job_id: JobId) -> Job:
    rows = await database.rows(SQL["get"], {"id": job_id})
    if not rows:
        raise moves.job_not_found(job_id)
    return job_from_row(rows[0])


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


async def counts(database: Database, now: int | None) -> tuple[datetime, dict[JobStatus, int], datetime | None]:
    """The database's time, how many jobs stand in each state, and when the oldest queued one was handed in."""
    [[micros, *row, oldest]] = await database.rows(SQL["counts"], {"now": now})
    at = moment(micros)
    assert at is not None
    return at, counts_from_row(row), moment(oldest)


async def waiting(database: Database) -> dict[str, int]:
    return {row[0]: row[1] for row in await database.rows(SQL["waiting"], {})}
