"""Takes posts that a source's list names: stores their jobs, and records that they are taken.

Checks take what is new and wanted, users what they choose by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from mediavault.core.clock import Clock
from mediavault.core.job import NewJob, Priority
from mediavault.core.listings import Entry, metadata_of, post_key
from mediavault.core.logs import get_logger
from mediavault.core.marks import in_collection
from mediavault.core.settings import ChangeableSettings
from mediavault.core.urls import MAX_URL_CHARS
from mediavault.features.following.filters import Reason
from mediavault.features.following.inbox import note_arrivals
from mediavault.features.following.model import EntryState, SeenEntry, Source
from mediavault.features.following.records import mark_posts, put_seen
from mediavault.platforms import registry
from mediavault.store.bulk import enqueue_for_user
from mediavault.store.mark_changes import mark_added_by
from mediavault.store.port import Enqueued, Store
from mediavault.store.profiles import if_it_exists, with_settings

MAX_TITLE_CHARS = 300

log = get_logger(__name__)


def entry_key(canonical_url: str) -> str:
    """Return the key of a post among the entries of a source."""
    return post_key(registry.seen_as(canonical_url))


def seen_entry(
    entry: Entry | SeenEntry, state: EntryState, now: datetime, reason: Reason | None = None
) -> SeenEntry:
    """Return what the source knows of an entry from now on."""
    enclosed = None if state is EntryState.SAVED else entry.enclosed
    if isinstance(entry, SeenEntry):
        return replace(entry, state=state, reason=reason, enclosed=enclosed)
    title = entry.title[:MAX_TITLE_CHARS] if entry.title else None
    url = entry.url[:MAX_URL_CHARS]
    return SeenEntry(state, url, title, entry.published_at, now, reason, enclosed=enclosed)


async def take(
    store: Store,
    clock: Clock,
    settings: ChangeableSettings | None,
    source: Source,
    posts: Sequence[tuple[str, NewJob]],
    entries: Mapping[str, Entry | SeenEntry],
    *,
    are_news: bool = False,
    chosen_by: str | None = None,
) -> None:
    """Store jobs for these posts unless they have one, and then record that they are taken.

    ``posts`` and ``entries`` have the posts' keys. ``chosen_by`` is the user who has chosen the
    posts: their jobs wait no longer than others, and they are no news. Without ``settings`` the
    jobs keep the profile and the attempts that they have.
    """
    if not posts:
        return
    priority = Priority.LATER if chosen_by is None else Priority.NORMAL
    new = [replace(_with_file(job, entries[post]), priority=priority) for post, job in posts]
    if settings is not None:
        profile = await if_it_exists(store.records, source.profile)
        new = await with_settings(new, settings, store.records, profile=profile)
    if chosen_by is None:
        results = await store.queue.enqueue(new)
    else:
        results = await enqueue_for_user(store.queue, new)
        created = [result.job.id for result in results if result.created]
        await mark_added_by(store, clock, chosen_by, created)
    await mark_posts(store, source.id, [result.job.id for result in results])
    if chosen_by is None:
        await _note_arrivals(store, results, are_news=are_news)
    if source.collection:
        await store.marks.put(
            [in_collection(result.job.id, source.collection) for result in results]
        )
    now = clock.now()
    taken = {
        post: replace(seen_entry(entries[post], EntryState.SAVED, now), job_id=result.job.id)
        for (post, _), result in zip(posts, results, strict=True)
    }
    await put_seen(store.tables, source.id, taken)
    for result in results:
        log.info(
            "post_followed",
            source=source.id,
            job_id=result.job.id,
            trace_id=result.job.trace_id,
            created=result.created,
        )


async def _note_arrivals(store: Store, results: Sequence[Enqueued], *, are_news: bool) -> None:
    # A check that was killed after it had stored jobs is repeated: they are not new then, but came
    # from a source.
    brought = [one.job.id for one in results if one.created or one.job.is_wanted_by_lists_only]
    await note_arrivals(store, brought, are_news=are_news)


def _with_file(job: NewJob, entry: Entry | SeenEntry) -> NewJob:
    """Return the job with the file that the entry encloses, unless its site has a reader,
    which knows more about the post.
    """
    return replace(job, metadata=metadata_of(entry.enclosed)) if job.platform == "generic" else job
