"""Retention: the rules, the plan that follows from them, and the facts that they need.

A rule is a record whose key is a source's id, or ``vault``. There is one plan, made by a worker.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from mediavault.core.clock import Clock, from_micros, moment_or_none
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.core.logs import get_logger
from mediavault.core.marks import Mark, MarkKind
from mediavault.core.records import Record, RecordKind
from mediavault.core.typed_records import from_named_json, to_named_json
from mediavault.features.following.records import find_followed, followed, some_followed
from mediavault.features.retention.model import (
    WHOLE_VAULT,
    Proposal,
    RetentionPlan,
    RetentionRule,
    SavedPost,
    checked_rule,
    propose,
    since_before,
)
from mediavault.store.bulk import existing_jobs
from mediavault.store.port import JobOrder, JobQuery, Records, Store
from mediavault.store.tables import TRASH

KEY = "plan"
MOST_LISTED = 1_000
WATCHING = timedelta(days=14)  # for which a half-watched post is kept
PAGE = 200

log = get_logger(__name__)


async def retention_rules(records: Records) -> dict[str, RetentionRule]:
    """Return the rules by source id, and the vault's under ``WHOLE_VAULT``.

    One that can't be read keeps everything: it may have come from a later version.
    """
    return {record.key: _rule(record) for record in await records.all(RecordKind.RETENTION_RULE)}


async def set_rule(store: Store, key: str, rule: RetentionRule | None) -> None:
    """Store the rule of a source or of the vault; None removes it. Raises NotFound for an unknown
    source, and BadInput for invalid values.
    """
    if rule is None:
        await store.records.remove(RecordKind.RETENTION_RULE, key)
        return
    rule = checked_rule(rule)
    if key != WHOLE_VAULT:
        await find_followed(store.tables, key)
    await store.records.put(RecordKind.RETENTION_RULE, key, to_named_json(rule))


def digest_of(rules: Mapping[str, RetentionRule]) -> str:
    """Return a text that identifies the rules: equal rules have equal texts."""
    named = {key: to_named_json(rule) for key, rule in rules.items()}
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """The plan, None if there is none or it can't be read, and its stored value."""

    plan: RetentionPlan | None
    value: Mapping[str, Any] | None


async def read_plan(records: Records) -> StoredPlan:
    """Return the plan as it is stored."""
    record = await records.get(RecordKind.RETENTION_PLAN, KEY)
    if record is None:
        return StoredPlan(None, None)
    try:
        return StoredPlan(from_named_json(RetentionPlan, record.value), record.value)
    except (LookupError, TypeError, ValueError) as exc:
        log.warning("retention_unreadable", key=KEY, error=str(exc))
        return StoredPlan(None, record.value)


async def put_plan(
    records: Records, plan: RetentionPlan, *, before: StoredPlan
) -> StoredPlan | None:
    """Replace the previous plan; None if that has changed in the meantime."""
    value = to_named_json(plan)
    is_stored = await records.replace(RecordKind.RETENTION_PLAN, KEY, value, if_value=before.value)
    return StoredPlan(plan, value) if is_stored else None


async def make_plan_soon(records: Records) -> None:
    """Let a worker make the plan again in its next round."""
    stored = await read_plan(records)
    if stored.plan is not None:
        await put_plan(records, replace(stored.plan, rules=""), before=stored)


async def forget_plan(records: Records) -> None:
    """Remove the plan: there are no rules."""
    await records.remove(RecordKind.RETENTION_PLAN, KEY)


def _rule(record: Record) -> RetentionRule:
    try:
        return from_named_json(RetentionRule, record.value)
    except (LookupError, TypeError, ValueError) as exc:
        log.warning("retention_unreadable", key=record.key, error=str(exc))
        return RetentionRule()


# --- what the rules look at -----------------------------------------------------------------------


