"""Calls of a store that go on, or begin, after their caller was cancelled."""

from __future__ import annotations

import asyncio

from mediavault.store.calls import Calls
from tests.fakes import FakeClock


async def test_closing_a_store_also_waits_for_the_jobs_that_are_being_given_back() -> None:
    """Giving back begins when the abandoned call ends; by then, closing has long been waiting."""
    calls, may_answer = Calls(FakeClock()), asyncio.Event()
    given_back: list[str] = []

    async def claim() -> list[str]:
        await may_answer.wait()
        return ["a", "b"]

    async def give_back(job: str) -> None:
        for _ in range(9):  # it takes its time
            await asyncio.sleep(0)
        given_back.append(job)

    claiming = asyncio.create_task(calls.shielded_claims(claim(), unseen=give_back))
    await asyncio.sleep(0)
    claiming.cancel()
    closing = asyncio.create_task(calls.settled())
    await asyncio.sleep(0)
    may_answer.set()
    await closing

    assert sorted(given_back) == ["a", "b"]
