"""What a worker does with its claims on SQLite. The steps of an operation are atomic because of the
write lock.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from mediavault.core.clock import micros_in
from mediavault.core.holds import is_paused
from mediavault.core.job import ClaimedJob, JobId, JobItem, Priority, WorkerId
from mediavault.core.media import SavedFile
from mediavault.store import queries, site_limits, transitions
from mediavault.store.library_index import IndexEntry, sums_of_saved
from mediavault.store.port import Recovered
from mediavault.store.rows import SEQ, job_from_row, limit_from_row, limit_values
from mediavault.store.sql import attempts, reads
from mediavault.store.sqlite.engine import fetch_all
from mediavault.store.sqlite.sql import SQL, blocking
from mediavault.store.sqlite.writer import Txn

first_queued = blocking(reads.first_queued)
_renew = blocking(attempts.renew)
_recover = blocking(attempts.recover_stale_jobs)


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
    """Take the first jobs of the platforms that may start."""
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
    first = first_queued(txn, capacity, limit, sessions, at_least=at_least)
    if not first:
        return []
    seqs = ",".join(str(seq) for *_, seq in first)
    values = {
        "now": txn.now,
        "worker": worker,
        "lease_expires_at": txn.now + micros_in(lease),
        "seqs": f"[{seqs}]",
    }
    rows = fetch_all(txn.db, SQL["claim"], values)
    # The order of RETURNING is not defined.
    taken = sorted(
        ((job_from_row(row), row[SEQ]) for row in rows), key=lambda job: queries.turn_of(job[0])
    )
    for platform in {job.platform for job, _ in taken}:
        if site_limits.uses_permits(limits[platform]):
            txn.db.execute(
                SQL["put_site_limit"], limit_values(site_limits.reserve(limits[platform], txn.at))
            )
    txn.history += [
        (seq, txn.now, job.attempt_count, "claim", "ok", None, None, worker, 0, 0, None)
        for job, seq in taken
    ]
    return [ClaimedJob(job, worker) for job, _ in taken]


def complete(txn: Txn, claim: ClaimedJob, saved: SavedFile, items: Sequence[JobItem] = ()) -> None:
    values = {
        **attempts.saved_values(saved, items),
        "id": claim.id,
        "fence": claim.fence,
        "now": txn.now,
    }
    rows = fetch_all(txn.db, SQL["complete"], values)
    if not rows:
        raise transitions.lease_lost(claim.id, claim.fence)
    [(platform, account, seq)] = rows
    txn.completed.append(IndexEntry(seq, platform, account, sums_of_saved(saved), ""))
    took = transitions.duration_ms(claim.job.started_at, txn.at)
    txn.history.append(
        (seq, txn.now, claim.fence, "complete", "ok", None, None, "", saved.bytes, took, None)
    )


def renew(
    txn: Txn, worker: WorkerId, held: Collection[ClaimedJob], *, lease: timedelta
) -> set[JobId]:
    txn.guard.lease_given(lease, txn.at, txn.monotonic)
    return _renew(txn, worker, held, lease=lease)


def recover_stale_jobs(txn: Txn, *, retry_in: timedelta) -> Recovered:
    return _recover(txn, retry_in=retry_in, is_trusted=txn.guard.may_reap(txn.at, txn.monotonic))
