from __future__ import annotations

import asyncio

import pytest
import structlog

from mediavault.core.logs import job_context
from mediavault.worker.ticker import Ticker
from tests.fakes import FakeClock


class Work:
    """Counts its starts; each start waits until the test lets it go."""

    def __init__(self) -> None:
        self.starts = 0
        self.may_go = asyncio.Event()
        self.may_go.set()

    async def __call__(self) -> None:
        self.starts += 1
        await self.may_go.wait()


@pytest.fixture
async def clock() -> FakeClock:
    return FakeClock()


async def started(ticker: Ticker, clock: FakeClock) -> asyncio.Task[None]:
    task = asyncio.create_task(ticker.run())
    await clock.settle()
    return task


async def stopped(task: asyncio.Task[None], work: Work) -> None:
    work.may_go.set()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_work_starts_at_once_and_then_once_an_interval(clock: FakeClock) -> None:
    work = Work()
    task = await started(Ticker(work, interval_s=1.0, clock=clock), clock)
    for _ in range(3):
        clock.advance(1.0)
        await clock.settle()
    await stopped(task, work)

    assert work.starts == 4


async def test_a_tick_that_finds_the_former_one_running_is_skipped_and_counted(
    clock: FakeClock,
) -> None:
    work = Work()
    work.may_go.clear()
    ticker = Ticker(work, interval_s=1.0, clock=clock)
    task = await started(ticker, clock)
    for _ in range(3):
        clock.advance(1.0)
        await clock.settle()
    await stopped(task, work)

    assert (work.starts, ticker.skipped) == (1, 3)


async def test_every_tenth_skipped_tick_is_logged(clock: FakeClock) -> None:
    work = Work()
    work.may_go.clear()
    ticker = Ticker(work, interval_s=1.0, clock=clock)
    with structlog.testing.capture_logs() as lines:
        task = await started(ticker, clock)
        for _ in range(20):
            clock.advance(1.0)
            await clock.settle()
        await stopped(task, work)

    assert [line["skipped"] for line in lines if line["event"] == "ticks_skipped"] == [10, 20]


async def test_a_round_that_is_woken_by_a_job_is_not_logged_as_part_of_that_job(
    clock: FakeClock,
) -> None:
    seen: list[dict[str, object]] = []

    async def work() -> None:
        seen.append(structlog.contextvars.get_contextvars())

    ticker = Ticker(work, interval_s=60.0, clock=clock)
    with job_context("a job", "its trace"):
        ticker.wake()
        await clock.settle()

    assert seen == [{}]


async def test_a_wake_up_does_not_wait_for_the_next_tick(clock: FakeClock) -> None:
    work = Work()
    ticker = Ticker(work, interval_s=60.0, clock=clock)
    task = await started(ticker, clock)
    ticker.wake()
    await clock.settle()
    await stopped(task, work)

    assert work.starts == 2
    assert ticker.skipped == 0


async def test_a_wake_up_during_a_round_starts_another_round(clock: FakeClock) -> None:
    """Otherwise a job stored between the claim's query and its end would wait for the next tick."""
    work = Work()
    work.may_go.clear()
    ticker = Ticker(work, interval_s=60.0, clock=clock)
    task = await started(ticker, clock)
    ticker.wake()
    ticker.wake()
    work.may_go.set()
    await clock.settle()
    await stopped(task, work)

    assert work.starts == 2


async def test_a_late_tick_does_not_shift_the_grid(clock: FakeClock) -> None:
    work = Work()
    task = await started(Ticker(work, interval_s=1.0, clock=clock), clock)
    clock.advance(2.5)
    await clock.settle()
    clock.advance(0.5)
    await clock.settle()
    await stopped(task, work)

    assert work.starts == 3


async def test_a_bug_in_the_work_ends_the_ticker_loudly(clock: FakeClock) -> None:
    async def broken() -> None:
        raise RuntimeError("bug")

    task = await started(Ticker(broken, interval_s=1.0, clock=clock), clock)
    clock.advance(1.0)
    await clock.settle()

    with pytest.raises(RuntimeError, match="bug"):
        await task


async def test_stopping_waits_for_the_round_under_way(clock: FakeClock) -> None:
    work = Work()
    work.may_go.clear()
    task = await started(Ticker(work, interval_s=1.0, clock=clock), clock)
    task.cancel()
    await clock.settle()

    assert not task.done()
    work.may_go.set()
    await asyncio.gather(task, return_exceptions=True)
