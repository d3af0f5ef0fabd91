"""A vault whose workers run on disks and databases that fail,
and what must be true of it after every fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from mediavault.app.storage import store_at
from mediavault.core.clock import SystemClock
from mediavault.core.job import Job, JobStatus
from mediavault.store.port import JobQuery, Store
from tests.faults.worker_process import media_of
from tests.patience import patient
from tests.stubs import new_job

Seen = Callable[[list[Job]], bool]


class VaultOnDisk:
    """``store_url`` is by default a SQLite file in the state folder."""

    def __init__(self, root: Path, *, store_url: str | None = None) -> None:
        self.root, self.state, self.downloads = root, root / "state", root / "downloads"
        self.store_url = store_url or f"sqlite:///{self.state}/mediavault.db"
        self.log = root / "worker.log"
        for folder in (self.state, self.downloads):
            folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def worker(
        self, *, under: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a worker until the block ends, ``under`` a program such as strace.
        Its log goes to ``log``.
        """
        command = [*under, sys.executable, "-m", "tests.faults.disk_worker", self.store_url]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*command, str(self.state), str(self.downloads)],
                stderr=log,
                env={**os.environ, **(env or {})},
            )
        try:
            yield process
        finally:
            end(process)

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        store = store_at(self.store_url, SystemClock())
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    def plain_store(self) -> Store:
        """Return a store that is not open yet."""
        return store_at(self.store_url, SystemClock())

    async def accept(self, count: int = 1, *, since: int = 0) -> None:
        async with self.store() as store:
            posts = [f"https://videos.example/{number}" for number in range(since, since + count)]
            await store.queue.enqueue([new_job(post, clock=SystemClock()) for post in posts])

    async def jobs(self) -> list[Job]:
        async with self.store() as store:
            return await all_jobs(store)

    async def until(self, seen: Seen, *, within_s: float = 60) -> list[Job]:
        """Return the jobs as soon as ``seen`` accepts them."""
        deadline = time.monotonic() + patient(within_s)
        async with self.store() as store:
            while not seen(jobs := await all_jobs(store)):
                unfinished = [
                    (job.status, job.error_code, job.error)
                    for job in jobs
                    if job.status != JobStatus.COMPLETED
                ]
                assert time.monotonic() < deadline, f"{unfinished}\n{self.log.read_text()[-3000:]}"
                await asyncio.sleep(0.1)
            return jobs

    async def until_started(self, within_s: float = 60) -> None:
        """A fault at the start only ends the process; its supervisor starts it again."""
        deadline = time.monotonic() + patient(within_s)
        while "worker_started" not in self.log.read_text():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

    async def until_swept(self, within_s: float = 60) -> None:
        deadline = time.monotonic() + patient(within_s)
        while self.staging() and time.monotonic() < deadline:
            await asyncio.sleep(0.1)

    def staging(self) -> list[Path]:
        with contextlib.suppress(FileNotFoundError):
            return [path for path in (self.downloads / ".staging").iterdir() if path.is_dir()]
        return []

    def complaints(self, jobs: Sequence[Job], *, accepted: int) -> list[str]:
        """Return what is wrong: a lost job, a false ``completed``, a file too many,
        a file left in staging.
        """
        problems = [f"{len(jobs)} jobs of {accepted}"] if len(jobs) != accepted else []
        named = set()
        for job in jobs:
            if job.status is not JobStatus.COMPLETED:
                continue
            assert job.output_path is not None
            named.add(job.output_path)
            path = self.downloads / job.output_path
            body = path.read_bytes() if path.exists() else b""
            if body != media_of(job.post_url) or (job.bytes, job.sha256) != (
                len(body),
                hashlib.sha256(body).hexdigest(),
            ):
                problems.append(
                    f"{job.output_path} is not the video of {job.post_url}: {len(body)} bytes"
                )
            if not path.with_suffix(".info.json").exists():
                problems.append(f"{job.output_path} has no sidecar")
        unfinished = {job.output_path for job in jobs if job.status is not JobStatus.COMPLETED}
        videos = {str(path.relative_to(self.downloads)) for path in self.downloads.glob("*/*.mp4")}
        if extra := videos - named - unfinished:
            problems.append(f"no row names {sorted(extra)}")
        if left := self.staging():
            problems.append(f"staging holds {left}")
        return problems


def all_completed(jobs: Sequence[Job]) -> bool:
    return all(job.status is JobStatus.COMPLETED for job in jobs)


async def all_jobs(store: Store) -> list[Job]:
    jobs: list[Job] = []
    cursor = None
    while True:
        page = await store.catalogue.jobs(JobQuery(cursor=cursor, limit=100))
        jobs += page.jobs
        cursor = page.next_cursor
        if cursor is None:
            return jobs


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop the process gracefully if possible, otherwise by force."""
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def mediavault(env: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the product to its end."""
    command = [sys.executable, "-m", "mediavault", *words]
    return subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=patient(60), check=False
    )


def address_of(process: subprocess.Popen[bytes]) -> str:
    """Return the address that a starting API listens on, as its log says it."""
    assert process.stderr is not None
    for line in process.stderr:
        if b"vault_open" in line:
            return line.decode().partition('"address": "')[2].partition('"')[0]
    raise AssertionError("the API did not start")
