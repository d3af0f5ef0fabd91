"""Several real processes at one database: what cannot be tested within one event loop."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from pathlib import Path

import pytest

from mediavault.app.storage import store_at
from mediavault.core.clock import SystemClock
from mediavault.core.job import JobId, JobStatus, Stage
from mediavault.store.port import JobQuery, Store
from tests.contract.stores import numbered_job
from tests.patience import patient
from tests.servers import mongo

REPOSITORY = Path(__file__).parents[2]
SIZES = {"sqlite": (400, 4), "mongodb": (100, 4)}  # jobs, processes
PATIENCE_S = 60.0


def url_of(kind: str, folder: Path) -> str:
    return mongo.database_for(folder) if kind == "mongodb" else f"sqlite:///{folder / 'jobs.db'}"


async def start(task: str, url: str, name: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.contract.stores", task, url, name),
        cwd=REPOSITORY,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )


async def ready(process: Process) -> None:
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"


async def finished(process: Process, stdin: bytes = b"") -> tuple[bytes, bytes]:
    out, err = await process.communicate(stdin)
    assert process.returncode == 0, err.decode()
    return out, err


@pytest.mark.parametrize("kind", sorted(SIZES))
async def test_processes_claim_each_job_exactly_once(tmp_path: Path, kind: str) -> None:
    url, (count, processes) = url_of(kind, tmp_path), SIZES[kind]
    store = store_at(url, SystemClock())
    await store.open()
    await store.queue.enqueue(
        [numbered_job(n, f"https://videos.example/watch/{n}") for n in range(1, count + 1)]
    )

    async with asyncio.timeout(patient(PATIENCE_S)):
        started = [await start("drain", url, f"w-{number}") for number in range(processes)]
        await asyncio.gather(*map(ready, started))
        answers = await asyncio.gather(*(finished(process, b"go\n") for process in started))

    done = [int(out.splitlines()[-1]) for out, _ in answers]
    assert [err for _, err in answers] == [b""] * processes  # neither "locked" nor anything else
    assert sum(done) == count
    assert min(done) > 0, f"a process got no turn: {done}"
    jobs = (await store.catalogue.jobs(JobQuery(limit=count + 1))).jobs
    assert Counter(job.status for job in jobs) == {JobStatus.COMPLETED: count}
    assert {job.attempt_count for job in jobs} == {1}
    claims = [await claims_of(store, job.id) for job in jobs]
    assert all(len(workers) == 1 for workers in claims)
    assert Counter(worker for [worker] in claims) == {
        f"w-{number}": count for number, count in enumerate(done)
    }
    await store.close()


async def claims_of(store: Store, job_id: JobId) -> list[str]:
    return [
        record.detail
        for record in await store.catalogue.history(job_id)
        if record.stage is Stage.CLAIM
    ]


async def test_a_process_that_waits_for_work_is_woken_by_an_enqueue_in_another_process(
    tmp_path: Path,
) -> None:
    url = url_of("sqlite", tmp_path)
    store = store_at(url, SystemClock())
    await store.open()
    woken = asyncio.Event()
    leave = store.workers.on_work(woken.set)

    async with asyncio.timeout(patient(PATIENCE_S)):
        await finished(await start("enqueue", url, "https://videos.example/watch/1"))
        await woken.wait()

    assert (await store.catalogue.report()).counts[JobStatus.QUEUED] == 1
    leave()
    await store.close()
