"""Copies a store into another and compares the two. May be killed at any point and repeated.

A job is copied with its history, its marks and its words in one transaction of the target. If the
target has an earlier state of it, that is removed and the job copied again: after a kill in between
it is missing until the next copy. A job that has changed in the target is never touched. The source
is only read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, JobNotFound, StoreDamaged
from mediavault.core.job import Job, JobId
from mediavault.core.marks import Mark
from mediavault.core.messages import Message, counted
from mediavault.core.records import MOVING_KINDS, Record, RecordKind
from mediavault.core.typed_records import refuse_mistyped
from mediavault.maintenance.comparing import (
    Comparison,
    TransferState,
    counts_as_adopted,
    missing_marks,
    missing_words,
    transfer_state,
)
from mediavault.store.bulk import iter_pages
from mediavault.store.port import JobCatalogue, JobQuery, Records, Store, StoredJob, Tables, Workers
from mediavault.store.search_words import WordSource
from mediavault.store.tables import MOVING_TABLES, Table, TableRow

PAGE = 100
RECORDS_AT_ONCE = 500
LARGE_ROWS_AT_ONCE = 10
# limit of a page of a backup, as if every row were as large as the largest; a job in memory is many
# times larger
PAGE_BYTES = 4 << 20
MAX_VIDEO_BYTES = 1 << 50  # databases add up thousands of sizes in 63 bits

STOPPED_CHECK_S = 1.0

OnJobs = Callable[[int], None]  # called with the number of jobs just processed


class Progress(Protocol):
    """Receives the progress of a long operation."""

    def start(self, words: str, total: int | None) -> None:
        """Begin a step with ``total`` jobs, None when unknown."""

    def advance(self, count: int) -> None:
        """Report that ``count`` more jobs are done."""


async def move(
    source: Store,
    target: Store,
    onlooker: Progress,
    clock: Clock,
    *,
    alive_within: timedelta,
    while_running: bool = False,
) -> tuple[Copied, Comparison]:
    """Copy everything and compare. A worker counts as running if it sent a heartbeat
    ``alive_within``.

    Raises BadInput when workers are running, or the target belongs to another vault. With
    ``while_running`` the source's workers may run: everything is copied, and the changes are copied
    once the last worker has stopped.
    """
    await _refuse_busy(target.workers, alive_within)
    await _refuse_other_vault(source, target)
    if workers := await source.workers.alive(seen_within=alive_within):
        if not while_running:
            raise BadInput(
                counted(len(workers), "worker is still running.", "workers are still running."),
                help=(
                    "Stop `mediavault serve` and all workers first, or copy most of it before with"
                    " --while-running."
                ),
            )
        onlooker.start("Copying while workers run", await count_jobs(source.catalogue))
        await copy_jobs(source, target, on_jobs=onlooker.advance)
        onlooker.start("Stop `mediavault serve` and all workers now; waiting for them", None)
        while await source.workers.alive(seen_within=alive_within):
            await clock.sleep(STOPPED_CHECK_S)
    return await _copy_and_compare(source, target, onlooker)


async def restore(
    backup: Store,
    target: Store,
    onlooker: Progress,
    *,
    alive_within: timedelta,
    largest_row: int = 0,
) -> tuple[Copied, Comparison]:
    """Like :func:`move` for a backup, whose workers were running when it was written and do not
    count.

    ``largest_row``, in bytes, limits how many jobs are in memory at a time. Raises BadInput, before
    anything is written, for a backup with a row that cannot be read.
    """
    await _refuse_busy(target.workers, alive_within)
    onlooker.start("Reading the backup", await count_jobs(backup.catalogue))
    page = max(1, min(PAGE, PAGE_BYTES // max(1, largest_row)))
    await _refuse_unreadable(backup, page=page, on_jobs=onlooker.advance)
    await _refuse_other_vault(backup, target)
    return await _copy_and_compare(backup, target, onlooker, page=page)


async def _copy_and_compare(
    source: Store, target: Store, onlooker: Progress, *, page: int = PAGE
) -> tuple[Copied, Comparison]:
    onlooker.start("Copying", await count_jobs(source.catalogue))
    copied = await copy_jobs(source, target, on_jobs=onlooker.advance, page=page)
    await copy_rest(source, target)
    onlooker.start("Comparing", await count_jobs(source.catalogue))
    return copied, await compare(source, target, on_jobs=onlooker.advance, page=page)


async def count_jobs(catalogue: JobCatalogue) -> int:
    """The number of jobs of all statuses."""
    return sum((await catalogue.report()).counts.values())


@dataclass(slots=True)
class Copied:
    """The result of one pass. ``kept`` jobs were there already;
    ``other`` have changed in the target.
    """

    new: int = 0
    renewed: int = 0
    kept: int = 0
    other: int = 0


async def copy_jobs(
    source: Store, target: Store, *, on_jobs: OnJobs = lambda _: None, page: int = PAGE
) -> Copied:
    """Copy every job that the source has at the start, ``page`` jobs at a time."""
    copied = Copied()
    # newest first: later jobs are not seen
    async for jobs in iter_pages(source.catalogue, JobQuery(limit=page)):
        wanted: list[StoredJob] = []
        marks: list[Mark] = []
        words: list[tuple[JobId, WordSource, str]] = []
        for stored, existing in await _pairs(jobs, source, target):
            match transfer_state(stored, existing):
                case TransferState.MISSING:
                    wanted.append(stored)
                case TransferState.OLDER:
                    await target.catalogue.remove(stored.job.id)
                    wanted.append(stored)
                    copied.renewed += 1
                case TransferState.SAME:
                    copied.kept += 1
                case TransferState.OTHER:
                    copied.other += 1
            if existing:
                marks += missing_marks(stored, existing)
                words += [
                    (stored.job.id, *word) for word in missing_words(stored, existing).items()
                ]
        copied.new += await target.catalogue.import_jobs(wanted) if wanted else 0
        await target.marks.put(marks)
        for job_id, source_of_words, line in words:
            await target.catalogue.put_words(job_id, source_of_words, line)
        on_jobs(len(jobs))
    copied.new -= copied.renewed
    return copied


async def copy_rest(source: Store, target: Store) -> None:
    """Copy the site limits and records that the target lacks,
    and the constants that the source's processes share.
    """
    await target.site_limits.import_limits(await source.site_limits.all_limits())
    for name, value in (await source.records.constants()).items():
        await target.records.set_once(name, value)
    for kind in MOVING_KINDS:
        async for page in _record_pages(source.records, kind):
            known = await target.records.some(kind, [record.key for record in page])
            missing = [record for record in page if record.key not in known]
            lasting = {record.key: record.value for record in missing if record.expires_at is None}
            await target.records.put_all(kind, lasting)
            for record in missing:
                if record.expires_at is not None:
                    await target.records.put(
                        kind, record.key, record.value, expires_at=record.expires_at
                    )
    for table in MOVING_TABLES:
        async for rows in _missing_rows(source, target, table):
            await target.tables.put(table, rows)


async def _record_pages(records: Records, kind: RecordKind) -> AsyncIterator[list[Record]]:
    """Yield the records of a kind by their keys, some hundreds at a time."""
    after = ""
    while page := await records.under(kind, "", after=after, limit=RECORDS_AT_ONCE):
        yield page
        after = page[-1].key


async def _row_pages(tables: Tables, table: Table) -> AsyncIterator[list[TableRow]]:
    """Yield the rows of a table by their keys, some hundreds at a time, or a few large ones."""
    after: tuple[str, ...] = ()
    limit = LARGE_ROWS_AT_ONCE if table.has_large_rows else RECORDS_AT_ONCE
    while page := await tables.select(table, {}, after=after, limit=limit):
        yield page
        after = page[-1].key_in(table)


async def _missing_rows(
    source: Store, target: Store, table: Table
) -> AsyncIterator[list[TableRow]]:
    """Yield the rows whose keys the target lacks, as :func:`_row_pages` does;
    one that differs there does not count.
    """
    async for rows in _row_pages(source.tables, table):
        keys = [row.key_in(table) for row in rows]
        existing = {row.key_in(table) for row in await target.tables.some(table, keys)}
        yield [row for row in rows if row.key_in(table) not in existing]


# What the reading of a row raises that mediavault did not write.
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


async def _refuse_unreadable(backup: Store, *, page: int, on_jobs: OnJobs) -> None:
    """Read everything once: a sound database may contain a row that mediavault did not write.
    Raises BadInput.
    """
    try:
        async for jobs in iter_pages(backup.catalogue, JobQuery(limit=page)):
            for job in jobs:
                _refuse_impossible(job)
                for record in await backup.catalogue.history(job.id):
                    refuse_mistyped(record)
            on_jobs(len(jobs))
        for limit in await backup.site_limits.all_limits():
            refuse_mistyped(limit)
        for kind in MOVING_KINDS:
            async for _ in _record_pages(backup.records, kind):
                pass
        for table in MOVING_TABLES:
            async for _ in _row_pages(backup.tables, table):
                pass
    except (StoreDamaged, *_UNREADABLE) as exc:
        # which the store has called damage
        cause = exc.__cause__ if isinstance(exc, StoreDamaged) else exc
        if not isinstance(cause, _UNREADABLE):
            raise
        raise BadInput(
            Message(
                "The backup holds a row that cannot be read (%(name)s: %(error)s).",
                name=type(cause).__name__,
                error=cause,
            ),
            help=(
                "Nothing was imported. Restore another backup, or rebuild from the library with"
                " `mediavault rebuild`."
            ),
        ) from exc


def _refuse_impossible(job: Job) -> None:
    """Raise TypeError or ValueError for a job that would break pages that show it or sum sizes."""
    refuse_mistyped(job)
    if not 0 <= (job.bytes or 0) <= MAX_VIDEO_BYTES:
        raise ValueError(f"no video has {job.bytes} bytes")


async def _refuse_busy(workers: Workers, alive_within: timedelta) -> None:
    if await workers.alive(seen_within=alive_within):
        raise BadInput(
            "Workers are still running at the target.",
            help="Stop them until everything has been moved.",
        )


async def _refuse_other_vault(source: Store, target: Store) -> None:
    """Raise BadInput when the target's constants differ, such as the id of the library."""
    target_constants = await target.records.constants()
    for name, value in (await source.records.constants()).items():
        if target_constants.get(name, value) != value:
            raise BadInput(
                Message(
                    "The target belongs to another vault: its %(name)s is %(there)s, this one's is"
                    " %(value)s.",
                    name=name,
                    there=target_constants[name],
                    value=value,
                ),
                help="Name an empty database.",
            )


