"""Every log line of a job carries its ids, however the attempt ends:
users search the log for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from mediavault.core.failures import StorageFailure, StoreError
from mediavault.core.job import ClaimedJob, JobId, JobStatus
from mediavault.library.local_library import LocalLibrary
from mediavault.store.port import Store
from mediavault.worker.recovery import recover_stale_jobs
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore
from tests.unit.worker.conftest import LEASE
from tests.unit.worker.test_worker import Setting

# What the worker, its store and its library report when no job is concerned.
OF_THE_WORKER = {
    "beat_missed", "claim_failed", "claims_paused", "draining", "library_marked", "round_failed",
    "staging_swept", "worker_started",
    "worker_stopped",
}  # fmt: skip

Lines = list[Any]


@pytest.fixture
def lines() -> Iterator[Lines]:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as captured:
        yield captured


@pytest.fixture
async def setting(tmp_path: Path) -> Setting:
    """A worker over an in-memory store; the test moves its clock."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    clock = FakeClock()
    store = MemoryJobStore(clock)
    await store.open()
    return Setting(store, clock, tmp_path)


def without_ids(lines: Lines, job: Any) -> list[str]:
    """Events of the job's lines that do not name it."""
    ids = {"job_id": job.id, "trace_id": job.trace_id}
    of_the_job = [line for line in lines if line["event"] not in OF_THE_WORKER]
    return [line["event"] for line in of_the_job if not ids.items() <= line.items()]


def events(lines: Lines) -> list[str]:
    return [line["event"] for line in lines]


def breaks(monkeypatch: pytest.MonkeyPatch, setting: Setting, *calls: str) -> None:
    async def gone(*_: object, **__: object) -> None:
        raise StoreError("the database is gone")

    for call in calls:
        monkeypatch.setattr(setting.store.queue, call, gone)


async def test_every_line_of_a_completed_job_names_it(setting: Setting, lines: Lines) -> None:
    setting.downloader.may_go.set()
    async with setting.running():
        (job_id,) = await setting.submit()
        await setting.until(job_id, JobStatus.COMPLETED)

    assert {"attempt_started", "extract_ok", "download_ok", "attempt_ended"} <= set(events(lines))
    assert without_ids(lines, await setting.store.catalogue.get(JobId(job_id))) == []


async def test_every_line_of_a_failed_job_names_it(setting: Setting, lines: Lines) -> None:
    setting.downloader.fails = StorageFailure("the disk failed")
    setting.downloader.may_go.set()
    async with setting.running():
        (job_id,) = await setting.submit()
        await setting.until(job_id, JobStatus.FAILED)

    assert {"download_failed", "retry_planned", "attempt_ended"} <= set(events(lines))
    assert without_ids(lines, await setting.store.catalogue.get(JobId(job_id))) == []


async def test_every_line_of_a_job_whose_lease_is_lost_names_it(
    setting: Setting, lines: Lines
) -> None:
    async with setting.running():
        (job_id,) = await setting.submit()
        await setting.store.queue.cancel(JobId(job_id))
        await setting.settle()

    assert "attempt_stopped" in events(lines)
    assert without_ids(lines, await setting.store.catalogue.get(JobId(job_id))) == []


async def test_every_line_of_a_job_whose_outcome_cannot_be_saved_names_it(
    setting: Setting, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with setting.running():
        (job_id,) = await setting.submit()
        job = await setting.store.catalogue.get(JobId(job_id))
        breaks(monkeypatch, setting, "begin_commit", "complete", "fail", "record")
        setting.downloader.may_go.set()
        for _ in range(20):
            await setting.settle()

    assert "outcome_not_saved" in events(lines)
    assert without_ids(lines, job) == []


@pytest.mark.parametrize(
    ("broken", "event"), [((), "job_released"), (("release",), "release_failed")]
)
async def test_every_line_of_a_job_that_is_released_at_the_end_names_it(
    setting: Setting,
    lines: Lines,
    monkeypatch: pytest.MonkeyPatch,
    broken: tuple[str, ...],
    event: str,
) -> None:
    async with setting.running():
        (job_id,) = await setting.submit()
        breaks(monkeypatch, setting, *broken)

    assert event in events(lines)
    assert without_ids(lines, await setting.store.catalogue.get(JobId(job_id))) == []


async def test_each_job_that_recovery_finds_has_a_line_that_names_it(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, lines: Lines
) -> None:
    clock.advance(LEASE + timedelta(seconds=1))
    await recover_stale_jobs(store, LocalLibrary(tmp_path).staging, tmp_path / "workers")

    assert [(line["event"], line["will_retry"]) for line in lines] == [("job_recovered", True)]
    assert without_ids(lines, claim.job) == []


async def test_the_lines_of_two_concurrent_jobs_are_not_mixed_up(
    setting: Setting, lines: Lines
) -> None:
    setting.downloader.may_go.set()
    async with setting.running():
        ids = await setting.submit(2)
        for job_id in ids:
            await setting.until(job_id, JobStatus.COMPLETED)

    jobs = {job_id: await setting.store.catalogue.get(JobId(job_id)) for job_id in ids}
    saved = {
        line["job_id"]: line["output_path"] for line in lines if line["event"] == "attempt_ended"
    }
    assert saved == {job_id: job.output_path for job_id, job in jobs.items()}
