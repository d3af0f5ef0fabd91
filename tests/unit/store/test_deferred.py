"""Work that is left for a later time: taken by one worker, tried again with growing waits,
and given up in the end.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from mediavault.core.job import JobId
from mediavault.store import deferred
from mediavault.store.deferred import HELD_FOR, WAITS, DeferredWork
from mediavault.store.tables import DEFERRED_WORK, TableRow
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

JOB = JobId("01")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> MemoryJobStore:
    return MemoryJobStore(clock)


async def test_work_is_due_at_its_time_and_not_before(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    await deferred.schedule(
        store.tables, DeferredWork.SUBTITLES, JOB, clock.now() + timedelta(hours=1)
    )
    assert await deferred.due(store.tables, clock, limit=9) == []

    clock.advance(timedelta(hours=1))
    [task] = await deferred.due(store.tables, clock, limit=9)
    assert (task.work, task.job_id, task.tries) == (DeferredWork.SUBTITLES, JOB, 0)


async def test_work_that_is_planned_already_keeps_its_time(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    await deferred.schedule(store.tables, DeferredWork.SUBTITLES, JOB, clock.now())
    await deferred.schedule(
        store.tables, DeferredWork.SUBTITLES, JOB, clock.now() + timedelta(days=1)
    )

    assert len(await deferred.due(store.tables, clock, limit=9)) == 1


async def test_of_two_workers_one_takes_the_work(store: MemoryJobStore, clock: FakeClock) -> None:
    await deferred.schedule(store.tables, DeferredWork.SUBTITLES, JOB, clock.now())
    [first] = await deferred.due(store.tables, clock, limit=9)
    [second] = await deferred.due(store.tables, clock, limit=9)

    assert await deferred.take(store.tables, clock, first) is not None
    assert await deferred.take(store.tables, clock, second) is None
    assert await deferred.due(store.tables, clock, limit=9) == []


async def test_work_of_a_worker_that_died_is_due_again(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    await deferred.schedule(store.tables, DeferredWork.SUBTITLES, JOB, clock.now())
    [task] = await deferred.due(store.tables, clock, limit=9)
    await deferred.take(store.tables, clock, task)
    clock.advance(HELD_FOR)

    assert len(await deferred.due(store.tables, clock, limit=9)) == 1


async def test_the_waits_grow_until_the_work_is_given_up(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    await deferred.schedule(store.tables, DeferredWork.SUBTITLES, JOB, clock.now())
    waits = []
    for _ in range(len(WAITS) + 1):
        [task] = await deferred.due(store.tables, clock, limit=9)
        taken = await deferred.take(store.tables, clock, task)
        assert taken is not None
        if (again := await deferred.try_again(store.tables, clock, taken)) is not None:
            waits.append(again - clock.now())
            clock.advance(waits[-1])

    assert tuple(waits) == WAITS
    assert await store.tables.select(DEFERRED_WORK, {}) == []


async def test_a_try_of_a_worker_that_lost_its_hold_changes_nothing(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    await deferred.schedule(store.tables, DeferredWork.SUBTITLES, JOB, clock.now())
    [task] = await deferred.due(store.tables, clock, limit=9)
    slow = await deferred.take(store.tables, clock, task)
    clock.advance(HELD_FOR)
    [again] = await deferred.due(store.tables, clock, limit=9)
    fast = await deferred.take(store.tables, clock, again)
    assert slow is not None
    assert fast is not None
    await deferred.postpone(store.tables, slow, clock.now() - timedelta(days=1))

    assert await deferred.due(store.tables, clock, limit=9) == []


async def test_work_of_another_version_is_left_alone(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    row = TableRow({"work": "holograms", "job": JOB, "due_at": 0}, {"at": "never"})
    await store.tables.put(DEFERRED_WORK, [row])

    assert await deferred.due(store.tables, clock, limit=9) == []
    assert await store.tables.select(DEFERRED_WORK, {}) == [row]
