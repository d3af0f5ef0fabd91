"""The writing operations on PostgreSQL. Each is one statement, or checks a locked row and then writes.

A fenced statement that changes no row means LeaseLost.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from mediavault.core.clock import micros_in
from mediavault.core.failures import ErrorCode, StoreError
from mediavault.core.job import (
    ClaimedJob,
    HistoryRecord,
    Job,
    JobId,
    JobItem,
    JobStatus,
    NewJob,
    Priority,
    Stage,
    WorkerId,
)
from mediavault.core.media import KeptFile
from mediavault.core.messages import Message, to_json
from mediavault.store import codec, search_words, transitions
from mediavault.store.library_index import IndexEntry, entry_from_row, entry_of, running_values
from mediavault.store.port import Checkpoint, Enqueued, Recovered, RecoveredJob, StoredJob
from mediavault.store.postgres import library_index
from mediavault.store.postgres.engine import Row, Transaction
from mediavault.store.postgres.reads import get, of_posts
from mediavault.store.postgres.server import PostgresServer
from mediavault.store.postgres.shared import PostgresStatements
from mediavault.store.postgres.sql import SQL
from mediavault.store.rows import (
    SEQ,
    checkpoint_values,
    history_row,
    job_from_row,
    micros_or_none,
    stored_values,
)
from mediavault.store.sql import marks

VERSION_RACES = 20  # tries against others that store a version of the same post at the same moment

# --- the queue ---------------------------------------------------------------------------------------------------


async def enqueue(server: PostgresServer, jobs: Sequence[NewJob], *, force: bool = False) -> list[Enqueued]:
    if not jobs:
        return []
    first = {job.canonical_url: job for job in reversed(jobs)}
    distinct = [job for job in jobs if first[job.canonical_url] is job]
    if force:
        async with server.database.transaction() as txn:
            created, known = await _store_versions(txn, distinct, server.now), dict[str, Job]()
    else:
        created, known = await _store_new_ones(server, distinct)
    answers = []
    for job in jobs:
        url = job.canonical_url
        if url in created:
            answers.append(Enqueued(created[url], created=first[url] is job))
        else:
            answers.append(Enqueued(known[url], created=False))
    return answers


async def _store_new_ones(server: PostgresServer, jobs: Sequence[NewJob]) -> tuple[dict[str, Job], dict[str, Job]]:
    """Return the stored jobs, and the newest job of each post that was already known, by canonical_url.

    Each statement is its own transaction, since the user would wait for two more round trips otherwise. A post that is
    removed between the two is stored after all.
    """
    created: dict[str, Job] = {}
    known: dict[str, Job] = {}
    rest = list(jobs)
    for _ in range(VERSION_RACES):
        created |= await _store_new(server, rest)
        rest = [job for job in rest if job.canonical_url not in created]
        if rest:
            found = await of_posts(server, [job.canonical_url for job in rest])
            known |= await _adopted(server, found, rest)
            rest = [job for job in rest if job.canonical_url not in known]
        if not rest:
            return created, known
    raise StoreError("Other processes keep removing these posts.", help="Try again.")


async def _adopted(server: PostgresServer, found: Mapping[str, Job], asked: Sequence[NewJob]) -> dict[str, Job]:
    """Return the jobs that were found, with those that become a user's as they are then; one that has changed is left out."""
    users = {
        new.canonical_url: new
        for new in asked
        if new.canonical_url in found and transitions.adopts(new, found[new.canonical_url])
    }
    if not users:
        return dict(found)
    values = {
        "now": server.now,
        "ids": [found[url].id for url in users],
        "canonical_urls": list(users),
        "post_urls": [new.post_url for new in users.values()],
    }
    adopted = {job.canonical_url: job for job in map(job_from_row, await server.database.rows(SQL["adopt"], values))}
    return {url: job for url, job in found.items() if url not in users} | adopted


async def _store_new(server: PostgresServer, jobs: Sequence[NewJob]) -> dict[str, Job]:
    rows = await server.database.rows(
        SQL["enqueue"],
        {
            "now": server.now,
            "ids": [job.id for job in jobs],
            "trace_ids": [job.trace_id for job in jobs],
            "post_urls": [job.post_url for job in jobs],
            "canonical_urls": [job.canonical_url for job in jobs],
            "platforms": [job.platform for job in jobs],
            "max_attempts": [job.max_attempts for job in jobs],
            "profiles": [job.profile for job in jobs],
            "priorities": [job.priority.rank for job in jobs],
            "listed_by": [job.listed_by for job in jobs],
            "metadata": [codec.metadata_to_json(job.metadata) for job in jobs],
            "lines": [_words_of(job) for job in jobs],
        },
    )
    return {job.canonical_url: job for job in (job_from_row(row[:-1]) for row in rows)}


async def _store_versions(txn: Transaction, jobs: Sequence[NewJob], now: int | None) -> dict[str, Job]:
    return {job.canonical_url: await _store_version(txn, job, index, now) for index, job in enumerate(jobs)}


