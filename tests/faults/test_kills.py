"""Real processes, killed and frozen: nothing accepted is lost, and completed means the file is there."""

from __future__ import annotations

import asyncio
import random
import signal
import time

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.errors import ErrorCode
from tests.faults.house import House, assert_kept, end, running, until_completed, until_swept
from tests.faults.worker_process import LEASE, POINTS
from tests.stubs import new_job

JOBS = 300
ATTEMPTS = 100  # kills must not use up the attempts: the point here is that nothing is lost
CHAOS_WORKERS = 3
CHAOS_S = 25.0
SETTLE_S = 60.0


@pytest.mark.fault("F01", "kill -9 at each stage", by="SIGKILL to itself at the stage's call")
@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_at_any_stage_loses_nothing(house: House, point: str) -> None:
    async with house.store() as store:
        (accepted,) = await store.enqueue([new_job("https://videos.example/1", clock=SystemClock())])
        victim = house.worker(point)
        assert await asyncio.to_thread(victim.wait, 30) == -signal.SIGKILL
        victim.communicate()
        with running(house.worker()):
            jobs = await until_completed(store, 1, within_s=30)
            await until_swept(house)
        history = await store.history(accepted.job.id)

    assert_kept(house, jobs)
    recovered = [record for record in history if record.error_code is ErrorCode.RECOVERED_FROM_RESTART]
    assert len(recovered) == (0 if point == "completed" else 1)


class Tormentor:
    """A worker process that is killed and replaced, or frozen beyond its lease, at random moments."""

    def __init__(self, house: House, chance: random.Random) -> None:
        self._house, self._chance = house, chance
        self.worker = house.worker()
        self.kills = self.freezes = 0

    async def torment(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await asyncio.sleep(self._chance.uniform(0.5, 2.5))
            await (self._kill() if self._chance.random() < 0.5 else self._freeze())

    async def _kill(self) -> None:
        self.worker.kill()
        await asyncio.to_thread(self.worker.communicate)
        self.worker = self._house.worker()
        self.kills += 1

    async def _freeze(self) -> None:
        self.worker.send_signal(signal.SIGSTOP)
        await asyncio.sleep(LEASE.total_seconds() * self._chance.uniform(0.8, 1.6))
        self.worker.send_signal(signal.SIGCONT)
        self.freezes += 1


@pytest.mark.fault("F02", "kill -9 and SIGSTOP at random moments", by="SIGKILL, SIGSTOP, SIGCONT")
@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_kills_and_freezes_at_random_moments_lose_nothing(house: House) -> None:
    """SIGKILL and SIGSTOP beyond the lease, at random, while 300 jobs run."""
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    print(f"seed {seed}")
    async with house.store() as store:
        clock = SystemClock()
        await store.enqueue(
            [new_job(f"https://videos.example/{n}", clock=clock, max_attempts=ATTEMPTS) for n in range(JOBS)]
        )
        tormentors = [Tormentor(house, random.Random(chance.random())) for _ in range(CHAOS_WORKERS)]
        try:
            await asyncio.gather(*(tormentor.torment(CHAOS_S) for tormentor in tormentors))
            jobs = await until_completed(store, JOBS, within_s=SETTLE_S)
            await until_swept(house)
        finally:
            for tormentor in tormentors:
                await asyncio.to_thread(end, tormentor.worker)
    print(
        f"kills {sum(t.kills for t in tormentors)} freezes {sum(t.freezes for t in tormentors)} "
        f"attempts {sum(job.attempt_count for job in jobs)}"
    )

    assert len(jobs) == JOBS
    assert_kept(house, jobs)
