"""Background tasks: one for each key, and a limited number of them."""

from __future__ import annotations

import asyncio

from mediavault.maintenance.background import BackgroundTasks


async def test_a_task_takes_up_room_until_it_ends() -> None:
    tasks, go = BackgroundTasks[str](most=1), asyncio.Event()

    async def work() -> None:
        await go.wait()

    tasks.begin("one", work(), name="one")
    assert "one" in tasks
    assert tasks.is_full

    go.set()
    await tasks.wait_for("one")
    await asyncio.sleep(0)
    assert "one" not in tasks
    assert not tasks.is_full


async def test_waiting_for_an_unknown_task_returns_at_once() -> None:
    await BackgroundTasks[str](most=1).wait_for("nothing")


async def test_closing_cancels_running_tasks_and_waits_for_their_end() -> None:
    tasks, ended = BackgroundTasks[int](most=2), list[int]()

    async def work(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(number)

    for number in (1, 2):
        tasks.begin(number, work(number), name=str(number))
    await asyncio.sleep(0)
    await tasks.aclose()

    assert sorted(ended) == [1, 2]
