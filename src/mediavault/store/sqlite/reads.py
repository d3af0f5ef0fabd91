"""The reading operations, as functions of a connection that cannot write."""

from __future__ import annotations

from datetime import datetime

from mediavault.core.clock import to_micros
from mediavault.core.gates import Gate
from mediavault.core.job import HistoryRecord, Job, JobId, JobStatus, WorkerBeat
from mediavault.store import moves
from mediavault.store.rows import (
    beat_from_row,
    counts_from_row,
    gate_from_row,
    history_from_row,
    job_from_row,
    moment,
)
from mediavault.store.sqlite.engine import Connection, fetch_all
from mediavault.store.sqlite.statements import SQL


def get(db: Connection, job_id: JobId) -> Job:
    rows = fetch_all(db, SQL["get"], {"id": job_id})
    if not rows:
        raise moves.job_not_found(job_id)
    return job_from_row(rows[0])


def changed_since(db: Connection, at: datetime, limit: int) -> list[Job]:
    rows = fetch_all(db, SQL["changed_since"], {"moment": to_micros(at), "limit": limit})
    return [job_from_row(row) for row in rows]


def history(db: Connection, job_id: JobId) -> list[HistoryRecord]:
    rows = fetch_all(db, SQL["history"], {"id": job_id})
    if not rows:
        raise moves.job_not_found(job_id)
    return [history_from_row(row) for row in rows if row[0] is not None]  # a job without history is one row of NULLs


def next_due(db: Connection) -> datetime | None:
    rows = fetch_all(db, SQL["next_due"])
    return moment(rows[0][0]) if rows else None


def gates(db: Connection) -> list[Gate]:
    return [gate_from_row(row) for row in fetch_all(db, SQL["gates"])]


def agreed(db: Connection) -> dict[str, str]:
    return dict(fetch_all(db, SQL["agreed"]))


def workers(db: Connection, since: datetime) -> list[WorkerBeat]:
    return [beat_from_row(row) for row in fetch_all(db, SQL["workers"], {"since": to_micros(since)})]


def not_understood(db: Connection, since: datetime) -> dict[str, int]:
    return dict(fetch_all(db, SQL["not_understood"], {"since": to_micros(since)}))


def counts(db: Connection) -> tuple[dict[JobStatus, int], datetime | None]:
    """How many jobs stand in each state, and when the oldest queued one was handed in."""
    [[*row, oldest]] = fetch_all(db, SQL["counts"])
    return counts_from_row(row), moment(oldest)


def waiting(db: Connection) -> dict[str, int]:
    return dict(fetch_all(db, SQL["waiting"]))
