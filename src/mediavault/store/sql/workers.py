"""Workers and their heartbeats."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from mediavault.core.clock import micros_in
from mediavault.core.job import WorkerHeartbeat, WorkerId
from mediavault.store.rows import beat_from_row, beat_values
from mediavault.store.sql.txn import SqlTxn


async def heartbeat(txn: SqlTxn, beat: WorkerHeartbeat) -> bool:
    [[leaving]] = await txn.rows("heartbeat", beat_values(beat))
    return bool(leaving)


async def request_drain(txn: SqlTxn, workers: Collection[WorkerId]) -> int:
    rows = await txn.rows("request_drain", {"workers": list(workers)})
    for (worker,) in rows:
        await txn.stop(worker)
    return len(rows)


async def forget_worker(txn: SqlTxn, worker: WorkerId) -> None:
    await txn.rows("forget_worker", {"worker": worker})


async def alive(txn: SqlTxn, *, seen_within: timedelta) -> list[WorkerHeartbeat]:
    return [beat_from_row(row) for row in await txn.rows("workers", {"seen_within": micros_in(seen_within)})]


async def expire_leases(txn: SqlTxn, workers: Collection[WorkerId]) -> int:
    return len(await txn.rows("expire_leases", {"workers": list(workers)}))
