"""What a worker writes about its attempts, and what is done about those that ended.

A fenced statement that changes no row means LeaseLost: the attempt is no longer the job's current
one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from mediavault.core.clock import micros_in
from mediavault.core.failures import ErrorCode
from mediavault.core.job import (
    ClaimedJob,
    HistoryRecord,
    Job,
    JobId,
    JobItem,
    Stage,
    StepOutcome,
    WorkerId,
)
from mediavault.core.media import SavedFile
from mediavault.core.messages import to_json
from mediavault.store import codec, transitions
from mediavault.store.library_index import entry_of, running_values
from mediavault.store.port import Checkpoint, Recovered, RecoveredJob
from mediavault.store.rows import SEQ, checkpoint_values, job_from_row
from mediavault.store.sql import library
from mediavault.store.sql.txn import Row, SqlTxn
from mediavault.store.transitions import MoveNote


async def renew(
    txn: SqlTxn, worker: WorkerId, held: Collection[ClaimedJob], *, lease: timedelta
) -> set[JobId]:
    fences = json.dumps([(claim.id, claim.fence) for claim in held])
    rows = await txn.rows("renew", {"worker": worker, "lease": micros_in(lease), "held": fences})
    return {job_id for (job_id,) in rows}


async def checkpoint(txn: SqlTxn, claim: ClaimedJob, found: Checkpoint) -> None:
    values = checkpoint_values(claim.job, found)
    before = await txn.rows("account_key_of", {"id": claim.id})
    row = await _move(txn, "checkpoint", claim, values, MoveNote(Stage.CHECKPOINT))
    entry = entry_of(row[SEQ], {**running_values(claim.job), **values})
    await library.change(txn, entry, account_before=before[0][0])


async def progress(
    txn: SqlTxn,
    claim: ClaimedJob,
    *,
    stage: Stage,
    progress_pct: int,
    bytes_done: int = 0,
    bytes_total: int | None = None,
    duration_s: float | None = None,
) -> None:
    values = transitions.progress_values(stage, progress_pct, bytes_done, bytes_total)
    _held(claim, await txn.rows("progress", {**values, "duration_s": duration_s, **_fence(claim)}))


async def record(txn: SqlTxn, claim: ClaimedJob, record: HistoryRecord) -> None:
    for (seq,) in await txn.rows("seq_of", {"id": claim.id}):
        await txn.append(seq, [record])


async def save_items(txn: SqlTxn, claim: ClaimedJob, items: Sequence[JobItem]) -> None:
    _held(
        claim, await txn.rows("save_items", {"items": codec.items_to_json(items), **_fence(claim)})
    )


async def begin_commit(
    txn: SqlTxn, claim: ClaimedJob, saved: SavedFile, items: Sequence[JobItem] = ()
) -> None:
    note = MoveNote(Stage.COMMITTING, saved.output_path, bytes=saved.bytes)
    await _move(txn, "begin_commit", claim, saved_values(saved, items), note)


async def fail(
    txn: SqlTxn,
    claim: ClaimedJob,
    *,
    error_code: ErrorCode,
    error: str,
    retry_in: timedelta | None,
    uses_attempt: bool = True,
) -> Job:
    error = codec.storable(error)
    values = {
        "error_code": error_code.value,
        "error": error,
        "error_params": to_json(error),
        "retry_in": None if retry_in is None else micros_in(retry_in),
        "spared": int(not uses_attempt),
    }
    note = MoveNote(Stage.FAIL, error, StepOutcome.FAILED, error_code, is_timed=True)
    return job_from_row(await _move(txn, "fail", claim, values, note))


async def release(txn: SqlTxn, claim: ClaimedJob, *, needs_session: bool = False) -> None:
    await _move(
        txn,
        "release",
        claim,
        {"needs_session": int(needs_session)},
        MoveNote(Stage.RELEASE),
        wake=True,
    )


async def release_session_jobs(
    txn: SqlTxn, held: Collection[str], *, waiting_for: timedelta
) -> int:
    missing = [row[0] for row in await txn.rows("queued_platforms") if row[0] not in held]
    freed = await txn.rows(
        "release_session_jobs", {"missing": missing, "waiting_for": micros_in(waiting_for)}
    )
    if freed:
        await txn.wake()
    return len(freed)


async def recover_stale_jobs(
    txn: SqlTxn, *, retry_in: timedelta, is_trusted: bool = True
) -> Recovered:
    """Without ``is_trusted``, the clock's word is not taken:
    only leases count that were ended on purpose.
    """
    error = transitions.RECOVERED_ERROR
    values = {"retry_in": micros_in(retry_in), "error": error, "is_trusted": is_trusted}
    note = MoveNote(Stage.RECOVER, error, StepOutcome.FAILED, ErrorCode.RECOVERED_FROM_RESTART)
    rows = await txn.move("recover", values, note)
    return Recovered(
        tuple(
            RecoveredJob(id_, trace_id, retry_at is not None)
            for id_, trace_id, retry_at, *_ in rows
        )
    )


async def promote_due(txn: SqlTxn, *, limit: int = 500) -> int:
    note = MoveNote(Stage.RETRY, transitions.DUE_AGAIN, of_attempt=False)
    return len(await txn.move("promote_due", {"limit": limit}, note, wake=True))


def saved_values(saved: SavedFile, items: Sequence[JobItem]) -> dict[str, Any]:
    """Return the values of a saved file; without ``items`` those of the row stay."""
    return {
        **transitions.saved_values(saved),
        "items": codec.items_to_json(items) if items else None,
    }


async def _move(
    txn: SqlTxn,
    name: str,
    claim: ClaimedJob,
    values: Mapping[str, Any],
    note: MoveNote,
    *,
    wake: bool = False,
) -> Row:
    return _held(claim, await txn.move(name, {**values, **_fence(claim)}, note, wake=wake))


def _fence(claim: ClaimedJob) -> Mapping[str, Any]:
    return {"id": claim.id, "fence": claim.fence}


def _held(claim: ClaimedJob, rows: Sequence[Row]) -> Row:
    """Return the row of the attempt's job. Raises LeaseLost if there is none."""
    if not rows:
        raise transitions.lease_lost(claim.id, claim.fence)
    return rows[0]
