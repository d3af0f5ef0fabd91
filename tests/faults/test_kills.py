"""Real processes, killed at each stage: no accepted job is lost,
and a completed job has its file.
"""

from __future__ import annotations

import asyncio
import signal

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.failures import ErrorCode
from tests.faults.house import House, assert_saved, running, until_completed, until_swept
from tests.faults.worker_process import POINTS
from tests.patience import patient
from tests.stubs import new_job


@pytest.mark.fault("F01", "kill -9 at each stage", by="SIGKILL to itself at the stage's call")
@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_at_any_stage_loses_nothing(house: House, point: str) -> None:
    async with house.store() as store:
        (accepted,) = await store.queue.enqueue(
            [new_job("https://videos.example/1", clock=SystemClock())]
        )
        victim = house.worker(point)
        assert await asyncio.to_thread(victim.wait, patient(30)) == -signal.SIGKILL
        victim.communicate()
        with running(house.worker()):
            jobs = await until_completed(store, 1, within_s=30)
            await until_swept(house)
        history = await store.catalogue.history(accepted.job.id)

    assert_saved(house, jobs)
    recovered = [
        record for record in history if record.error_code is ErrorCode.RECOVERED_FROM_RESTART
    ]
    assert len(recovered) == (0 if point == "completed" else 1)
