"""The loop: slots, leases, heartbeat, recovery, orderly end."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediavault.app.composition import worker_limits
from mediavault.core.failures import (
    ErrorCode,
    MediavaultError,
    NoSpace,
    StorageFailure,
    StoreError,
    StoreUnreachable,
    TooLarge,
)
from mediavault.core.job import HistoryRecord, JobId, JobStatus, WorkerHeartbeat, WorkerId
from mediavault.core.media import DownloadedFile, OnProgress
from mediavault.core.settings import Settings
from mediavault.download.port import DownloadLimits, MediaRequest
from mediavault.library.local_library import LocalLibrary
from mediavault.library.staging import Staging
from mediavault.store.port import JobPage, JobQuery, Store
from mediavault.worker import recovery
from mediavault.worker.worker import Worker, WorkerLimits
from tests.fakes import FakeClock
from tests.memory_store import MemoryCatalogue, MemoryJobStore, MemoryQueue, MemoryState
from tests.patience import patient, until
from tests.stubs import StubDownloader, make_context, new_job

LEASE = timedelta(seconds=90)
LIMITS = WorkerLimits(
    concurrency=2,
    poll_interval_s=1.0,
    heartbeat_interval_s=30.0,
    lease=LEASE,
    shutdown_grace_s=0.05,
)


class HeldDownloader(StubDownloader):
    """Downloads wait until ``may_go`` is set, so that a test decides when they end."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go = asyncio.Event()
        self.waiting = 0
        self.fails: MediavaultError | None = None

    async def fetch(
        self, request: MediaRequest, *, into: Path, limits: DownloadLimits, on_progress: OnProgress
    ) -> DownloadedFile:
        self.waiting += 1
        try:
            await self.may_go.wait()
        finally:
            self.waiting -= 1
        if self.fails is not None:
            raise self.fails
        return await super().fetch(request, into=into, limits=limits, on_progress=on_progress)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(autouse=True)
async def single_executor_thread() -> None:
    """Run work in threads one after the other: waiting for a new task then waits for all work
    submitted before.
    """
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))


@pytest.fixture
async def store(clock: FakeClock) -> AsyncIterator[MemoryJobStore]:
    store = MemoryJobStore(clock)
    await store.open()
    yield store
    await store.close()


class Setting:
    """A worker over the in-memory store; the test moves its clock."""

    def __init__(
        self, store: Store, clock: FakeClock, root: Path, limits: WorkerLimits = LIMITS
    ) -> None:
        self.store, self.clock, self.root = store, clock, root
        self.downloader = HeldDownloader()
        self.live_folder = root / "workers"
        self.worker = Worker(
            make_context(store, clock, root / "library", downloader=self.downloader),
            limits,
            live_folder=self.live_folder,
        )
        self.stop = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.worker.run(self.stop))
        await self.settle()
        try:
            yield
        finally:
            self.stop.set()
            await asyncio.wait_for(task, patient(30))

    async def submit(self, count: int = 1) -> list[str]:
        jobs = [new_job(f"https://videos.example/{n}", clock=self.clock) for n in range(count)]
        ids = [enqueued.job.id for enqueued in await self.store.queue.enqueue(jobs)]
        await self.settle()
        return list(ids)

    async def settle(self) -> None:
        """Wait until the library's threads and all tasks are idle."""
        for _ in range(12):
            await self.clock.settle()
            await asyncio.to_thread(lambda: None)

    async def until(self, job_id: str, wanted: JobStatus) -> None:
        """Wait for the status while the library's threads do real work, without sleeping."""
        for _ in range(5_000):  # a busy disk takes its time
            if await self.status(job_id) is wanted:
                return
            await self.settle()
        assert await self.status(job_id) is wanted

    async def status(self, job_id: str) -> JobStatus:
        return (await self.store.catalogue.get(job_id)).status  # type: ignore[arg-type]


