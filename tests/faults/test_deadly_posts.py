"""Posts that freeze or kill the process that reads them: it continues with all others,
and gives these up by name.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mediavault.app.doctor.runner import Context
from mediavault.app.doctor.vault import native_crashes
from mediavault.core.clock import SystemClock
from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobStatus, Stage
from mediavault.core.settings import Settings
from mediavault.store.port import Store
from mediavault.worker.freezes import settled_reports
from tests.acceptance.test_serve import free_port
from tests.faults.house import House, all_jobs, end, running, start
from tests.faults.test_processes import environment
from tests.faults.vault_on_disk import VaultOnDisk
from tests.faults.worker_process import FREEZES, KILLS
from tests.patience import patient, until
from tests.stubs import new_job

INNOCENT = 8
WITHIN_S = 90.0


async def handed_in(store: Store, deadly: str) -> None:
    """Submit one deadly post among others that are read at the same time."""
    posts = [f"https://videos.example/{number}" for number in range(INNOCENT)]
    posts.insert(1, f"https://videos.example/{deadly}")
    await store.queue.enqueue([new_job(url, clock=SystemClock()) for url in posts])


async def until_settled(store: Store) -> dict[str, Job]:
    """Wait until every job is final, and return the jobs by the last part of their URLs."""
    deadline = time.monotonic() + patient(WITHIN_S)
    while time.monotonic() < deadline:
        jobs = await all_jobs(store)
        over = [job.status is JobStatus.COMPLETED or _is_given_up(job) for job in jobs]
        if all(over):
            break
        await asyncio.sleep(0.1)
    return {job.post_url.rpartition("/")[2]: job for job in jobs}


def _is_given_up(job: Job) -> bool:
    return job.status is JobStatus.FAILED and job.retry_at is None


@asynccontextmanager
async def restarted(house: House) -> AsyncIterator[list[int]]:
    """Restart a worker whenever it dies, as a service manager does; yields its exit codes."""
    codes: list[int] = []

    async def keep_running() -> None:
        while True:
            worker = start(house.orders())
            try:
                codes.append(await asyncio.to_thread(worker.wait))
            finally:
                end(worker)

    keeper = asyncio.create_task(keep_running())
    yield codes
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)


@pytest.mark.fault(
    "F57", "a post that freezes its reader", by="a regular expression that backtracks for years"
)
@pytest.mark.timeout(180)
async def test_a_post_that_freezes_its_worker_twice_is_given_up_and_all_others_are_saved(
    house: House,
) -> None:
    """Only the process itself restarts it; the regular expression holds the interpreter's lock."""
    # a busy machine alone stops a healthy worker for longer than two seconds
    frozen_after_s = patient(2.0)
    async with house.store() as store:
        await handed_in(store, FREEZES)
        worker = start(house.orders(frozen_after_s=frozen_after_s, lease_s=5 * frozen_after_s))
        with running(worker):
            jobs = await until_settled(store)
            assert worker.poll() is None  # the same process, by its id
        deadly = jobs.pop(FREEZES)
        history = await store.catalogue.history(deadly.id)

    assert {job.status for job in jobs.values()} == {JobStatus.COMPLETED}
    assert (deadly.status, deadly.error_code) == (JobStatus.FAILED, ErrorCode.WORKER_FROZE)
    assert deadly.error == (
        f"The worker did not respond for {frozen_after_s:.0f} seconds while it was reading this"
        " post."
    )
    assert [record.error_code for record in history if record.stage is Stage.FAIL] == [
        ErrorCode.WORKER_FROZE
    ] * 2
    first, second = settled_reports(house.state / "workers")
    assert {first.job_id, second.job_id} == {deadly.id}
    assert any("extract" in line for line in first.stack)


@pytest.mark.fault("F58", "a post that kills its reader", by="SIGKILL during the look at it")
@pytest.mark.timeout(180)
async def test_a_post_whose_worker_dies_twice_while_reading_it_is_given_up_and_all_others_are_saved(
    house: House,
) -> None:
    async with house.store() as store:
        await handed_in(store, KILLS)
        async with restarted(house) as codes:
            jobs = await until_settled(store)
        deadly = jobs.pop(KILLS)

    assert {job.status for job in jobs.values()} == {JobStatus.COMPLETED}
    assert (deadly.status, deadly.error_code) == (JobStatus.FAILED, ErrorCode.WORKER_DIED)
    assert deadly.error == "The worker stopped twice while it was reading this post."
    assert codes[:2] == [-signal.SIGKILL, -signal.SIGKILL]
    assert deadly.attempt_count == 3  # the third attempt recognised the post and did not read it


