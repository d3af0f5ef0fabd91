"""Settings that are changed while the worker runs apply from the next job on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.core.failures import ErrorCode, JobNotFound
from mediavault.core.job import (
    ClaimedJob,
    ItemStatus,
    Job,
    JobId,
    JobItem,
    JobStatus,
    NewJob,
    Stage,
    WorkerId,
)
from mediavault.core.media import Item, SavedFile
from mediavault.core.profiles import BEST, BUILT_IN, Profile
from mediavault.core.settings import Settings
from mediavault.platforms.x import X
from mediavault.store.live_settings import CHECK_AGAIN_S, LiveSettings
from mediavault.store.port import Store, StoredJob
from mediavault.store.profiles import save_profile
from mediavault.worker.context import WorkerContext, for_attempt
from mediavault.worker.recovery import delete_old_jobs, is_past_retention
from mediavault.worker.site_limits import acquire_permit
from mediavault.worker.worker import Worker, WorkerLimits
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore
from tests.stubs import make_context, new_job, worked

LEASE = timedelta(seconds=90)
LIMITS = WorkerLimits(
    concurrency=1,
    poll_interval_s=1.0,
    heartbeat_interval_s=30.0,
    lease=LEASE,
    shutdown_grace_s=0.05,
)
WORKER = WorkerId("w-1")
SAVED = SavedFile("x/a.mp4", None, 20_000, "ab" * 32, 4.0, 320, 180)


def numbered(number: int, clock: FakeClock) -> NewJob:
    return new_job(f"https://x.com/jane/status/{number}", clock=clock)


@pytest.fixture
def live(store: Store, clock: FakeClock) -> LiveSettings:
    return LiveSettings(Settings(), store.records, clock)


@pytest.fixture
def context(store: Store, clock: FakeClock, live: LiveSettings, tmp_path: Path) -> WorkerContext:
    return replace(make_context(store, clock, tmp_path), live=live.current)


async def test_a_job_uses_the_settings_from_when_it_began(
    context: WorkerContext, live: LiveSettings, claim: ClaimedJob
) -> None:
    before = await for_attempt(context, claim.job)
    await live.change("profile", "compatible", by="owner")
    await live.change("pace", {"x": 2.0}, by="owner")
    after = await for_attempt(context, claim.job)

    assert (before.profile, before.pace) == (BEST, {})
    assert (after.profile, after.pace) == (BUILT_IN["compatible"], {"x": 2.0})


async def test_a_job_is_saved_with_its_own_profile(
    context: WorkerContext, live: LiveSettings, claim: ClaimedJob
) -> None:
    family = Profile(
        "family", max_height=720, name_template="{title} {id}", collection="For the family"
    )
    await save_profile(context.store.records, family)
    await live.change("profile", "compatible", by="owner")
    context = await for_attempt(context, replace(claim.job, profile="family"))
    job = await worked(claim, context)
    marks = (await context.store.marks.of_jobs([job.id]))[job.id]
    history = await context.store.catalogue.history(job.id)
    [sidecar] = context.library.root.rglob("*.info.json")  # type: ignore[attr-defined]

    assert (context.profile, context.name_template) == (family, "{title} {id}")
    assert [(mark.name, mark.text) for mark in marks] == [
        ("collection/for the family", "For the family")
    ]
    assert "generic; profile: family" in [record.detail for record in history]
    assert "For the family" in sidecar.read_text()


async def test_a_job_whose_profile_is_gone_is_saved_in_the_best_form(
    context: WorkerContext, claim: ClaimedJob
) -> None:
    assert (await for_attempt(context, replace(claim.job, profile="gone"))).profile == BEST


async def test_the_next_video_is_named_by_the_new_template(
    context: WorkerContext, live: LiveSettings, claim: ClaimedJob
) -> None:
    await live.change("name_template", "{site} {id}", by="owner")
    job = await worked(claim, await for_attempt(context, claim.job))

    assert job.status is JobStatus.COMPLETED
    assert job.output_path is not None
    assert Path(job.output_path).name.startswith(f"{job.account.platform if job.account else '?'} ")


async def test_more_jobs_are_claimed_as_soon_as_more_are_allowed(
    context: WorkerContext, live: LiveSettings, store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    worker = Worker(context, LIMITS, live_folder=tmp_path / "live")
    await live.change("concurrency", 1, by="owner")
    await store.queue.enqueue([numbered(number, clock) for number in range(4)])
    await worker.claim_and_start()
    before = len(worker.running_jobs)
    await live.change("concurrency", 3, by="owner")
    clock.advance(CHECK_AGAIN_S)
    await worker.claim_and_start()

    assert (before, len(worker.running_jobs)) == (1, 3)
    worker.hurry()


async def test_a_slower_pace_applies_to_the_next_request(
    context: WorkerContext, live: LiveSettings, claim: ClaimedJob
) -> None:
    await live.change("pace", {"x": 3.0}, by="owner")
    context = await for_attempt(context, claim.job)
    await acquire_permit(claim.id, X, context)
    [limit] = await context.store.site_limits.all_limits()

    assert limit.next_permit_at is not None
    assert (limit.next_permit_at - context.clock.now()).total_seconds() == pytest.approx(
        3 * sum(X.pace.interval_s) / 2
    )


# --- retention ------------------------------------------------------------------------------------


async def failed(
    store: Store, number: int, clock: FakeClock, *, retry_in: timedelta | None = None
) -> Job:
    await store.queue.enqueue([numbered(number, clock)])
    [attempt] = await store.queue.claim(WORKER, limit=1, lease=LEASE)
    return await store.queue.fail(
        attempt, error_code=ErrorCode.DELETED, error="Gone.", retry_in=retry_in
    )


async def test_old_failures_are_removed_where_retention_is_set(clock: FakeClock) -> None:
    store = MemoryJobStore(clock)
    old = await failed(store, 1, clock)
    planned = await failed(store, 2, clock, retry_in=timedelta(days=60))
    clock.advance(timedelta(days=30, seconds=1))
    young = await failed(store, 3, clock)

    assert await delete_old_jobs(store.catalogue, days=0, now=clock.now()) == 0
    assert await delete_old_jobs(store.catalogue, days=30, now=clock.now()) == 1
    with pytest.raises(JobNotFound):
        await store.catalogue.get(old.id)
    assert (await store.catalogue.get(planned.id), await store.catalogue.get(young.id)) == (
        planned,
        young,
    )


async def test_an_old_job_is_removed_however_many_older_jobs_stay(clock: FakeClock) -> None:
    store = MemoryJobStore(clock)
    stays = await failed(store, 1, clock, retry_in=timedelta(days=60))
    await store.catalogue.import_jobs(
        [
            StoredJob(
                replace(
                    stays,
                    id=JobId(f"{stays.id}-{number:05}"),
                    canonical_url=f"{stays.canonical_url}/{number}",
                )
            )
            for number in range(5_200)
        ]
    )
    clock.advance(1)
    old = await failed(store, 2, clock)
    clock.advance(timedelta(days=30, seconds=1))

    assert await delete_old_jobs(store.catalogue, days=30, now=clock.now()) == 1
    with pytest.raises(JobNotFound):
        await store.catalogue.get(old.id)


async def test_by_default_the_worker_removes_no_jobs(
    context: WorkerContext, store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    job = await failed(store, 1, clock)
    clock.advance(timedelta(days=4_000))
    await Worker(context, LIMITS, live_folder=tmp_path / "live").forget()

    assert await store.catalogue.get(job.id) == job


async def test_a_cancelled_job_is_removed_and_a_saved_one_never(clock: FakeClock) -> None:
    store = MemoryJobStore(clock)
    await store.queue.enqueue([numbered(1, clock), numbered(2, clock)])
    [done] = await store.queue.claim(WORKER, limit=1, lease=LEASE)
    await store.queue.begin_commit(done, SAVED)
    await store.queue.complete(done, SAVED)
    [cancelled] = await store.queue.claim(WORKER, limit=1, lease=LEASE)
    await store.queue.cancel(cancelled.id)
    clock.advance(timedelta(days=400))

    assert await delete_old_jobs(store.catalogue, days=1, now=clock.now()) == 1
    assert (await store.catalogue.get(done.id)).status is JobStatus.COMPLETED


@pytest.mark.parametrize(
    "facts",
    [
        {"output_path": "x/a.mp4"},
        {"stage": Stage.COMMITTING},
        {
            "items": (
                JobItem(Item(media_id="1"), ItemStatus.SAVED, SAVED),
                JobItem(Item(media_id="2"), ItemStatus.FAILED),
            )
        },
        {"items": (JobItem(Item(media_id="1"), ItemStatus.WAITING, SAVED),)},
        {"status": JobStatus.QUEUED},
    ],
)
async def test_a_job_that_may_have_a_file_is_never_removed(
    clock: FakeClock, facts: dict[str, object]
) -> None:
    store = MemoryJobStore(clock)
    job = await failed(store, 1, clock)
    later = clock.now() + timedelta(days=1)

    assert is_past_retention(job, later)
    assert not is_past_retention(replace(job, **facts), later)  # type: ignore[arg-type]