async def _store_version(txn: Transaction, job: NewJob, index: int, now: int | None) -> Job:
    values = {
        "now": now,
        "id": job.id,
        "trace_id": job.trace_id,
        "post_url": job.post_url,
        "canonical_url": job.canonical_url,
        "platform": job.platform,
        "place": index,
        "max_attempts": job.max_attempts,
        "profile": job.profile,
        "priority": job.priority.rank,
        "listed_by": job.listed_by,
        "metadata": codec.metadata_to_json(job.metadata),
        "line": _words_of(job),
    }
    for _ in range(VERSION_RACES):
        if rows := await txn.rows(SQL["enqueue_version"], values):
            return job_from_row(rows[0][:-1])
    raise StoreError(
        Message("Other processes keep storing new versions of %(canonical_url)s.", canonical_url=job.canonical_url),
        help="Try again.",
    )


def _words_of(job: NewJob) -> str:
    return library_index.vector(search_words.job_line(job.post_url, job.canonical_url, None, {}))


async def renew(
    server: PostgresServer, worker: WorkerId, held: Collection[ClaimedJob], *, lease: timedelta
) -> set[JobId]:
    values = {
        "now": server.now,
        "worker": worker,
        "lease": micros_in(lease),
        "ids": [claim.id for claim in held],
        "fences": [claim.fence for claim in held],
    }
    return {row[0] for row in await server.heartbeats.rows(SQL["renew"], values)}


async def _fenced(server: PostgresServer, statement: str, claim: ClaimedJob, values: Mapping[str, Any]) -> list[Row]:
    rows = await server.database.rows(
        SQL[statement], {**values, "id": claim.id, "fence": claim.fence, "now": server.now}
    )
    if not rows:
        raise transitions.lease_lost(claim.id, claim.fence)
    return rows


async def checkpoint(server: PostgresServer, claim: ClaimedJob, found: Checkpoint) -> None:
    values = checkpoint_values(found)
    async with server.database.transaction() as txn:
        before = await txn.rows(SQL["account_key_of"], {"id": claim.id})
        rows = await txn.rows(SQL["checkpoint"], {**values, "id": claim.id, "fence": claim.fence, "now": server.now})
        if not rows:
            raise transitions.lease_lost(claim.id, claim.fence)
        entry = entry_of(rows[0][0], {**running_values(claim.job), **values})
        await library_index.change(txn, entry, account_before=before[0][0])


async def progress(
    server: PostgresServer,
    claim: ClaimedJob,
    *,
    stage: Stage,
    progress_pct: int,
    bytes_done: int = 0,
    bytes_total: int | None = None,
    duration_s: float | None = None,
) -> None:
    values = {
        **transitions.progress_values(stage, progress_pct, bytes_done, bytes_total),
        "duration_s": duration_s,
    }
    await _fenced(server, "progress", claim, values)


async def save_items(server: PostgresServer, claim: ClaimedJob, items: Sequence[JobItem]) -> None:
    await _fenced(server, "save_items", claim, {"items": codec.items_to_json(items)})


async def begin_commit(
    server: PostgresServer, claim: ClaimedJob, kept: KeptFile, items: Sequence[JobItem] = ()
) -> None:
    values = {**transitions.kept_values(kept), "items": codec.items_to_json(items) if items else None}
    await _fenced(server, "begin_commit", claim, values)


async def fail(
    server: PostgresServer,
    claim: ClaimedJob,
    *,
    error_code: ErrorCode,
    error: str,
    retry_in: timedelta | None,
    uses_attempt: bool = True,
) -> Job:
    values = {
        "error_code": error_code.value,
        "error": codec.storable(error),
        "error_params": to_json(error),
        "retry_in": None if retry_in is None else micros_in(retry_in),
        "spared": int(not uses_attempt),
    }
    return job_from_row((await _fenced(server, "fail", claim, values))[0])


async def failed_before(
    server: PostgresServer,
    claim: ClaimedJob,
    *,
    error_code: ErrorCode,
    error: str,
    retry_in: timedelta | None,  # noqa: ARG001 - the arguments of ``fail``
    uses_attempt: bool = True,  # noqa: ARG001
) -> Job | None:
    """Return the job as this failure left it if only the response was lost, else None."""
    job = await get(server, claim.id)
    return job if transitions.is_failed_by(job, claim, error_code, codec.storable(error)) else None


async def release(server: PostgresServer, claim: ClaimedJob, *, needs_session: bool = False) -> None:
    await _fenced(server, "release", claim, {"needs_session": int(needs_session)})


async def record(server: PostgresServer, claim: ClaimedJob, record: HistoryRecord) -> None:
    async with server.database.transaction() as txn:
        for row in await txn.rows(SQL["seq_of"], {"id": claim.id}):
            await txn.rows(SQL["append_history"], _history_values(row[0], record))


