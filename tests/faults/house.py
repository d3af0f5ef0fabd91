"""A vault on disk whose workers are processes: functions that start them, read the vault,
and check it at the end.
"""

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
from typing import Any

from mediavault.app.storage import store_at
from mediavault.core.clock import SystemClock
from mediavault.core.job import Job, JobStatus
from mediavault.store.port import JobQuery, Store
from tests.faults.worker_process import Orders, command_line, media_of
from tests.patience import patient


class House:
    """``root`` holds the state folder, and the library unless given. ``url`` is the store's,
    by default SQLite.
    """

    def __init__(self, root: Path, url: str | None = None, *, library: Path | None = None) -> None:
        self.state, self.downloads = root / "state", library or root / "downloads"
        self.state.mkdir(parents=True, exist_ok=True)
        self.downloads.mkdir(exist_ok=True)
        self.url = url or f"sqlite:///{self.state}/mediavault.db"

    def orders(self, **how: Any) -> Orders:
        return Orders(
            **{"store_url": self.url, "state": self.state, "downloads": self.downloads, **how}
        )

    def worker(
        self,
        point: str | None = None,
        *,
        under: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        return start(self.orders(die_at=point), under=under, env=env)

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        store = store_at(self.url, SystemClock())
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    def videos(self) -> list[Path]:
        return sorted(self.downloads.glob("*/*.mp4"))

    def staging(self) -> list[Path]:
        return [path for path in (self.downloads / ".staging").glob("*") if path.is_dir()]

    def has_worker(self, pid: int) -> bool:
        """Return whether that process has opened the store and started."""
        return any((self.state / "events").glob(f"{pid}-*"))

    def events(self) -> list[tuple[str, str, str]]:
        """Return what the workers saw of their writes: the event, the job,
        and the attempt's fence.
        """
        lines = (line.split() for line in self._seen())
        return [
            (event, job_id, fence)
            for event, job_id, fence in (words for words in lines if len(words) == 3)
        ]

    def asked(self) -> list[tuple[float, str]]:
        """Return when a site was requested, in seconds since the epoch, and which URL,
        earliest first.
        """
        return self._timed("asked:")

    def looked(self) -> list[tuple[float, str]]:
        """Return when the extraction of a post ended, in the same form."""
        return self._timed("looked:")

    def turns(self) -> list[tuple[float, str]]:
        """Return the permits that a site's limits granted,
        as seconds since the epoch and the job, earliest first.
        """
        return self._timed("turn:")

    def _timed(self, prefix: str) -> list[tuple[float, str]]:
        lines = (
            line.removeprefix(prefix).split() for line in self._seen() if line.startswith(prefix)
        )
        return sorted((float(at), subject) for at, subject in lines)

    def _seen(self) -> Iterator[str]:
        for path in (self.state / "events").glob("*"):
            yield from path.read_text().splitlines()


def start(
    orders: Orders,
    *,
    under: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a worker, ``under`` a program with arguments, such as strace; ``env`` adds to our
    environment.

    Its log is appended to the file ``log``, if given, and otherwise goes into a pipe.
    """
    command = [*under, sys.executable, "-m", "tests.faults.worker_process", *command_line(orders)]
    with open(log or os.devnull, "ab") as file:  # noqa: PTH123
        return subprocess.Popen(
            command, stderr=file if log else subprocess.PIPE, env={**os.environ, **(env or {})}
        )


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
        worker.communicate(timeout=patient(30))
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.communicate()


async def all_jobs(store: Store) -> list[Job]:
    jobs: list[Job] = []
    cursor = None
    while True:
        page = await store.catalogue.jobs(JobQuery(cursor=cursor, limit=500))
        jobs += page.jobs
        cursor = page.next_cursor
        if cursor is None:
            return jobs


async def until_completed(store: Store, wanted: int, within_s: float) -> list[Job]:
    deadline = time.monotonic() + patient(within_s)
    while time.monotonic() < deadline:
        counts = (await store.catalogue.report()).counts
        if counts.get(JobStatus.COMPLETED, 0) == wanted:
            break
        await asyncio.sleep(0.1)
    return await all_jobs(store)


async def until_swept(house: House, within_s: float = 60.0) -> None:
    """Wait until staging is empty; recovery runs several times per lease."""
    deadline = time.monotonic() + patient(within_s)
    while house.staging() and time.monotonic() < deadline:
        await asyncio.sleep(0.1)


def assert_saved(house: House, jobs: list[Job]) -> None:
    """Assert that every job is completed with one file, of its hash and its own bytes,
    and nothing else is left.
    """
    assert {job.status for job in jobs} == {JobStatus.COMPLETED}
    for job in jobs:
        assert job.output_path is not None
        body = (house.downloads / job.output_path).read_bytes()
        assert body == media_of(job.post_url)
        assert (job.bytes, job.sha256) == (len(body), hashlib.sha256(body).hexdigest())
    assert len({job.output_path for job in jobs}) == len(jobs) == len(house.videos())
    assert house.staging() == []
