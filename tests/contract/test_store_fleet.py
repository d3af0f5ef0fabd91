"""The contract of every store for workers that take only some jobs,
on machines that are not all signed in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import timedelta

import pytest

from mediavault.core.failures import LeaseLost
from mediavault.core.job import ClaimedJob, JobId, WorkerHeartbeat, WorkerId
from mediavault.core.site_limits import PermitRequest
from mediavault.store.port import Store
from tests.contract.stores import LEASE, numbered_job
from tests.fakes import FakeClock
from tests.patience import patient

W1 = WorkerId("w-1")
MINUTE = timedelta(minutes=1)


async def enqueue(store: Store, *platforms: str) -> list[JobId]:
    jobs = [
        numbered_job(n, f"https://s.example/{n}", platform=name) for n, name in enumerate(platforms)
    ]
    return [stored.job.id for stored in await store.queue.enqueue(jobs)]


async def claim(
    store: Store, *, limit: int = 9, platforms: Collection[str] = (), sessions: Collection[str] = ()
) -> list[ClaimedJob]:
    return await store.queue.claim(
        W1, limit=limit, lease=LEASE, platforms=platforms, sessions=sessions
    )


async def hand_over(store: Store, *ids: JobId) -> None:
    """Give the jobs in ``ids`` back as needing a session, and all others unchanged."""
    for attempt in await claim(store):
        await store.queue.release(attempt, needs_session=attempt.id in ids)


# --- draining -------------------------------------------------------------------------------------


async def test_a_worker_learns_at_its_next_heartbeat_that_it_must_drain_and_others_see_it_at_once(
    store: Store, clock: FakeClock
) -> None:
    now, heard = clock.now(), asyncio.Queue[str]()
    beats = [
        WorkerHeartbeat(
            WorkerId(f"w-{n}"), "host", n, "0.1.0", now, now, tally={"failed:NETWORK": n}
        )
        for n in (1, 2)
    ]
    before = [await store.workers.heartbeat(beat) for beat in beats]
    leave = store.workers.on_stop(heard.put_nowait)
    requested = await store.workers.request_drain([W1, WorkerId("w-unknown")])
    stopped = await asyncio.wait_for(heard.get(), patient(30))
    draining = {
        worker.worker: worker.draining for worker in await store.workers.alive(seen_within=MINUTE)
    }
    after = [await store.workers.heartbeat(beat) for beat in beats]
    again = [await store.workers.heartbeat(beat) for beat in beats]
    seen = {
        worker.worker: (worker.draining, worker.tally)
        for worker in await store.workers.alive(seen_within=MINUTE)
    }

    assert (before, requested, stopped) == ([False, False], 1, "w-1")
    assert draining == {"w-1": True, "w-2": False}
    assert after == again == [True, False]
    assert seen == {"w-1": (True, {"failed:NETWORK": 1}), "w-2": (False, {"failed:NETWORK": 2})}
    leave()


# --- platforms ------------------------------------------------------------------------------------


async def test_a_worker_limited_to_platforms_gets_only_their_oldest_jobs(store: Store) -> None:
    await enqueue(store, "reddit", "x", "tiktok", "x", "vimeo")

    claims = await claim(store, limit=2, platforms=("tiktok", "x"))

    assert [attempt.job.platform for attempt in claims] == ["x", "tiktok"]
    assert [
        attempt.job.platform for attempt in await claim(store, platforms=["x", "snapchat"])
    ] == ["x"]


async def test_jobs_that_a_limited_worker_leaves_are_taken_oldest_first_by_an_unlimited_one(
    store: Store, clock: FakeClock
) -> None:
    ids = await enqueue(store, "reddit", "x", "vimeo")
    clock.advance(MINUTE)
    later = await store.queue.enqueue(
        [numbered_job(n, f"https://s.example/{n}", platform="x") for n in (7, 8)]
    )
    assert len(await claim(store, limit=2, platforms=("x",))) == 2

    assert [attempt.id for attempt in await claim(store)] == [ids[0], ids[2], later[1].job.id]


async def test_a_worker_limited_to_a_platform_without_jobs_gets_none(store: Store) -> None:
    await enqueue(store, "reddit")

    assert await claim(store, platforms=("x",)) == []


# --- sessions -------------------------------------------------------------------------------------


async def test_a_job_that_needs_a_session_is_claimed_only_where_that_session_is(
    store: Store,
) -> None:
    first, second = await enqueue(store, "instagram", "instagram")
    await hand_over(store, first)

    assert [attempt.id for attempt in await claim(store, sessions=("x",))] == [second]
    [taken] = await claim(store, sessions=("instagram", "x"))
    assert (taken.id, taken.job.needs_session, taken.fence) == (first, True, 2)


async def test_a_worker_with_the_session_takes_the_oldest_jobs_whether_they_need_it_or_not(
    store: Store,
) -> None:
    ids = await enqueue(store, *["x"] * 4)
    await hand_over(store, ids[1], ids[3])

    assert [attempt.id for attempt in await claim(store, limit=3, sessions=("x",))] == ids[:3]


async def test_one_job_of_a_paced_site_is_handed_out_whether_or_not_it_needs_a_session(
    store: Store, clock: FakeClock
) -> None:
    ids = await enqueue(store, "x", "x")
    await hand_over(store, ids[0])
    await store.site_limits.acquire_permit(
        PermitRequest(JobId("other"), "x", interval=MINUTE, probe_within=MINUTE)
    )
    clock.advance(MINUTE)

    assert [attempt.id for attempt in await claim(store, sessions=("x",))] == [ids[0]]


async def test_a_job_keeps_its_need_for_a_session_when_it_is_released(store: Store) -> None:
    (job_id,) = await enqueue(store, "x")
    await hand_over(store, job_id)
    [taken] = await claim(store, sessions=("x",))
    await store.queue.release(taken)

    assert (await store.catalogue.get(job_id)).needs_session
    assert await claim(store) == []
    with pytest.raises(LeaseLost):
        await store.queue.release(taken, needs_session=True)


async def test_any_worker_may_claim_a_job_that_a_user_has_retried(store: Store) -> None:
    (job_id,) = await enqueue(store, "x")
    await hand_over(store, job_id)
    await store.queue.cancel(job_id)
    await store.queue.retry(job_id)

    assert [attempt.job.needs_session for attempt in await claim(store)] == [False]


async def test_any_worker_may_claim_a_job_whose_session_is_on_no_machine_any_more(
    store: Store, clock: FakeClock
) -> None:
    x, instagram = await enqueue(store, "x", "instagram")
    await hand_over(store, x, instagram)

    clock.advance(MINUTE)
    assert await store.queue.release_session_jobs(["instagram"], waiting_for=2 * MINUTE) == 0
    clock.advance(MINUTE)
    assert await store.queue.release_session_jobs(["instagram"], waiting_for=2 * MINUTE) == 1
    assert [attempt.id for attempt in await claim(store)] == [x]
    assert (await store.catalogue.get(instagram)).needs_session