# --- the whole vault in one process ---------------------------------------------------------------


class Served:
    """``mediavault serve`` with a worker that freezes, on a port that stays the same."""

    def __init__(self, root: Path, *, frozen_after_s: float) -> None:
        self.vault = VaultOnDisk(root)
        self.base = f"http://127.0.0.1:{(port := free_port())}"
        env = {**environment(self.vault), "MEDIAVAULT_PORT": str(port)}
        command = [sys.executable, "-m", "tests.faults.frozen_vault", str(frozen_after_s)]
        with self.vault.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=env, stderr=log)

    def call(self, path: str, body: object = None) -> Any:
        """Return the JSON of a response, or None if there is none within two seconds."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.base + path, data, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=patient(2)) as answer:
                return json.loads(answer.read())
        except OSError:
            return None

    async def until(
        self, path: str, seen: Callable[[Any], bool], *, within_s: float = WITHIN_S
    ) -> Any:
        deadline = time.monotonic() + patient(within_s)
        while True:
            answer = await asyncio.to_thread(self.call, path)
            if answer is not None and seen(answer):
                return answer
            assert time.monotonic() < deadline, f"{answer}\n{self.vault.log.read_text()[-3000:]}"
            await asyncio.sleep(0.1)

    async def freeze(self) -> None:
        """Submit a post that freezes the vault, perhaps before it has responded,
        and wait until it is frozen.
        """
        await self.until("/healthz", lambda _: True)
        self.call("/api/jobs", {"post_url": f"https://videos.example/{FREEZES}"})
        await until(lambda: f"/{FREEZES}" in self.events(), within_s=WITHIN_S)
        await asyncio.sleep(patient(0.5))  # from the line in the file to the regular expression

    def events(self) -> str:
        return "".join(path.read_text() for path in (self.vault.state / "events").glob("*"))

    def children(self) -> list[int]:
        return [int(line) for line in (self.vault.state / "children").read_text().split()]


def finished(job: dict[str, Any]) -> bool:
    return job["status"] == "failed" and job["retry_at"] is None


@pytest.fixture
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    served = Served(tmp_path, frozen_after_s=patient(request.param))
    with running(served.process):
        yield served


@pytest.mark.fault(
    "F57",
    "a post that freezes the whole vault",
    by="a regular expression that backtracks for years",
)
@pytest.mark.timeout(180)
@pytest.mark.parametrize("served", [2.0], indirect=True)
async def test_a_vault_frozen_by_a_post_recovers_automatically_and_says_what_happened(
    served: Served,
) -> None:
    await served.freeze()
    given_up = await served.until("/api/jobs", lambda page: any(map(finished, page["jobs"])))
    (job,) = given_up["jobs"]
    health = await served.until("/api/worker/health", lambda _: True)

    assert served.process.poll() is None  # the same process id, and the same port
    assert job["error_code"] == "WORKER_FROZE"
    assert "froze the worker twice" in job["help"]
    assert health["status"] == "ok"
    *former, _ = served.children()
    assert len(former) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in former)


@pytest.mark.fault(
    "F57", "asked to end while it is frozen", by="SIGTERM to a vault that a post has frozen"
)
@pytest.mark.timeout(180)
@pytest.mark.parametrize("served", [6.0], indirect=True)
async def test_a_frozen_vault_that_is_asked_to_stop_is_not_restarted(served: Served) -> None:
    await served.freeze()
    served.process.terminate()

    assert await asyncio.to_thread(served.process.wait, patient(60)) == 1
    (child,) = served.children()
    assert not Path(f"/proc/{child}").exists()


def test_a_crash_in_native_code_is_reported_by_the_doctor(tmp_path: Path) -> None:
    lines = (
        "import faulthandler, pathlib, sys",
        "from mediavault.app.watchdog import log_native_crashes",
        "log_native_crashes(pathlib.Path(sys.argv[1]))",
        "faulthandler._sigsegv()",
    )
    died = subprocess.run(
        [sys.executable, "-c", "\n".join(lines), str(tmp_path / "new")],
        check=False,
        stderr=subprocess.DEVNULL,
    )
    check = native_crashes(
        Context(Settings(state_dir=tmp_path / "new"))
    )  # PostgreSQL's first start: nothing has made the folder

    assert died.returncode == -signal.SIGSEGV
    assert check is not None
    assert check.detail.endswith("Fatal Python error: Segmentation fault")
