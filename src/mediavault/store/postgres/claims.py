"""Claims jobs on PostgreSQL, and writes their completions, several at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from mediavault.core.clock import micros_in, to_micros
from mediavault.core.job import ClaimedJob, Job, JobItem, WorkerId
from mediavault.core.media import SavedFile
from mediavault.core.site_limits import MAX_PLAUSIBLE_WAIT, SOON
from mediavault.store import codec, site_limits, transitions
from mediavault.store.calls import Combiner
from mediavault.store.postgres.engine import Row
from mediavault.store.postgres.server import PostgresServer
from mediavault.store.postgres.sql import SQL, PostgresStatements
from mediavault.store.rows import job_from_row
from mediavault.store.site_limits import ClaimFilter
from mediavault.store.sql import attempts

HEAD_EVERY_S = 1.0


@dataclass(slots=True)
class LowWaterMark:
    """Where the next claim starts to read: at the last job that was claimed, since nothing before
    it was queued then.

    While an old snapshot is held, the index keeps the dead entries of every job that was ever
    claimed, and a claim that starts at its head reads them all. A claim that finds fewer jobs than
    it wanted starts at the head after all, and so does one claim a second: a job that was stored
    earlier and committed later waits no longer than that.
    """

    rank: int = 0  # of its priority
    micros: int = 0  # its created_at
    # with queued jobs at the last claim from the head
    platforms: list[str] = field(default_factory=list)
    # the filter that the mark is valid for
    wanted: ClaimFilter = field(default_factory=ClaimFilter)
    _head_at: float = float("-inf")  # monotonic

    def may_be_used(self, at: float) -> bool:
        return self.micros > 0 and at - self._head_at < HEAD_EVERY_S

    def looked_from_the_head(self, platforms: list[str], at: float) -> None:
        self.forget()
        self.platforms, self._head_at = platforms, at

    def claimed_up_to(self, job: Job) -> None:
        self.rank, self.micros = job.priority.rank, to_micros(job.created_at)

    def is_for(self, wanted: ClaimFilter) -> None:
        if wanted != self.wanted:
            self.wanted = wanted
            self.forget()

    def forget(self) -> None:
        """Something before it may be queued now."""
        self.rank = self.micros = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """One completed job; without ``items`` those of the row stay."""

    claim: ClaimedJob
    saved: SavedFile
    items: Sequence[JobItem] = ()


class PostgresClaims:
    """Claims jobs and writes completions, each on its own connection;
    waiting completions are written together.
    """

    def __init__(self, server: PostgresServer, mark: LowWaterMark) -> None:
        self._server = server
        self._mark = mark
        self._lane = server.database.lane(one_plan=True)
        self._completing = server.database.lane()
        self.completions: Combiner[Completion, None] = Combiner(self._complete)

    async def claim(
        self, worker: WorkerId, limit: int, lease: timedelta, wanted: ClaimFilter
    ) -> list[ClaimedJob]:
        at = self._server.clock.monotonic()
        self._mark.is_for(wanted)
        values = {
            "sessions": list(wanted.sessions),
            "lowest": wanted.at_least.rank,
            "now": self._server.now,
            "worker": worker,
            "lease": micros_in(lease),
            "soon": micros_in(SOON),
            "max_plausible_wait": micros_in(MAX_PLAUSIBLE_WAIT),
            "reserved_for": micros_in(site_limits.RESERVATION),
        }
        rows: list[Row] = []
        if self._mark.may_be_used(at) and self._mark.platforms:
            where = {"platforms": self._mark.platforms, "limit": limit}
            where |= {"mark_rank": self._mark.rank, "mark": self._mark.micros}
            rows = await self._lane.rows(SQL["claim"], values | where)
        if len(rows) < limit:
            queued = [row[0] for row in await self._lane.rows(SQL["queued_platforms"], {})]
            platforms = [
                name for name in queued if not wanted.platforms or name in wanted.platforms
            ]
            self._mark.looked_from_the_head(platforms, at)
            where = {"platforms": platforms, "mark_rank": 0, "mark": 0, "limit": limit - len(rows)}
            rows += await self._lane.rows(SQL["claim"], values | where) if platforms else []
        claims = [ClaimedJob(job_from_row(row), worker) for row in rows]
        if len(claims) == limit:
            self._mark.claimed_up_to(claims[-1].job)
        return claims

    async def promote_due(self, limit: int) -> int:
        promoted = await attempts.promote_due(
            PostgresStatements(self._lane, self._server.now), limit=limit
        )
        if promoted:
            self._mark.forget()
        return promoted

    async def _complete(self, batch: Sequence[Completion]) -> list[Exception | None]:
        files = [completion.saved for completion in batch]
        values = {
            "now": self._server.now,
            "ids": [completion.claim.id for completion in batch],
            "fences": [completion.claim.fence for completion in batch],
            "items": [
                codec.items_to_json(completion.items) if completion.items else None
                for completion in batch
            ],
            "output_paths": [file.output_path for file in files],
            "thumbnail_paths": [file.thumbnail_path for file in files],
            "bytes": [file.bytes for file in files],
            "sha256s": [file.sha256 for file in files],
            "durations": [file.duration_s for file in files],
            "widths": [file.width for file in files],
            "heights": [file.height for file in files],
        }
        done = {row[0] for row in await self._completing.rows(SQL["complete"], values)}
        return _outcomes(done, batch)


def _outcomes(done: set[str], batch: Sequence[Completion]) -> list[Exception | None]:
    """Return one outcome for each of the batch; ``done`` are the ids that were changed.

    A second completion of the same job gets LeaseLost.
    """
    outcomes: list[Exception | None] = []
    for completion in batch:
        job_id = completion.claim.id
        outcomes.append(
            None if job_id in done else transitions.lease_lost(job_id, completion.claim.fence)
        )
        done.discard(job_id)
    return outcomes
