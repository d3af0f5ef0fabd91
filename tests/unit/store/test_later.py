"""Work that is left for a later time: taken by one worker, tried again with growing waits, and given up in the end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mediavault.core.job import JobId
from mediavault.core.records import RecordKind
from mediavault.store import later
from mediavault.store.later import HELD_FOR, WAITS, LaterWork
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

JOB = JobId("01")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> MemoryJobStore:
    return MemoryJobStore(clock)


async def test_work_is_due_at_its_time_and_not_before(store: MemoryJobStore, clock: FakeClock) -> None:
    await later.schedule(store.records, LaterWork.SUBTITLES, JOB, clock.now() + timedelta(hours=1))
    assert await later.due(store.records, clock, limit=9) == []

    clock.advance(timedelta(hours=1))
    [errand] = await later.due(store.records, clock, limit=9)
    assert (errand.work, errand.job_id, errand.tries) == (LaterWork.SUBTITLES, JOB, 0)


async def test_work_that_is_planned_already_keeps_its_time(store: MemoryJobStore, clock: FakeClock) -> None:
    await later.schedule(store.records, LaterWork.SUBTITLES, JOB, clock.now())
    await later.schedule(store.records, LaterWork.SUBTITLES, JOB, clock.now() + timedelta(days=1))

    assert len(await later.due(store.records, clock, limit=9)) == 1


async def test_of_two_workers_one_takes_the_work(store: MemoryJobStore, clock: FakeClock) -> None:
    await later.schedule(store.records, LaterWork.SUBTITLES, JOB, clock.now())
    [first] = await later.due(store.records, clock, limit=9)
    [second] = await later.due(store.records, clock, limit=9)

    assert await later.take(store.records, clock, first) is not None
    assert await later.take(store.records, clock, second) is None
    assert await later.due(store.records, clock, limit=9) == []


async def test_work_of_a_worker_that_died_is_due_again(store: MemoryJobStore, clock: FakeClock) -> None:
    await later.schedule(store.records, LaterWork.SUBTITLES, JOB, clock.now())
    [errand] = await later.due(store.records, clock, limit=9)
    await later.take(store.records, clock, errand)
    clock.advance(HELD_FOR)

    assert len(await later.due(store.records, clock, limit=9)) == 1


async def test_the_waits_grow_until_the_work_is_given_up(store: MemoryJobStore, clock: FakeClock) -> None:
    await later.schedule(store.records, LaterWork.SUBTITLES, JOB, clock.now())
    waits = []
    for _ in range(len(WAITS) + 1):
        [errand] = await later.due(store.records, clock, limit=9)
        taken = await later.take(store.records, clock, errand)
        assert taken is not None
        if (again := await later.try_again(store.records, clock, taken)) is not None:
            waits.append(again - clock.now())
            clock.advance(waits[-1])

    assert tuple(waits) == WAITS
    assert await store.records.all(RecordKind.LATER) == []


async def test_a_try_of_a_worker_that_lost_its_hold_changes_nothing(store: MemoryJobStore, clock: FakeClock) -> None:
    await later.schedule(store.records, LaterWork.SUBTITLES, JOB, clock.now())
    [errand] = await later.due(store.records, clock, limit=9)
    slow = await later.take(store.records, clock, errand)
    clock.advance(HELD_FOR)
    [again] = await later.due(store.records, clock, limit=9)
    fast = await later.take(store.records, clock, again)
    assert slow is not None
    assert fast is not None
    await later.postpone(store.records, slow, clock.now() - timedelta(days=1))

    assert await later.due(store.records, clock, limit=9) == []


async def test_a_record_that_cannot_be_read_is_passed_over(store: MemoryJobStore, clock: FakeClock) -> None:
    for key, value in (
        ("holograms/1", {"at": clock.now().isoformat(), "tries": 0}),
        ("subtitles/1", {"at": 7}),
        ("x", {}),
    ):
        await store.records.put(RecordKind.LATER, key, value)

    assert await later.due(store.records, clock, limit=9) == []
