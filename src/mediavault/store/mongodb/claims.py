"""Claims jobs and gives permits on MongoDB: each is one change of one document,
safe against concurrent ones.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from mediavault.core.clock import from_micros, micros_in
from mediavault.core.failures import ErrorCode, StoreError
from mediavault.core.holds import is_paused
from mediavault.core.job import ClaimedJob, Job, Priority, Stage, WorkerId
from mediavault.core.messages import Message
from mediavault.core.records import RecordKind
from mediavault.core.site_limits import Permit, PermitRequest, SiteLimit
from mediavault.store import codec, queries, site_limits
from mediavault.store.mongodb.engine import Document, Filter, MongoDatabase
from mediavault.store.mongodb.history import appended, literal, make_room, new_record
from mediavault.store.mongodb.ops import RACES, RUNNING, literals, moment_of
from mediavault.store.mongodb.reads import IN_ORDER, QUEUED
from mediavault.store.mongodb.rows import job_from, limit_changes, limit_document, limit_from
from mediavault.store.mongodb.schema import JOBS, RECORDS, SITE_LIMITS
from mediavault.store.mongodb.server import MongoServer
from mediavault.store.site_limits import ClaimFilter

T = TypeVar("T")

LOOK_AHEAD = 16  # jobs that a claim reads in addition to those it wants
# races for the first job that a claim loses in a row before it tries jobs in random order
LOSSES_IN_ORDER = 8

# for platforms without limits, whose capacity does not depend on it
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD = {"platform": 1, "needs_session": 1}


@dataclass(frozen=True, slots=True)
class _VersionedLimit:
    """A platform's limit at the server's time ``at``; ``version`` identifies this state of it."""

    site_limit: SiteLimit
    version: int
    at: datetime


# --- claims ---------------------------------------------------------------------------------------


async def claim(
    server: MongoServer, worker: WorkerId, limit: int, lease: timedelta, wanted: ClaimFilter
) -> list[ClaimedJob]:
    """Claim the first jobs of the queue. If the connection breaks in the middle,
    the jobs claimed so far are returned.
    """
    database, now = server.database, server.now
    queued, paused = await asyncio.gather(
        database.documents(JOBS).distinct("platform", {"status": QUEUED}),
        database.documents(RECORDS).distinct("key", {"kind": RecordKind.PAUSE.value}),
    )
    platforms = [
        name
        for name in queued
        if (not wanted.platforms or name in wanted.platforms) and not is_paused(name, paused)
    ]
    if not platforms:
        return []
    seen = await _read(database, platforms, now)
    at = next((entry.at for entry in seen.values()), _NO_TIME)
    limits = [seen[name].site_limit if name in seen else SiteLimit(name) for name in platforms]
    room = dict(site_limits.capacity(limits, at, limit=limit))
    claiming = _Claim(database, limit, _claimed(worker, lease, now), seen, room, wanted)
    try:
        await claiming.run()
    except StoreError:
        if not claiming.taken:
            raise
    return [ClaimedJob(job, worker) for job in sorted(claiming.taken, key=queries.turn_of)]


class _Claim:
    """One claim, working through the first jobs of the queue."""

    def __init__(
        self,
        database: MongoDatabase,
        limit: int,
        changes: dict[str, Any],
        seen: dict[str, _VersionedLimit],
        room: dict[str, int],
        wanted: ClaimFilter,
    ) -> None:
        self._database = database
        self._jobs = database.documents(JOBS)
        self._limit = limit
        self._changes = changes
        self._seen = seen
        # as it was before, and whether a job used it
        self._reserved: dict[str, tuple[_VersionedLimit, bool]] = {}
        self._room = room  # how many jobs of each platform may still be taken
        self._wanted = wanted
        self.taken: list[Job] = []

    async def run(self) -> None:
        ahead = self._limit + LOOK_AHEAD
        while len(self.taken) < self._limit and self._room:
            heads = await self._jobs.find(self._waiting(), fields=_HEAD, sort=IN_ORDER, limit=ahead)
            await self._take_from(deque(heads))
            if len(heads) < ahead:
                break
        for before, used in self._reserved.values():
            if not used:
                await _write(
                    self._database, replace(before, version=before.version + 1), before.site_limit
                )

    def _waiting(self) -> Filter:
        """Return the filter of queued jobs that may be handed out here;
        each part of it is one range of the index.
        """
        anywhere = {"platform": {"$in": sorted(self._room)}, "needs_session": 0}
        signed_in = sorted(self._room.keys() & self._wanted.sessions)
        here = [{"platform": {"$in": signed_in}, "needs_session": 1}] if signed_in else []
        classes = [anywhere, *here]
        if self._wanted.at_least is not Priority.LATER:
            classes = [
                {**session_class, "priority": {"$lte": self._wanted.at_least.rank}}
                for session_class in classes
            ]
        return {"status": QUEUED, "$or": classes}

    async def _take_from(self, heads: deque[Document]) -> None:
        lost = 0
        while heads and len(self.taken) < self._limit:
            head = heads.popleft()
            if head["platform"] not in self._room or not await self._may_offer(head["platform"]):
                continue
            changed = await self._jobs.change({**head, "status": QUEUED}, [{"$set": self._changes}])
            if changed is not None:
                await self._add(changed)
                lost = 0
                continue
            lost += 1
            if lost % LOSSES_IN_ORDER == 0:
                random.shuffle(heads)

    async def _add(self, changed: Document) -> None:
        job = job_from(changed)
        self.taken.append(job)
        self._room[job.platform] -= 1
        if job.platform in self._reserved:
            self._reserved[job.platform] = self._reserved[job.platform][0], True
        if self._room[job.platform] <= 0:
            del self._room[job.platform]
        await make_room(self._database, changed)

    async def _may_offer(self, platform: str) -> bool:
        """Reserve the next permit where these are used:
        of all concurrent claims one may hand out the job for it.
        """
        seen = self._seen.get(platform)
        if (
            seen is None
            or not site_limits.uses_permits(seen.site_limit)
            or platform in self._reserved
        ):
            return True
        if await _write(self._database, seen, site_limits.reserve(seen.site_limit, seen.at)):
            self._reserved[platform] = seen, False
            return True
        del self._room[platform]
        return False


def _claimed(worker: WorkerId, lease: timedelta, now: int | None) -> dict[str, Any]:
    """Return the changes that make a queued job's document a claimed one."""
    at, attempt = moment_of(now), {"$add": ["$attempt_count", 1]}
    values = {
        "status": RUNNING,
        "claimed_by": worker,
        "retry_at": None,
        "error_code": None,
        "error": None,
        "failed_at": None,
        "stage": Stage.CLAIM.value,
        "progress_pct": 0,
        "bytes_done": 0,
        "bytes_total": None,
    }
    return {
        **literals(values),
        "attempt_count": attempt,
        "started_at": at,
        "updated_at": at,
        "lease_expires_at": {"$add": [at, micros_in(lease)]},
        **appended(new_record(at, Stage.CLAIM, attempt=attempt, detail=worker)),
    }


