"""A ZIP64 archive of more than four gigabytes is written with constant memory."""

from __future__ import annotations

import os
import tracemalloc
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mediavault.core.job import Job, JobId, JobStatus
from mediavault.server.services import StagedFiles
from mediavault.store.port import StoredJob
from mediavault.web.pages.library_actions import Extras, zipped
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

CHUNK = bytes(1 << 20)
BIG = (1 << 32) + len(CHUNK)
SMALL = 3 * len(CHUNK)
MOST_MEMORY = 8 * len(CHUNK)
AT = datetime(2026, 11, 26, tzinfo=UTC)


class Zeros:
    """A file of nothing but zeros."""

    version = "1"

    def __init__(self, size: int) -> None:
        self.size = size

    async def chunks(self, start: int, end: int) -> AsyncIterator[bytes]:
        for _ in range(start, end, len(CHUNK)):
            yield CHUNK

    async def close(self) -> None:
        """Nothing is open."""


class StubLibrary:
    """A library of one large and one small file."""

    @property
    def staging(self) -> StagedFiles:
        raise NotImplementedError

    async def open(self, relative: str) -> Zeros:
        return Zeros(BIG if "big" in relative else SMALL)

    async def remove(self, *relatives: str) -> None:
        raise AssertionError("nothing is removed")

    def trash_path(self, job_id: str, relative: str) -> str:
        raise AssertionError("nothing is removed")

    async def move(self, source: str, target: str) -> bool:
        raise AssertionError("nothing is removed")

    async def tidy(self, folder: str) -> None:
        raise AssertionError("nothing is removed")

    async def free_name(self, folder: str, stem: str, suffix: str) -> str:
        raise AssertionError("nothing is saved")


def saved_job(number: int, path: str) -> Job:
    job_id = JobId(f"00000000-0000-7000-8000-{number:012x}")
    url = f"https://videos.example/{number}"
    waiting = Job(job_id, f"{number:032x}", url, url, "videos", JobStatus.QUEUED, AT, AT)
    return replace(
        waiting,
        status=JobStatus.COMPLETED,
        output_path=path,
        bytes=1,
        sha256="ab" * 32,
        completed_at=AT,
    )


@pytest.mark.slow
async def test_a_zip_larger_than_four_gigabytes_opens_and_used_little_memory(
    tmp_path: Path,
) -> None:
    store = MemoryJobStore(FakeClock())
    jobs = [saved_job(1, "a/big.mp4"), saved_job(2, "a/small.mp4")]
    await store.catalogue.import_jobs([StoredJob(job) for job in jobs])
    target = tmp_path / "all.zip"
    tracemalloc.start()
    try:
        with target.open("wb") as out:
            async for piece in zipped(
                store.catalogue, StubLibrary(), [job.id for job in jobs], Extras()
            ):
                if piece == CHUNK:
                    out.seek(len(CHUNK), os.SEEK_CUR)  # a hole: the disk of a test machine is small
                else:
                    out.write(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    archive = zipfile.ZipFile(target)

    assert [(entry.filename, entry.file_size) for entry in archive.infolist()] == [
        ("a/big.mp4", BIG),
        ("a/small.mp4", SMALL),
    ]
    assert archive.read("a/small.mp4") == CHUNK * 3
    assert peak < MOST_MEMORY, f"{peak} bytes"
    assert target.stat().st_size > BIG