async def compare(
    source: Store, target: Store, *, on_jobs: OnJobs = lambda _: None, page: int = PAGE
) -> Comparison:
    """Compare every job with all its fields and its history, the site limits,
    the records and the constants.
    """
    comparison = Comparison()
    async for jobs in iter_pages(source.catalogue, JobQuery(limit=page)):
        for stored, existing in await _pairs(jobs, source, target):
            comparison.add(stored, existing)
        on_jobs(len(jobs))
    comparison.source_counts = counts_as_adopted((await source.catalogue.report()).counts)
    comparison.target_counts = (await target.catalogue.report()).counts
    site_limits = {limit.platform for limit in await target.site_limits.all_limits()}
    comparison.missing_site_limits = tuple(
        limit.platform
        for limit in await source.site_limits.all_limits()
        if limit.platform not in site_limits
    )
    target_constants = await target.records.constants()
    comparison.missing_agreed = tuple(
        name
        for name, value in (await source.records.constants()).items()
        if target_constants.get(name) != value
    )
    comparison.missing_records = tuple([name async for name in _missing_records(source, target)])
    return comparison


async def _missing_records(source: Store, target: Store) -> AsyncIterator[str]:
    """Yield the names of the records that the target lacks;
    one that differs there does not count.
    """
    for kind in MOVING_KINDS:
        async for page in _record_pages(source.records, kind):
            existing = await target.records.some(kind, [record.key for record in page])
            for record in page:
                if record.key not in existing:
                    yield f"{kind} {record.key}"
    for table in MOVING_TABLES:
        async for rows in _missing_rows(source, target, table):
            for row in rows:
                yield f"{table.name} {'/'.join(row.key_in(table))}"