@pytest.fixture
def setting(store: MemoryJobStore, clock: FakeClock, tmp_path: Path) -> Setting:
    return Setting(store, clock, tmp_path)


async def test_a_submitted_job_starts_without_waiting_for_the_poll(setting: Setting) -> None:
    async with setting.running():
        (job_id,) = await setting.submit()

        assert await setting.status(job_id) is JobStatus.RUNNING
        setting.downloader.may_go.set()
        await setting.until(job_id, JobStatus.COMPLETED)


async def test_never_more_jobs_run_than_there_are_slots(setting: Setting) -> None:
    async with setting.running():
        ids = await setting.submit(5)
        for job_id in ids[:2]:
            await setting.until(job_id, JobStatus.RUNNING)
        states = [await setting.status(job_id) for job_id in ids]
        setting.downloader.may_go.set()
        for job_id in ids:
            await setting.until(job_id, JobStatus.COMPLETED)

        assert states.count(JobStatus.RUNNING) == 2


async def test_a_worker_is_idle_while_no_job_uses_a_slot(setting: Setting) -> None:
    async with setting.running():
        before = setting.worker.is_idle
        [job_id] = await setting.submit(1)
        await setting.until(job_id, JobStatus.RUNNING)
        during = setting.worker.is_idle
        setting.downloader.may_go.set()
        await setting.until(job_id, JobStatus.COMPLETED)
        await setting.clock.settle()

        assert (before, during, setting.worker.is_idle) == (True, False, True)
    assert not setting.worker.is_idle


class SlowToComplete(MemoryQueue):
    """Its disk takes as long as the test decides."""

    def __init__(self, state: MemoryState) -> None:
        super().__init__(state)
        self.disk = asyncio.Event()

    async def complete(self, *args: Any) -> None:
        await self.disk.wait()
        await super().complete(*args)


async def test_a_job_that_only_waits_for_its_last_write_takes_no_slot(
    clock: FakeClock, tmp_path: Path
) -> None:
    """So the next claim can share the transaction of that write."""
    store = MemoryJobStore(clock)
    store.queue = slow = SlowToComplete(store._state)
    await store.open()
    setting = Setting(store, clock, tmp_path, replace(LIMITS, concurrency=1))
    setting.downloader.may_go.set()
    async with setting.running():
        first, second, third = await setting.submit(3)
        await setting.until(second, JobStatus.RUNNING)
        states = [await setting.status(job_id) for job_id in (first, second, third)]
        slow.disk.set()
        await setting.until(third, JobStatus.COMPLETED)

    assert states[:2] == [JobStatus.RUNNING] * 2
    assert [await setting.status(job_id) for job_id in (first, second)] == [JobStatus.COMPLETED] * 2


class CountsPromotions(MemoryQueue):
    promotions = 0

    async def promote_due(self, *, limit: int = 500) -> int:
        self.promotions += 1
        return await super().promote_due(limit=limit)


async def test_due_retries_are_looked_for_at_polls_and_not_at_every_wake_up(
    clock: FakeClock, tmp_path: Path
) -> None:
    store = MemoryJobStore(clock)
    store.queue = counting = CountsPromotions(store._state)
    await store.open()
    worker = Setting(store, clock, tmp_path).worker

    for _ in range(3):
        await worker.claim_and_start()
    at_wake_ups = counting.promotions
    clock.advance(LIMITS.poll_interval_s)
    await worker.claim_and_start()

    assert (at_wake_ups, counting.promotions) == (1, 2)


