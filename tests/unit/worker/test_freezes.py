"""What happens to the jobs of a frozen worker: the one that caused it is named,
the others lose nothing.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.job import ClaimedJob, Job, JobStatus, Stage, WorkerId
from mediavault.core.logs import job_context
from mediavault.library.local_library import LocalLibrary
from mediavault.store.port import Store
from mediavault.worker.freezes import (
    KEPT_REPORTS,
    FreezeReport,
    settle_freezes,
    settled_reports,
    write_report,
)
from mediavault.worker.recovery import recover_stale_jobs
from mediavault.worker.worker import Worker, WorkerLimits
from tests.fakes import START, FakeClock
from tests.stubs import make_context, new_job
from tests.unit.worker.conftest import LEASE

WORKER = WorkerId("w-frozen")
LIMITS = WorkerLimits(
    concurrency=2,
    poll_interval_s=1.0,
    heartbeat_interval_s=30.0,
    lease=LEASE,
    shutdown_grace_s=0.05,
)


async def claimed(
    store: Store, clock: FakeClock, *urls: str, max_attempts: int = 5
) -> list[ClaimedJob]:
    await store.queue.enqueue(
        [new_job(url, clock=clock, max_attempts=max_attempts) for url in urls]
    )
    return await store.queue.claim(WORKER, limit=len(urls), lease=LEASE)


async def freeze(
    store: Store, folder: Path, *held: ClaimedJob, by: ClaimedJob | None, name: str = "w-frozen"
) -> None:
    """The worker of ``held`` froze in the code of ``by``, and any worker of the host recovers."""
    write_report(
        folder,
        FreezeReport(
            worker=WorkerId(name),
            at=START,
            seconds=60.0,
            held=tuple((claim.id, claim.fence) for claim in held),
            stack=("in read_page",),
            job_id=by.id if by else None,
            attempt=by.fence if by else None,
        ),
    )
    await settle_freezes(store, folder)


async def again(store: Store, clock: FakeClock, job: Job) -> ClaimedJob:
    clock.advance(timedelta(minutes=1))
    await store.queue.promote_due()
    claims = await store.queue.claim(WORKER, limit=9, lease=LEASE)
    return next(claim for claim in claims if claim.id == job.id)


async def test_the_post_that_froze_its_worker_is_reported_and_tried_once_more(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    await store.queue.progress(claim, stage=Stage.EXTRACT, progress_pct=10)
    await freeze(store, tmp_path, claim, by=claim)
    job = await store.catalogue.get(claim.id)

    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.WORKER_FROZE)
    assert job.error == "The worker did not respond for 60 seconds while it was reading this post."
    assert job.retry_at == clock.now() + timedelta(seconds=1)


async def test_a_post_that_freezes_its_worker_twice_is_given_up(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """In any stage: here while reading the first time, while saving the second."""
    await freeze(store, tmp_path, claim, by=claim)
    second = await again(store, clock, claim.job)
    await store.queue.progress(second, stage=Stage.DOWNLOAD, progress_pct=60)
    await freeze(store, tmp_path, second, by=second)
    job = await store.catalogue.get(claim.id)

    assert (job.error_code, job.retry_at) == (ErrorCode.WORKER_FROZE, None)
    assert (
        job.error
        == "The worker did not respond for 60 seconds while it was saving this post's video."
    )


async def test_the_other_posts_of_a_frozen_worker_go_back_to_the_queue_and_lose_no_attempt(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    guilty, innocent = await claimed(
        store, clock, "https://videos.example/1", "https://videos.example/2"
    )
    await freeze(store, tmp_path, guilty, innocent, by=guilty)
    job = await store.catalogue.get(innocent.id)

    assert (job.status, job.max_attempts) == (JobStatus.QUEUED, innocent.job.max_attempts + 1)


@pytest.mark.parametrize("is_named", [False, True])
async def test_all_jobs_are_left_to_recovery_where_no_running_job_is_known_to_be_the_cause(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, *, is_named: bool
) -> None:
    """If they were given back, a post that freezes its worker unidentified would never use up its
    attempts.
    """
    (other,) = await claimed(store, clock, "https://videos.example/2")
    await freeze(store, tmp_path, claim, by=other if is_named else None)

    assert (await store.catalogue.get(claim.id)).status is JobStatus.RUNNING


async def test_a_report_is_acted_upon_once_and_kept_for_the_doctor(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    await freeze(store, tmp_path, claim, by=claim)

    assert await settle_freezes(store, tmp_path) == 0
    assert [report.job_id for report in settled_reports(tmp_path)] == [claim.id]


async def test_an_old_report_changes_nothing_about_a_later_attempt_or_a_removed_job(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    first, removed = await claimed(
        store, clock, "https://videos.example/1", "https://videos.example/2"
    )
    await store.catalogue.remove(removed.id)
    await store.queue.release(first)
    second = await again(store, clock, first.job)
    await freeze(store, tmp_path, removed, first, by=first)

    assert (await store.catalogue.get(second.id)).attempt_count == second.fence
    assert (await store.catalogue.get(second.id)).status is JobStatus.RUNNING


@pytest.mark.parametrize(
    "text",
    [
        '{"worker": "w-1"',
        "[" * 100_000,
        (
            '{"worker": "w-1", "at": "2026-01-01T00:00:00+00:00", "seconds": 60, "held": [["j",'
            " 1e999]]}"
        ),
    ],
    ids=["cut off", "too deep", "an attempt without end"],
)
async def test_an_unreadable_report_does_not_block_recovery(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, text: str
) -> None:
    (tmp_path / "w-1.freeze").write_text(text)
    clock.advance(LEASE + timedelta(seconds=1))

    assert (await recover_stale_jobs(store, LocalLibrary(tmp_path).staging, tmp_path)).failed == 1
    assert settled_reports(tmp_path) == []


async def test_a_report_whose_time_has_no_zone_is_listed_with_the_others(
    store: Store, claim: ClaimedJob, tmp_path: Path
) -> None:
    await freeze(store, tmp_path, claim, by=None)
    whole = (tmp_path / "w-frozen.freeze-settled").read_text()
    (tmp_path / "w-1.freeze-settled").write_text(whole.replace("+00:00", ""))

    assert len(settled_reports(tmp_path)) == 2


async def test_only_the_newest_reports_are_kept(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    for number in range(KEPT_REPORTS + 5):
        await freeze(store, tmp_path, claim, by=None, name=f"w-{number}")

    assert len(settled_reports(tmp_path)) == KEPT_REPORTS


async def test_a_worker_reports_the_job_whose_code_is_running_and_all_that_it_holds(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    worker = Worker(make_context(store, clock, tmp_path), LIMITS, live_folder=tmp_path)
    with job_context("a-job", "a-trace", attempt=3):
        worker.report_freeze(60.0, ["in read_page"])
    await settle_freezes(store, tmp_path)
    (report,) = settled_reports(tmp_path)

    assert (report.job_id, report.attempt, report.trace_id) == ("a-job", 3, "a-trace")
    assert (report.worker, report.stack, report.at) == (worker.id, ("in read_page",), clock.now())
