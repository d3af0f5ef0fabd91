"""Quiet hours and the volume of the day hold back what no user moved to the front;
the fleet shares the limits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mediavault.core.bandwidth_limiter import BandwidthLimiter
from mediavault.core.job import JobStatus, Priority, WorkerHeartbeat, WorkerId
from mediavault.core.records import RecordKind
from mediavault.core.settings import Settings
from mediavault.store.holds import READ_AGAIN_S, VolumeCounter, volume_of_today
from mediavault.store.live_settings import CHECK_AGAIN_S, LiveSettings
from mediavault.store.port import Store
from mediavault.worker.worker import Worker, WorkerLimits
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore
from tests.stubs import make_context, new_job

GB = 1_000_000_000
LEASE = timedelta(seconds=90)
LIMITS = WorkerLimits(
    concurrency=9,
    poll_interval_s=1.0,
    heartbeat_interval_s=30.0,
    lease=LEASE,
    shutdown_grace_s=0.05,
)
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
WORKER = WorkerId("w-1")


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


class Setting:
    """A worker over the in-memory store, with settings that a user may change."""

    def __init__(self, store: Store, clock: FakeClock, root: Path) -> None:
        self.store, self.clock = store, clock
        self.live = LiveSettings(Settings(), store.records, clock)
        self.context = replace(make_context(store, clock, root / "library"), live=self.live.current)
        self.worker = Worker(self.context, LIMITS, live_folder=root / "live")
        self._number = 0

    async def change(self, **values: object) -> None:
        for name, value in values.items():
            await self.live.change(name, value, by="owner")
        self.clock.advance(CHECK_AGAIN_S)

    async def submit(self, priority: Priority = Priority.NORMAL) -> str:
        self._number += 1
        job = replace(
            new_job(f"https://v.example/{self._number}", clock=self.clock), priority=priority
        )
        [enqueued] = await self.store.queue.enqueue([job])
        return enqueued.job.id

    async def started(self) -> set[str]:
        """Return the jobs that run after a claim."""
        await self.worker.claim_and_start()
        running = {str(job) for job in self.worker.running_jobs}
        self.worker.hurry()
        return running


@pytest.fixture
def setting(store: MemoryJobStore, clock: FakeClock, tmp_path: Path) -> Setting:
    return Setting(store, clock, tmp_path)


async def test_nothing_begins_in_quiet_hours_and_all_of_it_when_they_end(setting: Setting) -> None:
    await setting.change(quiet_hours="08:00-23:00")
    job = await setting.submit()
    held = await setting.started()
    setting.clock.advance(timedelta(hours=11))
    later = await setting.started()

    assert (held, later) == (set(), {job})


async def test_quiet_hours_that_are_removed_end_at_once(setting: Setting) -> None:
    await setting.change(quiet_hours="only 23:00-07:00")
    job = await setting.submit()
    assert await setting.started() == set()
    await setting.change(quiet_hours="")

    assert await setting.started() == {job}


async def test_what_a_user_moved_to_the_front_is_not_held(setting: Setting) -> None:
    await setting.change(quiet_hours="08:00-23:00", daily_volume_gb=1)
    await setting.submit()
    now = await setting.submit(Priority.NOW)
    setting.context.bandwidth.received += 2 * GB

    assert await setting.started() == {now}


async def test_what_runs_when_quiet_hours_begin_goes_on(setting: Setting) -> None:
    await setting.submit()
    await setting.worker.claim_and_start()
    await setting.change(quiet_hours="08:00-23:00")
    await setting.worker.claim_and_start()

    assert len(setting.worker.running_jobs) == 1
    setting.worker.hurry()


async def test_nothing_begins_once_the_volume_of_the_day_is_used_up_until_midnight(
    setting: Setting,
) -> None:
    await setting.change(daily_volume_gb=1.5)
    job = await setting.submit()
    setting.context.bandwidth.received += GB
    await setting.worker.beat()
    other = VolumeCounter(
        setting.store.records,
        setting.clock,
        bandwidth := BandwidthLimiter(setting.clock),
        WorkerId("w-2"),
    )
    bandwidth.received += GB // 2
    await other.save()
    setting.clock.advance(READ_AGAIN_S)
    held = await setting.started()
    setting.clock.advance(timedelta(hours=12))

    assert (held, await setting.started()) == (set(), {job})


async def test_a_volume_below_the_limit_holds_nothing(setting: Setting) -> None:
    await setting.change(daily_volume_gb=1.5)
    job = await setting.submit()
    setting.context.bandwidth.received += GB

    assert await setting.started() == {job}


async def test_the_volume_survives_restarts_and_is_summed_over_workers(
    store: Store, clock: FakeClock
) -> None:
    for number in range(3):
        bandwidth = BandwidthLimiter(clock)
        counter = VolumeCounter(store.records, clock, bandwidth, WorkerId(f"w-{number}"))
        for _ in range(2):
            bandwidth.received += 100
            await counter.save()

    assert await volume_of_today(store.records, clock.now()) == 600
    assert await volume_of_today(store.records, clock.now() + timedelta(hours=12)) == 0


async def test_a_worker_begins_to_count_anew_at_midnight(store: Store, clock: FakeClock) -> None:
    bandwidth = BandwidthLimiter(clock)
    counter = VolumeCounter(store.records, clock, bandwidth, WORKER)
    bandwidth.received += 100
    await counter.save()
    clock.advance(timedelta(hours=12))
    bandwidth.received += 7
    await counter.save()

    assert await volume_of_today(store.records, clock.now()) == 7
    assert await counter.of_today() == 7


async def test_nothing_is_written_where_nothing_was_downloaded(setting: Setting) -> None:
    await setting.worker.beat()

    assert await setting.store.records.all(RecordKind.VOLUME) == []


async def test_workers_divide_the_limits_among_those_that_are_alive(setting: Setting) -> None:
    await setting.worker.beat()
    alone = setting.context.bandwidth.workers
    for number in range(2):
        beat = WorkerHeartbeat(
            WorkerId(f"w-{number}"), "nas", number, "1", setting.clock.now(), setting.clock.now()
        )
        await setting.store.workers.heartbeat(beat)
    await setting.worker.beat()
    together = setting.context.bandwidth.workers
    setting.clock.advance(timedelta(minutes=5))
    await setting.worker.beat()

    assert (alone, together, setting.context.bandwidth.workers) == (1, 3, 1)


async def test_a_post_that_failed_is_held_too_when_its_turn_comes_again(setting: Setting) -> None:
    job = await setting.submit()
    [claim] = await setting.store.queue.claim(WORKER, limit=1, lease=LEASE)
    await setting.store.queue.release(claim)
    await setting.change(quiet_hours="08:00-23:00")

    assert await setting.started() == set()
    assert (await setting.store.catalogue.get(claim.id)).status is JobStatus.QUEUED
    assert claim.id == job
