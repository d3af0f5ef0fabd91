"""Work behind whoever asked: one task for each key, and no more than a few."""

from __future__ import annotations

import asyncio

from mediavault.maintenance.background import BackgroundTasks


async def test_a_task_is_under_way_until_it_is_over_and_leaves_room() -> None:
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


async def test_what_is_not_under_way_is_not_waited_for() -> None:
    await BackgroundTasks[str](most=1).wait_for("nothing")


async def test_closing_gives_up_what_is_under_way_and_waits_for_its_end() -> None:
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
