"""Store jobs for a user, read many jobs, by a query or their last change page by page or by their
ids, and retry many of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from mediavault.core.failures import IllegalMove, JobNotFound
from mediavault.core.job import Job, JobId, JobStatus, NewJob
from mediavault.store.port import Enqueued, JobCatalogue, JobOrder, JobQuery, JobQueue, Store
from mediavault.store.queries import cursor_of, placed_by_marks

FAILED_PAGE = 200


async def enqueue_for_user(
    queue: JobQueue, jobs: Sequence[NewJob], *, force: bool = False
) -> list[Enqueued]:
    """Store jobs as ``enqueue`` does, for a user: an unfinished job of the same post that may wait
    longer no longer does.

    A source's posts come later, one that its filters turn out not to want is removed, and its
    retention rule deletes them; not when a user asks for it, whatever its state.
    """
    return [
        await _raised(queue, result, new)
        for new, result in zip(jobs, await queue.enqueue(jobs, force=force), strict=True)
    ]


async def _raised(queue: JobQueue, result: Enqueued, new: NewJob) -> Enqueued:
    job = result.job
    if (
        result.created
        or job.status is JobStatus.COMPLETED
        or job.priority.rank <= new.priority.rank
    ):
        return result
    try:
        return Enqueued(await queue.set_priority(job.id, new.priority), created=False)
    except IllegalMove:  # it has just been completed
        return result
    except JobNotFound:  # it has just been removed
        return (await queue.enqueue([new]))[0]


async def cursor_after(store: Store, job: Job, query: JobQuery) -> str:
    """Return the cursor of the page that follows this job. The marks are only read for an order
    that depends on them.
    """
    placed = placed_by_marks([job], query)
    marks = await store.marks.of_jobs(placed) if placed else {}
    return cursor_of(job, query, marks.get(job.id, ()))


async def iter_pages(catalogue: JobCatalogue, query: JobQuery) -> AsyncIterator[tuple[Job, ...]]:
    """Yield the query's jobs in its order, ``query.limit`` at a time; an empty page is left out.

    Jobs may be removed, retried or added while this runs. In the orders NEWEST and OLDEST a cursor
    is a job's age and id, which never change: no job is yielded twice, and none is missed that
    exists and matches the query all the time. In the other orders this does not hold for a job
    whose value, such as its size, or when it was last watched, changes in the meantime.
    """
    while True:
        page = await catalogue.jobs(query)
        if page.jobs:
            yield page.jobs
        if page.next_cursor is None:
            return
        query = replace(query, cursor=page.next_cursor)


async def iter_jobs(
    catalogue: JobCatalogue, query: JobQuery, *, at_most: int | None = None
) -> AsyncIterator[Job]:
    """Yield the jobs of :func:`iter_pages` one by one, ``at_most`` (1 or more) of them,
    each as its page was read.
    """
    count = 0
    async for page in iter_pages(catalogue, query):
        for job in page:
            yield job
            count += 1
            if count == at_most:
                return


async def changed_pages(
    catalogue: JobCatalogue, since: datetime, *, limit: int
) -> AsyncIterator[list[Job]]:
    """Yield the jobs that have changed since the moment, inclusive, ``limit`` at a time; the last
    page may be empty.

    The jobs of a page's last moment are on the next page too.
    """
    while True:
        page = await catalogue.changed_since(since, limit=limit)
        yield page
        if len(page) < limit:
            return
        if page[-1].updated_at <= since:  # more jobs changed in one instant than a page holds
            limit *= 2
        since = page[-1].updated_at


async def existing_jobs(catalogue: JobCatalogue, job_ids: Iterable[JobId]) -> AsyncIterator[Job]:
    """Yield the jobs with these ids, without those that have been removed."""
    for job_id in job_ids:
        with contextlib.suppress(JobNotFound):
            yield await catalogue.get(job_id)


async def retry_failed(
    store: Store, is_meant: Callable[[Job], bool], *, platform: str | None = None
) -> int:
    """Queue the failed jobs that are meant, of a platform or of all, oldest first;
    returns how many.
    """
    failed = iter_jobs(
        store.catalogue,
        JobQuery((JobStatus.FAILED,), platform, limit=FAILED_PAGE, order=JobOrder.OLDEST),
    )
    return await retry_each(store, (job async for job in failed if is_meant(job)))


async def retry_each(store: Store, jobs: AsyncIterable[Job], *, at_most: int | None = None) -> int:
    """Queue these jobs again, ``at_most`` (1 or more) of them; returns how many. No job is read
    after the last one.

    A job that was removed or has changed its status since it was read is left alone: a user who
    cancelled it in the meantime wants it to stay cancelled. (Its status can still change between
    the check here and the retry.)
    """
    count = 0
    async for job in jobs:
        try:
            if (await store.catalogue.get(job.id)).status is not job.status:
                continue
            await store.queue.retry(job.id)
        except (JobNotFound, IllegalMove):
            continue
        count += 1
        if count == at_most:
            break
    return count
