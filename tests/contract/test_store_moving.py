"""Jobs that are moved from one store to another, and the constants that the processes of a store
share.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobStatus, Priority, Stage, WorkerId
from mediavault.core.site_limits import SiteLimit
from mediavault.store.port import JobQuery, Store, StoredJob
from tests.contract.stores import LEASE, SAVED, numbered_job
from tests.contract.test_store_contract import FOUND
from tests.fakes import START, FakeClock
from tests.memory_store import MemoryJobStore
from tests.patience import patient

ANN = WorkerId("w-ann")
MINUTE = timedelta(minutes=1)


async def lived_in(clock: FakeClock) -> MemoryJobStore:
    """Return a store with a job in every state, each with its history."""
    store = MemoryJobStore(clock)
    new = [numbered_job(n, f"https://videos.example/{n}") for n in range(1, 6)]
    await store.queue.enqueue([*new[:4], replace(new[4], priority=Priority.LATER)])
    claims = await store.queue.claim(ANN, limit=4, lease=LEASE)
    clock.advance(7.000_001)
    await store.queue.checkpoint(claims[0], FOUND)
    await store.queue.complete(claims[0], SAVED)
    await store.queue.fail(
        claims[1], error_code=ErrorCode.NETWORK, error="it broke", retry_in=MINUTE
    )
    await store.queue.cancel(claims[2].id)
    return store


async def all_of(store: Store) -> list[StoredJob]:
    page = await store.catalogue.jobs(JobQuery())
    return [StoredJob(job, tuple(await store.catalogue.history(job.id))) for job in page.jobs]


def as_released(job: Job) -> Job:
    if job.status is not JobStatus.RUNNING:
        return job
    tries = job.max_attempts + 1
    return replace(
        job, status=JobStatus.QUEUED, claimed_by=None, lease_expires_at=None, max_attempts=tries
    )


async def test_imported_jobs_are_unchanged_and_have_their_history(
    store: Store, clock: FakeClock
) -> None:
    """The exception is the running job, which no worker holds here:
    it is queued and has lost no attempt.
    """
    before = await all_of(await lived_in(clock))

    assert await store.catalogue.import_jobs(before) == 5
    assert await all_of(store) == [
        StoredJob(as_released(stored.job), stored.history) for stored in before
    ]


async def test_importing_twice_changes_nothing(store: Store, clock: FakeClock) -> None:
    """So an interrupted move can be repeated from the beginning."""
    before = await all_of(await lived_in(clock))
    await store.catalogue.import_jobs(before[:2])

    assert await store.catalogue.import_jobs(before) == 3
    assert await store.catalogue.import_jobs(before) == 0
    assert len(await all_of(store)) == 5


async def test_a_post_that_is_already_stored_is_not_imported_under_another_id(
    store: Store, clock: FakeClock
) -> None:
    (known,) = await store.queue.enqueue([numbered_job(9, "https://videos.example/1")])
    before = await all_of(await lived_in(clock))

    assert await store.catalogue.import_jobs(before) == 4
    assert known.job in [stored.job for stored in await all_of(store)]


async def test_imported_jobs_continue_where_they_were(store: Store, clock: FakeClock) -> None:
    """Queued ones can be claimed under the next fence, failed ones are queued again when due,
    and workers are woken.
    """
    woken = asyncio.Event()
    unsubscribe = store.workers.on_work(woken.set)
    await store.catalogue.import_jobs(await all_of(await lived_in(clock)))
    await asyncio.wait_for(woken.wait(), patient(30))
    clock.advance(120)
    promoted = await store.queue.promote_due()
    claims = await store.queue.claim(ANN, limit=10, lease=LEASE)
    unsubscribe()

    assert promoted == 1
    assert [(claim.job.post_url, claim.fence) for claim in claims] == [
        ("https://videos.example/2", 2),
        ("https://videos.example/4", 2),
        ("https://videos.example/5", 1),
    ]
    assert (await store.catalogue.history(claims[0].id))[-1].stage is Stage.CLAIM


async def test_site_limits_are_imported_where_there_are_none(store: Store) -> None:
    await store.site_limits.pause_site(
        "x", duration=MINUTE, code=ErrorCode.RATE_LIMITED, reason="ours"
    )
    moved = SiteLimit(
        "tiktok", closed_until=START + MINUTE, failures=2, code=ErrorCode.CHALLENGE, reason="theirs"
    )

    assert await store.site_limits.import_limits([moved, SiteLimit("x", failures=7)]) == 1
    site_limits = {limit.platform: limit for limit in await store.site_limits.all_limits()}
    assert site_limits["tiktok"] == moved
    assert site_limits["x"].reason == "ours"


async def test_the_first_value_of_a_constant_is_final(store: Store) -> None:
    assert await store.records.set_once("library", "a") == "a"
    assert await store.records.set_once("library", "b") == "a"
    assert await store.records.set_once("other", "b") == "b"
    assert await store.records.constants() == {"library": "a", "other": "b"}