async def make_plan(
    store: Store,
    rules: Mapping[str, RetentionRule],
    clock: Clock,
    free_bytes: int | None,
    *,
    before: RetentionPlan | None = None,
) -> RetentionPlan:
    """Return what the rules propose now. Reads every saved post of the vault, in pages."""
    now = clock.now()
    posts = [post async for page in _saved_posts(store, now) for post in page]
    if free_bytes is not None:  # what is in the trash is freed in time
        free_bytes += await store.tables.total(TRASH, "bytes")
    doubtful = await doubtful_sources(store)
    found = propose(posts, rules, doubtful=doubtful, free_bytes=free_bytes, now=now)
    listed = since_before(found[:MOST_LISTED], before)
    return RetentionPlan(
        made_at=now,
        rules=digest_of(rules),
        listed=tuple(listed),
        count=len(found),
        bytes=sum(one.bytes for one in found),
        doubtful=tuple(sorted(doubtful & rules.keys())),
        moved_on=before.moved_on if before else "",
        moved=before.moved if before else 0,
    )


async def doubtful_sources(store: Store) -> frozenset[str]:
    """Return the sources whose last answer can't be trusted."""
    return frozenset(one.source.id for one in await followed(store.tables) if one.state.is_doubtful)


async def _saved_posts(store: Store, now: datetime) -> AsyncIterator[list[SavedPost]]:
    cursor: str | None = None
    while True:
        query = JobQuery((JobStatus.COMPLETED,), order=JobOrder.OLDEST, cursor=cursor, limit=PAGE)
        page = await store.catalogue.jobs(query)
        yield await _with_marks(store, page.jobs, now)
        cursor = page.next_cursor
        if cursor is None:
            return


async def _with_marks(store: Store, jobs: Sequence[Job], now: datetime) -> list[SavedPost]:
    marks = await store.marks.of_jobs([job.id for job in jobs])
    return [_saved_post(job, marks.get(job.id, ()), now) for job in jobs]


def _saved_post(job: Job, marks: Sequence[Mark], now: datetime) -> SavedPost:
    watched = [
        from_micros(mark.place)
        for mark in marks
        if mark.kind == MarkKind.WATCHED and mark.place is not None
    ]
    sizes = [item.saved.bytes for item in job.items if item.saved]
    return SavedPost(
        job.id,
        saved_at=job.completed_at or job.updated_at,
        published_at=moment_or_none(job.metadata.get("published_at")),
        bytes=sum(sizes) if sizes else job.bytes or 0,
        sources=_sources(job, marks),
        watched_at=max(watched, default=None),
        is_protected=any(mark.kind in _KEEPING or _is_being_watched(mark, now) for mark in marks),
    )


_KEEPING = frozenset({MarkKind.PINNED, MarkKind.FAVOURITE})


def _is_being_watched(mark: Mark, now: datetime) -> bool:
    return (
        mark.kind == MarkKind.POSITION
        and mark.place is not None
        and now - from_micros(mark.place) < WATCHING
    )


def _sources(job: Job, marks: Sequence[Mark]) -> tuple[str, ...]:
    """Return the sources that brought a post; none if a user has asked for it too."""
    if not job.is_wanted_by_lists_only:
        return ()
    return tuple(mark.name.partition("/")[2] for mark in marks if mark.kind == MarkKind.SOURCE)


async def may_go_still(
    store: Store, proposals: Sequence[Proposal], now: datetime
) -> dict[JobId, Job]:
    """Return the jobs of those proposals that no user has asked for,
    pinned or begun to watch since the plan was made.
    """
    jobs = existing_jobs(store.catalogue, [one.job_id for one in proposals])
    saved = [job async for job in jobs if job.status is JobStatus.COMPLETED]
    posts = {post.job_id: post for post in await _with_marks(store, saved, now)}
    asked = {source for post in posts.values() for source in post.sources}
    # a page of one post need not read all sources
    brought_by = await some_followed(store.tables, asked)
    doubtful = {source for source, one in brought_by.items() if one.state.is_doubtful}
    of_sources = {proposal.job_id for proposal in proposals if proposal.rules != (WHOLE_VAULT,)}
    return {
        job.id: job
        for job in saved
        if not posts[job.id].is_protected
        and doubtful.isdisjoint(posts[job.id].sources)
        and (posts[job.id].sources or job.id not in of_sources)
    }
