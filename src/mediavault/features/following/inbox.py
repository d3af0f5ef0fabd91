"""The inbox: the posts that sources have brought, in order of arrival, and up to where each user
has seen them.

A post that a source brings gets the mark FOLLOWED, whose place is when it came, and NEWS too unless
it was there before the source was followed. So the inbox is a page of marks, and what is new for a
user is read from an index, from where that user has seen it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mediavault.core.clock import EARLIEST, from_micros, to_micros
from mediavault.core.failures import StoreError
from mediavault.core.job import Job, JobId
from mediavault.core.marks import Mark, MarkKind
from mediavault.core.records import RecordKind
from mediavault.features.following.records import some_followed
from mediavault.store import queries
from mediavault.store.bulk import existing_jobs
from mediavault.store.port import Records, Store

MOST_COUNTED = 100
RACES = 5  # with other pages of the same user

_KIND = RecordKind.INBOX_SEEN


@dataclass(frozen=True, slots=True)
class Arrival:
    """A post that arrived. ``sources`` are the names of the sources that brought it, by id, without
    those no longer followed; ``is_new``: it is news, and the user has not seen it.
    """

    job: Job
    came_at: datetime
    sources: dict[str, str]
    is_new_post: bool
    is_new: bool


@dataclass(frozen=True, slots=True)
class Inbox:
    """A page of the inbox, latest arrivals first. ``news`` is how many are new to the user,
    at most MOST_COUNTED.
    """

    arrivals: tuple[Arrival, ...]
    news: int
    next_cursor: str | None


async def note_arrivals(store: Store, job_ids: Sequence[JobId], *, are_news: bool) -> None:
    """Add these posts to the inbox; posts that are already there keep their places."""
    kinds = (MarkKind.FOLLOWED, MarkKind.NEWS) if are_news else (MarkKind.FOLLOWED,)
    await store.marks.put([Mark(job_id, kind) for kind in kinds for job_id in job_ids])


async def read_inbox(
    store: Store, user: str, *, cursor: str | None, limit: int, only_news: bool = False
) -> Inbox:
    """Return a page of the inbox as a user sees it. Raises BadInput for an invalid cursor."""
    name = MarkKind.NEWS if only_news else MarkKind.FOLLOWED
    after = queries.decode_mark_cursor(cursor, name) if cursor else None
    found, until, count = await asyncio.gather(
        store.marks.marked(name, after=after, limit=limit + 1, newest_first=True),
        _seen_until(store.records, user),
        count_news(store, user),
    )
    shown = found[:limit]
    marks = await store.marks.of_jobs([mark.job_id for mark in shown])
    named = {
        job_id: [_source_of(mark) for mark in of_job if _source_of(mark)]
        for job_id, of_job in marks.items()
    }
    names = await some_followed(
        store.tables, {source for sources in named.values() for source in sources}
    )
    places = {mark.job_id: mark.place or 0 for mark in shown}
    arrivals = []
    async for job in existing_jobs(store.catalogue, places):
        news_at = next(
            (mark.place for mark in marks.get(job.id, ()) if mark.name == MarkKind.NEWS), None
        )
        # each mark has its own place
        came_at = from_micros(places[job.id] if news_at is None else news_at)
        sources = {
            source: names[source].name for source in named.get(job.id, ()) if source in names
        }
        is_new_post = news_at is not None
        arrivals.append(
            Arrival(
                job,
                came_at,
                sources,
                is_new_post=is_new_post,
                is_new=is_new_post and came_at > until,
            )
        )
    return Inbox(
        tuple(arrivals), count, queries.mark_cursor_of(shown[-1]) if len(found) > limit else None
    )


async def count_news(store: Store, user: str) -> int:
    """Return how many posts are new to a user: MOST_COUNTED means that many or more.
    Reads only those.
    """
    until = await _seen_until(store.records, user)
    start = Mark(JobId(""), MarkKind.NEWS, place=to_micros(until) + 1)
    return len(await store.marks.marked(MarkKind.NEWS, after=start, limit=MOST_COUNTED))


async def mark_seen(store: Store, user: str, until: datetime) -> None:
    """Record that a user has seen what arrived up to then; a later recorded time stays."""
    for _ in range(RACES):
        record = await store.records.get(_KIND, user)
        if record is not None and datetime.fromisoformat(record.value["until"]) >= until:
            return
        before = None if record is None else record.value
        if await store.records.replace(_KIND, user, {"until": until.isoformat()}, if_value=before):
            return
    raise StoreError(
        "The inbox could not be marked as seen because it was changing at the same time."
    )


async def _seen_until(records: Records, user: str) -> datetime:
    record = await records.get(_KIND, user)
    return EARLIEST if record is None else datetime.fromisoformat(record.value["until"])


def _source_of(mark: Mark) -> str:
    """Return the id of the source that a mark names, "" for any other mark."""
    return mark.name.partition("/")[2] if mark.kind == MarkKind.SOURCE else ""
