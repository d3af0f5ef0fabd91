"""Handing out jobs on PostgreSQL, and the completions that make room for them: one statement holds both.

``now`` is None for the database's clock, or a test's own time in microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from mediavault.core.clock import micros_in
from mediavault.core.gates import OUT_OF_SIGHT, SOON
from mediavault.core.job import ClaimedJob, WorkerId
from mediavault.core.media import KeptFile
from mediavault.store import gating, moves
from mediavault.store.combining import Batch
from mediavault.store.postgres.engine import Lane, Row
from mediavault.store.postgres.sql import SQL
from mediavault.store.rows import CREATED_AT, ID, claimed_job, moment
from mediavault.store.wanted import EVERYTHING, Wanted

HEAD_EVERY_S = 1.0


@dataclass(slots=True)
class LowWaterMark:
    """Where the next claim begins to look: at the last job that was claimed, since nothing older was queued then.

    While an old snapshot is held, the index keeps the dead entries of every job that was ever claimed, and a claim that
    starts at its head reads them all. A claim that finds less than it wanted starts at the head after all, and so does
    one a second: a job that was stored earlier and committed later waits no longer than that.
    """

    micros: int = 0
    platforms: list[str] = field(default_factory=list)  # that had queued jobs at the last look from the head
    wanted: Wanted = EVERYTHING  # what it is a mark among
    _head_at: float = float("-inf")  # monotonic

    def may_be_used(self, at: float) -> bool:
        return self.micros > 0 and at - self._head_at < HEAD_EVERY_S

    def looked_from_the_head(self, platforms: list[str], at: float) -> None:
        self.micros, self.platforms, self._head_at = 0, platforms, at

    def claimed_up_to(self, created_at: int) -> None:
        self.micros = created_at

    def is_for(self, wanted: Wanted) -> None:
        if wanted != self.wanted:
            self.wanted = wanted
            self.forget()

    def forget(self) -> None:
        """Something older may be queued now."""
        self.micros = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """``items`` is their JSON text; None leaves the row's."""

    claim: ClaimedJob
    kept: KeptFile
    items: str | None


async def claim(
    lane: Lane,
    mark: LowWaterMark,
    worker: WorkerId,
    limit: int,
    lease: timedelta,
    wanted: Wanted,
    now: int | None,
    *,
    at: float,
    along: Batch[Completion, None],
) -> list[ClaimedJob]:
    """``at`` is monotonic. The completions ``along`` go with the first statement, and are settled with its answer."""
    mark.is_for(wanted)
    values = {
        "sessions": list(wanted.sessions),
        "now": now,
        "worker": worker,
        "lease": micros_in(lease),
        "soon": micros_in(SOON),
        "out_of_sight": micros_in(OUT_OF_SIGHT),
        "offered_for": micros_in(gating.OFFERED_FOR),
    }
    rows: list[Row] = []
    behind_the_mark = mark.may_be_used(at)
    if along.members:
        where = {"platforms": mark.platforms if behind_the_mark else [], "mark": mark.micros, "limit": limit}
        rows = await _complete_and_claim(lane, along, values | where)
    elif behind_the_mark and mark.platforms:
        where = {"platforms": mark.platforms, "mark": mark.micros, "limit": limit}
        rows = await lane.rows(SQL["claim"], values | where)
    if len(rows) < limit:
        queued = [row[0] for row in await lane.rows(SQL["queued_platforms"], {})]
        taken = [name for name in queued if not wanted.platforms or name in wanted.platforms]
        mark.looked_from_the_head(taken, at)
        where = {"platforms": taken, "mark": 0, "limit": limit - len(rows)}
        rows += await lane.rows(SQL["claim"], values | where) if taken else []
    if len(rows) == limit:
        mark.claimed_up_to(rows[-1][CREATED_AT])
    return [_claimed(row, worker, lease) for row in rows]


async def _complete_and_claim(lane: Lane, along: Batch[Completion, None], values: Mapping[str, Any]) -> list[Row]:
    """The rows of the claim."""
    try:
        rows = await lane.rows(SQL["complete_and_claim"], {**values, **_completing(along.members)})
    except Exception as exc:
        along.fail(exc)
        raise
    along.settle(_outcomes({row[ID] for row in rows if row[CREATED_AT] is None}, along.members))
    return [row for row in rows if row[CREATED_AT] is not None]


def _claimed(row: Row, worker: WorkerId, lease: timedelta) -> ClaimedJob:
    at = moment(row[-1])
    assert at is not None
    return ClaimedJob(claimed_job(row[:-1], worker, at, at + lease), worker)


async def complete(lane: Lane, batch: Sequence[Completion], now: int | None) -> list[Exception | None]:
    rows = await lane.rows(SQL["complete"], {"now": now, **_completing(batch)})
    return _outcomes({row[0] for row in rows}, batch)


def _completing(batch: Sequence[Completion]) -> dict[str, Any]:
    kept = [one.kept for one in batch]
    return {
        "ids": [one.claim.id for one in batch],
        "fences": [one.claim.fence for one in batch],
        "items": [one.items for one in batch],
        "output_paths": [file.output_path for file in kept],
        "thumbnail_paths": [file.thumbnail_path for file in kept],
        "bytes": [file.bytes for file in kept],
        "sha256s": [file.sha256 for file in kept],
        "durations": [file.duration_s for file in kept],
        "widths": [file.width for file in kept],
        "heights": [file.height for file in kept],
    }


def _outcomes(done: set[str], batch: Sequence[Completion]) -> list[Exception | None]:
    """One for each of the batch; ``done`` are the ids that the statement has changed. Whoever asks twice is late once."""
    outcomes: list[Exception | None] = []
    for one in batch:
        outcomes.append(None if one.claim.id in done else moves.lease_lost(one.claim.id, one.claim.fence))
        done.discard(one.claim.id)
    return outcomes
