"""Change streams let other processes wake and stop a worker long before its next poll or
heartbeat.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import structlog.testing

from mediavault.core.clock import SystemClock
from mediavault.store.port import JobQuery, Store
from mediavault.worker.worker import Worker, WorkerLimits
from tests.component.store.test_cancelling import EndlessDownloader
from tests.component.store.test_mongodb_store import database_at, opened
from tests.contract.stores import numbered_job
from tests.contract.test_store_processes import finished, start
from tests.servers import mongo
from tests.servers.tcp_proxy import proxied
from tests.stubs import StubDownloader, make_context

POLL_S, HEARTBEAT_S = 60.0, 60.0
SOON_S = 20.0  # it takes some milliseconds; the machine may be very busy
BACK_S = 50.0  # after a loss, with the waits between tries
FORGETS_SOON = ("--oplog-max-entries", "10")  # checked every FORGETS_AFTER changes
FORGETS_AFTER = 1_000

# The driver leaves a socket to the garbage collector when it is closed while its monitor is about
# to connect.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def sockets_of_the_driver() -> Iterator[None]:
    """Collect them while that warning is expected, and not in another test."""
    yield
    gc.collect()


class WakeUpListener:
    """Waits for the wake-ups that reach one store."""

    def __init__(self, store: Store) -> None:
        self._woken = asyncio.Event()
        store.workers.on_work(self._woken.set)

    async def is_woken(self, within_s: float) -> None:
        await asyncio.wait_for(self._woken.wait(), within_s)
        self._woken.clear()

    async def is_woken_by_a_submission(
        self, numbers: Iterator[int], url: str, *, within_s: float
    ) -> None:
        """Enqueue jobs from another store until one wakes this store;
        some may be lost while the stream is down.
        """
        async with opened(url) as other, asyncio.timeout(within_s):
            while True:
                self._woken.clear()
                number = next(numbers)
                await other.queue.enqueue(
                    [numbered_job(number, f"https://videos.example/{number}")]
                )
                try:
                    return await self.is_woken(1.0)
                except TimeoutError:
                    continue


@asynccontextmanager
async def server_of(*settings: str) -> AsyncIterator[mongo.Server]:
    server = await asyncio.to_thread(mongo.new_server, settings=(*mongo.WRITES_TO_DISK, *settings))
    try:
        yield server
    finally:
        server.remove()


@asynccontextmanager
async def worker_at(
    store: Store, folder: Path, downloader: StubDownloader, *, poll_s: float = POLL_S
) -> AsyncIterator[None]:
    """Run a worker that polls once a minute, or every ``poll_s`` seconds."""
    limits, stop = (
        WorkerLimits(1, poll_s, HEARTBEAT_S, timedelta(seconds=180), 1.0),
        asyncio.Event(),
    )
    context = make_context(store, SystemClock(), folder / "library", downloader=downloader)
    working = asyncio.create_task(Worker(context, limits, live_folder=folder / "workers").run(stop))
    try:
        yield
    finally:
        stop.set()
        await working


async def test_another_processs_submission_and_cancel_reach_a_worker_long_before_its_next_poll(
    tmp_path: Path,
) -> None:
    url, downloader = mongo.database_for(tmp_path), EndlessDownloader()
    async with opened(url) as store:
        assert store.has_wake_ups, (
            f"The server that {mongo.NAMED_BY} names is not in a replica set."
        )
        listener = WakeUpListener(store)
        async with worker_at(store, tmp_path, downloader):
            await listener.is_woken(SOON_S)  # the stream has begun
            await finished(await start("enqueue", url, "https://videos.example/1"))
            await asyncio.wait_for(downloader.started.wait(), SOON_S)
            [job] = (await store.catalogue.jobs(JobQuery())).jobs
            await finished(await start("cancel", url, job.id))
            await asyncio.wait_for(downloader.stopped.wait(), SOON_S)


async def test_a_stream_resumes_after_the_server_was_killed_and_restarted() -> None:
    numbers = itertools.count(1)
    async with server_of() as server, opened(server.url) as store:
        listener = WakeUpListener(store)
        await listener.is_woken(SOON_S)
        await listener.is_woken_by_a_submission(numbers, server.url, within_s=SOON_S)
        server.kill()
        await asyncio.to_thread(server.start)

        await listener.is_woken_by_a_submission(numbers, server.url, within_s=BACK_S)


async def test_a_stream_starts_again_after_the_server_has_discarded_its_position() -> None:
    """The jobs missed in the meantime are looked for,
    and the log gets one line for each try and no more.
    """
    numbers = itertools.count(1)
    with structlog.testing.capture_logs() as lines:
        async with (
            server_of(*FORGETS_SOON) as server,
            proxied(server.url) as (proxy, through),
            opened(through) as store,
            database_at(server.url) as other,
        ):
            listener = WakeUpListener(store)
            await listener.is_woken(SOON_S)
            await listener.is_woken_by_a_submission(numbers, server.url, within_s=SOON_S)
            proxy.refusing = True
            proxy.cut()
            await other.documents("noise").insert(
                [{"_id": number} for number in range(2 * FORGETS_AFTER)]
            )
            proxy.refusing = False
            await listener.is_woken(BACK_S)

            await listener.is_woken_by_a_submission(numbers, server.url, within_s=SOON_S)
    lost = [line for line in lines if line["event"] == "wake_ups_lost"]
    assert len(lost) <= 6  # 1, 2, 4, 8 and 16 s apart


async def test_on_a_single_server_another_processs_submission_waits_for_the_poll(
    tmp_path: Path,
) -> None:
    downloader = EndlessDownloader()
    with structlog.testing.capture_logs() as lines:
        async with server_of("--standalone") as server, opened(server.url) as store:
            assert not store.has_wake_ups
            async with worker_at(store, tmp_path, downloader, poll_s=0.2):
                await finished(await start("enqueue", server.url, "https://videos.example/1"))
                await asyncio.wait_for(downloader.started.wait(), SOON_S)
    assert not [line for line in lines if line["event"] == "wake_ups_lost"]
