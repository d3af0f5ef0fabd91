"""A vault in two folders whose worker processes the fault tests break, and what must hold of it afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from mediavault.core.clock import SystemClock
from mediavault.core.job import Job, JobStatus
from mediavault.store.port import JobQuery, JobStore
from mediavault.store.sqlite import SqliteJobStore
from tests.faults.worker_process import media_of


class House:
    """A vault's two folders, and worker processes that share them."""

    def __init__(self, root: Path) -> None:
        self.state, self.downloads = root / "state", root / "downloads"
        self.state.mkdir(exist_ok=True)
        self.downloads.mkdir(exist_ok=True)

    def worker(
        self, point: str | None = None, *, under: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """``under``: a program that runs it, with its arguments, such as strace; ``env`` is set besides ours."""
        command = [*under, sys.executable, "-m", "tests.faults.worker_process", str(self.state), str(self.downloads)]
        return subprocess.Popen(
            [*command, point] if point else command, stderr=subprocess.PIPE, env={**os.environ, **(env or {})}
        )

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
