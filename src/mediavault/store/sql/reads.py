"""The reading operations on jobs, workers and site limits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from mediavault.core.clock import from_micros, micros_in, to_micros
from mediavault.core.job import HistoryRecord, Job, JobId, Priority
from mediavault.store import queries, transitions
from mediavault.store.port import StoreReport
from mediavault.store.rows import (
    counts_by_name,
    counts_from_row,
    further_words_by_job,
    history_from_row,
    job_from_row,
)
from mediavault.store.rows import moment as moment_or_none
from mediavault.store.search_words import FurtherWords
from mediavault.store.sql.txn import Row, SqlTxn


async def get(txn: SqlTxn, job_id: JobId) -> Job:
    rows = await txn.rows("get", {"id": job_id})
    if not rows:
        raise transitions.job_not_found(job_id)
    return job_from_row(rows[0])


async def words_of(txn: SqlTxn, job_ids: Collection[JobId]) -> Mapping[JobId, FurtherWords]:
    return further_words_by_job(await txn.rows("further_words_of_jobs", {"ids": list(job_ids)}))


async def of_posts(txn: SqlTxn, canonical_urls: Collection[str]) -> dict[str, Job]:
    jobs = map(job_from_row, await txn.rows("newest_of_posts", {"urls": list(canonical_urls)}))
    return {job.canonical_url: job for job in jobs}


async def ids_beginning(txn: SqlTxn, beginnings: Collection[str], *, limit: int) -> list[JobId]:
    values = {"beginnings": list(beginnings), "limit": limit}
    return [JobId(job_id) for [job_id] in await txn.rows("ids_beginning", values)]


async def next_queued(txn: SqlTxn, *, limit: int) -> list[Job]:
    platforms = [row[0] for row in await txn.rows("queued_platforms")]
    first = await first_queued(txn, dict.fromkeys(platforms, limit), limit, platforms)
    rows = await txn.rows("of_seqs", {"seqs": [row[-1] for row in first]})
    return sorted(map(job_from_row, rows), key=queries.turn_of)


async def first_queued(
    txn: SqlTxn,
    capacity: Mapping[str, int],
    limit: int,
    sessions: Collection[str],
    *,
    at_least: Priority = Priority.LATER,
) -> Sequence[Row]:
    """Return ``(priority, created_at, id, seq)`` of the first jobs of the queue, at most
    ``capacity`` of each platform.
    """
    first: list[Row] = []
    for platform, count in capacity.items():
        values = {"platform": platform, "limit": count, "needs_session": 0, "lowest": at_least.rank}
        rows = list(await txn.rows("first_queued", values))
        if platform in sessions:
            rows += await txn.rows("first_queued", {**values, "needs_session": 1})
            rows = sorted(rows, key=tuple)[:count]
        first += rows
    if len(capacity) > 1:
        first.sort(key=tuple)
    return first[:limit]


async def changed_since(txn: SqlTxn, moment: datetime, *, limit: int = 500) -> list[Job]:
    rows = await txn.rows("changed_since", {"moment": to_micros(moment), "limit": limit})
    return [job_from_row(row) for row in rows]


async def history(txn: SqlTxn, job_id: JobId) -> list[HistoryRecord]:
    rows = await txn.rows("history", {"id": job_id})
    if not rows:
        raise transitions.job_not_found(job_id)
    # a job without history is one row of NULLs
    return [history_from_row(row) for row in rows if row[0] is not None]


async def next_due(txn: SqlTxn) -> datetime | None:
    rows = await txn.rows("next_due")
    return moment_or_none(rows[0][0]) if rows else None


async def count_unparsed(txn: SqlTxn, *, within: timedelta) -> dict[str, int]:
    return counts_by_name(await txn.rows("count_unparsed", {"within": micros_in(within)}))


async def report(txn: SqlTxn, *, engine: str, schema_version: int) -> StoreReport:
    [[micros, *row, oldest]] = await txn.rows("counts")
    return StoreReport(
        engine=engine,
        schema_version=schema_version,
        at=from_micros(micros),
        counts=counts_from_row(row),
        waiting=counts_by_name(await txn.rows("waiting")),
        oldest_queued_at=moment_or_none(oldest),
    )
