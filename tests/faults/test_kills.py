"""Real processes, killed and frozen: nothing accepted is lost, and completed means the file is there."""

from __future__ import annotations

import asyncio
import hashlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.errors import ErrorCode
from mediavault.core.job import Job, JobStatus
from mediavault.store.port import JobQuery, JobStore
from mediavault.store.sqlite import SqliteJobStore
from tests.faults.worker_process import LEASE, POINTS, media_of
from tests.stubs import new_job

JOBS = 300
ATTEMPTS = 100  # kills must not use up the attempts: the point here is that nothing is lost
CHAOS_WORKERS = 3
CHAOS_S = 25.0
SETTLE_S = 60.0


class House:
    def __init__(self, root: Path) -> None:
        self.state, self.downloads = root / "state", root / "downloads"
        self.state.mkdir()
        self.downloads.mkdir()

    def worker(self, point: str | None = None) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.faults.worker_process", str(self.state), str(self.downloads)]
        return subprocess.Popen([*command, point] if point else command, stderr=subprocess.PIPE)

    @asynccontextmanager
    async def store(self) -> AsyncIterator[JobStore]:
        store = SqliteJobStore(self.state / "mediavault.db", SystemClock())
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    def videos(self) -> list[Path]:
        return sorted(self.downloads.glob("*/*.mp4"))

    def staging(self) -> list[Path]:
        return [path for path in (self.downloads / ".staging").glob("*") if path.is_dir()]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@contextmanager
def running(*workers: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        for worker in workers:
            end(worker)


def end(worker: subprocess.Popen[bytes]) -> None:
    worker.send_signal(signal.SIGCONT)
    worker.terminate()
    try:
        worker.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.communicate()


async def all_jobs(store: JobStore) -> list[Job]:
    jobs: list[Job] = []
    cursor = None
    while True:
        page = await store.jobs(JobQuery(cursor=cursor, limit=100))
        jobs += page.jobs
        cursor = page.next_cursor
        if cursor is None:
            return jobs


async def until_completed(store: JobStore, wanted: int, within_s: float) -> list[Job]:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        counts = (await store.report()).counts
        if counts.get(JobStatus.COMPLETED, 0) == wanted:
            break
        await asyncio.sleep(0.1)
    return await all_jobs(store)


async def until_swept(house: House, within_s: float = 5.0) -> None:
    """Recovery runs three times a lease."""
    deadline = time.monotonic() + within_s
    while house.staging() and time.monotonic() < deadline:
        await asyncio.sleep(0.1)


def assert_kept(house: House, jobs: list[Job]) -> None:
    """Every job completed, its file there with its hash and its own bytes, one file a job, nothing else left."""
    assert {job.status for job in jobs} == {JobStatus.COMPLETED}
    for job in jobs:
        assert job.output_path is not None
        body = (house.downloads / job.output_path).read_bytes()
        assert body == media_of(job.post_url)
        assert (job.bytes, job.sha256) == (len(body), hashlib.sha256(body).hexdigest())
    assert len({job.output_path for job in jobs}) == len(jobs) == len(house.videos())
    assert house.staging() == []


@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_at_any_stage_loses_nothing(house: House, point: str) -> None:
    async with house.store() as store:
        (accepted,) = await store.enqueue([new_job("https://videos.example/1", clock=SystemClock())])
        victim = house.worker(point)
        assert await asyncio.to_thread(victim.wait, 30) == -signal.SIGKILL
        victim.communicate()
        with running(house.worker()):
            jobs = await until_completed(store, 1, within_s=30)
            await until_swept(house)
        history = await store.history(accepted.job.id)

    assert_kept(house, jobs)
    recovered = [record for record in history if record.error_code is ErrorCode.RECOVERED_FROM_RESTART]
    assert len(recovered) == (0 if point == "completed" else 1)


class Tormentor:
    """A worker process that is killed and replaced, or frozen beyond its lease, at random moments."""

    def __init__(self, house: House, chance: random.Random) -> None:
        self._house, self._chance = house, chance
        self.worker = house.worker()
        self.kills = self.freezes = 0

    async def torment(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await asyncio.sleep(self._chance.uniform(0.5, 2.5))
            await (self._kill() if self._chance.random() < 0.5 else self._freeze())

    async def _kill(self) -> None:
        self.worker.kill()
        await asyncio.to_thread(self.worker.communicate)
        self.worker = self._house.worker()
        self.kills += 1

    async def _freeze(self) -> None:
        self.worker.send_signal(signal.SIGSTOP)
        await asyncio.sleep(LEASE.total_seconds() * self._chance.uniform(0.8, 1.6))
        self.worker.send_signal(signal.SIGCONT)
        self.freezes += 1


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_kills_and_freezes_at_random_moments_lose_nothing(house: House) -> None:
    """SIGKILL and SIGSTOP beyond the lease, at random, while 300 jobs run."""
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    print(f"seed {seed}")
    async with house.store() as store:
        clock = SystemClock()
        await store.enqueue(
            [new_job(f"https://videos.example/{n}", clock=clock, max_attempts=ATTEMPTS) for n in range(JOBS)]
        )
        tormentors = [Tormentor(house, random.Random(chance.random())) for _ in range(CHAOS_WORKERS)]
        try:
            await asyncio.gather(*(tormentor.torment(CHAOS_S) for tormentor in tormentors))
            jobs = await until_completed(store, JOBS, within_s=SETTLE_S)
            await until_swept(house)
        finally:
            for tormentor in tormentors:
                await asyncio.to_thread(end, tormentor.worker)
    print(
        f"kills {sum(t.kills for t in tormentors)} freezes {sum(t.freezes for t in tormentors)} "
        f"attempts {sum(job.attempt_count for job in jobs)}"
    )

    assert len(jobs) == JOBS
    assert_kept(house, jobs)
