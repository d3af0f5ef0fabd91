"""The writing operations on PostgreSQL. Each is one statement, or judges a locked row and then writes.

``now`` is None for the database's clock, or a test's own time in microseconds. A fenced statement that changes no row
means LeaseLost.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from mediavault.core.clock import micros_in
from mediavault.core.failures import ErrorCode, StoreError
from mediavault.core.gates import Gate, Turn, TurnRequest
from mediavault.core.job import ClaimedJob, HistoryRecord, Job, JobId, JobStatus, NewJob, WorkerBeat, WorkerId
from mediavault.core.messages import Message, to_json
from mediavault.store import codec, gating, moves, search_words
from mediavault.store.library_index import Entry, entry_of, running_values
from mediavault.store.port import Enqueued, Recovered, RecoveredJob, StoredJob
from mediavault.store.postgres import library_index
from mediavault.store.postgres.engine import Database, Lane, Row, Transaction
from mediavault.store.postgres.sql import SQL
from mediavault.store.rows import (
    SEQ,
    beat_values,
    gate_from_row,
    gate_values,
    history_row,
    job_from_row,
    micros_or_none,
    moment,
    stored_values,
)

VERSION_RACES = 20  # others that store a version of the same post at the same moment
# --- the queue ---------------------------------------------------------------------------------------------------


async def enqueue(database: Database, jobs: Sequence[NewJob], now: int | None, *, force: bool) -> list[Enqueued]:
    first = {job.canonical_url: job for job in reversed(jobs)}
    distinct = [job for job in jobs if first[job.canonical_url] is job]
    if force:
        async with database.transaction() as txn:
            created, known = await _store_versions(txn, distinct, now), dict[str, Job]()
    else:
        created, known = await _store_new_ones(database, distinct, now)
    answers = []
    for job in jobs:
        url = job.canonical_url
        if url in created:
            answers.append(Enqueued(created[url], created=first[url] is job))
        else:
            answers.append(Enqueued(known[url], created=False))
    return answers


async def _store_new_ones(
    database: Database, jobs: Sequence[NewJob], now: int | None
) -> tuple[dict[str, Job], dict[str, Job]]:
    """What was stored, and the newest job of each post that was known, by canonical_url.

    Each statement is a transaction of its own, since a person waits for two round trips more otherwise. What is removed
    between the two is stored after all.
    """
    created: dict[str, Job] = {}
    known: dict[str, Job] = {}
    rest = list(jobs)
    for _ in range(VERSION_RACES):
        created |= await _store_new(database, rest, now)
        rest = [job for job in rest if job.canonical_url not in created]
        if rest:
            known |= await _newest(database, [job.canonical_url for job in rest])
            rest = [job for job in rest if job.canonical_url not in known]
        if not rest:
            return created, known
    raise StoreError("Others keep removing the posts that were handed over.", help="Try again.")


async def _store_new(database: Database, jobs: Sequence[NewJob], now: int | None) -> dict[str, Job]:
    rows = await database.rows(
        SQL["enqueue"],
        {
            "now": now,
            "ids": [job.id for job in jobs],
            "trace_ids": [job.trace_id for job in jobs],
            "post_urls": [job.post_url for job in jobs],
            "canonical_urls": [job.canonical_url for job in jobs],
            "platforms": [job.platform for job in jobs],
            "max_attempts": [job.max_attempts for job in jobs],
            "lines": [_words_of(job) for job in jobs],
        },
    )
    return {job.canonical_url: job for job in (job_from_row(row[:-1]) for row in rows)}


async def _store_versions(txn: Transaction, jobs: Sequence[NewJob], now: int | None) -> dict[str, Job]:
    return {job.canonical_url: await _store_version(txn, job, place, now) for place, job in enumerate(jobs)}


async def _store_version(txn: Transaction, job: NewJob, place: int, now: int | None) -> Job:
    values = {
        "now": now,
        "id": job.id,
        "trace_id": job.trace_id,
        "post_url": job.post_url,
        "canonical_url": job.canonical_url,
        "platform": job.platform,
        "place": place,
        "max_attempts": job.max_attempts,
        "line": _words_of(job),
    }
    for _ in range(VERSION_RACES):
        if rows := await txn.rows(SQL["enqueue_version"], values):
            return job_from_row(rows[0][:-1])
    raise StoreError(
        Message("Others keep storing new versions of %(canonical_url)s.", canonical_url=job.canonical_url),
        help="Try again.",
    )


def _words_of(job: NewJob) -> str:
    return library_index.vector(search_words.job_line(job.post_url, job.canonical_url, None, {}))


async def _newest(database: Database, canonical_urls: Sequence[str]) -> dict[str, Job]:
    rows = await database.rows(SQL["newest_of_posts"], {"canonical_urls": canonical_urls})
    return {job.canonical_url: job for job in map(job_from_row, rows)}


async def renew(
    lane: Lane, worker: WorkerId, held: Collection[ClaimedJob], lease: timedelta, now: int | None
) -> set[JobId]:
    values = {
        "now": now,
        "worker": worker,
        "lease": micros_in(lease),
        "ids": [claim.id for claim in held],
        "fences": [claim.fence for claim in held],
    }
    return {row[0] for row in await lane.rows(SQL["renew"], values)}


async def fenced(
    database: Database, statement: str, claim: ClaimedJob, values: Mapping[str, Any], now: int | None
) -> list[Row]:
    rows = await database.rows(SQL[statement], {**values, "id": claim.id, "fence": claim.fence, "now": now})
    if not rows:
        raise moves.lease_lost(claim.id, claim.fence)
    return rows


async def checkpoint(database: Database, claim: ClaimedJob, values: Mapping[str, Any], now: int | None) -> None:
    """``values`` are those of :func:`mediavault.store.rows.checkpoint_values`."""
    async with database.transaction() as txn:
        before = await txn.rows(SQL["account_key_of"], {"id": claim.id})
        rows = await txn.rows(SQL["checkpoint"], {**values, "id": claim.id, "fence": claim.fence, "now": now})
        if not rows:
            raise moves.lease_lost(claim.id, claim.fence)
        entry = entry_of(rows[0][0], {**running_values(claim.job), **values})
        await library_index.change(txn, entry, account_before=before[0][0])


async def fail(
    database: Database,
    claim: ClaimedJob,
    error_code: ErrorCode,
    error: str,
    retry_in: timedelta | None,
    now: int | None,
    *,
    uses_attempt: bool,
) -> Job:
    values = {
        "error_code": error_code.value,
        "error": error,
        "error_params": to_json(error),
        "retry_in": None if retry_in is None else micros_in(retry_in),
        "spared": int(not uses_attempt),
    }
    return job_from_row((await fenced(database, "fail", claim, values, now))[0])


async def record(database: Database, job_id: JobId, record: HistoryRecord) -> None:
    async with database.transaction() as txn:
        for row in await txn.rows(SQL["seq_of"], {"id": job_id}):
            await txn.rows(SQL["append_history"], _history_values(row[0], record))


async def drop_need_of_session(lane: Lane, held: Collection[str], waiting_for: timedelta, now: int | None) -> int:
    queued = [row[0] for row in await lane.rows(SQL["queued_platforms"], {})]
    missing = [name for name in queued if name not in held]
    values = {"now": now, "missing": missing, "waiting_for": micros_in(waiting_for)}
    return len(await lane.rows(SQL["drop_need_of_session"], values))


async def recover(lane: Lane, retry_in: timedelta, now: int | None) -> Recovered:
    values = {"now": now, "retry_in": micros_in(retry_in), "error": moves.RECOVERED_ERROR}
    rows = await lane.rows(SQL["recover"], values)
    return Recovered(tuple(RecoveredJob(id_, trace_id, retry_at is not None) for id_, trace_id, retry_at in rows))


async def expire_leases(lane: Lane, workers: Collection[WorkerId]) -> int:
    return len(await lane.rows(SQL["expire_leases"], {"workers": list(workers)}))


async def promote_due(lane: Lane, limit: int, now: int | None) -> int:
    return len(await lane.rows(SQL["promote_due"], {"now": now, "limit": limit, "why": moves.DUE_AGAIN}))


# --- what a person asks for --------------------------------------------------------------------------------------


async def cancel(database: Database, job_id: JobId, now: int | None) -> Job:
    async with database.transaction() as txn:
        before = await _locked(txn, job_id)
        job = job_from_row(before)
        if not moves.must_cancel(job):
            return job
        after = job_from_row((await txn.rows(SQL["cancel"], {"id": job_id, "now": now}))[0])
        record = moves.cancel_record(job, after.updated_at)
        await txn.rows(SQL["append_history"], _history_values(before[SEQ], record))
        if job.status is JobStatus.RUNNING:
            await txn.rows(SQL["stop"], {"asked": job_id})
        return after


async def retry(database: Database, job_id: JobId, chosen_url: str | None, now: int | None) -> Job:
    async with database.transaction() as txn:
        before = await _locked(txn, job_id)
        job = job_from_row(before)
        if not moves.must_requeue(job):
            return job
        values = {"id": job_id, "now": now, "chosen_url": codec.storable_or_none(chosen_url)}
        after = job_from_row((await txn.rows(SQL["retry"], values))[0][:-1])
        record = moves.retry_record(after.updated_at, moves.ASKED_AGAIN)
        await txn.rows(SQL["append_history"], _history_values(before[SEQ], record))
        return after


async def remove(database: Database, job_id: JobId, as_of: datetime | None = None) -> Job:
    async with database.transaction() as txn:
        rows = await txn.rows(SQL["remove"], {"id": job_id, "as_of": micros_or_none(as_of)})
        if not rows:
            raise moves.job_not_found(job_id)
        job = job_from_row(rows[0][:-1])
        await library_index.remove(txn, entry_of(rows[0][:-1][SEQ], stored_values(job)))
        return job


# --- moving from one store to another ----------------------------------------------------------------------------


async def adopt(database: Database, jobs: Sequence[StoredJob]) -> int:
    async with database.transaction() as txn:
        entries: list[Entry] = []
        for stored in jobs:
            values = stored_values(moves.as_adopted(stored.job))
            for row in await txn.rows(SQL["adopt"], values):
                await txn.many(SQL["append_history"], [_history_values(row[0], one) for one in stored.history])
                entries.append(entry_of(row[0], values))
        if entries:
            await library_index.add(txn, entries)
            await txn.rows(SQL["wake"], {})
        return len(entries)


async def adopt_gates(database: Database, gates: Sequence[Gate]) -> int:
    async with database.transaction() as txn:
        return sum([len(await txn.rows(SQL["adopt_gate"], gate_values(gate))) for gate in gates])


async def agree_on(database: Database, name: str, value: str) -> str:
    [row] = await database.rows(SQL["agree_on"], {"name": name, "value": value})
    return str(row[0])


# --- gates and workers -------------------------------------------------------------------------------------------


async def take_turn(database: Database, asked: TurnRequest, now: int | None) -> Turn:
    async with database.transaction() as txn:
        gate, at = await _locked_gate(txn, asked.platform, now)
        turn, after = gating.take_turn(gate, asked, at)
        await txn.rows(SQL["put_gate"], gate_values(after))
        return turn


async def close_gate(
    database: Database, platform: str, duration: timedelta, code: ErrorCode, reason: str, now: int | None
) -> Gate:
    async with database.transaction() as txn:
        gate, at = await _locked_gate(txn, platform, now)
        after = gating.close(gate, at, duration=duration, code=code, reason=codec.storable(reason))
        await txn.rows(SQL["put_gate"], gate_values(after))
        return after


async def open_gate(database: Database, platform: str, now: int | None) -> None:
    async with database.transaction() as txn:
        gate, _ = await _locked_gate(txn, platform, now)
        await txn.rows(SQL["put_gate"], gate_values(gating.open_(gate)))
        await txn.rows(SQL["wake"], {})


async def beat(lane: Lane, beat: WorkerBeat, now: int | None) -> bool:
    [[leaving]] = await lane.rows(SQL["beat"], {**beat_values(beat), "now": now})
    return bool(leaving)


async def ask_to_leave(database: Database, workers: Collection[WorkerId]) -> int:
    return len(await database.rows(SQL["ask_to_leave"], {"workers": list(workers)}))


async def forget_worker(database: Database, worker: WorkerId) -> None:
    await database.rows(SQL["forget_worker"], {"worker": worker})


async def _locked(txn: Transaction, job_id: JobId) -> Row:
    rows = await txn.rows(SQL["locked"], {"id": job_id})
    if not rows:
        raise moves.job_not_found(job_id)
    return rows[0]


async def _locked_gate(txn: Transaction, platform: str, now: int | None) -> tuple[Gate, Any]:
    """The gate, made where there is none, and the database's time; nobody else moves it until the transaction ends."""
    await txn.rows(SQL["make_gate"], {"platform": platform})
    [row] = await txn.rows(SQL["locked_gate"], {"platform": platform, "now": now})
    return gate_from_row(row[1:]), moment(row[0])


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
