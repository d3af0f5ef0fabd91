"""Walking over all jobs of a query and retrying many of them, while others change the same jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobStatus, WorkerId
from mediavault.store.bulk import changed_pages, iter_jobs, iter_pages, retry_each
from mediavault.store.port import JobOrder, JobQuery, Store, StoredJob
from tests.fakes import FakeClock
from tests.stubs import new_job

WORKER, LEASE = WorkerId("w-1"), timedelta(seconds=90)
OLDEST_FIRST = JobQuery((JobStatus.FAILED,), limit=2, order=JobOrder.OLDEST)

AGES = pytest.mark.parametrize("order", [JobOrder.NEWEST, JobOrder.OLDEST])


async def failed_jobs(store: Store, clock: FakeClock, count: int) -> list[Job]:
    """Return failed jobs, oldest first."""
    jobs = []
    for number in range(count):
        clock.advance(1)
        await store.queue.enqueue([new_job(f"https://videos.example/watch/{number}", clock=clock)])
        (claim,) = await store.queue.claim(WORKER, limit=1, lease=LEASE)
        jobs.append(
            await store.queue.fail(
                claim, error_code=ErrorCode.NETWORK, error="It failed.", retry_in=None
            )
        )
    return jobs


async def statuses(store: Store, jobs: Sequence[Job]) -> list[JobStatus]:
    return [(await store.catalogue.get(job.id)).status for job in jobs]


async def read_before(
    jobs: Sequence[Job], change: Callable[[Job], Awaitable[object]]
) -> AsyncIterator[Job]:
    """Yield each job as it was read, after ``change`` has been applied to it."""
    for job in jobs:
        await change(job)
        yield job


@AGES
async def test_every_job_is_visited_once_and_in_order_across_all_pages(
    store: Store, clock: FakeClock, order: JobOrder
) -> None:
    jobs = await failed_jobs(store, clock, 5)
    query = JobQuery((JobStatus.FAILED,), limit=2, order=order)
    wanted = [job.id for job in (jobs if order is JobOrder.OLDEST else reversed(jobs))]

    assert [job.id async for job in iter_jobs(store.catalogue, query)] == wanted
    assert [len(page) async for page in iter_pages(store.catalogue, query)] == [2, 2, 1]
    assert [job.id async for job in iter_jobs(store.catalogue, query, at_most=3)] == wanted[:3]


async def test_changed_jobs_are_read_to_the_last_though_a_page_changed_in_one_instant(
    store: Store, clock: FakeClock
) -> None:
    since = clock.now()
    for job in await failed_jobs(store, clock, 5):
        await store.catalogue.remove(job.id)
        await store.catalogue.import_jobs([StoredJob(replace(job, updated_at=since + LEASE))])
    clock.advance(1)
    await store.queue.enqueue([new_job("https://videos.example/later", clock=clock)])
    pages = [page async for page in changed_pages(store.catalogue, since, limit=2)]

    assert len({job.id for page in pages for job in page}) == 6
    assert all(len(page) <= 8 for page in pages)


async def test_no_jobs_give_no_page(store: Store) -> None:
    assert [page async for page in iter_pages(store.catalogue, JobQuery())] == []


@AGES
async def test_jobs_that_leave_the_query_during_the_walk_hide_no_others(
    store: Store, clock: FakeClock, order: JobOrder
) -> None:
    jobs = await failed_jobs(store, clock, 7)
    met = []
    async for job in iter_jobs(
        store.catalogue, JobQuery((JobStatus.FAILED,), limit=2, order=order)
    ):
        met.append(job.id)
        await (store.catalogue.remove if len(met) % 2 else store.queue.retry)(job.id)

    assert sorted(met) == sorted(job.id for job in jobs)


async def test_a_removed_job_at_the_end_of_a_page_does_not_end_the_walk(
    store: Store, clock: FakeClock
) -> None:
    jobs = await failed_jobs(store, clock, 5)
    met = []
    async for job in iter_jobs(store.catalogue, OLDEST_FIRST):
        met.append(job.id)
        if job.id == jobs[0].id:  # its page was read, the next one was not
            await store.catalogue.remove(jobs[1].id)
            await store.catalogue.remove(jobs[2].id)

    assert met == [jobs[0].id, jobs[1].id, jobs[3].id, jobs[4].id]


async def test_a_job_that_fails_again_during_the_walk_is_not_visited_again(
    store: Store, clock: FakeClock
) -> None:
    jobs = await failed_jobs(store, clock, 3)
    met = []
    async for job in iter_jobs(store.catalogue, OLDEST_FIRST):
        met.append(job.id)
        await store.queue.retry(job.id)
        (claim,) = await store.queue.claim(WORKER, limit=1, lease=LEASE)
        await store.queue.fail(claim, error_code=ErrorCode.NETWORK, error="Again.", retry_in=None)

    assert met == [job.id for job in jobs]


async def test_jobs_of_several_pages_are_retried_while_the_query_shrinks(
    store: Store, clock: FakeClock
) -> None:
    jobs = await failed_jobs(store, clock, 5)

    assert await retry_each(store, iter_jobs(store.catalogue, OLDEST_FIRST)) == 5
    assert set(await statuses(store, jobs)) == {JobStatus.QUEUED}


async def test_no_more_jobs_are_retried_than_requested(store: Store, clock: FakeClock) -> None:
    jobs = await failed_jobs(store, clock, 3)
    read = []

    async def note(job: Job) -> None:
        read.append(job.id)

    assert await retry_each(store, read_before(jobs, note), at_most=2) == 2
    assert read == [job.id for job in jobs[:2]]
    assert await statuses(store, jobs) == [JobStatus.QUEUED, JobStatus.QUEUED, JobStatus.FAILED]


async def test_a_job_removed_in_the_meantime_does_not_stop_the_others(
    store: Store, clock: FakeClock
) -> None:
    jobs = await failed_jobs(store, clock, 3)

    async def remove_second(job: Job) -> None:
        if job.id == jobs[1].id:
            await store.catalogue.remove(job.id)

    assert await retry_each(store, read_before(jobs, remove_second)) == 2
    assert await statuses(store, [jobs[0], jobs[2]]) == [JobStatus.QUEUED, JobStatus.QUEUED]


async def test_a_job_cancelled_in_the_meantime_stays_cancelled(
    store: Store, clock: FakeClock
) -> None:
    jobs = await failed_jobs(store, clock, 2)

    async def cancel_first(job: Job) -> None:
        if job.id == jobs[0].id:
            await store.queue.cancel(job.id)

    assert await retry_each(store, read_before(jobs, cancel_first)) == 1
    assert await statuses(store, jobs) == [JobStatus.CANCELLED, JobStatus.QUEUED]


async def test_a_job_retried_by_another_caller_in_the_meantime_is_not_counted(
    store: Store, clock: FakeClock
) -> None:
    jobs = await failed_jobs(store, clock, 2)
    retries = [len(await store.catalogue.history(job.id)) + 1 for job in jobs]

    assert await retry_each(store, read_before(jobs, lambda job: store.queue.retry(job.id))) == 0
    assert [len(await store.catalogue.history(job.id)) for job in jobs] == retries
