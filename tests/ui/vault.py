"""A vault for browser tests: the real composition and the real server, on a free loopback port,
with sample posts.

It runs in the test's own event loop, so a test writes to its store directly and the open pages are
notified.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from mediavault import __version__
from mediavault.app.composition import App, open_app
from mediavault.app.processes import serve_vault
from mediavault.auth.users import Users
from mediavault.core.clock import SystemClock
from mediavault.core.failures import ErrorCode
from mediavault.core.job import ClaimedJob, Job, JobStatus, WorkerHeartbeat, WorkerId
from mediavault.core.messages import Message
from mediavault.core.settings import Settings
from mediavault.core.users import Role
from mediavault.download.frames import frame_key
from mediavault.extraction.port import UpgradeRecord
from mediavault.extraction.ytdlp_home import home_of, upgrade_lock, write_record
from mediavault.features.notifications.model import DeliveryState, NotificationDelivery
from mediavault.features.notifications.records import replace_delivery
from mediavault.features.notifications.service import Notifications
from mediavault.media.extras import ExtrasCache, extras_folder
from mediavault.server.services import SendResult
from mediavault.store.port import JobQuery, Store
from mediavault.store.trash import move_to_trash, new_batch
from tests.notification_stubs import StubSender
from tests.patience import patient
from tests.ui import sample
from tests.ui.followed import add_sources

START_WITHIN_S = 30.0  # even while other tests run
BEAT_EVERY_S = 30.0
WORKER = WorkerId("w-sample")
VAULT_ADDRESS = "https://vault.example"
PASSWORD = "seven grey herons"  # of every user of the vault with several
TOKEN = "mv_only-for-these-tests"  # the token of the vault that requires one


@dataclass
class Vault:
    """The vault served at ``base``. ``saved``: saved posts, newest first; ``claims``:
    those of the two running jobs.
    """

    base: str
    opened: App
    saved: Sequence[Job]
    claims: Sequence[ClaimedJob] = field(default_factory=tuple)

    @property
    def store(self) -> Store:
        return self.opened.store

    @property
    def downloads(self) -> Path:
        return self.opened.settings.download_dir

    async def add(self, url: str) -> Job:
        """Add a queued post, as the API does. Its URL must not be that of a sample post;
        any other will do.
        """
        return (await self.store.queue.enqueue([self.opened.submit(url)]))[0].job


async def add_users(vault: Vault) -> None:
    """Give the vault an owner with a password, a member "jane" and a viewer "sam"."""
    users = Users(vault.store.records, SystemClock())
    await users.take(PASSWORD)
    await users.add("jane", Role.MEMBER, PASSWORD)
    await users.add("sam", Role.VIEWER, PASSWORD)


@asynccontextmanager
async def sample_vault(
    root: Path, *, posts: int = 60, worker: bool = True, **settings: Any
) -> AsyncIterator[Vault]:
    """Open, fill and serve a vault below ``root``. ``posts`` 0 leaves it empty;
    ``worker`` simulates a live worker.
    """
    chosen = Settings(
        state_dir=root / "state",
        download_dir=root / "downloads",
        host="127.0.0.1",
        port=0,
        **settings,
    )
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(open_app(chosen))
        saved: Sequence[Job] = ()
        claims: Sequence[ClaimedJob] = ()
        if posts:
            saved, claims = await sample.fill_and_claim(
                opened.store, chosen.download_dir, posts=posts
            )
            await _throw_away(opened)
            await show_frames(opened)
            await add_notifications(opened.store)
            await add_sources(opened.store, saved)
            _give_up_ytdlp(chosen)
        if worker:
            await stack.enter_async_context(_beating(opened.store))
        base = await stack.enter_async_context(_served(opened))
        yield Vault(base, opened, saved, claims)


def _give_up_ytdlp(settings: Settings) -> None:
    """Note that a newer yt-dlp was given up, so that the doctor's page says so."""
    home = home_of(settings.state_dir)
    why = Message("it could not be imported")
    record = UpgradeRecord(
        tried_at=SystemClock().now(),
        before="2026.11.20",
        after="2026.10.26",
        refused="2026.11.20",
        why=why,
    )
    with upgrade_lock(home):
        write_record(home, record)


