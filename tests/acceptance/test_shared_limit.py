"""Two worker processes on one machine keep the vault's speed limit together,
whatever each of them downloads.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from mediavault.app.storage import store_at
from mediavault.core.clock import SystemClock
from tests import media
from tests.patience import patient
from tests.stubs import new_job

MB = 1_000_000
# bytes a second: the buffers on the way are a hundredth of what comes while it is measured
LIMIT = 8 * MB
MEASURED_S = 20.0
SETTLES_S = 4.0  # what buffers take arrives at once
BEAT_S = 0.5
# Announced, and more than the test can bring. A file's room is taken at once: of memory, where the
# tests' folders are.
LENGTH = 600 * MB
PIECE = bytes(16 << 10)


@dataclass
class EndlessSite:
    """Pages with a video that never ends, sent as fast as it is read.
    ``sent`` counts its bytes by page.
    """

    sent: dict[str, int] = field(default_factory=dict)
    port: int = 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_get("/watch/{name}", self._page)
        app.router.add_get("/{name}.mp4", self._video)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        try:
            yield
        finally:
            await runner.cleanup()

    async def _page(self, request: web.Request) -> web.Response:
        video = f"{self.origin}/{request.match_info['name']}.mp4"
        html = (
            f'<title>A film</title><meta property="og:video" content="{video}"><video'
            f' src="{video}"></video>'
        )
        return web.Response(text=html, content_type="text/html")

    async def _video(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        answer = web.StreamResponse(
            headers={"Content-Type": "video/mp4", "Content-Length": str(LENGTH)}
        )
        assert request.transport is not None
        # what is sent is what is read: the system would take megabytes for each connection, and
        # more of them later
        request.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 10
        )
        await answer.prepare(request)
        with suppress(ConnectionError, OSError):
            await answer.write(media.mp4(3.0))
            while True:
                await answer.write(PIECE)
                self.sent[name] = self.sent.get(name, 0) + len(PIECE)
        return answer


@asynccontextmanager
async def a_worker(root: Path, site: EndlessSite) -> AsyncIterator[None]:
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MEDIAVAULT_")},
        "MEDIAVAULT_STATE_DIR": str(root / "state"),
        "MEDIAVAULT_DOWNLOAD_DIR": str(root / "downloads"),
        "MEDIAVAULT_ALLOW_PRIVATE": json.dumps([site.origin.removeprefix("http://")]),
        "MEDIAVAULT_BANDWIDTH": f"{LIMIT // MB} MB/s",
        "MEDIAVAULT_CONCURRENCY": "2",
        "MEDIAVAULT_HEARTBEAT_INTERVAL_S": str(BEAT_S),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mediavault", "worker", env=environ, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until(seen: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(patient(60)):
        while not await seen():
            await asyncio.sleep(0.1)


async def rate_of(site: EndlessSite) -> float:
    """Return the bytes a second of all videos together."""
    await asyncio.sleep(SETTLES_S)
    clock = SystemClock()
    before, began_s = sum(site.sent.values()), clock.monotonic()
    await asyncio.sleep(MEASURED_S)
    return (sum(site.sent.values()) - before) / (clock.monotonic() - began_s)


@pytest.mark.timeout(240)
async def test_two_worker_processes_divide_the_limit_and_keep_it_together(tmp_path: Path) -> None:
    clock, site = SystemClock(), EndlessSite()
    (tmp_path / "state").mkdir()
    store = store_at(f"sqlite:///{tmp_path}/state/mediavault.db", clock)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(site.open())
        await store.open()
        stack.push_async_callback(store.close)
        for _ in range(2):
            await stack.enter_async_context(a_worker(tmp_path, site))

        async def both_are_known() -> bool:
            return len(await store.workers.alive(seen_within=timedelta(seconds=5))) == 2

        await until(both_are_known)
        await asyncio.sleep(4 * BEAT_S)  # each has seen the other
        rates = []
        for numbers in (range(1), range(1, 4)):  # one worker has nothing to do; then both are full
            await store.queue.enqueue(
                [new_job(f"{site.origin}/watch/{n}", clock=clock) for n in numbers]
            )
            await until(partial(_has_begun, site, numbers.stop))
            rates.append(await rate_of(site))

    half, whole = (rate / LIMIT for rate in rates)
    assert 0.4 < half < 0.525  # a busy machine sends less, and must never send more
    assert 0.8 < whole < 1.05


async def _has_begun(site: EndlessSite, count: int) -> bool:
    return len(site.sent) == count
