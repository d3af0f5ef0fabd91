"""The lower bound: a plain loop over the standard library's sqlite3, with mediavault's schema and
minimal code.

One statement per transition, each in its own transaction. No history, no lease renewal, no event
loop, no thread. "Fused" is the best that such a loop can do while it promises what mediavault
promises: the completion, the next claim and the history records of both in one transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks.subjects import (
    LEASE,
    SAVED,
    Cost,
    Stopwatch,
    Task,
    bulks,
    expect_completed,
    make_database,
    make_jobs,
    micros,
)
from mediavault.core.job import NewJob

ENQUEUE = """
INSERT INTO jobs (id, trace_id, post_url, canonical_url, platform, created_at, updated_at,
  max_attempts)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
# LIMIT is a literal: a bound one makes SQLite prepare the statement again at every call.
CLAIM = """
UPDATE jobs
   SET status = 'running', attempt_count = attempt_count + 1, started_at = ?, updated_at = ?,
       claimed_by = ?, lease_expires_at = ?,
       retry_at = NULL, error_code = NULL, error = NULL, failed_at = NULL,
       stage = 'claim', progress_pct = 0, bytes_done = 0, bytes_total = NULL
 WHERE seq IN (SELECT seq FROM jobs INDEXED BY jobs_ready WHERE status = 'queued'
   ORDER BY created_at, id LIMIT 1)
RETURNING id, attempt_count, post_url, seq
"""
COMPLETE = """
UPDATE jobs INDEXED BY jobs_id
   SET status = 'completed', updated_at = ?, completed_at = ?, claimed_by = NULL,
     lease_expires_at = NULL,
       stage = 'complete', progress_pct = 100, bytes_done = ?, bytes_total = ?,
       output_path = ?, thumbnail_path = ?, bytes = ?, sha256 = ?, duration_s = ?, width = ?, height = ?
 WHERE id = ? AND status = 'running' AND attempt_count = ?
"""  # noqa: E501
APPEND_HISTORY = """
INSERT INTO history (job, at, attempt, stage, outcome, detail, bytes, duration_ms) VALUES (?, ?, ?,
  ?, 'ok', ?, ?, ?)
"""
_LEASE_MICROS = int(LEASE.total_seconds() * 1e6)


class _Claimed(NamedTuple):
    id: str
    attempt: int
    post_url: str
    seq: int


def enqueue(synchronous: str) -> Task:
    def run(folder: Path, count: int) -> Cost:
        db = _connect(folder, synchronous)
        jobs = make_jobs(count)
        watch = Stopwatch()
        for job in jobs:
            db.execute(ENQUEUE, _new_row(job))
        return watch.cost(count)

    return run


def enqueue_in_bulk(synchronous: str) -> Task:
    def run(folder: Path, count: int) -> Cost:
        db = _connect(folder, synchronous)
        jobs = make_jobs(count)
        watch = Stopwatch()
        _enqueue_bulks(db, bulks(jobs))
        return watch.cost(count)

    return run


def drain(synchronous: str) -> Task:
    return _drain(synchronous, _work)


def drain_fused(synchronous: str) -> Task:
    return _drain(synchronous, _work_fused)


def _drain(synchronous: str, work: Callable[[sqlite3.Connection], None]) -> Task:
    def run(folder: Path, count: int) -> Cost:
        db = _connect(folder, synchronous)
        _enqueue_bulks(db, bulks(make_jobs(count)))
        watch = Stopwatch()
        work(db)
        cost = watch.cost(count)
        expect_completed(_database(folder), count)
        return cost

    return run


def _work(db: sqlite3.Connection) -> None:
    while (claimed := _claim(db)) is not None:
        _complete(db, claimed)


def _work_fused(db: sqlite3.Connection) -> None:
    claimed = _claim(db)
    while claimed is not None:
        db.execute("BEGIN IMMEDIATE")
        _complete(db, claimed)
        db.execute(
            APPEND_HISTORY, (claimed.seq, micros(), claimed.attempt, "complete", "", SAVED.bytes, 0)
        )
        claimed = _claim(db)
        if claimed is not None:
            db.execute(
                APPEND_HISTORY, (claimed.seq, micros(), claimed.attempt, "claim", "w-raw", 0, 0)
            )
        db.execute("COMMIT")


def _claim(db: sqlite3.Connection) -> _Claimed | None:
    now = micros()
    rows = db.execute(CLAIM, (now, now, "w-raw", now + _LEASE_MICROS)).fetchall()
    return _Claimed(*rows[0]) if rows else None


def _complete(db: sqlite3.Connection, claimed: _Claimed) -> None:
    if db.execute(COMPLETE, _saved_row(claimed.id, claimed.attempt)).rowcount != 1:
        raise RuntimeError(f"the job {claimed.id} was lost")


def _enqueue_bulks(db: sqlite3.Connection, many: Iterable[list[NewJob]]) -> None:
    for jobs in many:
        db.execute("BEGIN IMMEDIATE")
        db.executemany(ENQUEUE, [_new_row(job) for job in jobs])
        db.execute("COMMIT")


def _new_row(job: NewJob) -> tuple[object, ...]:
    now = micros()
    return (
        job.id,
        job.trace_id,
        job.post_url,
        job.canonical_url,
        job.platform,
        now,
        now,
        job.max_attempts,
    )


def _saved_row(job_id: str, attempt: int) -> tuple[object, ...]:
    now = micros()
    return (
        now,
        now,
        SAVED.bytes,
        SAVED.bytes,
        SAVED.output_path,
        SAVED.thumbnail_path,
        SAVED.bytes,
        SAVED.sha256,
        SAVED.duration_s,
        SAVED.width,
        SAVED.height,
        job_id,
        attempt,
    )


def _connect(folder: Path, synchronous: str) -> sqlite3.Connection:
    make_database(_database(folder))
    db = sqlite3.connect(_database(folder), isolation_level=None)
    db.execute(f"PRAGMA synchronous = {synchronous}")
    return db


def _database(folder: Path) -> Path:
    return folder / "raw.db"
