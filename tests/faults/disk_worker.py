"""A worker process whose disk, clock or database is about to fail: real store, library, writer and
loop; scripted posts.

``python -m tests.faults.disk_worker STORE_URL STATE DOWNLOADS`` works until SIGTERM. Jobs that wait
for the machine wait a second instead of five minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw

from mediavault.app.storage import store_at
from mediavault.cli.streams import watched
from mediavault.core.clock import SystemClock
from mediavault.core.logs import configure_logs
from mediavault.core.media import DownloadedFile, Extraction, OnProgress, Post
from mediavault.core.platform import Platform
from mediavault.download.port import DownloadLimits, MediaRequest
from mediavault.download.writer import open_writer
from mediavault.store.patience import DatabaseWait
from mediavault.worker import retry
from mediavault.worker.library_watch import ensure_library_id
from mediavault.worker.worker import Worker, WorkerLimits
from tests.faults.worker_process import POINTS, media_of
from tests.patience import patient
from tests.stubs import (
    StubDownloader,
    StubExtractor,
    StubProbe,
    candidate,
    extraction,
    make_context,
)

# to be renewed in time on a busy machine
LEASE_S = patient(float(os.environ.get("FAULTS_LEASE_S", "3")), most=2)
PIECE = 4096


class PostExtractor(StubExtractor):
    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        return extraction(candidate(f"{post.url}/media.mp4"), post=post)


class PostDownloader(StubDownloader):
    """Writes in pieces as downloads do, with ``FAULTS_PIECE_S`` seconds between two pieces."""

    async def fetch(
        self, request: MediaRequest, *, into: Path, limits: DownloadLimits, on_progress: OnProgress
    ) -> DownloadedFile:
        path, body = into / "media.part", media_of(request.scope.url)
        async with open_writer(path, keep=0, reserve_bytes=0, clock=SystemClock()) as writer:
            await writer.reserve(len(body))
            for start in range(0, len(body), PIECE):
                await writer.write(body[start : start + PIECE])
                await asyncio.sleep(float(os.environ.get("FAULTS_PIECE_S", "0")))
        on_progress(len(body), len(body))
        return DownloadedFile(path, request.url, len(body), "video/mp4", request.expected)


class PictureProbe(StubProbe):
    """Like the real probe, it returns no picture if the picture cannot be written."""

    async def still(self, video: Path, *, into: Path, at_s: float) -> Path | None:
        try:
            into.write_bytes(b"\xff\xd8\xff" + b"p" * 5_000)
        except OSError:
            with contextlib.suppress(OSError):
                into.unlink(missing_ok=True)
            return None
        return into


def freeze(database: str) -> None:
    """Stop this process between two transactions: one that holds SQLite's lock would hold up every
    other process.
    """
    connection = apsw.Connection(database)
    connection.set_busy_timeout(30_000)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("ROLLBACK")
    os.kill(os.getpid(), signal.SIGSTOP)


def stop_at(target: Any, method: str, when: str, database: str) -> None:
    """Freeze this process before or after the first call of ``target.method`` that had an
    effect.
    """
    original: Callable[..., Any] = getattr(target, method)
    stopped = False

    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal stopped
        if when == "before" and not stopped:
            stopped = True
            freeze(database)
        answer = await original(*args, **kwargs)
        if when == "after" and answer != [] and not stopped:  # a claim of no jobs does not count
            stopped = True
            freeze(database)
        return answer

    setattr(target, method, wrapped)


async def main(store_url: str, state: Path, downloads: Path) -> None:
    configure_logs("info")
    retry.ENVIRONMENT_DELAY = timedelta(seconds=1)
    clock = SystemClock()
    store = store_at(store_url, clock)
    patience = DatabaseWait(clock)
    await patience.wait_for(store.open)
    context = make_context(
        store,
        clock,
        downloads,
        extractor=PostExtractor(),
        downloader=PostDownloader(),
        probe=PictureProbe(),
    )
    await patience.wait_for(lambda: ensure_library_id(store, context.library))
    if point := os.environ.get("FAULTS_STOP_AT"):
        owner, method, when = POINTS[point]
        targets = {
            "store": store.queue,
            "extractor": context.extractors["browser"],
            "downloader": context.downloader,
            "staging": context.library.staging,
        }
        stop_at(
            targets.get(owner) or getattr(context, owner),
            method,
            when,
            store_url.removeprefix("sqlite:///"),
        )
    limits = WorkerLimits(
        concurrency=4,
        poll_interval_s=0.2,
        heartbeat_interval_s=LEASE_S / 6,
        lease=timedelta(seconds=LEASE_S),
        shutdown_grace_s=3.0,
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Worker(context, limits, live_folder=state / "workers").run(stop)
    await store.close()


if __name__ == "__main__":
    with watched():  # as the command line does
        asyncio.run(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
