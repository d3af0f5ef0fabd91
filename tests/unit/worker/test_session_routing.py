"""A job that needs a sign-in moves to a machine that is signed in,
and does not wait for a machine that is gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.core.failures import Deleted, ErrorCode, Failure, LoginRequired
from mediavault.core.job import Job, JobId, JobStatus, WorkerHeartbeat, WorkerId
from mediavault.store.bulk import iter_jobs
from mediavault.store.port import JobQuery, StoredJob
from mediavault.worker.session_routing import (
    STRANDED_AFTER,
    hosts_signed_in,
    release_orphaned_jobs,
    requeue_after_sign_in,
)
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore, MemoryQueue
from tests.stubs import StubExtractor, make_context, new_job, worked

LEASE = timedelta(seconds=90)
ME = WorkerId("w-here")
SITE = "generic"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> MemoryJobStore:
    return MemoryJobStore(clock)


async def beat(
    store: MemoryJobStore,
    clock: FakeClock,
    host: str,
    *signed_in: str,
    platforms: tuple[str, ...] = (),
) -> None:
    at = clock.now()
    await store.workers.heartbeat(
        WorkerHeartbeat(
            WorkerId(f"w-{host}"),
            host,
            1,
            "1",
            at,
            at,
            platforms=platforms,
            signed_in=tuple(signed_in),
        )
    )


async def attempt(
    store: MemoryJobStore,
    clock: FakeClock,
    root: Path,
    failure: Failure,
    *,
    signed_in: frozenset[str] = frozenset(),
) -> Job:
    """Claim the job on this machine and return it as the attempt left it."""

    async def here() -> frozenset[str]:
        return signed_in

    context = make_context(store, clock, root, extractor=StubExtractor(failure))
    (claim,) = await store.queue.claim(ME, limit=1, lease=LEASE, sessions=signed_in)
    return await worked(claim, replace(context, signed_in=here))


async def enqueue(store: MemoryJobStore, clock: FakeClock) -> JobId:
    return (await store.queue.enqueue([new_job(clock=clock)]))[0].job.id


async def test_a_job_that_needs_a_sign_in_moves_to_a_machine_that_is_signed_in(
    store: MemoryJobStore, clock: FakeClock, tmp_path: Path
) -> None:
    job_id = await enqueue(store, clock)
    await beat(store, clock, "there", SITE)
    job = await attempt(store, clock, tmp_path, LoginRequired("Only for members."))

    assert (job.status, job.needs_session) == (JobStatus.QUEUED, True)
    assert await store.queue.claim(ME, limit=1, lease=LEASE) == []
    (taken,) = await store.queue.claim(WorkerId("w-there"), limit=1, lease=LEASE, sessions=[SITE])
    assert (taken.id, taken.job.max_attempts - taken.fence) == (job_id, 4)  # no attempt was used up
    records = await store.catalogue.history(job_id)
    details = [record.detail for record in records if record.error_code is ErrorCode.LOGIN_REQUIRED]
    assert any("there" in detail for detail in details)


async def test_a_job_whose_session_is_refused_fails_and_is_not_passed_on(
    store: MemoryJobStore, clock: FakeClock, tmp_path: Path
) -> None:
    await enqueue(store, clock)
    await beat(store, clock, "there", SITE)

    job = await attempt(
        store, clock, tmp_path, LoginRequired("Only for members."), signed_in=frozenset({SITE})
    )
    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.LOGIN_REQUIRED)


async def test_a_job_that_a_sign_in_cannot_help_is_not_passed_on(
    store: MemoryJobStore, clock: FakeClock, tmp_path: Path
) -> None:
    await enqueue(store, clock)
    await beat(store, clock, "there", SITE)

    assert (await attempt(store, clock, tmp_path, Deleted("Gone."))).error_code is ErrorCode.DELETED


async def test_where_no_machine_has_the_session_the_error_lists_the_machines(
    store: MemoryJobStore, clock: FakeClock, tmp_path: Path
) -> None:
    await enqueue(store, clock)
    for host in ("b", "a"):
        await beat(store, clock, host, "x")
    await beat(store, clock, "c", platforms=("x",))
    job = await attempt(store, clock, tmp_path, LoginRequired("Only for members."))

    assert (job.status, job.needs_session) == (JobStatus.FAILED, False)
    assert (
        job.error
        == "Only for members. Sign in on one of these computers: a, b (`mediavault login generic`)."
    )


async def test_a_single_machine_is_not_named(
    store: MemoryJobStore, clock: FakeClock, tmp_path: Path
) -> None:
    await enqueue(store, clock)
    await beat(store, clock, "here")

    assert (
        await attempt(store, clock, tmp_path, LoginRequired("Only for members."))
    ).error == "Only for members."


async def test_a_job_whose_machine_does_not_come_back_may_be_claimed_by_any_worker(
    store: MemoryJobStore, clock: FakeClock, tmp_path: Path
) -> None:
    await enqueue(store, clock)
    await beat(store, clock, "there", SITE)
    await attempt(store, clock, tmp_path, LoginRequired("Only for members."))
    clock.advance(STRANDED_AFTER - timedelta(seconds=30))
    assert await release_orphaned_jobs(store) == 0
    clock.advance(timedelta(seconds=30))
    await beat(store, clock, "there", SITE)
    assert await release_orphaned_jobs(store) == 0  # it is alive, and only busy
    clock.advance(timedelta(minutes=2))

    assert await release_orphaned_jobs(store) == 1
    assert len(await store.queue.claim(ME, limit=1, lease=LEASE)) == 1


async def test_the_session_of_a_worker_that_takes_no_jobs_of_the_platform_is_ignored(
    clock: FakeClock,
) -> None:
    store = MemoryJobStore(clock)
    await beat(store, clock, "there", SITE, platforms=("x",))

    assert hosts_signed_in(SITE, await store.workers.alive(seen_within=LEASE)) == []


async def test_after_a_sign_in_the_jobs_that_wait_for_it_go_on(
    store: MemoryJobStore, clock: FakeClock, tmp_path: Path
) -> None:
    job_id = await enqueue(store, clock)
    await attempt(store, clock, tmp_path, LoginRequired("Only for members."))

    assert await requeue_after_sign_in(["x"], store) == 0
    assert await requeue_after_sign_in([SITE], store) == 1
    assert (await store.catalogue.get(job_id)).status is JobStatus.QUEUED


class ChangingQueue(MemoryQueue):
    """Runs ``change`` while the first job is retried, as another process might."""

    change: Callable[[], Awaitable[object]] | None = None

    async def retry(
        self, job_id: JobId, *, chosen_urls: Sequence[str] = (), profile: str | None = None
    ) -> Job:
        change, self.change = self.change, None
        if change is not None:
            await change()
        return await super().retry(job_id, chosen_urls=chosen_urls, profile=profile)


async def waiting_for_sign_in(store: MemoryJobStore, clock: FakeClock, count: int) -> list[JobId]:
    """Store ``count`` jobs that wait for a sign-in, and return their ids, oldest first."""
    await store.queue.enqueue([new_job(clock=clock)])
    (claim,) = await store.queue.claim(ME, limit=1, lease=LEASE)
    job = await store.queue.fail(
        claim, error_code=ErrorCode.LOGIN_REQUIRED, error="Only for members.", retry_in=None
    )
    more = [
        StoredJob(
            replace(
                job,
                id=JobId(f"{job.id}-{number:05}"),
                canonical_url=f"{job.canonical_url}/{number}",
            )
        )
        for number in range(count - 1)
    ]
    await store.catalogue.import_jobs(more)
    return [job.id, *(stored.job.id for stored in more)]


@pytest.mark.parametrize("change", ["remove", "cancel"])
async def test_a_job_that_is_removed_or_cancelled_in_the_meantime_does_not_hold_up_the_others(
    clock: FakeClock, change: str
) -> None:
    store = MemoryJobStore(clock)
    store.queue = changing = ChangingQueue(store._state)
    job_ids = await waiting_for_sign_in(store, clock, 5)
    act = store.catalogue.remove if change == "remove" else store.queue.cancel
    changing.change = lambda: act(job_ids[2])

    assert await requeue_after_sign_in([SITE], store) == 4
    queued = {job.id async for job in iter_jobs(store.catalogue, JobQuery((JobStatus.QUEUED,)))}
    assert queued == {*job_ids} - {job_ids[2]}


async def test_after_a_sign_in_all_jobs_go_on_however_many_wait(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    await waiting_for_sign_in(store, clock, 1_205)

    assert await requeue_after_sign_in([SITE], store) == 1_205
    assert (await store.catalogue.jobs(JobQuery((JobStatus.FAILED,)))).jobs == ()
