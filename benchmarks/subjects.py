"""What all contenders share: the same jobs, the same schema, and the same measurement."""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mediavault.core.job import NewJob, new_job_id, new_trace_id
from mediavault.core.media import SavedFile
from mediavault.store.schema import load_migrations

BULK = 100  # jobs in one call or one transaction
SLOTS = 10  # jobs that mediavault works on at a time
LEASE = timedelta(seconds=90)
SAVED = SavedFile(
    output_path="ada/2026-11-24 A title [1850000000000000000].mp4",
    thumbnail_path="ada/2026-11-24 A title [1850000000000000000].jpg",
    bytes=12_345_678,
    sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    duration_s=31.4,
    width=1920,
    height=1080,
)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of ``jobs`` jobs. ``cpu_s`` is user + system time of the process with all its
    threads.
    """

    jobs: int
    cpu_s: float
    wall_s: float

    @property
    def cpu_us_per_job(self) -> float:
        return self.cpu_s / self.jobs * 1e6

    @property
    def jobs_per_s(self) -> float:
        return self.jobs / self.wall_s


Task = Callable[[Path, int], Cost]  # (an empty folder, how many jobs)


class Stopwatch:
    """Measures from its construction on; earlier work does not count.
    ``server`` returns a server's CPU seconds.
    """

    def __init__(self, server: Callable[[], float] = lambda: 0.0) -> None:
        self._server = server
        self._cpu = cpu_s() + server()
        self._wall = time.perf_counter()

    def cost(self, jobs: int) -> Cost:
        return Cost(jobs, cpu_s() + self._server() - self._cpu, time.perf_counter() - self._wall)


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def make_jobs(count: int) -> list[NewJob]:
    now = datetime.now(UTC)
    return [_make_job(now, number) for number in range(count)]


def _make_job(now: datetime, number: int) -> NewJob:
    post = f"https://x.com/ada/status/{1_850_000_000_000_000_000 + number}"
    return NewJob(new_job_id(now), new_trace_id(), f"{post}?s=20", post, "x")


def bulks(jobs: list[NewJob]) -> list[list[NewJob]]:
    return [jobs[start : start + BULK] for start in range(0, len(jobs), BULK)]


def make_database(path: Path) -> None:
    """Create mediavault's tables and indexes, for contenders without their own.
    The file stays in WAL mode.
    """
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    for migration in load_migrations("sqlite"):
        db.executescript(migration.sql)
    db.close()


def expect_completed(path: Path, count: int) -> None:
    """Raise RuntimeError if a contender was fast because it did not do its work."""
    db = sqlite3.connect(path)
    ((completed,),) = db.execute("SELECT count(*) FROM jobs WHERE status = 'completed'").fetchall()
    db.close()
    expect(completed, count)


def expect(done: int, count: int) -> None:
    if done != count:
        raise RuntimeError(f"{done} of {count} jobs were done")


def micros() -> int:
    return time.time_ns() // 1000