async def release_session_jobs(server: PostgresServer, held: Collection[str], *, waiting_for: timedelta) -> int:
    queued = [row[0] for row in await server.heartbeats.rows(SQL["queued_platforms"], {})]
    missing = [name for name in queued if name not in held]
    values = {"now": server.now, "missing": missing, "waiting_for": micros_in(waiting_for)}
    return len(await server.heartbeats.rows(SQL["release_session_jobs"], values))


async def recover_stale_jobs(server: PostgresServer, *, retry_in: timedelta) -> Recovered:
    values = {"now": server.now, "retry_in": micros_in(retry_in), "error": transitions.RECOVERED_ERROR}
    rows = await server.heartbeats.rows(SQL["recover"], values)
    return Recovered(tuple(RecoveredJob(id_, trace_id, retry_at is not None) for id_, trace_id, retry_at in rows))


# --- users' requests ---------------------------------------------------------------------------------------------


async def cancel(server: PostgresServer, job_id: JobId) -> Job:
    async with server.database.transaction() as txn:
        before = await _locked(txn, job_id)
        job = job_from_row(before)
        if not transitions.must_cancel(job):
            return job
        after = job_from_row((await txn.rows(SQL["cancel"], {"id": job_id, "now": server.now}))[0])
        record = transitions.cancel_record(job, after.updated_at)
        await txn.rows(SQL["append_history"], _history_values(before[SEQ], record))
        if job.status is JobStatus.RUNNING:
            await txn.rows(SQL["stop"], {"asked": job_id})
    server.stop(job_id)
    return after


async def retry(
    server: PostgresServer, job_id: JobId, *, chosen_urls: Sequence[str] = (), profile: str | None = None
) -> Job:
    async with server.database.transaction() as txn:
        before = await _locked(txn, job_id)
        job = job_from_row(before)
        if not transitions.check_requeue(job):
            return job
        values = {"id": job_id, "now": server.now, "chosen_url": codec.chosen_to_text(chosen_urls), "profile": profile}
        after = job_from_row((await txn.rows(SQL["retry"], values))[0][:-1])
        record = transitions.retry_record(after.updated_at, transitions.RETRIED_BY_USER)
        await txn.rows(SQL["append_history"], _history_values(before[SEQ], record))
        return after


async def set_priority(server: PostgresServer, job_id: JobId, priority: Priority) -> Job:
    async with server.database.transaction() as txn:
        transitions.check_priority(job_from_row(await _locked(txn, job_id)))
        values = {"id": job_id, "now": server.now, "priority": priority.rank}
        return job_from_row((await txn.rows(SQL["set_priority"], values))[0])


async def remove(server: PostgresServer, job_id: JobId, *, as_of: datetime | None = None) -> Job:
    async with server.database.transaction() as txn:
        rows = await txn.rows(SQL["remove"], {"id": job_id, "as_of": micros_or_none(as_of)})
        if not rows:
            raise transitions.job_not_found(job_id)
        job = job_from_row(rows[0][:-1])
        await library_index.remove(txn, entry_of(rows[0][:-1][SEQ], stored_values(job)))
    server.stop(job_id)
    return job


async def relocate(server: PostgresServer, job: Job) -> bool:
    values = {**transitions.place_values(job), "id": job.id, "as_of": micros_or_none(job.updated_at), "now": server.now}
    async with server.database.transaction() as txn:
        return bool(await txn.rows(SQL["relocate"], values))


async def put_words(server: PostgresServer, job_id: JobId, source: search_words.WordSource, line: str) -> bool:
    async with server.database.transaction() as txn:
        rows = await txn.rows(SQL["entry"], {"id": job_id})
        for row in rows:
            await library_index.change_further(txn, entry_from_row(row), source, line)
        return bool(rows)


# --- moving from one store to another ----------------------------------------------------------------------------


async def import_jobs(server: PostgresServer, jobs: Sequence[StoredJob]) -> int:
    async with server.database.transaction() as txn:
        entries: list[IndexEntry] = []
        for stored in jobs:
            values = stored_values(transitions.as_imported(stored.job))
            for row in await txn.rows(SQL["import_job"], values):
                await txn.many(SQL["append_history"], [_history_values(row[0], entry) for entry in stored.history])
                await marks.put(PostgresStatements(txn, server.now), stored.marks)
                entries.append(entry_of(row[0], values))
                for source, line in stored.words.items():
                    await library_index.store_further(txn, row[0], source, line)
        if entries:
            await library_index.add(txn, entries)
            await txn.rows(SQL["wake"], {})
        return len(entries)


async def _locked(txn: Transaction, job_id: JobId) -> Row:
    rows = await txn.rows(SQL["locked"], {"id": job_id})
    if not rows:
        raise transitions.job_not_found(job_id)
    return rows[0]


def _history_values(seq: int, record: HistoryRecord) -> dict[str, Any]:
    return dict(zip(_HISTORY, history_row(seq, record), strict=True))


_HISTORY = (
    "job",
    "at",
    "attempt",
    "stage",
    "outcome",
    "rung",
    "error_code",
    "detail",
    "bytes",
    "duration_ms",
    "detail_params",
)
