"""``get``: exit code 0 saved, 1 failed, 2 refused;
it runs its own worker only where none is alive.
"""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from mediavault.cli.waiting import COLUMNS, Bar, is_too_far_off, wait_for
from mediavault.core.failures import StorageFailure
from mediavault.core.job import Job, JobId, JobStatus, Stage
from mediavault.core.settings import load_settings
from tests.fakes import START, FakeClock
from tests.memory_store import MemoryJobStore
from tests.patience import patient
from tests.unit.cli.conftest import POST, WORKER, Run, StubHouse, beat, end


class Watching:
    """A progress observer that records each status."""

    def __init__(self) -> None:
        self.seen: list[JobStatus] = []

    def see(self, job: Job) -> None:
        self.seen.append(job.status)


def test_a_saved_post_exits_with_0_and_prints_where(run: Run, tmp_path: Path) -> None:
    ended = run("get", POST)

    assert ended.code == 0
    path = tmp_path / "downloads" / "jane" / "A film [1].mp4"
    assert ended.out.splitlines()[-1] == f"Saved {path} (1.5 MB, 0:04)"


def test_a_file_in_a_bucket_is_named_without_what_is_secret_in_its_address(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAVAULT_VAULT_URL", "s3://films/mine?endpoint=https://store.example")

    assert "Saved s3://films/mine/jane/A film [1].mp4 (1.5 MB" in run("get", POST).out


def test_one_post_that_fails_does_not_keep_the_others_from_being_saved(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Links come from arguments, a file and standard input; the exit code is 1."""
    house.ending = "first fails"
    links = tmp_path / "links.txt"
    links.write_text(f"# mine\n\n{POST}2\n")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{POST}3 {POST}\n"))
    ended = run("get", POST, "-", "-a", str(links))

    assert (ended.code, ended.out.count("Saved ")) == (1, 2)
    assert ended.err.count(f"{POST}: Failed: The post is gone.") == 1
    assert [line for line in ended.err.splitlines() if line.startswith("3 of 3")]


def test_a_link_that_is_refused_does_not_keep_the_others_from_being_saved(run: Run) -> None:
    ended = run("get", POST, "http://127.0.0.1/")
    answer = run("get", POST, "ftp://x.example/", "--json").json()

    assert (ended.code, ended.out.count("Saved ")) == (2, 1)
    assert "http://127.0.0.1/: " in ended.err
    assert [job["status"] for job in answer["jobs"]] == ["completed"]
    assert [(one["url"], one["code"]) for one in answer["refused"]] == [
        ("ftp://x.example/", "BAD_URL")
    ]


def test_a_post_is_saved_with_the_profile_that_is_named(run: Run) -> None:
    assert run("get", POST, "--audio", "--json").json()["profile"] == "audio"
    assert run("get", f"{POST}2", "--profile", "1080p", "--json").json()["profile"] == "1080p"
    assert run("get", f"{POST}3", "--profile", "none").code == 2
    assert run("get", f"{POST}3", "--profile", "best", "--audio").code == 2


def test_a_file_of_links_that_cannot_be_read_is_refused(run: Run, tmp_path: Path) -> None:
    ended = run("get", "--from", str(tmp_path / "none.txt"))

    assert (ended.code, "none.txt cannot be read: No such file" in ended.err) == (2, True)


def test_with_json_only_the_job_is_printed(run: Run) -> None:
    ended = run("get", POST, "--json")

    assert (ended.code, ended.json()["status"], ended.err) == (0, "completed", "")


def test_a_post_is_saved_in_the_vaults_usual_form(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAVAULT_PROFILE", "audio")

    assert run("get", POST, "--json").json()["profile"] == "audio"


def test_a_failed_post_exits_with_1_and_prints_why_and_help(run: Run, house: StubHouse) -> None:
    house.ending = "failed"
    ended = run("get", POST)

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.count("Failed") == 1
    assert ended.err.splitlines()[-1].startswith("Failed: The post is gone. ")
    assert "there is nothing more to do." in ended.err


def test_a_refused_url_exits_with_2_and_stores_nothing(run: Run) -> None:
    assert run("get", "http://127.0.0.1/").code == 2
    assert run("list", "--json").json()["jobs"] == []


def test_a_retry_that_is_far_off_is_not_waited_for(run: Run, house: StubHouse) -> None:
    house.ending = "later"
    ended = run("get", POST)

    assert ended.code == 1
    assert "Next attempt at" in ended.err


def test_a_post_that_was_saved_before_is_not_saved_again(run: Run, house: StubHouse) -> None:
    run("get", POST)
    house.ran.clear()

    assert run("get", POST).code == 0
    assert house.ran == []


def test_a_post_that_had_failed_is_tried_again(run: Run, house: StubHouse) -> None:
    house.ending = "failed"
    run("get", POST)
    house.ending = "saved"

    assert run("get", POST).code == 0


def test_force_saves_a_post_again(run: Run) -> None:
    run("get", POST)

    assert json.loads(run("get", POST, "--force", "--json").out)["version"] == 2


@pytest.fixture
async def waiting(house: StubHouse) -> JobId:
    new = house.make_submission(load_settings()).read(POST)
    return (await house.store.queue.enqueue([new]))[0].job.id


async def wait(house: StubHouse, job_id: JobId, *, patience_s: float = 30) -> Job:
    patience = timedelta(seconds=patience_s)
    waits = wait_for(
        house.store, job_id, load_settings(), house.clock, Watching(), patience=patience
    )
    return await asyncio.wait_for(waits, patient(30))


async def test_a_worker_of_this_machine_that_was_killed_is_not_waited_for(
    house: StubHouse, waiting: JobId
) -> None:
    """Its row is young, and its lock is free."""
    await beat(house)
    lock = load_settings().state_dir / "workers" / f"{WORKER}.live"
    lock.parent.mkdir(parents=True)
    lock.touch()
    began = house.clock.now()

    assert (await wait(house, waiting)).status is JobStatus.COMPLETED
    assert house.ran == ["save_here"]
    assert house.clock.now() - began < timedelta(seconds=5)


async def test_a_living_worker_is_left_to_do_the_job(house: StubHouse, waiting: JobId) -> None:
    await beat(house)
    waits = asyncio.create_task(wait(house, waiting))
    await house.clock.settle(5)
    await end(house.store, "saved")

    assert (await waits).status is JobStatus.COMPLETED
    assert house.ran == []


async def test_a_living_worker_of_other_platforms_is_not_relied_on(
    house: StubHouse, waiting: JobId
) -> None:
    await beat(house, platforms=("x",))

    assert (await wait(house, waiting)).status is JobStatus.COMPLETED
    assert house.ran == ["save_here"]


async def test_when_the_worker_dies_while_we_wait_our_own_takes_over(
    house: StubHouse, waiting: JobId
) -> None:
    await beat(house)

    assert (await wait(house, waiting)).status is JobStatus.COMPLETED
    assert house.ran == ["save_here"]
    assert house.clock.now() - START > timedelta(seconds=90)


async def test_a_worker_of_our_own_that_cannot_work_does_not_keep_us_waiting(
    house: StubHouse, waiting: JobId, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("no browser, no nothing")

    monkeypatch.setattr("mediavault.app.one_shot.save_here", broken)

    with pytest.raises(RuntimeError, match="no browser"):
        await wait(house, waiting)
    assert len(house.clock.slept) < 10


def test_where_no_worker_can_run_here_the_job_is_reported_as_waiting(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stored: the user need not submit it again."""

    async def broken(*_: object) -> None:
        raise StorageFailure("The library is not there.", help="Mount its disk.")

    monkeypatch.setattr("mediavault.app.one_shot.save_here", broken)
    ended = run("get", POST)
    (job,) = run("list", "--json").json()["jobs"]

    assert (ended.code, job["status"]) == (2, "queued")
    assert f"Mount its disk. The job waits for a worker: {job['id']}." in ended.err


async def test_an_interrupt_ends_our_own_worker_too(house: StubHouse, waiting: JobId) -> None:
    house.ending = "hang"
    waits = asyncio.create_task(wait(house, waiting))
    await house.clock.settle()
    waits.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waits
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_a_retry_that_is_due_soon_is_waited_for(house: StubHouse, waiting: JobId) -> None:
    await beat(house)
    job = await end(house.store, "soon")

    assert not is_too_far_off(job, house.clock, timedelta(seconds=30))
    assert is_too_far_off(job, house.clock, timedelta(seconds=1))


def test_a_job_without_a_planned_retry_is_never_too_far_off() -> None:
    job = Job(JobId("x"), "t", POST, POST, "generic", JobStatus.QUEUED, START, START)

    assert not is_too_far_off(job, FakeClock(), timedelta())


def test_the_store_behind_these_tests_is_the_one_that_ships(house: StubHouse) -> None:
    assert isinstance(house.store, MemoryJobStore)


def drawn(*jobs: Job, is_terminal: bool) -> str:
    """Return what the progress bar prints, on a terminal or elsewhere,
    for these states of a job.
    """
    console = Console(file=io.StringIO(), force_terminal=is_terminal, width=100, color_system=None)
    with Progress(
        *COLUMNS, console=console, auto_refresh=False, disable=not is_terminal
    ) as progress:
        bar = Bar(progress, is_terminal=is_terminal)
        for job in jobs:
            bar.see(job)
            progress.refresh()
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


LOADING = Job(
    JobId("x"),
    "t",
    POST,
    POST,
    "generic",
    JobStatus.RUNNING,
    START,
    START,
    stage=Stage.DOWNLOAD,
    bytes_done=5_000_000,
    bytes_total=10_000_000,
)


def test_a_download_shows_its_bytes_on_a_terminal() -> None:
    assert "Downloading" in drawn(LOADING, is_terminal=True)
    assert "5.0 MB of 10.0 MB" in drawn(LOADING, is_terminal=True)


def test_without_a_terminal_each_state_is_one_line() -> None:
    checking = replace(LOADING, stage=Stage.VALIDATE)

    assert (
        drawn(LOADING, LOADING, checking, is_terminal=False) == "Downloading\nChecking playback\n"
    )
