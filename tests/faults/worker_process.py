"""A worker process for the fault tests: the real store, library, pipeline and loop; a site in the
process itself.

``python -m tests.faults.worker_process STORE_URL STATE DOWNLOADS`` works until SIGTERM. It writes
what it saw of its writes line by line to its own file in ``STATE/events``: ``completed JOB FENCE``,
``rejected:WRITE JOB FENCE`` and ``stopped:WHY JOB FENCE``; ``asked:SECONDS ADDRESS`` whenever it
requested the site, ``looked:SECONDS ADDRESS`` when that was over, and ``turn:SECONDS JOB`` for each
permit that it got; SECONDS are since the epoch.
The library is DOWNLOADS, or the one that ``MEDIAVAULT_VAULT_URL`` names.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from mediavault.app.composition import worker_limits
from mediavault.app.storage import make_library, store_at
from mediavault.app.watchdog import TICKS, restarting_when_frozen
from mediavault.core.clock import Clock, SystemClock
from mediavault.core.failures import LeaseLost, NetworkFailure, RateLimited
from mediavault.core.job import ClaimedJob
from mediavault.core.logs import configure_logs
from mediavault.core.media import DownloadedFile, Extraction, OnProgress, Post
from mediavault.core.platform import Platform
from mediavault.core.settings import Settings
from mediavault.core.site_limits import Permit, PermitRequest
from mediavault.download.port import DownloadLimits, MediaRequest
from mediavault.store.port import Store
from mediavault.worker.context import RetryPolicy, WorkerContext
from mediavault.worker.worker import HeldClaim, Worker, WorkerLimits
from tests.faults.mutants import MUTANTS
from tests.patience import patient
from tests.stubs import StubDownloader, StubExtractor, candidate, extraction, make_context
from tests.tiny_video import tiny_video

VIDEO_BYTES = 20_000  # and its URL
LEASE = timedelta(seconds=2)
GRACE_S = 0.3  # too short for most downloads, so that a graceful stop releases jobs
FREEZES, KILLS = "freezes", "kills"  # in the URL of a post whose page does so to its reader
SLOW_DOWN, SLOWED_FOR = "slowdown", timedelta(seconds=4)
RETRY_BASE = timedelta(milliseconds=200)
# named, since other waits grow with the attempts, and kills cause many
BAD_MOMENT = timedelta(milliseconds=500)

# Point -> (object in the worker's context, its method, before or after the call)
POINTS: dict[str, tuple[str, str, str]] = {
    "claimed": ("store", "claim", "after"),
    "extracting": ("extractor", "extract", "before"),
    "extracted": ("extractor", "extract", "after"),
    "checkpointed": ("store", "checkpoint", "after"),
    "downloading": ("downloader", "fetch", "before"),
    "downloaded": ("downloader", "fetch", "after"),
    "validated": ("probe", "examine", "after"),
    "thumbnail": ("probe", "still", "after"),
    "sealed": ("staging", "seal", "after"),
    "committing": ("store", "begin_commit", "after"),
    "placed": ("library", "place", "after"),
    "sidecar": ("library", "place_json", "after"),
    "completing": ("store", "complete", "before"),
    "completed": ("store", "complete", "after"),
}
# The same for a library in a bucket: the claim of a name is the first object that is put and the
# first removed.
BUCKET_POINTS: dict[str, tuple[str, str, str]] = {
    "name_claimed": ("bucket", "create", "after"),
    "sent": ("bucket", "remove", "before"),
}
FENCED = ("checkpoint", "progress", "save_items", "begin_commit", "complete", "fail", "release")


@dataclass(frozen=True, slots=True)
class Orders:
    """How one worker process works, as given on its command line.

    ``die_at``: one of POINTS, where it kills itself with SIGKILL the first time, as a power cut or
    the OOM killer does. ``rude``: it never checks its leases; only the fence keeps its writes out.
    ``trouble``: how likely the site fails.
    """

    store_url: str
    state: Path
    downloads: Path
    die_at: str | None = None
    mutant: str | None = None
    rude: bool = False
    lease_s: float = field(default_factory=lambda: patient(LEASE.total_seconds(), most=2))
    longest_download_s: float = 0.9
    trouble: float = 0.0
    concurrency: int = 4
    frozen_after_s: float = 0.0  # restart after a freeze of this length; 0: never
    usual: bool = False

    def limits(self) -> WorkerLimits:
        """Short ones, of the same proportions; the heartbeat comes a little oftener.
        ``usual``: those of the settings.
        """
        if self.usual:
            return worker_limits(Settings(state_dir=self.state, download_dir=self.downloads))
        return WorkerLimits(
            concurrency=self.concurrency,
            poll_interval_s=self.lease_s / 20,
            heartbeat_interval_s=self.lease_s / 5,
            lease=timedelta(seconds=self.lease_s),
            shutdown_grace_s=GRACE_S,
        )


def media_of(post_url: str) -> bytes:
    """Return the post's video. Each differs, so that a wrong one is recognised by its hash."""
    url = post_url.encode()
    return tiny_video(url, VIDEO_BYTES + len(url))


