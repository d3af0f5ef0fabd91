"""What every store promises to workers that do not all take the same jobs, on machines that are not all signed in."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import timedelta

import pytest

from mediavault.core.failures import LeaseLost
from mediavault.core.job import ClaimedJob, JobId, WorkerBeat, WorkerId
from mediavault.core.site_limits import PermitRequest
from mediavault.store.port import Store
from tests.contract.stores import LEASE, numbered_job
from tests.fakes import FakeClock
from tests.patience import patient

W1 = WorkerId("w-1")
MINUTE = timedelta(minutes=1)


async def enqueue(store: Store, *platforms: str) -> list[JobId]:
    jobs = [numbered_job(n, f"https://s.example/{n}", platform=name) for n, name in enumerate(platforms)]
    return [stored.job.id for stored in await store.queue.enqueue(jobs)]


async def claim(
    store: Store, *, limit: int = 9, platforms: Collection[str] = (), sessions: Collection[str] = ()
) -> list[ClaimedJob]:
    return await store.queue.claim(W1, limit=limit, lease=LEASE, platforms=platforms, sessions=sessions)


async def hand_over(store: Store, *ids: JobId) -> None:
    """Give these back as jobs that need a session; all others as they were."""
    for one in await claim(store):
        await store.queue.release(one, needs_session=one.id in ids)


# --- leaving --------------------------------------------------------------------------------------------------------


async def test_a_worker_learns_at_its_next_beat_that_it_is_to_leave_and_all_see_it_at_once(
    store: Store, clock: FakeClock
) -> None:
    now, heard = clock.now(), asyncio.Queue[str]()
    beats = [WorkerBeat(WorkerId(f"w-{n}"), "host", n, "0.1.0", now, now, tally={"failed:NETWORK": n}) for n in (1, 2)]
    before = [await store.workers.heartbeat(one) for one in beats]
    leave = store.workers.on_stop(heard.put_nowait)
    asked = await store.workers.request_drain([W1, WorkerId("w-unknown")])
    told = await asyncio.wait_for(heard.get(), patient(30))
    draining = {one.worker: one.draining for one in await store.workers.alive(seen_within=MINUTE)}
    after = [await store.workers.heartbeat(one) for one in beats]
    again = [await store.workers.heartbeat(one) for one in beats]
    seen = {one.worker: (one.draining, one.tally) for one in await store.workers.alive(seen_within=MINUTE)}

    assert (before, asked, told) == ([False, False], 1, "w-1")
    assert draining == {"w-1": True, "w-2": False}
    assert after == again == [True, False]
    assert seen == {"w-1": (True, {"failed:NETWORK": 1}), "w-2": (False, {"failed:NETWORK": 2})}
    leave()


# --- platforms ------------------------------------------------------------------------------------------------------


async def test_a_worker_of_some_platforms_gets_the_oldest_jobs_of_these_alone(store: Store) -> None:
    await enqueue(store, "reddit", "x", "tiktok", "x", "vimeo")

    claims = await claim(store, limit=2, platforms=("tiktok", "x"))

    assert [one.job.platform for one in claims] == ["x", "tiktok"]
    assert [one.job.platform for one in await claim(store, platforms=["x", "snapchat"])] == ["x"]


async def test_what_a_worker_of_some_platforms_leaves_is_taken_by_one_of_all_oldest_first(
    store: Store, clock: FakeClock
) -> None:
    ids = await enqueue(store, "reddit", "x", "vimeo")
    clock.advance(MINUTE)
    later = await store.queue.enqueue([numbered_job(n, f"https://s.example/{n}", platform="x") for n in (7, 8)])
    assert len(await claim(store, limit=2, platforms=("x",))) == 2

    assert [one.id for one in await claim(store)] == [ids[0], ids[2], later[1].job.id]


async def test_a_worker_of_a_platform_without_jobs_gets_none(store: Store) -> None:
    await enqueue(store, "reddit")

    assert await claim(store, platforms=("x",)) == []


# --- sessions -------------------------------------------------------------------------------------------------------


async def test_a_job_that_needs_a_session_goes_on_only_where_that_lies(store: Store) -> None:
    first, second = await enqueue(store, "instagram", "instagram")
    await hand_over(store, first)

    assert [one.id for one in await claim(store, sessions=("x",))] == [second]
    [taken] = await claim(store, sessions=("instagram", "x"))
    assert (taken.id, taken.job.needs_session, taken.fence) == (first, True, 2)


async def test_who_has_the_session_takes_the_oldest_jobs_whether_they_need_it_or_not(store: Store) -> None:
    ids = await enqueue(store, *["x"] * 4)
    await hand_over(store, ids[1], ids[3])

    assert [one.id for one in await claim(store, limit=3, sessions=("x",))] == ids[:3]


async def test_of_a_site_with_turns_one_job_is_handed_out_whatever_it_needs(store: Store, clock: FakeClock) -> None:
    ids = await enqueue(store, "x", "x")
    await hand_over(store, ids[0])
    await store.site_limits.take_turn(PermitRequest(JobId("other"), "x", interval=MINUTE, probe_within=MINUTE))
    clock.advance(MINUTE)

    assert [one.id for one in await claim(store, sessions=("x",))] == [ids[0]]


async def test_the_need_of_a_session_stays_when_the_job_is_given_back_or_fails(store: Store) -> None:
    (job_id,) = await enqueue(store, "x")
    await hand_over(store, job_id)
    [taken] = await claim(store, sessions=("x",))
    await store.queue.release(taken)

    assert (await store.catalogue.get(job_id)).needs_session
    assert await claim(store) == []
    with pytest.raises(LeaseLost):
        await store.queue.release(taken, needs_session=True)


async def test_a_person_who_asks_for_the_job_again_lets_anybody_try(store: Store) -> None:
    (job_id,) = await enqueue(store, "x")
    await hand_over(store, job_id)
    await store.queue.cancel(job_id)
    await store.queue.retry(job_id)

    assert [one.job.needs_session for one in await claim(store)] == [False]


async def test_anybody_tries_a_job_whose_session_no_machine_has_any_more(store: Store, clock: FakeClock) -> None:
    x, instagram = await enqueue(store, "x", "instagram")
    await hand_over(store, x, instagram)

    clock.advance(MINUTE)
    assert await store.queue.release_session_jobs(["instagram"], waiting_for=2 * MINUTE) == 0
    clock.advance(MINUTE)
    assert await store.queue.release_session_jobs(["instagram"], waiting_for=2 * MINUTE) == 1
    assert [one.id for one in await claim(store)] == [x]
    assert (await store.catalogue.get(instagram)).needs_session
