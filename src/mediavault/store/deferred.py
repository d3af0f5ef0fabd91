"""Deferred work: what is still to be done for a saved post at some later time, a row for each job
and kind of work.

Any worker takes what is due. One that dies in between loses nothing: its hold on the row ends, and
another takes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mediavault.core.clock import Clock, to_micros
from mediavault.core.job import JobId
from mediavault.store.port import Tables
from mediavault.store.tables import DEFERRED_WORK, Range, TableRow

HELD_FOR = timedelta(minutes=15)  # how long one try may take
# before each further try
WAITS = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=3))


class DeferredWork(StrEnum):
    """Kinds of work. The values are stored: never rename one."""

    SUBTITLES = "subtitles"
    COMMENTS = "comments"
    SEGMENTS = "segments"  # of SponsorBlock
    SEGMENTS_AGAIN = "segments_again"  # when they have settled


@dataclass(frozen=True, slots=True)
class DeferredTask:
    """One piece of work that is due at ``at``; ``tries`` have failed. ``row`` is what is stored."""

    work: DeferredWork
    job_id: JobId
    at: datetime
    tries: int
    row: TableRow


async def schedule(tables: Tables, work: DeferredWork, job_id: JobId, at: datetime) -> None:
    """Plan this work for a job, unless it is planned already."""
    await tables.replace(DEFERRED_WORK, _row(work, job_id, at, 0), if_value=None)


async def due(tables: Tables, clock: Clock, *, limit: int) -> Sequence[DeferredTask]:
    """Return the work that is due now, the longest due first.
    What another version of mediavault has planned is left out.
    """
    until, rows = Range(at_most=to_micros(clock.now())), list[TableRow]()
    for work in DeferredWork:
        where = {"work": work.value, "due_at": until}
        rows += await tables.select(DEFERRED_WORK, where, order=["due_at"], limit=limit)
    return sorted(map(_task, rows), key=lambda task: (task.at, task.work, task.job_id))[:limit]


async def take(tables: Tables, clock: Clock, task: DeferredTask) -> DeferredTask | None:
    """Hold the work for one try; None when another worker was faster."""
    return await _replace(tables, task, clock.now() + HELD_FOR, task.tries)


async def finish(tables: Tables, task: DeferredTask) -> None:
    """Note that the work is done, or will never be."""
    await tables.remove(DEFERRED_WORK, {"work": task.work.value, "job": task.job_id})


async def postpone(tables: Tables, task: DeferredTask, at: datetime) -> None:
    """Plan the work for another time without counting a try."""
    await _replace(tables, task, at, task.tries)


async def try_again(tables: Tables, clock: Clock, task: DeferredTask) -> datetime | None:
    """Plan the next try after one that failed; return its time,
    or None when it was the last one.
    """
    if task.tries >= len(WAITS):
        await finish(tables, task)
        return None
    at = clock.now() + WAITS[task.tries]
    await _replace(tables, task, at, task.tries + 1)
    return at


async def _replace(
    tables: Tables, task: DeferredTask, at: datetime, tries: int
) -> DeferredTask | None:
    row = _row(task.work, task.job_id, at, tries)
    is_ours = await tables.replace(DEFERRED_WORK, row, if_value=task.row.value)
    return _task(row) if is_ours else None


def _row(work: DeferredWork, job_id: JobId, at: datetime, tries: int) -> TableRow:
    columns = {"work": work.value, "job": job_id, "due_at": to_micros(at)}
    return TableRow(columns, {"at": at.isoformat(), "tries": tries})


def _task(row: TableRow) -> DeferredTask:
    work, job_id = DeferredWork(str(row.columns["work"])), JobId(str(row.columns["job"]))
    return DeferredTask(
        work, job_id, datetime.fromisoformat(row.value["at"]), int(row.value["tries"]), row
    )
