"""Checking one job's files against its row on request."""

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
from mediavault.core.media import SavedFile
from mediavault.core.records import CheckVerdict, FileCheck, RecordKind, checks_from_json
from mediavault.library.disk import Digest
from mediavault.library.local_library import LocalLibrary
from mediavault.maintenance.checking import MAX_WAITING, JobChecks
from tests.contract.stores import numbered_job
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

VIDEO = b"whole film" * 100


class Environment:
    def __init__(self, root: Path) -> None:
        self.clock = FakeClock()
        self.root = root
        self.store = MemoryJobStore(self.clock)
        self.library = LocalLibrary(root)
        self.checks = JobChecks(self.store, self.library, self.clock, None)

    async def saved_job(self) -> Job:
        await self.store.queue.enqueue([numbered_job(1, "https://videos.example/1")])
        claim = (await self.store.queue.claim(WorkerId("w"), limit=1, lease=timedelta(minutes=1)))[
            0
        ]
        file = SavedFile(
            "a.mp4", None, len(VIDEO), hashlib.sha256(VIDEO).hexdigest(), None, None, None
        )
        (self.root / "a.mp4").write_bytes(VIDEO)
        await self.store.queue.begin_commit(claim, file)
        await self.store.queue.complete(claim, file)
        return await self.store.catalogue.get(claim.id)

    async def check(self, job: Job) -> FileCheck | None:
        self.checks.begin(job)
        await self.checks.wait_for(job.id)
        record = await self.store.records.get(RecordKind.VERIFIED, job.id)
        return checks_from_json(record.value)[0] if record else None


@pytest.fixture
async def env(tmp_path: Path) -> Environment:
    env = Environment(tmp_path)
    await env.library.write_identity("a-library")
    return env


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (VIDEO, CheckVerdict.WHOLE),
        (b"W" + VIDEO[1:], CheckVerdict.CHANGED),
        (VIDEO + b"x", CheckVerdict.CHANGED),
        (None, CheckVerdict.MISSING),
    ],
)
async def test_every_byte_is_read_and_the_verdict_stored_with_its_time(
    env: Environment, content: bytes | None, verdict: CheckVerdict
) -> None:
    job = await env.saved_job()
    (env.root / "a.mp4").unlink()
    if content is not None:
        (env.root / "a.mp4").write_bytes(content)
    env.clock.advance(timedelta(hours=1))
    with capture_logs() as lines:
        check = await env.check(job)

    assert check is not None
    assert (check.verdict, check.at) == (verdict, env.clock.now())
    event = "job_checked" if verdict is CheckVerdict.WHOLE else "file_damaged"
    assert [(line["event"], line["job_id"], line["trace_id"]) for line in lines] == [
        (event, job.id, job.trace_id)
    ]


async def test_an_unreadable_library_is_not_reported_as_a_changed_file(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any) -> Digest:
        raise StorageFailure("The disk fails.")

    job = await env.saved_job()
    monkeypatch.setattr(LocalLibrary, "digest", fails)
    check = await env.check(job)

    assert check is not None
    assert (check.verdict, check.detail) == (CheckVerdict.UNREADABLE, "The disk fails.")


async def test_a_library_that_is_not_there_has_no_damaged_files(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_: LocalLibrary) -> None:
        raise StorageFailure("The library is not there.")

    job = await env.saved_job()
    (env.root / "a.mp4").unlink()
    monkeypatch.setattr(LocalLibrary, "check_identity", gone)
    check = await env.check(job)

    assert check is None
    assert await env.store.records.all(RecordKind.DAMAGED) == []


async def test_a_job_removed_before_its_check_leaves_no_record(env: Environment) -> None:
    job = await env.saved_job()
    await env.store.catalogue.remove(job.id)

    assert await env.check(job) is None


async def test_one_job_is_checked_once_at_a_time_and_few_may_wait(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []

    async def never(_: LocalLibrary, path: str) -> Digest:
        reads.append(path)
        await asyncio.Event().wait()
        raise AssertionError

    job = await env.saved_job()
    monkeypatch.setattr(LocalLibrary, "digest", never)
    for number in range(MAX_WAITING):
        other = JobId(f"{job.id}{number}") if number else job.id
        env.checks.begin(_with_id(job, other))
        env.checks.begin(_with_id(job, other))
    await asyncio.sleep(0)

    with pytest.raises(BadInput):
        env.checks.begin(_with_id(job, JobId("one more")))
    assert env.checks.is_checking(job.id)
    assert len(reads) == 1
    await env.checks.aclose()
    assert not env.checks.is_checking(job.id)


def _with_id(job: Job, job_id: JobId) -> Job:
    return replace(job, id=job_id)
