"""Posts that freeze or kill the process that reads them: it goes on with all others, and gives these up by name."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.errors import ErrorCode
from mediavault.core.job import Job, JobStatus, Stage
from mediavault.store.port import JobStore
from mediavault.worker.freezes import settled_reports
from tests.faults.house import House, all_jobs, end, running, start
from tests.faults.worker_process import FREEZES, KILLS
from tests.stubs import new_job

INNOCENT = 8
WITHIN_S = 90.0


async def handed_in(store: JobStore, deadly: str) -> None:
    """One deadly post among others that are looked at in the same moments."""
    posts = [f"https://videos.example/{number}" for number in range(INNOCENT)]
    posts.insert(1, f"https://videos.example/{deadly}")
    await store.enqueue([new_job(url, clock=SystemClock()) for url in posts])


async def until_settled(store: JobStore) -> dict[str, Job]:
    """Until no job has anything ahead of it; by the last part of their addresses."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        jobs = await all_jobs(store)
        over = [job.status is JobStatus.COMPLETED or _is_given_up(job) for job in jobs]
        if all(over):
            break
        await asyncio.sleep(0.1)
    return {job.post_url.rpartition("/")[2]: job for job in jobs}


def _is_given_up(job: Job) -> bool:
    return job.status is JobStatus.FAILED and job.retry_at is None


@asynccontextmanager
async def restarted(house: House) -> AsyncIterator[list[int]]:
    """A worker that is started again whenever it dies, as a service manager does; the exit codes that it had."""
    codes: list[int] = []

    async def keep_running() -> None:
        while True:
            worker = start(house.orders())
            try:
                codes.append(await asyncio.to_thread(worker.wait))
            finally:
                end(worker)

    keeper = asyncio.create_task(keep_running())
    yield codes
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)


@pytest.mark.fault("F60", "a post that freezes its reader", by="a regular expression that backtracks for years")
@pytest.mark.timeout(180)
async def test_a_post_that_freezes_its_worker_twice_is_given_up_and_all_others_are_kept(house: House) -> None:
    """Nothing starts the process again but itself; the regular expression holds the interpreter's lock."""
    async with house.store() as store:
        await handed_in(store, FREEZES)
        worker = start(house.orders(frozen_after_s=2.0, lease_s=10.0))
        with running(worker):
            jobs = await until_settled(store)
            assert worker.poll() is None  # the same process, by its id
        deadly = jobs.pop(FREEZES)
        history = await store.history(deadly.id)

    assert {job.status for job in jobs.values()} == {JobStatus.COMPLETED}
    assert (deadly.status, deadly.error_code) == (JobStatus.FAILED, ErrorCode.WORKER_FROZE)
    assert deadly.error == "The worker did not respond for 2 seconds while it was reading this post."
    assert [one.error_code for one in history if one.stage is Stage.FAIL] == [ErrorCode.WORKER_FROZE] * 2
    first, second = settled_reports(house.state / "workers")
    assert {first.job_id, second.job_id} == {deadly.id}
    assert any("extract" in line for line in first.stack)


@pytest.mark.fault("F61", "a post that kills its reader", by="SIGKILL during the look at it")
@pytest.mark.timeout(180)
async def test_a_post_whose_worker_dies_twice_while_reading_it_is_given_up_and_all_others_are_kept(
    house: House,
) -> None:
    async with house.store() as store:
        await handed_in(store, KILLS)
        async with restarted(house) as codes:
            jobs = await until_settled(store)
        deadly = jobs.pop(KILLS)

    assert {job.status for job in jobs.values()} == {JobStatus.COMPLETED}
    assert (deadly.status, deadly.error_code) == (JobStatus.FAILED, ErrorCode.WORKER_DIED)
    assert deadly.error == "The worker stopped twice while it was reading this post."
    assert codes[:2] == [-signal.SIGKILL, -signal.SIGKILL]
    assert deadly.attempt_count == 3  # the third found out, and looked at nothing