# --- site limits ----------------------------------------------------------------------------------


async def acquire_permit(server: MongoServer, request: PermitRequest) -> Permit:
    database, now = server.database, server.now
    return await _update(
        database,
        request.platform,
        lambda site_limit, at: site_limits.acquire_permit(site_limit, request, at),
        now,
    )


async def pause_site(
    server: MongoServer, platform: str, *, duration: timedelta, code: ErrorCode, reason: str
) -> SiteLimit:
    database, now = server.database, server.now

    def judge(site_limit: SiteLimit, at: datetime) -> tuple[SiteLimit, SiteLimit]:
        closed = site_limits.close(
            site_limit, at, duration=duration, code=code, reason=codec.storable(reason)
        )
        return closed, closed

    return await _update(database, platform, judge, now)


async def reopen_site(server: MongoServer, platform: str) -> None:
    database, now = server.database, server.now
    await _update(
        database, platform, lambda site_limit, _: (None, site_limits.open_(site_limit)), now
    )
    server.wake()


async def _update(
    database: MongoDatabase,
    platform: str,
    judge: Callable[[SiteLimit, datetime], tuple[T, SiteLimit]],
    now: int | None,
) -> T:
    """Judge the limit and write the result, if the limit is still the one that was judged;
    otherwise repeat.
    """
    for _ in range(RACES):
        seen = (await _read(database, [platform], now)).get(platform)
        if seen is None:
            await database.documents(SITE_LIMITS).insert([limit_document(SiteLimit(platform))])
            continue
        answer, after = judge(seen.site_limit, seen.at)
        if await _write(database, seen, after):
            return answer
    raise StoreError(
        Message("Other processes keep changing the limits of %(site)s.", site=platform),
        help="Try again.",
    )


async def _read(
    database: MongoDatabase, platforms: Collection[str], now: int | None
) -> dict[str, _VersionedLimit]:
    """Return the stored limits, by platform, each with the server's time at the same moment."""
    documents = await database.documents(SITE_LIMITS).latest_with(
        {"_id": {"$in": list(platforms)}},
        {"at": literal(now) if now is not None else moment_of(None)},
    )
    return {
        document["_id"]: _VersionedLimit(
            limit_from(document), document["version"], from_micros(document["at"])
        )
        for document in documents
    }


async def _write(database: MongoDatabase, seen: _VersionedLimit, after: SiteLimit) -> bool:
    """Write the limit; returns False if it has changed since ``seen``."""
    where = {"_id": seen.site_limit.platform, "version": seen.version}
    changes = {"$set": limit_changes(after), "$inc": {"version": 1}}
    return await database.documents(SITE_LIMITS).change(where, changes) is not None
