"""A worker process for the fault tests: the real store, vault, pipeline and loop; scripted media.

``python -m tests.faults.worker_process STATE DOWNLOADS [POINT]`` works until SIGTERM. With a POINT it kills itself with
SIGKILL the first time that point is reached, as a power cut or the OOM killer would. The library is DOWNLOADS, or what
``MEDIAVAULT_VAULT_URL`` names.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from mediavault.core.clock import SystemClock
from mediavault.core.logs import configure_logs
from mediavault.core.media import DownloadedFile, Extraction, OnProgress, Post
from mediavault.core.platform import Platform
from mediavault.core.settings import Settings
from mediavault.runtime import make_vault
from mediavault.services.download.port import DownloadLimits, MediaRequest
from mediavault.store.sqlite import SqliteJobStore
from mediavault.worker.queue import Worker, WorkerLimits
from tests.stubs import VIDEO, StubDownloader, StubExtractor, candidate, extraction, make_tools

LEASE = timedelta(seconds=2)
LIMITS = WorkerLimits(concurrency=4, poll_interval_s=0.1, heartbeat_interval_s=0.4, lease=LEASE, shutdown_grace_s=5.0)

# Point -> (object in Tools, its method, before or after the call)
POINTS: dict[str, tuple[str, str, str]] = {
    "claimed": ("store", "claim", "after"),
    "extracting": ("extractor", "extract", "before"),
    "extracted": ("extractor", "extract", "after"),
    "checkpointed": ("store", "checkpoint", "after"),
    "downloading": ("downloader", "fetch", "before"),
    "downloaded": ("downloader", "fetch", "after"),
    "validated": ("probe", "examine", "after"),
    "thumbnail": ("probe", "still", "after"),
    "sealed": ("vault", "seal", "after"),
    "committing": ("store", "begin_commit", "after"),
    "placed": ("vault", "place", "after"),
    "sidecar": ("vault", "place_json", "after"),
    "completing": ("store", "complete", "before"),
    "completed": ("store", "complete", "after"),
}
# The same of a library in a bucket: a name's claim is the first object that is put, and the first that is removed.
BUCKET_POINTS: dict[str, tuple[str, str, str]] = {
    "name_claimed": ("bucket", "create", "after"),
    "sent": ("bucket", "remove", "before"),
}


def media_of(post_url: str) -> bytes:
    """Each post's video differs, so that a wrong one is known by its hash."""
    return VIDEO + post_url.encode()


class PostExtractor(StubExtractor):
    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        await asyncio.sleep(random.uniform(0, 0.05))
        return extraction(candidate(f"{post.url}/media.mp4"), post=post)


class PostDownloader(StubDownloader):
    async def fetch(
        self, request: MediaRequest, *, into: Path, limits: DownloadLimits, on_progress: OnProgress
    ) -> DownloadedFile:
        path, body = into / "media.part", media_of(request.scope_url)
        path.write_bytes(body[:10_000])
        on_progress(10_000, len(body))
        await asyncio.sleep(random.uniform(0.1, 0.9))
        path.write_bytes(body)
        return DownloadedFile(path, request.url, len(body), "video/mp4", request.expected)


def die_at(point: str, target: Any, method: str, when: str) -> None:
    """Wrap ``target.method`` so that this process is gone before or after its first call that did something."""
    original: Callable[..., Any] = getattr(target, method)

    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await original(*args, **kwargs)
        if answer != []:  # a claim that found nothing is no claim
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(target, method, wrapped)


async def main(state: Path, downloads: Path, point: str | None) -> None:
    configure_logs("warning")
    clock = SystemClock()
    store = SqliteJobStore(state / "mediavault.db", clock)
    await store.open()
    extractor, downloader = PostExtractor(), PostDownloader()
    tools = make_tools(store, clock, downloads, extractor=extractor, downloader=downloader)
    if url := os.environ.get("MEDIAVAULT_VAULT_URL"):
        tools = replace(tools, vault=make_vault(Settings(download_dir=downloads, vault_url=url)))
    if point is not None:
        owner, method, when = {**POINTS, **BUCKET_POINTS}[point]
        targets = {"extractor": extractor, "downloader": downloader, "bucket": getattr(tools.vault, "_bucket", None)}
        die_at(point, targets.get(owner) or getattr(tools, owner), method, when)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await Worker(tools, LIMITS, live_folder=state / "workers").run(stop)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None))
