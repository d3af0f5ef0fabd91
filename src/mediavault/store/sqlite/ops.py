"""The writing operations, as functions of a transaction. Each checks first and then writes, or writes in one statement.

A fenced statement that changes no row means LeaseLost: the attempt is no longer the job's current one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from mediavault.core.clock import micros_in
from mediavault.core.failures import ErrorCode
from mediavault.core.holds import is_paused
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
from mediavault.core.messages import to_json
from mediavault.store import codec, paging, search_words, site_limits, transitions
from mediavault.store.library_index import entry_from_row, entry_of, running_values, sums_of_kept
from mediavault.store.port import Checkpoint, Enqueued, Recovered, RecoveredJob, StoredJob
from mediavault.store.rows import (
    SEQ,
    checkpoint_values,
    history_row,
    job_from_row,
    limit_from_row,
    limit_values,
    micros_or_none,
    stored_values,
)
from mediavault.store.sql import marks
from mediavault.store.sqlite import library_index
from mediavault.store.sqlite.engine import Connection, fetch_all
from mediavault.store.sqlite.shared import blocking
from mediavault.store.sqlite.statements import SQL
from mediavault.store.sqlite.writer import Txn

_NOTHING_ENDED = 0  # only leases that were ended on purpose have this time


def enqueue(txn: Txn, jobs: Sequence[NewJob], *, force: bool = False) -> list[Enqueued]:
    answers: dict[str, Enqueued] = {}
    listed: list[Enqueued] = []
    for job in jobs:
        known = answers.get(job.canonical_url)
        if known is None:
            # A microsecond apart, so that the jobs of one call are claimed in the order given.
            answers[job.canonical_url] = stored = _enqueue_one(txn, job, txn.now + len(answers), force=force)
            listed.append(stored)
        else:
            listed.append(Enqueued(known.job, created=False))
    return listed


def _enqueue_one(txn: Txn, job: NewJob, now: int, *, force: bool) -> Enqueued:
    values = {
        "id": job.id,
        "trace_id": job.trace_id,
        "post_url": job.post_url,
        "canonical_url": job.canonical_url,
        "platform": job.platform,
        "now": now,
        "max_attempts": job.max_attempts,
        "profile": job.profile,
        "priority": job.priority.rank,
        "listed_by": job.listed_by,
        "metadata": codec.metadata_to_json(job.metadata),
    }
    rows = fetch_all(txn.db, SQL["enqueue_version" if force else "enqueue"], values)
    if rows:
        txn.wake = True
        line = search_words.job_line(job.post_url, job.canonical_url, None, {})
        library_index.put_words(txn.db, rows[0][SEQ], line)
        return Enqueued(job_from_row(rows[0]), created=True)
    known = job_from_row(fetch_all(txn.db, SQL["newest_of_post"], {"canonical_url": job.canonical_url})[0])
    if transitions.adopts(job, known):
        asked = {"id": known.id, "post_url": job.post_url, "now": txn.now}
        known = job_from_row(fetch_all(txn.db, SQL["adopt"], asked)[0])
    return Enqueued(known, created=False)


def claim(
    txn: Txn,
    worker: WorkerId,
    *,
    limit: int,
    lease: timedelta,
    platforms: Collection[str] = (),
    sessions: Collection[str] = (),
    at_least: Priority = Priority.LATER,
) -> list[ClaimedJob]:
    """Take the first jobs of the platforms that may start; the steps are atomic because of the write lock."""
    if limit <= 0:
        return []
    txn.guard.lease_given(lease, txn.at, txn.monotonic)
    limits = {
        site_limit.platform: site_limit
        for site_limit in map(limit_from_row, fetch_all(txn.db, SQL["queued_platforms"]))
    }
    paused = [key for (key,) in fetch_all(txn.db, SQL["paused"])] if limits else []
    wanted = [
        site_limit
        for name, site_limit in limits.items()
        if (not platforms or name in platforms) and not is_paused(name, paused)
    ]
    capacity = site_limits.capacity(wanted, txn.at, limit=limit)
    first = first_queued(txn.db, capacity, limit, sessions, at_least=at_least)
    if not first:
        return []
    seqs = ",".join(str(seq) for *_, seq in first)
    values = {"now": txn.now, "worker": worker, "lease_expires_at": txn.now + micros_in(lease), "seqs": f"[{seqs}]"}
    rows = fetch_all(txn.db, SQL["claim"], values)
    # The order of RETURNING is not defined.
    taken = sorted(((job_from_row(row), row[SEQ]) for row in rows), key=lambda job: paging.turn_of(job[0]))
    for platform in {job.platform for job, _ in taken}:
        if site_limits.uses_permits(limits[platform]):
            txn.db.execute(SQL["put_gate"], limit_values(site_limits.reserve(limits[platform], txn.at)))
    txn.history += [
        (seq, txn.now, job.attempt_count, "claim", "ok", None, None, worker, 0, 0, None) for job, seq in taken
    ]
    return [ClaimedJob(job, worker) for job, _ in taken]


def first_queued(
    db: Connection,
    capacity: Mapping[str, int],
    limit: int,
    sessions: Collection[str],
    *,
    at_least: Priority = Priority.LATER,
) -> list[tuple[Any, ...]]:
    """Return ``(priority, created_at, id, seq)`` of the first jobs of the queue, at most ``capacity`` of each platform."""
    first: list[tuple[Any, ...]] = []
    for platform, count in capacity.items():
        values = {"platform": platform, "limit": count, "needs_session": 0, "lowest": at_least.rank}
        rows = fetch_all(db, SQL["first_queued"], values)
        if platform in sessions:
            rows = sorted(rows + fetch_all(db, SQL["first_queued"], values | {"needs_session": 1}))[:count]
        first += rows
    if len(capacity) > 1:
        first.sort()
    return first[:limit]


def renew(txn: Txn, worker: WorkerId, held: Collection[ClaimedJob], *, lease: timedelta) -> set[JobId]:
    txn.guard.lease_given(lease, txn.at, txn.monotonic)
    values = {
        "worker": worker,
        "lease_expires_at": txn.now + micros_in(lease),
        "held": json.dumps([(claim.id, claim.fence) for claim in held]),
    }
    return {job_id for (job_id,) in fetch_all(txn.db, SQL["renew"], values)}


def checkpoint(txn: Txn, claim: ClaimedJob, found: Checkpoint) -> None:
    values = checkpoint_values(found)
    before = [key for (key,) in fetch_all(txn.db, SQL["account_key_of"], {"id": claim.id})]
    seq = _fenced(txn, "checkpoint", claim, values)[SEQ]
    entry = entry_of(seq, {**running_values(claim.job), **values})
    library_index.change(txn.db, entry, account_before=before[0])
    txn.history.append((seq, txn.now, claim.fence, "checkpoint", "ok", None, None, "", 0, 0, None))


def progress(
    txn: Txn,
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
    _fenced(txn, "progress", claim, values)


def record(txn: Txn, claim: ClaimedJob, record: HistoryRecord) -> None:
    for (seq,) in fetch_all(txn.db, SQL["seq_of"], {"id": claim.id}):
        txn.history.append(history_row(seq, record))


def save_items(txn: Txn, claim: ClaimedJob, items: Sequence[JobItem]) -> None:
    _fenced(txn, "save_items", claim, {"items": codec.items_to_json(items)})


def begin_commit(txn: Txn, claim: ClaimedJob, kept: KeptFile, items: Sequence[JobItem] = ()) -> None:
    seq = _fenced(txn, "begin_commit", claim, _kept_values(kept, items))[SEQ]
    txn.history.append(
        (seq, txn.now, claim.fence, "committing", "ok", None, None, kept.output_path, kept.bytes, 0, None)
    )


def complete(txn: Txn, claim: ClaimedJob, kept: KeptFile, items: Sequence[JobItem] = ()) -> None:
    platform, account, seq = _fenced(txn, "complete", claim, _kept_values(kept, items))
    txn.completed.append((platform, account, sums_of_kept(kept)))
    took = transitions.duration_ms(claim.job.started_at, txn.at)
    txn.history.append((seq, txn.now, claim.fence, "complete", "ok", None, None, "", kept.bytes, took, None))


def fail(
    txn: Txn,
    claim: ClaimedJob,
    *,
    error_code: ErrorCode,
    error: str,
    retry_in: timedelta | None,
    uses_attempt: bool = True,
) -> Job:
    error = codec.storable(error)
    retry_at = None if retry_in is None else txn.now + micros_in(retry_in)
    params = to_json(error)
    values = {
        "error_code": error_code.value,
        "error": error,
        "error_params": params,
        "retry_at": retry_at,
        "spared": int(not uses_attempt),
    }
    row = _fenced(txn, "fail", claim, values)
    job = job_from_row(row)
    took = transitions.duration_ms(job.started_at, txn.at)
    txn.history.append(
        (row[SEQ], txn.now, claim.fence, "fail", "failed", None, error_code.value, error, 0, took, params)
    )
    return job


def release(txn: Txn, claim: ClaimedJob, *, needs_session: bool = False) -> None:
    seq = _fenced(txn, "release", claim, {"needs_session": int(needs_session)})[SEQ]
    txn.history.append((seq, txn.now, claim.fence, "release", "ok", None, None, "", 0, 0, None))
    txn.wake = True


def release_session_jobs(txn: Txn, held: Collection[str], *, waiting_for: timedelta) -> int:
    queued = [row[0] for row in fetch_all(txn.db, SQL["queued_platforms"])]
    missing = json.dumps([name for name in queued if name not in held])
    values = {"missing": missing, "now": txn.now, "before": txn.now - micros_in(waiting_for)}
    freed = fetch_all(txn.db, SQL["release_session_jobs"], values)
    txn.wake = txn.wake or bool(freed)
    return len(freed)


def recover_stale_jobs(txn: Txn, *, retry_in: timedelta) -> Recovered:
    is_trusted = txn.guard.may_reap(txn.at, txn.monotonic)
    values = {
        "now": txn.now,
        "ended_before": txn.now if is_trusted else _NOTHING_ENDED,
        "retry_at": txn.now + micros_in(retry_in),
        "error": transitions.RECOVERED_ERROR,
    }
    rows = fetch_all(txn.db, SQL["recover"], values)
    txn.history += [history_row(seq, transitions.recover_record(txn.at, attempt)) for seq, _, _, attempt, _ in rows]
    return Recovered(tuple(RecoveredJob(id_, trace_id, retry_at is not None) for _, id_, trace_id, _, retry_at in rows))


def promote_due(txn: Txn, *, limit: int = 500) -> int:
    rows = fetch_all(txn.db, SQL["promote_due"], {"now": txn.now, "limit": limit})
    _requeued(txn, [seq for (seq,) in rows], transitions.DUE_AGAIN)
    return len(rows)


def cancel(txn: Txn, job_id: JobId) -> Job:
    before = _get(txn, job_id)
    job = job_from_row(before)
    if not transitions.must_cancel(job):
        return job
    after = fetch_all(txn.db, SQL["cancel"], {"id": job_id, "now": txn.now})[0]
    txn.history.append(history_row(after[SEQ], transitions.cancel_record(job, txn.at)))
    _stop_attempt(txn, job)
    return job_from_row(after)


def retry(txn: Txn, job_id: JobId, *, chosen_urls: Sequence[str] = (), profile: str | None = None) -> Job:
    job = job_from_row(_get(txn, job_id))
    if not transitions.check_requeue(job):
        return job
    values = {
        "id": job_id,
        "now": txn.now,
        "chosen_url": codec.chosen_to_text(chosen_urls),
        "profile": profile,
    }
    after = fetch_all(txn.db, SQL["retry"], values)[0]
    _requeued(txn, [after[SEQ]], transitions.RETRIED_BY_USER)
    return job_from_row(after)


def set_priority(txn: Txn, job_id: JobId, priority: Priority) -> Job:
    transitions.check_priority(job_from_row(_get(txn, job_id)))
    values = {"id": job_id, "now": txn.now, "priority": priority.rank}
    return job_from_row(fetch_all(txn.db, SQL["set_priority"], values)[0])


def remove(txn: Txn, job_id: JobId, *, as_of: datetime | None = None) -> Job:
    txn.add_completed()  # first: the sums that are subtracted below may be among them
    rows = fetch_all(txn.db, SQL["remove"], {"id": job_id, "as_of": micros_or_none(as_of)})
    if not rows:
        raise transitions.job_not_found(job_id)
    # What this transaction was about to append would be an orphan.
    txn.history[:] = [row for row in txn.history if row[0] != rows[0][SEQ]]
    txn.db.execute(SQL["remove_history"], {"seq": rows[0][SEQ]})
    txn.db.execute(SQL["remove_marks_of_job"], {"seq": rows[0][SEQ]})
    job = job_from_row(rows[0])
    library_index.remove(txn.db, entry_of(rows[0][SEQ], stored_values(job)))
    _stop_attempt(txn, job)
    return job


def relocate(txn: Txn, job: Job) -> bool:
    values = {**transitions.place_values(job), "id": job.id, "as_of": micros_or_none(job.updated_at), "now": txn.now}
    return bool(fetch_all(txn.db, SQL["relocate"], values))


def put_words(txn: Txn, job_id: JobId, source: search_words.WordSource, line: str) -> bool:
    rows = fetch_all(txn.db, SQL["entry"], {"id": job_id})
    for row in rows:
        library_index.change_further(txn.db, entry_from_row(row), source, line)
    return bool(rows)


def _stop_attempt(txn: Txn, before: Job) -> None:
    if before.status is JobStatus.RUNNING:
        txn.stops.append(before.id)


def import_jobs(txn: Txn, jobs: Sequence[StoredJob]) -> int:
    new = 0
    for stored in jobs:
        values = stored_values(transitions.as_imported(stored.job))
        for (seq,) in fetch_all(txn.db, SQL["import_job"], values):
            for source, line in stored.words.items():
                library_index.store_further(txn.db, seq, source, line)
            library_index.add(txn.db, entry_of(seq, values))
            txn.history += [history_row(seq, record) for record in stored.history]
            blocking(marks.put)(txn, stored.marks)
            txn.wake = True
            new += 1
    return new


def _fenced(txn: Txn, statement: str, claim: ClaimedJob, values: dict[str, Any]) -> tuple[Any, ...]:
    values["id"], values["fence"], values["now"] = claim.id, claim.fence, txn.now
    rows = fetch_all(txn.db, SQL[statement], values)
    if not rows:
        raise transitions.lease_lost(claim.id, claim.fence)
    return rows[0]


def _kept_values(kept: KeptFile, items: Sequence[JobItem]) -> dict[str, Any]:
    """Return the values of a saved file; without ``items`` those of the row stay."""
    return {**transitions.kept_values(kept), "items": codec.items_to_json(items) if items else None}


def _get(txn: Txn, job_id: JobId) -> tuple[Any, ...]:
    rows = fetch_all(txn.db, SQL["get"], {"id": job_id})
    if not rows:
        raise transitions.job_not_found(job_id)
    return rows[0]


def _requeued(txn: Txn, seqs: Iterable[int], why: str) -> None:
    for seq in seqs:
        txn.history.append(history_row(seq, transitions.retry_record(txn.at, why)))
        txn.wake = True
