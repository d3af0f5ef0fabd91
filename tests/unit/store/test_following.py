"""One run at a time lets the shelf follow, however many pages ask, and no page waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from mediavault.core.failures import StoreError
from mediavault.store import shelf
from mediavault.store.following import Follower
from tests.patience import patient


class Shelf:
    """``left`` batches are to be taken over; none is before ``free`` is set."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.under_way = self.most_at_once = 0
        self.free = asyncio.Event()
        self.free.set()
        self.step_by_step = False

    async def is_behind(self) -> bool:
        return self.left > 0

    async def step(self) -> bool:
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        await self.free.wait()
        for _ in range(5 * self.step_by_step):  # as a store, a batch takes more than a turn of the loop
            await asyncio.sleep(0)
        self.under_way -= 1
        self.left -= 1
        return self.left > 0


async def test_many_pages_wait_for_one_run() -> None:
    """Each run of its own would hold a connection while it waits for the others."""
    standing = Shelf(left=5)
    follower = Follower(standing.is_behind, standing.step)

    await asyncio.gather(*(follower.catch_up() for _ in range(20)))

    assert (standing.left, standing.most_at_once) == (0, 1)


async def test_a_run_goes_on_when_the_page_that_began_it_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each page of a large library would wait its time for a part of it."""
    monkeypatch.setattr(shelf, "CATCH_UP_WITHIN_S", 0.01)
    standing = Shelf(left=3)
    standing.free.clear()
    follower = Follower(standing.is_behind, standing.step)
    await follower.catch_up()
    assert standing.left == 3

    standing.free.set()
    monkeypatch.setattr(shelf, "CATCH_UP_WITHIN_S", 60.0)
    await follower.catch_up()

    assert (standing.left, standing.most_at_once) == (0, 1)


async def test_a_page_waits_for_no_more_than_a_batch_and_the_run_goes_on() -> None:
    """After a bulk import it would wait for all of it."""
    standing = Shelf(left=3)
    follower = Follower(standing.is_behind, standing.step)
    standing.free.clear()
    page = asyncio.create_task(follower.catch_up())
    await asyncio.sleep(0)
    standing.step_by_step = True
    standing.free.set()
    await page
    assert standing.left > 0

    await follower.follow()
    assert standing.left == 0


async def test_a_page_waits_for_a_slow_batch_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "BATCH_WITHIN_S", 0.01)
    monkeypatch.setattr(shelf, "CATCH_UP_WITHIN_S", 60.0)
    standing = Shelf(left=1)
    standing.free.clear()
    follower = Follower(standing.is_behind, standing.step)
    async with asyncio.timeout(patient(30)):
        await follower.catch_up()
    assert standing.left == 1

    standing.free.set()
    await follower.close()


async def test_a_shelf_that_cannot_be_written_stops_no_page() -> None:
    async def refused() -> bool:
        raise StoreError("The disk is full.")

    standing = Shelf(left=1)

    await Follower(standing.is_behind, refused).catch_up()

    assert standing.left == 1


async def test_closing_waits_for_the_batch_under_way_and_begins_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "CATCH_UP_WITHIN_S", 0.01)
    standing = Shelf(left=3)
    standing.free.clear()
    follower = Follower(standing.is_behind, standing.step)
    await follower.catch_up()

    closing = asyncio.create_task(follower.close())
    await asyncio.sleep(0)
    standing.free.set()
    await closing

    assert (standing.left, standing.under_way) == (2, 0)


@pytest.mark.parametrize(("batches", "told"), [(1, 0), (3, 2)])
async def test_a_run_of_more_than_a_batch_is_told_of_as_it_begins_and_as_it_ends(batches: int, told: int) -> None:
    """PostgreSQL's planner knows nothing of a bulk import until somebody looks at it."""
    standing, left_when_told = Shelf(left=batches), []

    async def very_many() -> None:
        left_when_told.append(standing.left)

    await Follower(standing.is_behind, standing.step, very_many).follow()

    assert left_when_told == [batches - 1, 0][:told]
