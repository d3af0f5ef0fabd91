"""The contract of every store for the order of the queue as people change it: priorities,
and pauses.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from mediavault.core.failures import IllegalMove, JobNotFound
from mediavault.core.holds import Hold, HoldReason, hold_of
from mediavault.core.job import ClaimedJob, Job, JobId, JobStatus, Priority, WorkerId
from mediavault.store.holds import all_holds, pause, resume
from mediavault.store.port import Store
from tests.contract.stores import LEASE, SAVED, numbered_job
from tests.fakes import START, FakeClock

ANN = WorkerId("w-ann")
NOW, NORMAL, LATER = Priority


async def enqueue(
    store: Store, *numbers: int, platform: str = "x", priority: Priority = NORMAL
) -> list[Job]:
    jobs = [numbered_job(n, f"https://s.example/{n}", platform=platform) for n in numbers]
    return [
        answer.job
        for answer in await store.queue.enqueue([replace(job, priority=priority) for job in jobs])
    ]


async def claim(store: Store, *, limit: int = 9) -> list[ClaimedJob]:
    return await store.queue.claim(ANN, limit=limit, lease=LEASE)


async def ids_claimed(store: Store, *, limit: int = 9) -> list[JobId]:
    return [attempt.id for attempt in await claim(store, limit=limit)]


# --- priorities -----------------------------------------------------------------------------------


async def test_a_job_that_is_moved_to_the_front_is_claimed_next(
    store: Store, clock: FakeClock
) -> None:
    jobs = await enqueue(store, 1, 2, 3, 4)
    assert await ids_claimed(store, limit=1) == [jobs[0].id]
    clock.advance(1)

    moved = await store.queue.set_priority(jobs[3].id, NOW)

    assert moved == replace(jobs[3], priority=NOW, updated_at=clock.now())
    assert await store.catalogue.get(moved.id) == moved
    assert await ids_claimed(store) == [jobs[3].id, jobs[1].id, jobs[2].id]


async def test_of_several_that_were_moved_to_the_front_the_oldest_goes_first(store: Store) -> None:
    jobs = await enqueue(store, 1, 2, 3)
    for job in (jobs[2], jobs[1]):
        await store.queue.set_priority(job.id, NOW)
    assert await ids_claimed(store) == [jobs[1].id, jobs[2].id, jobs[0].id]


async def test_a_job_can_be_moved_back(store: Store) -> None:
    jobs = await enqueue(store, 1, 2)
    await store.queue.set_priority(jobs[0].id, LATER)
    assert await ids_claimed(store) == [jobs[1].id, jobs[0].id]


async def test_a_new_priority_changes_nothing_about_a_running_job(store: Store) -> None:
    await enqueue(store, 1)
    [held] = await claim(store)
    assert (await store.queue.set_priority(held.id, LATER)).status is JobStatus.RUNNING
    await store.queue.release(held)
    assert (await store.catalogue.get(held.id)).priority is LATER


async def test_a_completed_job_has_no_place_in_the_queue_to_move_from(store: Store) -> None:
    await enqueue(store, 1)
    [held] = await claim(store)
    await store.queue.complete(held, SAVED)
    with pytest.raises(IllegalMove):
        await store.queue.set_priority(held.id, NOW)
    with pytest.raises(JobNotFound):
        await store.queue.set_priority(JobId("00000000-0000-7000-8000-ffffffffffff"), NOW)


async def test_what_is_next_is_listed_in_the_order_of_the_queue_over_all_sites(
    store: Store, clock: FakeClock
) -> None:
    await enqueue(store, 1, platform="tiktok")
    [held] = await claim(store)
    await store.queue.release(held, needs_session=True)
    [later] = await enqueue(store, 2, priority=LATER)
    clock.advance(1)
    [normal] = await enqueue(store, 3)
    [now] = await enqueue(store, 4, platform="y", priority=NOW)
    await pause(store.records, "y")

    order = [now.id, held.id, normal.id, later.id]
    assert [job.id for job in await store.catalogue.next_queued(limit=9)] == order
    assert [job.id for job in await store.catalogue.next_queued(limit=2)] == order[:2]


async def test_nothing_is_next_in_an_empty_queue(store: Store) -> None:
    assert await store.catalogue.next_queued(limit=9) == []


# --- pauses ---------------------------------------------------------------------------------------


async def test_nothing_is_claimed_while_the_queue_is_paused(store: Store) -> None:
    await enqueue(store, 1)
    await enqueue(store, 2, platform="tiktok", priority=NOW)
    assert await pause(store.records)
    assert await claim(store) == []
    assert await resume(store.records)
    assert len(await claim(store)) == 2


async def test_while_a_site_is_paused_the_jobs_of_the_others_go_on(store: Store) -> None:
    [held_back] = await enqueue(store, 1, priority=NOW)
    [other] = await enqueue(store, 2, platform="tiktok")
    await pause(store.records, "x")
    assert await ids_claimed(store) == [other.id]
    await resume(store.records, "x")
    assert await ids_claimed(store) == [held_back.id]


async def test_a_pause_that_begins_between_two_claims_holds_back_the_second(store: Store) -> None:
    await enqueue(store, 1, 2, 3)
    assert len(await claim(store, limit=1)) == 1
    await pause(store.records, "x")
    assert await claim(store) == []


async def test_what_runs_already_goes_on_while_the_queue_is_paused(
    store: Store, clock: FakeClock
) -> None:
    await enqueue(store, 1)
    [held] = await claim(store)
    await pause(store.records)
    clock.advance(30)
    assert await store.queue.renew(ANN, [held], lease=LEASE) == {held.id}
    await store.queue.complete(held, SAVED)
    assert (await store.catalogue.get(held.id)).status is JobStatus.COMPLETED


async def test_the_queue_and_a_site_are_resumed_separately(store: Store) -> None:
    await enqueue(store, 1)
    await pause(store.records)
    await pause(store.records, "x")
    await resume(store.records)
    assert await claim(store) == []
    await resume(store.records, "x")
    assert len(await claim(store)) == 1


async def test_pausing_and_resuming_twice_changes_nothing(store: Store, clock: FakeClock) -> None:
    assert [await pause(store.records), await pause(store.records)] == [True, False]
    clock.advance(timedelta(days=365))
    assert await all_holds(store.records) == (Hold(HoldReason.PAUSED, since=START),)
    assert [await resume(store.records), await resume(store.records)] == [True, False]
    assert await all_holds(store.records) == ()


async def test_claims_and_a_pause_at_the_same_moment_leave_every_job_queued_or_running(
    store: Store,
) -> None:
    await enqueue(store, *range(1, 9))
    claiming = asyncio.gather(*(claim(store, limit=2) for _ in range(3)))
    claims, _ = await asyncio.gather(claiming, pause(store.records))
    taken = {attempt.id for claimed in claims for attempt in claimed}
    assert (await store.catalogue.report()).counts[JobStatus.QUEUED] == 8 - len(taken)
    assert await claim(store) == []


async def test_a_held_job_names_the_pause_of_the_whole_queue_before_that_of_its_site(
    store: Store,
) -> None:
    [job, running] = await enqueue(store, 1, 2)
    await pause(store.records, "x")
    await pause(store.records, "tiktok")
    of_site = hold_of(job, await all_holds(store.records))
    await pause(store.records)
    of_all = hold_of(job, await all_holds(store.records))
    assert of_site
    assert of_all
    assert (of_site.site, of_all.site) == ("x", None)
    assert (
        hold_of(replace(running, status=JobStatus.RUNNING), await all_holds(store.records)) is None
    )
