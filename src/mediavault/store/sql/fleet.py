"""Each site's limits, and the workers' heartbeats."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from mediavault.core.clock import from_micros, micros_in
from mediavault.core.failures import ErrorCode
from mediavault.core.job import WorkerHeartbeat, WorkerId
from mediavault.core.site_limits import Permit, PermitRequest, SiteLimit
from mediavault.store import codec, site_limits
from mediavault.store.rows import beat_from_row, beat_values, limit_from_row, limit_values
from mediavault.store.sql.txn import SqlTxn


async def acquire_permit(txn: SqlTxn, request: PermitRequest) -> Permit:
    at, before = await _locked(txn, request.platform)
    permit, after = site_limits.acquire_permit(before, request, at)
    await txn.rows("put_site_limit", limit_values(after))
    return permit


async def pause_site(
    txn: SqlTxn, platform: str, *, duration: timedelta, code: ErrorCode, reason: str
) -> SiteLimit:
    at, before = await _locked(txn, platform)
    after = site_limits.close(
        before, at, duration=duration, code=code, reason=codec.storable(reason)
    )
    await txn.rows("put_site_limit", limit_values(after))
    return after


async def reopen_site(txn: SqlTxn, platform: str) -> None:
    _, before = await _locked(txn, platform)
    await txn.rows("put_site_limit", limit_values(site_limits.open_(before)))
    await txn.wake()


async def all_limits(txn: SqlTxn) -> list[SiteLimit]:
    return [limit_from_row(row) for row in await txn.rows("site_limits")]


async def import_limits(txn: SqlTxn, limits: Sequence[SiteLimit]) -> int:
    return sum(
        [
            len(await txn.rows("import_site_limit", limit_values(site_limit)))
            for site_limit in limits
        ]
    )


async def _locked(txn: SqlTxn, platform: str) -> tuple[datetime, SiteLimit]:
    """Return the time and a site's limits, created if there are none:
    locked until the transaction ends.
    """
    await txn.rows("make_site_limit", {"platform": platform})
    [[micros, *row]] = await txn.rows("locked_site_limit", {"platform": platform})
    return from_micros(micros), limit_from_row(row)


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
    return [
        beat_from_row(row)
        for row in await txn.rows("workers", {"seen_within": micros_in(seen_within)})
    ]


async def expire_leases(txn: SqlTxn, workers: Collection[WorkerId]) -> int:
    return len(await txn.rows("expire_leases", {"workers": list(workers)}))
