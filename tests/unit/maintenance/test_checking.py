"""One job's files held against its row, at somebody's wish."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from mediavault.core.failures import BadInput, StorageFailure
from mediavault.core.job import Job, JobId, WorkerId
from mediavault.core.media import KeptFile
from mediavault.core.records import CheckVerdict, FileCheck, RecordKind, read_checks
from mediavault.maintenance.checking import MAX_WAITING, JobChecks
from mediavault.services.library.disk import Digest
from mediavault.services.library.local_library import LocalLibrary
from mediavault.store.memory.store import MemoryJobStore
from tests.contract.stores import numbered_job
from tests.fakes import FakeClock

VIDEO = b"whole film" * 100


class House:
    def __init__(self, root: Path) -> None:
        self.clock = FakeClock()
        self.root = root
        self.store = MemoryJobStore(self.clock)
        self.checks = JobChecks(self.store, LocalLibrary(root), self.clock)

    async def kept(self) -> Job:
        await self.store.queue.enqueue([numbered_job(1, "https://videos.example/1")])
        claim = (await self.store.queue.claim(WorkerId("w"), limit=1, lease=timedelta(minutes=1)))[0]
        kept = KeptFile("a.mp4", None, len(VIDEO), hashlib.sha256(VIDEO).hexdigest(), None, None, None)
        (self.root / "a.mp4").write_bytes(VIDEO)
        await self.store.queue.begin_commit(claim, kept)
        await self.store.queue.complete(claim, kept)
        return await self.store.catalogue.get(claim.id)

    async def check(self, job: Job) -> FileCheck | None:
        self.checks.begin(job)
        await self.checks.wait_for(job.id)
        record = await self.store.records.get(RecordKind.VERIFIED, job.id)
        return read_checks(record.value)[0] if record else None


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (VIDEO, CheckVerdict.WHOLE),
        (b"W" + VIDEO[1:], CheckVerdict.CHANGED),
        (VIDEO + b"x", CheckVerdict.CHANGED),
        (None, CheckVerdict.MISSING),
    ],
)
async def test_every_byte_is_read_and_the_verdict_kept_with_its_time(
    house: House, content: bytes | None, verdict: CheckVerdict
) -> None:
    job = await house.kept()
    (house.root / "a.mp4").unlink()
    if content is not None:
        (house.root / "a.mp4").write_bytes(content)
    house.clock.advance(timedelta(hours=1))
    with capture_logs() as lines:
        check = await house.check(job)

    assert check is not None
    assert (check.verdict, check.at) == (verdict, house.clock.now())
    assert [(line["event"], line["job_id"], line["trace_id"]) for line in lines] == [
        ("job_checked", job.id, job.trace_id)
    ]


async def test_a_library_that_cannot_be_read_is_no_changed_file(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: Any) -> Digest:
        raise StorageFailure("The disk fails.")

    job = await house.kept()
    monkeypatch.setattr(LocalLibrary, "digest", fails)
    check = await house.check(job)

    assert check is not None
    assert (check.verdict, check.detail) == (CheckVerdict.UNREADABLE, "The disk fails.")


async def test_a_job_that_was_removed_meanwhile_leaves_no_record(house: House) -> None:
    job = await house.kept()
    await house.store.catalogue.remove(job.id)

    assert await house.check(job) is None


async def test_one_job_is_checked_once_at_a_time_and_few_may_wait(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []

    async def never(_: LocalLibrary, path: str) -> Digest:
        reads.append(path)
        await asyncio.Event().wait()
        raise AssertionError

    job = await house.kept()
    monkeypatch.setattr(LocalLibrary, "digest", never)
    for number in range(MAX_WAITING):
        other = JobId(f"{job.id}{number}") if number else job.id
        house.checks.begin(_with_id(job, other))
        house.checks.begin(_with_id(job, other))
    await asyncio.sleep(0)

    with pytest.raises(BadInput):
        house.checks.begin(_with_id(job, JobId("one more")))
    assert house.checks.is_checking(job.id)
    assert len(reads) == 1
    await house.checks.aclose()
    assert not house.checks.is_checking(job.id)


def _with_id(job: Job, job_id: JobId) -> Job:
    return replace(job, id=job_id)