async def _pairs(
    page: tuple[Job, ...], source: Store, target: Store
) -> list[tuple[StoredJob, StoredJob | None]]:
    """Return each job of the page as both stores have it now,
    without those that were removed from the source.
    """
    ids = [job.id for job in page]
    ours, theirs = await asyncio.gather(_stored(source, ids), _stored(target, ids))
    return [(ours[job_id], theirs.get(job_id)) for job_id in ids if job_id in ours]


async def _stored(store: Store, ids: list[JobId]) -> dict[JobId, StoredJob]:
    jobs = await asyncio.gather(*(_read_job(store.catalogue, job_id) for job_id in ids))
    marks = await store.marks.of_jobs(ids)
    words = await store.catalogue.words_of(ids)
    return {
        job.job.id: replace(job, marks=marks.get(job.job.id, ()), words=words.get(job.job.id, {}))
        for job in jobs
        if job is not None
    }


async def _read_job(catalogue: JobCatalogue, job_id: JobId) -> StoredJob | None:
    """Read a job with its history, again if the history has grown while the job was read."""
    try:
        while True:
            before = await catalogue.history(job_id)
            job = await catalogue.get(job_id)
            after = await catalogue.history(job_id)
            if before == after:
                return StoredJob(job, tuple(after))
    except JobNotFound:
        return None