class Events:
    """Records what this process saw; each line is written before anything else happens,
    so that a kill loses none.
    """

    def __init__(self, state: Path) -> None:
        folder = state / "events"
        folder.mkdir(exist_ok=True)
        self._file = (folder / f"{os.getpid()}-{time.monotonic_ns()}").open("a", buffering=1)

    def close(self) -> None:
        self._file.close()

    def note(self, what: str, claim: ClaimedJob) -> None:
        self._file.write(f"{what} {claim.id} {claim.fence}\n")

    def asked(self, url: str) -> None:
        self._file.write(f"asked:{time.time()} {url}\n")

    def looked(self, url: str) -> None:
        self._file.write(f"looked:{time.time()} {url}\n")

    def of(self, store: Store) -> None:
        """Record every write of ``store`` that its fence refuses,
        every accepted completion and every permit.
        """
        for name in FENCED:
            setattr(store.queue, name, self._logged(name, getattr(store.queue, name)))
        setattr(  # noqa: B010 - a method of a protocol
            store.site_limits,
            "acquire_permit",
            self._recorded_turn(store.site_limits.acquire_permit),
        )

    def _recorded_turn(
        self, original: Callable[[PermitRequest], Awaitable[Permit]]
    ) -> Callable[[PermitRequest], Awaitable[Permit]]:
        async def call(request: PermitRequest) -> Permit:
            turn = await original(request)
            if turn.refused is None:
                self._file.write(f"turn:{turn.at.timestamp()} {request.job}\n")
            return turn

        return call

    def _logged(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        async def call(claim: ClaimedJob, *args: Any, **kwargs: Any) -> Any:
            try:
                answer = await original(claim, *args, **kwargs)
            except LeaseLost:
                self.note(f"rejected:{name}", claim)
                raise
            if name == "complete":
                self.note("completed", claim)
            return answer

        return call


class SiteExtractor(StubExtractor):
    """The pages of every site. A post with ``SLOW_DOWN`` in its URL is answered with 429; one with
    ``FREEZES`` takes its reader more time than the test has; one with ``KILLS`` kills its process,
    as the kernel does when there is no memory left.
    """

    def __init__(self, trouble: float, events: Events) -> None:
        super().__init__()
        self._trouble, self._events = trouble, events

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        self._events.asked(post.url)
        await asyncio.sleep(random.uniform(0, 0.05))
        if FREEZES in post.url:
            re.search(r"(x+x+)+y", "x" * 60)  # holds the interpreter's lock the whole time
        if KILLS in post.url:
            os.kill(os.getpid(), signal.SIGKILL)
        self._events.looked(post.url)
        if SLOW_DOWN in post.url:
            raise RateLimited("the site asked us to slow down", retry_after=SLOWED_FOR)
        if random.random() < self._trouble:
            raise NetworkFailure("the site had a bad moment", retry_after=BAD_MOMENT)
        return extraction(candidate(f"{post.url}/media.mp4"), post=post)


class SiteDownloader(StubDownloader):
    def __init__(self, longest_s: float) -> None:
        super().__init__()
        self._longest_s = longest_s

    async def fetch(
        self, request: MediaRequest, *, into: Path, limits: DownloadLimits, on_progress: OnProgress
    ) -> DownloadedFile:
        path, body = into / "media.part", media_of(request.scope.url)
        path.write_bytes(body[:10_000])
        on_progress(10_000, len(body))
        await asyncio.sleep(random.uniform(0.1, 1) * self._longest_s)
        path.write_bytes(body)
        return DownloadedFile(path, request.url, len(body), "video/mp4", request.expected)


class WatchedWorker(Worker):
    events: Events

    def _stop(self, attempt: HeldClaim, *, why: str) -> None:
        if not attempt.released:
            self.events.note(f"stopped:{why}", attempt.claim)
        super()._stop(attempt, why=why)


class RudeWorker(WatchedWorker):
    """Continues with everything that it ever claimed."""

    def _stop(self, attempt: HeldClaim, *, why: str) -> None:
        return None


def die_at(point: str, target: Any, method: str, when: str) -> None:
    """Wrap ``target.method`` so that this process dies before or after its first call that had an
    effect.
    """
    original: Callable[..., Any] = getattr(target, method)

    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await original(*args, **kwargs)
        if answer != []:  # a claim of no jobs does not count
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(target, method, wrapped)


def context_of(orders: Orders, store: Store, clock: Clock, events: Events) -> WorkerContext:
    extractor, downloader = (
        SiteExtractor(orders.trouble, events),
        SiteDownloader(orders.longest_download_s),
    )
    context = make_context(
        store,
        clock,
        orders.downloads,
        extractor=extractor,
        downloader=downloader,
        jitter=random.random,
    )
    context = replace(context, retry=RetryPolicy(base=RETRY_BASE, jitter=random.random))
    if url := Settings().vault_url:
        context = replace(
            context, library=make_library(Settings(download_dir=orders.downloads, vault_url=url))
        )
    if orders.die_at is not None:
        owner, method, when = {**POINTS, **BUCKET_POINTS}[orders.die_at]
        targets = {
            "store": store.queue,
            "extractor": extractor,
            "downloader": downloader,
            "staging": context.library.staging,
            "bucket": getattr(context.library, "_bucket", None),
        }
        die_at(orders.die_at, targets.get(owner) or getattr(context, owner), method, when)
    return context


async def main(orders: Orders) -> None:
    configure_logs("warning")
    clock = SystemClock()
    store = store_at(orders.store_url, clock)
    if orders.mutant is not None:
        MUTANTS[orders.mutant](store)
    await store.open()
    events = Events(orders.state)
    events.of(store)
    kind = RudeWorker if orders.rude else WatchedWorker
    worker = kind(
        context_of(orders, store, clock, events),
        orders.limits(),
        live_folder=orders.state / "workers",
    )
    worker.events = events
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with ExitStack() as stack:
        if orders.frozen_after_s:
            tick_s = orders.frozen_after_s / TICKS
            stack.enter_context(restarting_when_frozen(worker.report_freeze, tick_s=tick_s))
        await worker.run(stop)
    await store.close()


def work(orders: Orders, log: Path) -> None:
    """Run the whole life of a process that was forked for this."""
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    asyncio.run(main(orders))


def command_line(orders: Orders) -> list[str]:
    """Return the arguments that :func:`read_orders` parses."""
    options = [
        f"--{name.replace('_', '-')}={getattr(orders, name)}"
        for name in _OPTIONS
        if getattr(orders, name)
    ]
    return [
        orders.store_url,
        str(orders.state),
        str(orders.downloads),
        *options,
        *(f"--{name}" for name in _FLAGS if getattr(orders, name)),
    ]


def read_orders() -> Orders:
    parser = argparse.ArgumentParser(prog="tests.faults.worker_process")
    parser.add_argument("store_url")
    parser.add_argument("state", type=Path)
    parser.add_argument("downloads", type=Path)
    for name, kind in _OPTIONS.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=kind,
            default=Orders.__dataclass_fields__[name].default,
        )
    for name in _FLAGS:
        parser.add_argument(f"--{name}", action="store_true")
    return Orders(**vars(parser.parse_args()))


_FLAGS = ("rude", "usual")
_OPTIONS: dict[str, Callable[[str], Any]] = {
    "die_at": str,
    "mutant": str,
    "lease_s": float,
    "longest_download_s": float,
    "trouble": float,
    "concurrency": int,
    "frozen_after_s": float,
}


if __name__ == "__main__":
    asyncio.run(main(read_orders()))
