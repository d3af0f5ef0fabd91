from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from mediavault.store.calls import MOST_AT_ONCE, Combiner


class Batches:
    """Records the batches; each call waits until the test releases it."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []
        self.go = asyncio.Semaphore(0)

    async def run(self, batch: Sequence[int]) -> Sequence[int | Exception]:
        self.seen.append(list(batch))
        await self.go.acquire()
        if 13 in batch:
            raise RuntimeError("the call broke")
        return [ValueError("odd") if number % 2 else 10 * number for number in batch]


async def test_requests_that_wait_while_a_call_runs_are_combined_in_the_next_call() -> None:
    batches = Batches()
    combiner = Combiner(batches.run)
    first = combiner.submit(2)
    await asyncio.sleep(0)
    others = [combiner.submit(4), combiner.submit(6)]
    batches.go.release()
    batches.go.release()

    assert (await first, await asyncio.gather(*others)) == (20, [40, 60])
    assert batches.seen == [[2], [4, 6]]


async def test_a_members_failure_is_its_own_and_a_failed_call_fails_all_its_members() -> None:
    batches = Batches()
    combiner = Combiner(batches.run)
    batches.go.release()
    batches.go.release()
    good, odd = combiner.submit(2), combiner.submit(3)
    with pytest.raises(ValueError, match="odd"):
        await odd
    assert await good == 20
    broken = [combiner.submit(13), combiner.submit(4)]

    for future in broken:
        with pytest.raises(RuntimeError, match="the call broke"):
            await future


async def test_a_member_whose_caller_left_does_not_disturb_the_others() -> None:
    batches = Batches()
    combiner = Combiner(batches.run)
    gone, stays = combiner.submit(2), combiner.submit(4)
    gone.cancel()
    batches.go.release()

    assert await stays == 40


async def test_the_size_of_a_batch_is_bounded_and_settled_waits_for_all() -> None:
    batches = Batches()
    combiner = Combiner(batches.run)
    futures = [combiner.submit(2) for _ in range(MOST_AT_ONCE + 1)]
    batches.go.release()
    batches.go.release()
    await combiner.settled()

    assert all(future.done() for future in futures)
    assert list(map(len, batches.seen)) == [MOST_AT_ONCE, 1]
