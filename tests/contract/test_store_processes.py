"""Real processes at one SQLite file: what no single event loop can show."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from pathlib import Path

from mediavault.core.clock import SystemClock
from mediavault.core.job import JobId, JobStatus, Stage
from mediavault.store.port import JobQuery
from mediavault.store.sqlite import SqliteJobStore
from tests.contract.stores import numbered_job

REPOSITORY = Path(__file__).parents[2]
JOBS, PROCESSES = 400, 4
PATIENCE_S = 60.0


async def start(task: str, database: Path, name: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.contract.stores", task, str(database), name),
        cwd=REPOSITORY,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )


async def ready(process: Process) -> None:
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"


async def finished(process: Process, told: bytes = b"") -> tuple[bytes, bytes]:
    out, err = await process.communicate(told)
    assert process.returncode == 0, err.decode()
    return out, err


async def test_four_processes_claim_each_job_exactly_once(tmp_path: Path) -> None:
    database = tmp_path / "jobs.db"
    store = SqliteJobStore(database, SystemClock())
    await store.open()
    await store.enqueue([numbered_job(n, f"https://videos.example/watch/{n}") for n in range(1, JOBS + 1)])

    async with asyncio.timeout(PATIENCE_S):
        processes = [await start("drain", database, f"w-{number}") for number in range(PROCESSES)]
        await asyncio.gather(*map(ready, processes))
        answers = await asyncio.gather(*(finished(process, b"go\n") for process in processes))

    done = [int(out) for out, _ in answers]
    assert [err for _, err in answers] == [b""] * PROCESSES  # neither "locked" nor anything else
    assert sum(done) == JOBS
    assert min(done) > 0, f"a process got no turn: {done}"
    jobs = (await store.jobs(JobQuery(limit=JOBS + 1))).jobs
    assert Counter(job.status for job in jobs) == {JobStatus.COMPLETED: JOBS}
    assert {job.attempt_count for job in jobs} == {1}
    claims = [await claims_of(store, job.id) for job in jobs]
    assert all(len(workers) == 1 for workers in claims)
    assert Counter(worker for [worker] in claims) == {f"w-{number}": count for number, count in enumerate(done)}
    await store.close()


async def claims_of(store: SqliteJobStore, job_id: JobId) -> list[str]:
    return [record.detail for record in await store.history(job_id) if record.stage is Stage.CLAIM]


async def test_a_process_that_waits_for_work_is_woken_by_another_ones_enqueue(tmp_path: Path) -> None:
    database = tmp_path / "jobs.db"
    store = SqliteJobStore(database, SystemClock())
    await store.open()
    woken = asyncio.Event()
    leave = store.on_work(woken.set)

    async with asyncio.timeout(PATIENCE_S):
        await finished(await start("enqueue", database, "https://videos.example/watch/1"))
        await woken.wait()

    assert (await store.report()).counts[JobStatus.QUEUED] == 1
    leave()
    await store.close()
