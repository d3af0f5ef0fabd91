"""The command line over a store in memory, in place of the composition root."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediavault.app import composition as parts
from mediavault.app import one_shot, processes, storage
from mediavault.cli.main import main
from mediavault.core.failures import ErrorCode, MediavaultError
from mediavault.core.job import Job, JobId, WorkerHeartbeat, WorkerId
from mediavault.core.media import Candidate, Extraction, SavedFile
from mediavault.core.settings import Settings
from mediavault.core.submission import Submission
from mediavault.egress.guard import EgressGuard
from mediavault.library.local_library import LocalLibrary
from mediavault.platforms.registry import identify, source_at
from mediavault.store.postgres.server import PostgresFacts
from tests import logs
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore
from tests.session_stubs import StubSessions

POST = "https://videos.example/watch/1"
WORKER = WorkerId("w-1")
LEASE = timedelta(seconds=90)
SAVED = SavedFile("jane/A film [1].mp4", "jane/A film [1].jpg", 1_500_000, "ab" * 32, 4.0, 320, 180)


STOOD_IN_FOR = {
    storage: ("open_store", "make_library", "inspect_postgres"),
    parts: ("make_submission", "session_manager"),
    processes: ("serve", "run_worker", "run_api"),
    one_shot: ("save_here", "inspect_url"),
}


@dataclass(frozen=True)
class StubInspection:
    extraction: Extraction | None
    choice: Candidate | None
    reason: str
    error: MediavaultError | None = None


@dataclass
class StubHouse:
    """Stands in for the modules of ``mediavault.app``.
    ``ending`` is how a worker of this process ends a job.
    """

    store: MemoryJobStore
    clock: FakeClock
    ending: str = "saved"
    inspection: StubInspection = field(
        default_factory=lambda: StubInspection(None, None, "nothing")
    )
    exit_code: int = 0
    ran: list[str] = field(default_factory=list)
    settings: Settings | None = None
    postgres: PostgresFacts | None = None

    @asynccontextmanager
    async def open_store(self, settings: Settings) -> AsyncIterator[MemoryJobStore]:
        self.settings = settings
        yield self.store

    def make_library(self, settings: Settings) -> LocalLibrary:
        return LocalLibrary(settings.download_dir)

    def session_manager(self, settings: Settings) -> StubSessions:
        return StubSessions(self.clock)

    async def inspect_postgres(self, settings: Settings) -> PostgresFacts | None:
        return self.postgres

    def make_submission(self, settings: Settings) -> Submission:
        guard = EgressGuard(settings.allow_private)

        return Submission(
            identify, guard.check_submitted, self.clock, settings.max_attempts, source_at
        )

    async def serve(self, settings: Settings) -> int:
        return self._run("serve", settings)

    async def run_worker(self, settings: Settings) -> int:
        return self._run("worker", settings)

    async def run_api(self, settings: Settings) -> int:
        return self._run("api", settings)

    async def save_here(self, settings: Settings, job_id: JobId) -> None:
        self.ran.append("save_here")
        if self.ending == "hang":
            await asyncio.Future()
        is_first = len(self.ran) == 1
        ending = "failed" if is_first else "saved"
        await end(self.store, ending if self.ending == "first fails" else self.ending)

    async def inspect_url(self, settings: Settings, url: str) -> StubInspection:
        self.ran.append(url)
        return self.inspection

    def _run(self, role: str, settings: Settings) -> int:
        self.ran.append(role)
        self.settings = settings
        return self.exit_code


async def end(store: MemoryJobStore, ending: str) -> Job:
    """Take the oldest queued job to its end, as a worker would."""
    (claim,) = await store.queue.claim(WORKER, limit=1, lease=LEASE)
    if ending == "saved":
        await store.queue.begin_commit(claim, SAVED)
        await store.queue.complete(claim, SAVED)
        return await store.catalogue.get(claim.id)
    waits = {"failed": None, "soon": timedelta(seconds=5), "later": timedelta(hours=1)}
    return await store.queue.fail(
        claim, error_code=ErrorCode.DELETED, error="The post is gone.", retry_in=waits[ending]
    )


async def beat(house: StubHouse, **facts: Any) -> None:
    now = house.clock.now()
    await house.store.workers.heartbeat(
        WorkerHeartbeat(WORKER, "host", 42, "0.1.0", now, now, **facts)
    )


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output as one JSON value; anything else in it is an error."""
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StubHouse]:
    clock = FakeClock(auto=True)
    house = StubHouse(MemoryJobStore(clock), clock)
    for module, names in STOOD_IN_FOR.items():
        for name in names:
            monkeypatch.setattr(module, name, getattr(house, name))
    monkeypatch.setattr("mediavault.core.clock.SystemClock", lambda: clock)
    for name, value in (
        ("STATE_DIR", tmp_path / "state"),
        ("DOWNLOAD_DIR", tmp_path / "downloads"),
    ):
        monkeypatch.setenv(f"MEDIAVAULT_{name}", str(value))
    for name in ("HOST", "PORT", "TOKEN"):
        monkeypatch.delenv(f"MEDIAVAULT_{name}", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    with logs.given_back():
        yield house


@pytest.fixture
def run(house: StubHouse, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command in this process."""

    def command(*arguments: str) -> Ran:
        capsys.readouterr()
        code = main(arguments)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return command
