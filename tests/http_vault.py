"""A vault's API over the store in memory, called in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediavault.auth.oidc import Fetch
from mediavault.core.failures import ErrorCode, StorageFailure
from mediavault.core.job import ClaimedJob, Job, JobId, WorkerHeartbeat, WorkerId
from mediavault.core.media import SavedFile
from mediavault.core.settings import Settings
from mediavault.core.submission import Submission
from mediavault.egress.guard import EgressGuard
from mediavault.extraction.port import UpgradeRecord
from mediavault.features.rss.service import RssFeeds
from mediavault.features.sharing.service import SharedLinks
from mediavault.library.local_library import LocalLibrary
from mediavault.platforms.registry import all_platforms, identify, source_at
from mediavault.presentation.doctor_report import Check, Doctor, YtdlpState
from mediavault.server.services import ApiServices
from mediavault.store.live_settings import LiveSettings
from mediavault.web.app import create_app
from tests.asgi_client import AsgiClient
from tests.fakes import FakeClock
from tests.file_stubs import StubChecks, StubExtras, StubFormats, StubFrames, stub_copies
from tests.memory_store import MemoryJobStore
from tests.notification_stubs import StubSender
from tests.session_stubs import StubSessions, StubWindows

POST = "https://videos.example/watch/1"
TOKEN = "mv_a-long-random-token"
VIDEO = bytes(range(256)) * 100
SHA256 = "ab" * 32
WORKER = WorkerId("w-1")
LEASE = timedelta(seconds=90)


@dataclass
class ApiVault:
    """The API together with its store, clock, services and files."""

    client: AsgiClient
    store: MemoryJobStore
    clock: FakeClock
    services: ApiServices
    downloads: Path
    cancelled: list[JobId] = field(default_factory=list)

    @property
    def shared_links(self) -> SharedLinks:
        links: SharedLinks = self.client.app.state.shared_links  # type: ignore[attr-defined]
        return links

    @property
    def rss_feeds(self) -> RssFeeds:
        feeds: RssFeeds = self.client.app.state.rss_feeds  # type: ignore[attr-defined]
        return feeds

    async def add(self, url: str = POST) -> Job:
        return (await self.store.queue.enqueue([self.services.submit.read(url)]))[0].job

    async def claim(self) -> ClaimedJob:
        return (await self.store.queue.claim(WORKER, limit=1, lease=LEASE))[0]

    async def add_saved(
        self, url: str = POST, *, name: str = "jane/A film [1].mp4", video: bytes = VIDEO
    ) -> Job:
        """Add a completed job with its files in the library."""
        await self.add(url)
        claim = await self.claim()
        stem = name.rpartition(".")[0]
        for path, content in (
            (name, video),
            (f"{stem}.jpg", b"\xff\xd8\xffpicture"),
            (f"{stem}.info.json", b"{}"),
        ):
            (self.downloads / path).parent.mkdir(parents=True, exist_ok=True)
            (self.downloads / path).write_bytes(content)
        file = SavedFile(name, f"{stem}.jpg", len(video), SHA256, 4.0, 320, 180)
        await self.store.queue.begin_commit(claim, file)
        await self.store.queue.complete(claim, file)
        return await self.store.catalogue.get(claim.id)

    async def add_failed(self, url: str = POST, *, retry_in: timedelta | None = None) -> Job:
        await self.add(url)
        claim = await self.claim()
        return await self.store.queue.fail(
            claim, error_code=ErrorCode.DELETED, error="The post was deleted.", retry_in=retry_in
        )

    async def beat(self, **facts: Any) -> None:
        now = self.clock.now()
        beat = WorkerHeartbeat(WORKER, "host", 42, "0.1.0", now, now, running_jobs=1)
        await self.store.workers.heartbeat(replace(beat, **facts))


MakeVault = Callable[..., ApiVault]


@pytest.fixture
async def make_vault(tmp_path: Path) -> AsyncIterator[MakeVault]:
    """Return a function that builds a vault from settings values by name."""
    built: list[ApiVault] = []

    def make(**settings: Any) -> ApiVault:
        vault = build_vault(tmp_path, **settings)
        built.append(vault)
        return vault

    yield make
    for vault in built:
        await vault.client.app.state.feed.aclose()  # type: ignore[attr-defined]


@pytest.fixture
def vault(make_vault: MakeVault) -> ApiVault:
    return make_vault()


@dataclass
class StubYtdlp:
    """A yt-dlp manager whose state is set by hand; upgrades are only counted."""

    now: YtdlpState = field(
        default_factory=lambda: YtdlpState(
            "2026.11.20", 4, is_own=False, is_upgrading=False, obstacle="", record=UpgradeRecord()
        )
    )
    started: int = 0

    def state(self) -> YtdlpState:
        return self.now

    def start_upgrade(self) -> None:
        self.started += 1

    def step_back(self) -> None:
        self.now = replace(self.now, version=self.now.former, former=None)


def build_vault(
    root: Path,
    *,
    browser: str | None = "/usr/bin/chromium",
    checks: Sequence[Check] = (),
    fetch: Fetch | None = None,
    library_problem: StorageFailure | None = None,
    **values: Any,
) -> ApiVault:
    clock = FakeClock()
    downloads = root / "downloads"
    downloads.mkdir(exist_ok=True)
    settings = Settings(state_dir=root / "state", download_dir=downloads, **values)
    guard = EgressGuard()
    cancelled: list[JobId] = []

    async def examine() -> list[Check]:
        return list(checks)

    store = MemoryJobStore(clock)
    store.workers.on_stop(lambda job_id: cancelled.append(JobId(job_id)))
    sessions = StubSessions(clock)
    services = ApiServices(
        store=store,
        settings=settings,
        clock=clock,
        submit=Submission(
            identify=identify,
            check_url=guard.check_submitted,
            clock=clock,
            max_attempts=settings.max_attempts,
            source_at=source_at,
        ),
        library=LocalLibrary(downloads),
        library_problem=lambda: library_problem,
        browser_status=lambda: browser,
        sessions=sessions,
        windows=StubWindows(sessions),
        live=LiveSettings(settings, store.records, clock),
        doctor=Doctor(examine, clock),
        ytdlp=StubYtdlp(),
        notification_sender=StubSender(),
        platforms=all_platforms(),
        checks=StubChecks(),
        formats=StubFormats(),
        extras=StubExtras(),
        fetch_from_provider=fetch,
        frames=StubFrames(),
        sealed_copies=stub_copies(store, clock),
    )
    return ApiVault(AsgiClient(create_app(services)), store, clock, services, downloads, cancelled)


def ids(jobs: Sequence[dict[str, Any]]) -> list[str]:
    return [job["id"] for job in jobs]