async def test_a_worker_of_some_platforms_leaves_other_jobs_and_reports_its_platforms(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    setting = Setting(store, clock, tmp_path, replace(LIMITS, platforms=("x",)))
    async with setting.running():
        (job_id,) = await setting.submit()

        assert await setting.status(job_id) is JobStatus.QUEUED
        assert [worker.platforms for worker in await store.workers.alive(seen_within=LEASE)] == [
            ("x",)
        ]


async def test_heartbeats_keep_a_long_download_from_being_taken(setting: Setting) -> None:
    async with setting.running():
        (job_id,) = await setting.submit()
        for _ in range(20):
            setting.clock.advance(30)
            await setting.settle()
        recovered = await setting.store.queue.recover_stale_jobs(retry_in=timedelta(0))

        assert recovered.failed == 0
        assert await setting.status(job_id) is JobStatus.RUNNING
        setting.downloader.may_go.set()


async def gone(*_: object, **__: object) -> None:
    raise StoreError("the database is gone")


async def test_a_worker_that_cannot_renew_stops_before_the_lease_ends(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with setting.running():
        await setting.submit()
        monkeypatch.setattr(setting.store.queue, "renew", gone)
        for _ in range(81):
            setting.clock.advance(1)
            await setting.settle()

        assert setting.worker.running_jobs == frozenset()
        assert setting.downloader.waiting == 0
        monkeypatch.undo()


async def test_a_worker_whose_store_does_not_answer_at_all_stops_before_the_lease_ends(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that swallows packets: the claim and the heartbeat hang, and nothing is refused."""
    back = asyncio.Event()

    async def silence(*_: object, **__: object) -> None:
        await back.wait()
        raise StoreError("the connection timed out")

    async with setting.running():
        await setting.submit()
        monkeypatch.setattr(setting.store.workers, "heartbeat", silence)
        for call in ("renew", "claim", "promote_due", "recover_stale_jobs"):
            monkeypatch.setattr(setting.store.queue, call, silence)
        for _ in range(84):
            setting.clock.advance(1)
            await setting.settle()

        assert setting.worker.running_jobs == frozenset()
        assert setting.downloader.waiting == 0
        monkeypatch.undo()
        back.set()


async def outages_in_history(setting: Setting, job_id: str) -> list[HistoryRecord]:
    history = await setting.store.catalogue.history(JobId(job_id))
    return [record for record in history if record.error_code is ErrorCode.STORE_UNAVAILABLE]


async def test_an_attempt_that_a_store_outage_ended_is_not_attributed_to_its_post(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recovery can only assume that the worker died.
    The worker corrects that once the store is back.
    """

    async with setting.running():
        (job_id,) = await setting.submit()
        monkeypatch.setattr(setting.store.queue, "renew", gone)
        for _ in range(100):
            setting.clock.advance(1)
            await setting.settle()
        monkeypatch.undo()
        setting.clock.advance(30)
        await setting.settle()

        (record,) = await outages_in_history(setting, job_id)
        assert (record.attempt, record.error_code) == (1, ErrorCode.STORE_UNAVAILABLE)
        assert "The post is not the cause." in record.detail
        setting.downloader.may_go.set()


async def test_an_attempt_whose_outcome_could_not_be_saved_is_not_attributed_to_its_post(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with setting.running():
        (job_id,) = await setting.submit()
        for call in ("record", "begin_commit", "fail"):
            monkeypatch.setattr(setting.store.queue, call, gone)
        setting.downloader.may_go.set()
        for _ in range(20):
            await setting.settle()
        monkeypatch.undo()
        setting.clock.advance(30)
        await setting.settle()

        assert [record.attempt for record in await outages_in_history(setting, job_id)] == [1]


async def test_an_attempt_that_blocked_its_worker_until_the_lease_ended_may_be_the_cause(
    setting: Setting,
) -> None:
    async with setting.running():
        (job_id,) = await setting.submit()
        # nothing of this worker ran in the meantime, and no call to the store failed
        setting.clock.advance(100)
        for _ in range(20):
            await setting.settle()

        assert setting.worker.running_jobs == frozenset()
        assert await outages_in_history(setting, job_id) == []


async def test_a_cancelled_job_stops_at_once_when_this_worker_is_notified(setting: Setting) -> None:
    async with setting.running():
        (job_id,) = await setting.submit()
        await setting.store.queue.cancel(job_id)  # type: ignore[arg-type]
        await setting.settle()

        assert setting.downloader.waiting == 0
        assert await setting.status(job_id) is JobStatus.CANCELLED
        assert [p for p in (setting.root / "library").rglob("*") if p.is_file()] == []


async def test_a_late_cancellation_notice_does_not_stop_the_attempt_that_follows(
    setting: Setting,
) -> None:
    """The job was cancelled, retried and started again before the notice of its cancellation
    arrived.
    """
    async with setting.running():
        (job_id,) = await setting.submit()
        setting.worker.stop_asked(job_id)
        setting.worker.stop_asked("a job of somebody else")
        await setting.settle()

        assert setting.downloader.waiting == 1
        assert await setting.status(job_id) is JobStatus.RUNNING


async def test_a_cancelled_job_stops_at_the_next_heartbeat_if_no_notice_arrives(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setting.store.workers, "on_stop", lambda callback: lambda: None)
    async with setting.running():
        (job_id,) = await setting.submit()
        await setting.store.queue.cancel(job_id)  # type: ignore[arg-type]
        await setting.settle()
        before = setting.downloader.waiting
        setting.clock.advance(30)
        await setting.settle()

        assert (before, setting.downloader.waiting) == (1, 0)


async def test_a_worker_that_is_asked_to_drain_finishes_its_jobs_claims_nothing_and_exits(
    setting: Setting,
) -> None:
    """It may take longer than any grace period, and its heartbeat shows at once that it is
    draining.
    """
    task = asyncio.create_task(setting.worker.run(setting.stop))
    await setting.settle()
    (running,) = await setting.submit()
    drained = await setting.store.workers.request_drain([setting.worker.id])
    await setting.settle()
    waiting = (
        await setting.store.queue.enqueue(
            [new_job("https://videos.example/later", clock=setting.clock)]
        )
    )[0].job.id
    for _ in range(60):
        setting.clock.advance(10)
        await setting.settle()
    [beat] = await setting.store.workers.alive(seen_within=timedelta(seconds=90))
    before = (
        task.done(),
        beat.draining,
        beat.running_jobs,
        await setting.status(running),
        await setting.status(waiting),
    )
    setting.downloader.may_go.set()
    await setting.until(running, JobStatus.COMPLETED)
    await asyncio.wait_for(task, patient(30))

    assert drained == 1
    assert before == (False, True, 1, JobStatus.RUNNING, JobStatus.QUEUED)
    assert await setting.status(waiting) is JobStatus.QUEUED
    assert await setting.store.workers.alive(seen_within=timedelta(days=1)) == []


async def test_a_worker_drains_at_its_next_heartbeat_if_no_notice_arrives(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setting.store.workers, "on_stop", lambda callback: lambda: None)
    task = asyncio.create_task(setting.worker.run(setting.stop))
    await setting.settle()
    await setting.store.workers.request_drain([setting.worker.id])
    await setting.settle()
    before = task.done()
    setting.clock.advance(30)
    await asyncio.wait_for(task, patient(30))

    assert not before


async def test_a_signal_stops_a_draining_worker_like_any_other(setting: Setting) -> None:
    async with setting.running():
        (job_id,) = await setting.submit()
        await setting.store.workers.request_drain([setting.worker.id])
        await setting.settle()

    assert await setting.status(job_id) is JobStatus.QUEUED


async def test_a_worker_reports_the_outcomes_of_its_attempts(setting: Setting) -> None:
    async with setting.running():
        (job_id,) = await setting.submit()
        setting.downloader.may_go.set()
        await setting.until(job_id, JobStatus.COMPLETED)
        setting.clock.advance(30)
        await setting.settle()
        [beat] = await setting.store.workers.alive(seen_within=timedelta(seconds=90))

    assert beat.tally == {"claimed": 1, "completed": 1}


async def test_shutdown_finishes_the_jobs_that_end_within_the_grace_period(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    setting = Setting(store, clock, tmp_path, replace(LIMITS, shutdown_grace_s=10))
    async with setting.running():
        (job_id,) = await setting.submit()
        setting.stop.set()
        setting.downloader.may_go.set()

    assert await setting.status(job_id) is JobStatus.COMPLETED


async def test_shutdown_gives_the_other_jobs_back_without_using_up_an_attempt(
    setting: Setting,
) -> None:
    async with setting.running():
        (job_id,) = await setting.submit()

    job = await setting.store.catalogue.get(job_id)  # type: ignore[arg-type]
    assert (job.status, job.attempt_count, job.max_attempts) == (JobStatus.QUEUED, 1, 6)
    assert [p for p in (setting.root / "library").rglob("*") if p.is_file()] == []


async def test_a_worker_that_shuts_down_claims_nothing_more(setting: Setting) -> None:
    async with setting.running():
        pass
    (job_id,) = await setting.submit()

    assert await setting.status(job_id) is JobStatus.QUEUED


async def test_with_the_usual_settings_a_worker_sends_a_heartbeat_every_30_seconds(
    store: MemoryJobStore, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[float] = []
    original = store.workers.heartbeat

    async def counted(beat: WorkerHeartbeat) -> bool:
        beats.append(clock.monotonic())
        return await original(beat)

    monkeypatch.setattr(store.workers, "heartbeat", counted)
    limits = worker_limits(Settings(state_dir=tmp_path, download_dir=tmp_path))
    setting, began_s = Setting(store, clock, tmp_path, limits), clock.monotonic()
    async with setting.running():
        for _ in range(90):
            clock.advance(1)
            await setting.settle()

    assert [at - began_s for at in beats] == [0, 30, 60, 90]


async def test_a_failing_heartbeat_is_counted_and_stops_nothing(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[WorkerHeartbeat] = []
    original = setting.store.workers.heartbeat

    async def failing_once(beat: WorkerHeartbeat) -> None:
        if not beats:
            beats.append(beat)
            raise StoreError("locked")
        await original(beat)

    monkeypatch.setattr(setting.store.workers, "heartbeat", failing_once)
    async with setting.running():
        (job_id,) = await setting.submit()
        setting.clock.advance(30)
        await setting.settle()
        (seen,) = await setting.store.workers.alive(seen_within=LEASE)

        assert seen.missed_beats == 1
        assert await setting.status(job_id) is JobStatus.RUNNING
        setting.downloader.may_go.set()


async def test_the_jobs_of_a_dead_worker_are_recovered_before_the_first_claim(
    store: MemoryJobStore, clock: FakeClock, tmp_path: Path
) -> None:
    setting = Setting(store, clock, tmp_path)
    (job_id,) = await setting.submit()
    await store.queue.claim(WorkerId("w-dead"), limit=1, lease=LEASE)
    setting.live_folder.mkdir()
    (setting.live_folder / "w-dead.live").touch()
    orphan = tmp_path / "library/.staging" / f"{job_id}.1"
    orphan.mkdir(parents=True)
    async with setting.running():
        await setting.until(job_id, JobStatus.FAILED)
        codes = [record.error_code for record in await store.catalogue.history(job_id)]  # type: ignore[arg-type]
        clock.advance(2)
        await setting.until(job_id, JobStatus.RUNNING)

        assert ErrorCode.RECOVERED_FROM_RESTART in codes
        assert not orphan.exists()
        setting.downloader.may_go.set()


async def test_another_worker_that_is_killed_is_noticed_at_the_next_tick(setting: Setting) -> None:
    async with setting.running():
        ids = await setting.submit(2)
        third = new_job("https://videos.example/third", clock=setting.clock)
        await setting.store.queue.enqueue([third])
        (taken,) = await setting.store.queue.claim(WorkerId("w-neighbour"), limit=1, lease=LEASE)
        (setting.live_folder / "w-neighbour.live").touch()
        setting.clock.advance(1)
        await setting.until(taken.id, JobStatus.FAILED)

        assert (
            await setting.store.catalogue.get(taken.id)
        ).error_code is ErrorCode.RECOVERED_FROM_RESTART
        assert {await setting.status(job_id) for job_id in ids} == {JobStatus.RUNNING}
        setting.downloader.may_go.set()


async def test_the_worker_is_listed_as_alive_until_it_stops(setting: Setting) -> None:
    async with setting.running():
        (beat,) = await setting.store.workers.alive(seen_within=LEASE)

        assert beat.worker == setting.worker.id
    assert await setting.store.workers.alive(seen_within=LEASE) == []


async def test_hurry_does_not_wait_for_the_grace_period(
    store: MemoryJobStore, clock: FakeClock, tmp_path: Path
) -> None:
    setting = Setting(store, clock, tmp_path, replace(LIMITS, shutdown_grace_s=60))
    task = asyncio.create_task(setting.worker.run(setting.stop))
    await setting.settle()
    (job_id,) = await setting.submit()
    setting.stop.set()
    await setting.settle()
    setting.worker.hurry()
    await asyncio.wait_for(task, patient(30))

    assert await setting.status(job_id) is JobStatus.QUEUED


async def test_jobs_that_wait_for_their_sites_permit_keep_no_slot_from_another_sites_job(
    store: MemoryJobStore, clock: FakeClock, tmp_path: Path
) -> None:
    setting = Setting(store, clock, tmp_path, replace(LIMITS, concurrency=3))
    posts = [f"https://www.instagram.com/p/ABCDEFGH{n}/" for n in range(10)]
    jobs = [new_job(post, clock=clock, platform="instagram") for post in posts]
    jobs.append(new_job("https://www.reddit.com/comments/abc123/", clock=clock, platform="reddit"))
    *_, reddit = [enqueued.job.id for enqueued in await store.queue.enqueue(jobs)]

    async with setting.running():
        await setting.until(reddit, JobStatus.RUNNING)
        await until_running(setting, ["instagram", "reddit"])
        # the first ones found no permit and were given back, once
        assert await claims_made(store) <= 4
        for _ in range(5):
            clock.advance(1)
            await setting.settle()
        assert await claims_made(store) <= 4  # nothing is claimed only to be given back
        for _ in range(5):
            clock.advance(1)
            await setting.settle()
        await until_running(setting, ["instagram", "instagram", "reddit"])
        setting.downloader.may_go.set()


async def until_running(setting: Setting, sites: list[str]) -> None:
    async def running() -> bool:
        await setting.settle()
        return await running_sites(setting.store) == sites

    # threads of a busy machine take their time; the clock does not move
    await until(running, every_s=0)


async def running_sites(store: Store) -> list[str]:
    page = await store.catalogue.jobs(JobQuery(statuses=[JobStatus.RUNNING]))
    return sorted(job.platform for job in page.jobs)


async def claims_made(store: Store) -> int:
    return sum(job.attempt_count for job in (await store.catalogue.jobs(JobQuery())).jobs)


async def test_while_the_library_is_missing_jobs_stay_as_they_are(setting: Setting) -> None:
    """No row is touched and no attempt used; when its disk is back the jobs go on automatically."""
    library = setting.worker._context.library
    await library.write_identity("0b5e7a52-ours")
    await library.require_identity("0b5e7a52-ours")
    marker = setting.root / "library" / ".mediavault-library"
    marker.rename(setting.root / "away")
    async with setting.running():
        (job_id,) = await setting.submit()
        before = await setting.store.catalogue.get(job_id)  # type: ignore[arg-type]
        for _ in range(3):
            setting.clock.advance(1)
            await setting.settle()
        waiting = await setting.store.catalogue.get(job_id)  # type: ignore[arg-type]
        (setting.root / "away").rename(marker)
        setting.downloader.may_go.set()
        setting.clock.advance(1)
        await setting.until(job_id, JobStatus.COMPLETED)

    assert waiting == before


@pytest.mark.parametrize("wanted", [JobStatus.COMPLETED, JobStatus.FAILED])
async def test_a_heartbeat_during_the_last_write_does_not_stop_the_attempt(
    wanted: JobStatus, setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease is gone because its outcome is stored;
    what follows the outcome must still happen.
    """
    queue, beats = setting.store.queue, 0

    def then_a_heartbeat(write: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def written(*arguments: Any, **named: Any) -> Any:
            nonlocal beats
            stored = await write(*arguments, **named)
            await setting.worker.beat()
            await asyncio.sleep(0)
            beats += 1
            return stored

        return written

    for name in ("complete", "fail"):
        monkeypatch.setattr(queue, name, then_a_heartbeat(getattr(queue, name)))
    setting.downloader.fails = TooLarge("too much") if wanted is JobStatus.FAILED else None
    setting.downloader.may_go.set()
    async with setting.running():
        (job_id,) = await setting.submit()
        await setting.until(job_id, wanted)
        await setting.settle()

    assert beats == 1
    outcomes = {name: count for name, count in setting.worker._tally.items() if name != "claimed"}
    assert outcomes == {"completed" if wanted is JobStatus.COMPLETED else "failed:TOO_LARGE": 1}


async def test_jobs_of_a_full_disk_continue_as_soon_as_there_is_room_again(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the five minutes until the retry nor the pause of the claims is waited for."""
    disk = {"free": 20_000_000}
    monkeypatch.setattr(Staging, "free_bytes", lambda _: disk["free"])
    setting.downloader.fails = NoSpace("the disk is full")
    async with setting.running():
        (job_id,) = await setting.submit()
        setting.downloader.may_go.set()
        await setting.until(job_id, JobStatus.FAILED)
        for disk["free"] in (20_000_000, 119_000_000):
            setting.clock.advance(1)
            await setting.settle()
        assert await setting.status(job_id) is JobStatus.FAILED, (
            "what a deleted picture frees is too little"
        )

        setting.downloader.fails = None
        disk["free"] = 121_000_000
        setting.clock.advance(1)
        await setting.until(job_id, JobStatus.COMPLETED)


async def test_a_heartbeat_reports_the_machines_sessions_and_a_new_session_requeues_its_jobs(
    store: MemoryJobStore, clock: FakeClock, tmp_path: Path
) -> None:
    sessions = {"x"}

    async def signed_in() -> frozenset[str]:
        return frozenset(sessions)

    context = replace(make_context(store, clock, tmp_path / "library"), signed_in=signed_in)
    worker = Worker(context, LIMITS, live_folder=tmp_path / "workers")
    waiting = [
        new_job(f"https://s.example/{name}", clock=clock, platform=name)
        for name in ("x", "generic")
    ]
    await store.queue.enqueue(waiting)
    for claim in await store.queue.claim(WorkerId("w-other"), limit=2, lease=LEASE):
        await store.queue.fail(
            claim, error_code=ErrorCode.LOGIN_REQUIRED, error="Only for members.", retry_in=None
        )
    await worker.beat()
    assert [beat.signed_in for beat in await store.workers.alive(seen_within=LEASE)] == [("x",)]
    assert [(await store.catalogue.get(job.id)).status for job in waiting] == [
        JobStatus.FAILED
    ] * 2  # it was signed in all along

    sessions.add("generic")
    await worker.beat()
    await settled(worker)
    assert [(await store.catalogue.get(job.id)).status for job in waiting] == [
        JobStatus.FAILED,
        JobStatus.QUEUED,
    ]


async def settled(worker: Worker) -> None:
    """Wait for the worker's background tasks."""
    await asyncio.wait_for(asyncio.gather(*worker._background), patient(30))


class SlowCatalogue(MemoryCatalogue):
    """Lists jobs only once ``open_again`` is set; before that it waits,
    or with ``is_away`` raises.
    """

    def __init__(self, state: MemoryState) -> None:
        super().__init__(state)
        self.open_again = asyncio.Event()
        self.is_away = False

    async def jobs(self, query: JobQuery) -> JobPage:
        if self.is_away and not self.open_again.is_set():
            raise StoreUnreachable("The database does not answer.")
        await self.open_again.wait()
        return await super().jobs(query)


@pytest.mark.parametrize("is_away", [False, True])
async def test_requeueing_after_a_sign_in_delays_no_heartbeat_and_outlasts_a_store_outage(
    clock: FakeClock, tmp_path: Path, is_away: bool
) -> None:
    """There may be many such jobs, and the leases must be renewed in the meantime."""
    store = MemoryJobStore(clock)
    store.catalogue = slow = SlowCatalogue(store._state)
    sessions: set[str] = set()

    async def signed_in() -> frozenset[str]:
        return frozenset(sessions)

    context = replace(make_context(store, clock, tmp_path / "library"), signed_in=signed_in)
    worker = Worker(context, LIMITS, live_folder=tmp_path / "workers")
    job = new_job(clock=clock)
    await store.queue.enqueue([job])
    [claim] = await store.queue.claim(WorkerId("w-other"), limit=1, lease=LEASE)
    await store.queue.fail(
        claim, error_code=ErrorCode.LOGIN_REQUIRED, error="Only for members.", retry_in=None
    )
    await worker.beat()
    sessions.add("generic")
    slow.is_away = is_away
    await asyncio.wait_for(worker.beat(), patient(30))
    if is_away:
        await settled(worker)
    assert (await store.catalogue.get(job.id)).status is JobStatus.FAILED

    slow.open_again.set()
    await worker.beat()
    await settled(worker)
    assert (await store.catalogue.get(job.id)).status is JobStatus.QUEUED


async def test_after_a_disk_failed_one_job_the_next_ones_are_not_started(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt would visit its site in vain. Once the disk works again,
    one job is tried before the others.
    """
    setting.downloader.fails = StorageFailure("the disk failed")
    setting.downloader.may_go.set()
    async with setting.running():
        ids = await setting.submit(5)
        for job_id in ids[:2]:
            await setting.until(job_id, JobStatus.FAILED)
        await setting.settle()
        later = ids[2:]
        assert [await setting.status(job_id) for job_id in later] == [JobStatus.QUEUED] * 3

        setting.downloader.fails = None
        setting.downloader.may_go.clear()
        with monkeypatch.context() as patch:
            patch.setattr(LocalLibrary, "prepare", _refuse)
            setting.clock.advance(10)
            await setting.settle()
            assert [await setting.status(job_id) for job_id in later] == [JobStatus.QUEUED] * 3
        setting.clock.advance(20)
        await setting.until(later[0], JobStatus.RUNNING)
        await setting.settle()
        assert [await setting.status(job_id) for job_id in later[1:]] == [JobStatus.QUEUED] * 2

        setting.downloader.may_go.set()
        for job_id in later:
            await setting.until(job_id, JobStatus.COMPLETED)


async def _refuse(_: LocalLibrary) -> None:
    raise StorageFailure("the disk still fails")


async def test_a_disk_that_cannot_list_its_folders_stops_no_worker(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Path) -> list[WorkerId]:
        raise OSError(errno.EIO, "Input/output error")

    async with setting.running():
        with monkeypatch.context() as patch:
            patch.setattr(recovery, "dead_workers", fails)
            setting.clock.advance(LEASE)
            await setting.settle()
        setting.downloader.may_go.set()
        (job_id,) = await setting.submit()
        await setting.until(job_id, JobStatus.COMPLETED)
