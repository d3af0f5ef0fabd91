"""Saves posts again whose files are as they were saved, but damaged: once, as a new version, which
waits behind all other jobs.

The id of the new version is stored in the post's DAMAGED record before it is queued, so that a kill
in between queues no second one. The mark REPLACED ends it for both versions: neither is saved again
automatically. The damaged version stays, with its files, until a user deletes it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mediavault.core.clock import Clock
from mediavault.core.failures import JobNotFound
from mediavault.core.job import Job, JobId, JobStatus, NewJob, Priority, new_job_id, new_trace_id
from mediavault.core.listings import enclosed_in, metadata_of
from mediavault.core.logs import get_logger
from mediavault.core.marks import Mark, MarkKind
from mediavault.core.post_urls import has_url
from mediavault.core.records import CheckVerdict, Record, RecordKind
from mediavault.core.settings import ChangeableSettings
from mediavault.store.bulk import existing_jobs
from mediavault.store.holds import all_holds
from mediavault.store.port import Store
from mediavault.store.profiles import if_it_exists, with_settings

ROUND_S = 60.0

log = get_logger(__name__)


async def replace_damaged(
    store: Store, clock: Clock, settings: Callable[[], Awaitable[ChangeableSettings]]
) -> int:
    """Queue a new version of each damaged post that has had none; returns how many. Raises
    StoreError.

    Nothing is queued while the queue is paused, and no post of a site that is.
    """
    paused = {hold.site for hold in await all_holds(store.records)}
    damaged = {
        JobId(record.key): record
        for record in await store.records.all(RecordKind.DAMAGED)
        if CheckVerdict.DAMAGED in record.value.get("verdicts", ())
    }
    if None in paused or not damaged:
        return 0
    marks = await store.marks.of_jobs(damaged.keys())
    count = 0
    async for job in existing_jobs(store.catalogue, damaged):
        post_marks = marks.get(job.id, ())
        finished = any(mark.name == MarkKind.REPLACED for mark in post_marks)
        if (
            finished
            or job.platform in paused
            or job.status is not JobStatus.COMPLETED
            or not has_url(job.canonical_url)
        ):
            continue
        new_id = await _queue(job, damaged[job.id], store, clock, await settings())
        if new_id is not None:
            added = [
                Mark(new_id, mark.name, mark.text)
                for mark in post_marks
                if mark.kind == MarkKind.ADDED
            ]
            await store.marks.put(
                [Mark(job.id, MarkKind.REPLACED, new_id), Mark(new_id, MarkKind.REPLACED), *added]
            )
            log.info("damaged_post_queued", job_id=job.id, trace_id=job.trace_id, new_job_id=new_id)
            count += 1
    return count


async def _queue(
    job: Job, record: Record, store: Store, clock: Clock, settings: ChangeableSettings
) -> JobId | None:
    """Queue the new version of a post, and return its id; None when it is not to be saved again."""
    queued = record.value.get("replaced_by")
    if queued is not None and await _exists(JobId(queued), store):
        return JobId(queued)  # by a worker that was killed before it had marked both
    newest = (await store.catalogue.of_posts([job.canonical_url])).get(job.canonical_url)
    if newest is None or newest.id != job.id:  # a user has saved it again, or deleted it
        return None
    new = NewJob(
        id=JobId(queued or new_job_id(clock.now())),
        trace_id=new_trace_id(),
        post_url=job.post_url,
        canonical_url=job.canonical_url,
        platform=job.platform,
        priority=Priority.LATER,
        listed_by=job.listed_by,
        metadata=metadata_of(enclosed_in(job.metadata)),
    )
    value = {**record.value, "replaced_by": new.id}
    if not await store.records.replace(RecordKind.DAMAGED, job.id, value, if_value=record.value):
        return None  # another worker is at it, or the file was checked again
    profile = await if_it_exists(store.records, job.profile)
    await store.queue.enqueue(
        await with_settings([new], settings, store.records, profile=profile), force=True
    )
    return new.id


async def _exists(job_id: JobId, store: Store) -> bool:
    try:
        await store.catalogue.get(job_id)
    except JobNotFound:
        return False
    return True