async def add_notifications(store: Store) -> None:
    """Add a target of each kind, and messages to them that were delivered,
    wait and were given up.
    """
    clock = SystemClock()
    now = clock.now()
    made = [
        await Notifications(store, clock, StubSender()).add(
            url, {"name": name, "private": private, "vault": VAULT_ADDRESS}
        )
        for name, url, private in (
            ("Home Assistant", "http://homeassistant.local:8123/api/webhook/wh-8c1f", True),
            ("", "ntfy://ntfy.example/videos", False),
            ("Shelf display", "https://hooks.example/mediavault", False),
        )
    ]
    deliveries = (
        (0, "job.saved", 3, DeliveryState.DELIVERED, SendResult(200)),
        (1, "jobs.saved", 3, DeliveryState.DELIVERED, SendResult(None)),
        (1, "session.sign_in_needed", 8, DeliveryState.DELIVERED, SendResult(None)),
        (
            2,
            "job.failed",
            12,
            DeliveryState.WAITING,
            SendResult(502, Message("It answered %(status)s.", status=502)),
        ),
        (
            0,
            "disk.low",
            300,
            DeliveryState.FAILED,
            SendResult(404, Message("It answered %(status)s.", status=404)),
        ),
    )
    for number, (target, kind, minutes, state, result) in enumerate(deliveries):
        at = now - timedelta(minutes=minutes)
        delivery = NotificationDelivery(
            id=f"msg_{number:032x}", target=made[target].id, type=kind, body="{}", made_at=at,
            state=state, due_at=now + timedelta(minutes=18),
            attempts=1 if result.is_delivered else 3, tried_at=at,
            failing_since=None if result.is_delivered else at, status=result.status,
            problem=result.problem,
        )  # fmt: skip
        await replace_delivery(store.records, None, delivery)


async def show_frames(opened: App, *, without: Sequence[str] = ()) -> None:
    """Put pictures of all videos that can be chosen into the cache:
    the sample's sites do not exist.
    """
    cache = ExtrasCache(extras_folder(opened.settings.state_dir))
    failed = (await opened.store.catalogue.jobs(JobQuery((JobStatus.FAILED,), limit=200))).jobs
    for job in (job for job in failed if job.error_code is ErrorCode.AMBIGUOUS):
        for number, candidate in enumerate(c for c in job.candidates if c.url not in without):
            key = frame_key(job.id, candidate.url)
            draft = cache.draft(key)
            draft.write_bytes(sample.picture(number))
            cache.keep_picture(key, draft)


async def _throw_away(opened: App) -> None:
    """Put a post into the trash."""
    [enqueued] = await opened.store.queue.enqueue(
        [opened.submit("https://videos.example/watch/thrown-away")]
    )
    library, clock = opened.library, SystemClock()
    await move_to_trash(
        opened.store, library, clock, enqueued.job.id, lambda _: [], batch=new_batch()
    )


@asynccontextmanager
async def _served(opened: App) -> AsyncIterator[str]:
    stop = asyncio.Event()
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_vault(opened, stop, on_open=address.set_result))
    try:
        either: set[asyncio.Future[Any]] = {serving, address}
        await asyncio.wait(
            either, timeout=patient(START_WITHIN_S), return_when=asyncio.FIRST_COMPLETED
        )
        if serving.done():
            serving.result()
        assert address.done(), "the vault was not served in time"
        yield address.result()
    finally:
        stop.set()
        await serving


@asynccontextmanager
async def _beating(store: Store) -> AsyncIterator[None]:
    async def beat() -> None:
        while True:
            now = (await store.catalogue.report()).at
            await store.workers.heartbeat(
                WorkerHeartbeat(WORKER, "attic", 4711, __version__, now, now, running_jobs=2)
            )
            await asyncio.sleep(BEAT_EVERY_S)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
