"""SQLAlchemy Core on aiosqlite, with mediavault's schema:
the cost of a queue written with the usual toolkit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from benchmarks.subjects import (
    LEASE,
    SAVED,
    Cost,
    Stopwatch,
    bulks,
    expect_completed,
    make_database,
    make_jobs,
    micros,
)
from mediavault.core.job import NewJob

_LEASE_MICROS = int(LEASE.total_seconds() * 1e6)
_SAVED_COLUMNS = (
    "output_path",
    "thumbnail_path",
    "bytes",
    "sha256",
    "duration_s",
    "width",
    "height",
)
_FACTS = {f"saved_{name}": getattr(SAVED, name) for name in _SAVED_COLUMNS}

# Core cannot name an index. Without one named, SQLite scans the index of all jobs, past those that
# are done.
_OLDEST: sa.Select[Any] = (
    sa.select(sa.column("seq"))
    .select_from(sa.text("jobs INDEXED BY jobs_ready"))
    .where(sa.text("status = 'queued'"))
    .order_by(sa.text("created_at, id"))
    .limit(sa.literal_column("1", sa.Integer))
)


def enqueue(folder: Path, count: int) -> Cost:
    return asyncio.run(_enqueue(folder, [[job] for job in make_jobs(count)]))


def enqueue_in_bulk(folder: Path, count: int) -> Cost:
    return asyncio.run(_enqueue(folder, bulks(make_jobs(count))))


def drain(folder: Path, count: int) -> Cost:
    cost = asyncio.run(_drain(folder, count))
    expect_completed(_database(folder), count)
    return cost


async def _enqueue(folder: Path, calls: list[list[NewJob]]) -> Cost:
    async with _opened(folder) as (engine, table):
        watch = Stopwatch()
        await _insert(engine, table, calls)
        return watch.cost(sum(map(len, calls)))


async def _drain(folder: Path, count: int) -> Cost:
    async with _opened(folder) as (engine, table):
        await _insert(engine, table, bulks(make_jobs(count)))
        claim, complete = _claim_statement(table), _complete_statement(table)
        watch = Stopwatch()
        while (claimed := await _claim(engine, claim)) is not None:
            await _complete(engine, complete, *claimed)
        return watch.cost(count)


async def _insert(engine: AsyncEngine, table: sa.Table, calls: list[list[NewJob]]) -> None:
    for jobs in calls:
        async with engine.begin() as connection:
            await connection.execute(table.insert(), [_new_row(job) for job in jobs])


async def _claim(engine: AsyncEngine, claim: sa.Executable) -> tuple[str, int] | None:
    now = micros()
    async with engine.begin() as connection:
        row = (await connection.execute(claim, {"now": now, "until": now + _LEASE_MICROS})).first()
    return None if row is None else (row.id, row.attempt_count)


async def _complete(
    engine: AsyncEngine, complete: sa.Executable, job_id: str, attempt: int
) -> None:
    facts = {"now": micros(), "job": job_id, "fence": attempt, "size": SAVED.bytes, **_FACTS}
    async with engine.begin() as connection:
        result = await connection.execute(complete, facts)
    if result.rowcount != 1:
        raise RuntimeError(f"the job {job_id} was lost")


def _claim_statement(table: sa.Table) -> sa.Executable:
    """Return the claim statement. Built once, like the next one:
    building them for each call would double the cost.
    """
    jobs = table.c
    return (
        table.update()
        .where(jobs.seq.in_(_OLDEST))
        .values(
            status="running",
            attempt_count=jobs.attempt_count + 1,
            started_at=sa.bindparam("now"),
            updated_at=sa.bindparam("now"),
            claimed_by="w-sqlalchemy",
            lease_expires_at=sa.bindparam("until"),
            retry_at=None,
            error_code=None,
            error=None,
            failed_at=None,
            stage="claim",
            progress_pct=0,
            bytes_done=0,
            bytes_total=None,
        )
        .returning(jobs.id, jobs.attempt_count, jobs.post_url)
    )


def _complete_statement(table: sa.Table) -> sa.Executable:
    jobs = table.c
    return (
        table.update()
        .where(
            jobs.id == sa.bindparam("job"),
            jobs.status == sa.literal_column("'running'"),
            jobs.attempt_count == sa.bindparam("fence"),
        )
        .values(
            status="completed",
            updated_at=sa.bindparam("now"),
            completed_at=sa.bindparam("now"),
            claimed_by=None,
            lease_expires_at=None,
            stage="complete",
            progress_pct=100,
            bytes_done=sa.bindparam("size"),
            bytes_total=sa.bindparam("size"),
            **{name: sa.bindparam(f"saved_{name}") for name in _SAVED_COLUMNS},
        )
    )


def _new_row(job: NewJob) -> dict[str, Any]:
    now = micros()
    return {
        "id": job.id,
        "trace_id": job.trace_id,
        "post_url": job.post_url,
        "canonical_url": job.canonical_url,
        "platform": job.platform,
        "created_at": now,
        "updated_at": now,
        "max_attempts": job.max_attempts,
    }


@asynccontextmanager
async def _opened(folder: Path) -> AsyncIterator[tuple[AsyncEngine, sa.Table]]:
    make_database(_database(folder))
    engine = create_async_engine(f"sqlite+aiosqlite:///{_database(folder)}")
    sa.event.listen(engine.sync_engine, "connect", _set_synchronous)
    try:
        async with engine.connect() as connection:
            table = await connection.run_sync(
                lambda sync: sa.Table("jobs", sa.MetaData(), autoload_with=sync)
            )
        yield engine, table
    finally:
        await engine.dispose()


def _set_synchronous(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


def _database(folder: Path) -> Path:
    return folder / "sqlalchemy.db"
