"""All the jobs of a query, however many pages they fill, and retrying many of them."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import replace

from mediavault.core.failures import IllegalMove, JobNotFound
from mediavault.core.job import Job
from mediavault.store.port import JobCatalogue, JobQuery, Store


async def iter_pages(catalogue: JobCatalogue, query: JobQuery) -> AsyncIterator[tuple[Job, ...]]:
    """Yield the query's jobs in its order, ``query.limit`` at a time; an empty page is left out.

    Jobs may be removed, retried or added while this runs. In the orders NEWEST and OLDEST a cursor is a job's age and id,
    which never change: no job is met twice, and none is missed that is there, and in the query, all the time. In the
    orders LONGEST and LARGEST a job whose length or size changes in between may be.
    """
    while True:
        page = await catalogue.jobs(query)
        if page.jobs:
            yield page.jobs
        if page.next_cursor is None:
            return
        query = replace(query, cursor=page.next_cursor)


async def iter_jobs(catalogue: JobCatalogue, query: JobQuery, *, at_most: int | None = None) -> AsyncIterator[Job]:
    """Yield the query's jobs, as :func:`iter_pages` does; each as its page was read. ``at_most`` (1 or more) of them."""
    count = 0
    async for page in iter_pages(catalogue, query):
        for job in page:
            yield job
            count += 1
            if count == at_most:
                return


async def retry_each(store: Store, jobs: AsyncIterable[Job], *, at_most: int | None = None) -> int:
    """Queue these jobs again, ``at_most`` (1 or more) of them; returns how many. No job is read after the last one.

    A job that was removed since it was read, or that has another status by now, is left alone: a person who cancelled
    it in between wants it to stay cancelled. (Between the last look and the move lies one call to the store.)
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
