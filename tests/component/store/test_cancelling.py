"""A cancel reaches a worker of another process well before its next heartbeat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.app.storage import store_at
from mediavault.core.clock import SystemClock
from mediavault.core.media import DownloadedFile
from mediavault.store.port import Store
from mediavault.worker.worker import Worker, WorkerLimits
from tests.patience import patient
from tests.servers import postgres
from tests.stubs import StubDownloader, make_context, new_job

HEARTBEAT_S = 3_600.0  # so long that no test waits for the next one
SOON_S = 30.0


class EndlessDownloader(StubDownloader):
    def __init__(self) -> None:
        super().__init__()
        self.started, self.stopped = asyncio.Event(), asyncio.Event()

    async def fetch(self, *_: object, **__: object) -> DownloadedFile:
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped.set()
        raise AssertionError


async def opened(stack: AsyncExitStack, url: str) -> Store:
    store = store_at(url, SystemClock())
    await store.open()
    stack.push_async_callback(store.close)
    return store


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder}/jobs.db"


@pytest.mark.parametrize("url_of", [sqlite_url, postgres.database_for], ids=["sqlite", "postgres"])
async def test_a_job_that_is_cancelled_elsewhere_stops_long_before_the_next_heartbeat(
    url_of: Callable[[Path], str], tmp_path: Path
) -> None:
    url, downloader, stop = url_of(tmp_path), EndlessDownloader(), asyncio.Event()
    limits = WorkerLimits(1, 0.05, HEARTBEAT_S, timedelta(seconds=3 * HEARTBEAT_S), 1.0)
    async with AsyncExitStack() as stack:
        api, store = await opened(stack, url), await opened(stack, url)
        context = make_context(store, SystemClock(), tmp_path / "library", downloader=downloader)
        working = asyncio.create_task(
            Worker(context, limits, live_folder=tmp_path / "workers").run(stop)
        )
        [stored] = await api.queue.enqueue([new_job(clock=SystemClock())])
        await asyncio.wait_for(downloader.started.wait(), patient(SOON_S))
        await api.queue.cancel(stored.job.id)
        await asyncio.wait_for(downloader.stopped.wait(), patient(SOON_S))
        stop.set()
        await working
