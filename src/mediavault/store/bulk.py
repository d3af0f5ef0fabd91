"""Read many jobs, by a query page by page or by their ids, and retry many of them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import replace

from mediavault.core.failures import IllegalMove, JobNotFound
from mediavault.core.job import Job, JobId
from mediavault.store.port import JobCatalogue, JobQuery, Store


async def iter_pages(catalogue: JobCatalogue, query: JobQuery) -> AsyncIterator[tuple[Job, ...]]:
    """Yield the query's jobs in its order, ``query.limit`` at a time; an empty page is left out.

    Jobs may be removed, retried or added while this runs. In the orders NEWEST and OLDEST a cursor is a job's age and
    id, which never change: no job is yielded twice, and none is missed that exists and matches the query all the time.
    In the orders LONGEST and LARGEST this does not hold for a job whose duration or size changes in the meantime.
    """
    while True:
        page = await catalogue.jobs(query)
        if page.jobs:
            yield page.jobs
        if page.next_cursor is None:
            return
        query = replace(query, cursor=page.next_cursor)


async def iter_jobs(catalogue: JobCatalogue, query: JobQuery, *, at_most: int | None = None) -> AsyncIterator[Job]:
    """Yield the jobs of :func:`iter_pages` one by one, ``at_most`` (1 or more) of them, each as its page was read."""
    count = 0
    async for page in iter_pages(catalogue, query):
        for job in page:
            yield job
            count += 1
            if count == at_most:
                return


async def existing_jobs(catalogue: JobCatalogue, job_ids: Iterable[JobId]) -> AsyncIterator[Job]:
    """Yield the jobs with these ids, without those that have been removed."""
    for job_id in job_ids:
        with contextlib.suppress(JobNotFound):
            yield await catalogue.get(job_id)


async def retry_each(store: Store, jobs: AsyncIterable[Job], *, at_most: int | None = None) -> int:
    """Queue these jobs again, ``at_most`` (1 or more) of them; returns how many. No job is read after the last one.

    A job that was removed or has changed its status since it was read is left alone: a user who cancelled it in the
    meantime wants it to stay cancelled. (Its status can still change between the check here and the retry.)
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
