"""A worker that is killed between "committing" and "completed" when the library is a bucket."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.job import JobStatus
from mediavault.library.bucket import open_bucket
from mediavault.library.bucket_address import parse_bucket_address
from tests.faults.house import House, running, until_completed, until_swept
from tests.faults.worker_process import BUCKET_POINTS, media_of
from tests.patience import patient
from tests.servers import s3
from tests.stubs import new_job

POST = "https://videos.example/1"


@pytest.mark.parametrize(
    "point",
    ["sealed", "committing", *BUCKET_POINTS, "placed", "sidecar", "completing", "completed"],
)
async def test_a_kill_on_the_way_into_a_bucket_loses_nothing_and_leaves_nothing(
    tmp_path: Path, point: str
) -> None:
    house, url = House(tmp_path), s3.new_bucket()
    env = {"MEDIAVAULT_VAULT_URL": url}
    async with house.store() as store:
        await store.queue.enqueue([new_job(POST, clock=SystemClock())])
        victim = house.worker(point, env=env)
        assert await asyncio.to_thread(victim.wait, patient(60)) == -signal.SIGKILL
        victim.communicate()
        with running(house.worker(env=env)):
            (job,) = await until_completed(store, 1, within_s=60)
            await until_swept(house)
    bucket = open_bucket(parse_bucket_address(url))
    keys = sorted([key async for key, _ in bucket.walk()])

    assert job.status is JobStatus.COMPLETED
    assert job.output_path is not None
    assert await bucket.read(job.output_path, 0, 1 << 30, etag="") == media_of(POST)
    stem = job.output_path.removesuffix(".mp4")
    assert keys == sorted([f"{stem}.mp4", f"{stem}.jpg", f"{stem}.info.json"])
    assert "(2)" not in stem
    assert house.staging() == []
