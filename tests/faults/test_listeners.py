"""Very many listeners of the live events, some of which read nothing:
they do not cost memory or slow others down.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mediavault.api.feed import MAX_LISTENERS, MAX_QUEUED_EVENTS
from mediavault.core.clock import SystemClock
from mediavault.store.port import Store
from tests.faults.api_process import Api, api_of
from tests.faults.vault_on_disk import VaultOnDisk
from tests.patience import until
from tests.stubs import new_job

MEMORY_BYTES = 1 << 30
ANSWERS = 20  # at least, regardless of the time that they take
# the buffers of the sockets hold megabytes before the server's own queue grows
EVENTS = MAX_QUEUED_EVENTS + 1_200
PER_CALL = 16
LONG_WORDS = "w" * 1_900  # in a URL: an event of a few kilobytes


@asynccontextmanager
async def crowd(api: Api, count: int, stalled: int) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.listeners", str(api.port), str(count), str(stalled),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=dict(os.environ),
        limit=1 << 24,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def read_report(process: asyncio.subprocess.Process) -> Any:
    assert process.stdout is not None
    return json.loads(await process.stdout.readline())


async def make_news(store: Store, every_s: float) -> None:
    clock = SystemClock()
    for first in range(0, EVENTS, PER_CALL):
        numbers = range(first, first + PER_CALL)
        await store.queue.enqueue(
            [new_job(f"https://videos.example/{n}/{LONG_WORDS}", clock=clock) for n in numbers]
        )
        await asyncio.sleep(every_s)


async def ask_until(done: asyncio.Future[None], api: Api) -> float:
    """Return how long a response takes until ``done``, in seconds: the median of many."""
    took: list[float] = []
    while not done.done() or len(took) < ANSWERS:
        for path in ("/api/jobs?limit=20", "/healthz", "/api/jobs?status=failed"):
            answer = await api.ask(path)
            # the store may be slow now
            assert answer.status == 200 or (path == "/healthz" and answer.status == 503)
            took.append(answer.took_s)
        await asyncio.sleep(0.02)
    return statistics.median(took)


@pytest.mark.fault(
    "F50",
    "many listeners, some stalled",
    by="a crowd in a process of its own, a part of which reads nothing",
)
@pytest.mark.parametrize(
    ("count", "stalled", "every_s"),
    [
        (150, 30, 0.1),
        pytest.param(10_000, 200, 1.0, marks=[pytest.mark.long, pytest.mark.timeout(600)]),
    ],
)
async def test_many_listeners_are_served_within_bounds_and_stalled_ones_are_dropped(
    tmp_path: Path, count: int, stalled: int, every_s: float
) -> None:
    """There are as many as there are slots; the others are asked to come back later."""
    vault = VaultOnDisk(tmp_path)
    async with (
        vault.store() as store,
        api_of(vault) as api,
        crowd(api, count, stalled) as listeners,
    ):
        places = await read_report(listeners)
        news = asyncio.create_task(make_news(store, every_s))
        crowded_s = await ask_until(news, api)
        await news
        await until(lambda: vault.log.read_text().count("slow_listener_dropped") >= stalled)
        dropped, memory = vault.log.read_text().count("slow_listener_dropped"), api.memory_bytes()
        await asyncio.sleep(1.0)
        assert listeners.stdin is not None
        listeners.stdin.close()
        outcome = await read_report(listeners)
    print({"answer_s": crowded_s, "memory": memory, "dropped": dropped})

    assert places == {"heard": min(count, MAX_LISTENERS), "refused": max(0, count - MAX_LISTENERS)}
    assert dropped == outcome["let_go"] == stalled
    assert outcome["events"] == [EVENTS] * (places["heard"] - stalled)
    assert memory < MEMORY_BYTES
