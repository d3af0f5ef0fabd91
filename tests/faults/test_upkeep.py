"""Files that are damaged after completion, backups of a running vault, upgrades and downgrades:
the real commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.job import JobStatus
from mediavault.store.port import Store
from tests import vaults
from tests.contract.stores import LEASE
from tests.fakes import FakeClock
from tests.faults.house import House, all_jobs, assert_saved, running, until_completed, until_swept
from tests.faults.laws import account_of
from tests.faults.worker_process import command_line
from tests.patience import patient
from tests.servers import postgres
from tests.stubs import new_job

FILES, DAMAGES = 240, 200
BACKUPS = 2
STORES: dict[str, Callable[[Path], str | None]] = {
    "postgres": postgres.database_for,
    "sqlite": lambda _: None,
}


async def mediavault(house: House, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mediavault", *words]
    env = {
        name: value for name, value in os.environ.items() if not name.startswith("MEDIAVAULT_")
    } | {
        "MEDIAVAULT_STATE_DIR": str(house.state),
        "MEDIAVAULT_DOWNLOAD_DIR": str(house.downloads),
        "MEDIAVAULT_DATABASE_URL": house.url,
    }
    return await asyncio.to_thread(
        subprocess.run,
        command,
        env=env,
        capture_output=True,
        text=True,
        timeout=patient(60),
        check=False,
    )


def findings(ran: subprocess.CompletedProcess[str]) -> list[Any]:
    return [json.loads(line) for line in ran.stdout.splitlines()]


async def until_at_least(store: Store, completed: int, within_s: float = 60) -> None:
    deadline = time.monotonic() + patient(within_s)
    while (await store.catalogue.report()).counts.get(JobStatus.COMPLETED, 0) < completed:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def submit_one_after_another(store: Store, posts: list[str]) -> None:
    """Submit the posts; ``posts`` grows by each one that is acknowledged."""
    for number in itertools.count():
        posts += await submit(store, range(number, number + 1))
        await asyncio.sleep(0.05)


async def submit(store: Store, numbers: range) -> list[str]:
    posts = [f"https://videos.example/{number}" for number in numbers]
    await store.queue.enqueue([new_job(post, clock=SystemClock()) for post in posts])
    return posts


@pytest.fixture
def places(tmp_path: Path) -> Callable[..., House]:
    """Return a function that makes vaults with their own folders, all in temporary directories."""

    def make(name: str, store: str) -> House:
        root = tmp_path / name
        root.mkdir()
        return House(root, STORES[store](root))

    return make


# --- files that change after their completion -----------------------------------------------------


def damage(video: Path, how: int, chance: random.Random) -> None:
    body = video.read_bytes()
    match how % 4:
        case 0:
            video.unlink()
        case 1:
            video.write_bytes(body[: chance.randrange(len(body))])
        case 2:
            at = chance.randrange(len(body))
            video.write_bytes(
                body[:at] + bytes([body[at] ^ 1 << chance.randrange(8)]) + body[at + 1 :]
            )
        case _:
            elsewhere = video.parents[2] / "elsewhere" / f"{video.parent.name}-{video.name}"
            elsewhere.parent.mkdir(exist_ok=True)
            video.symlink_to(video.rename(elsewhere))


@pytest.mark.fault(
    "F51", "files changed after completion", by="200 random edits: deleted, cut, a bit, a link"
)
async def test_verify_finds_exactly_the_files_that_were_damaged(house: House) -> None:
    async with house.store() as store:
        await vaults.fill(store, house.downloads, FakeClock(), jobs=FILES)
    before = await mediavault(house, "verify", "--read-data", "--json")
    chance = random.Random(51)
    damaged = chance.sample(house.videos(), DAMAGES)
    for number, video in enumerate(damaged):
        damage(video, number, chance)
    after = await mediavault(house, "verify", "--read-data", "--json")
    *reported, summary = findings(after)

    assert (before.returncode, findings(before)[-1]["findings"]) == (0, {})
    assert after.returncode == 1
    assert sorted(finding["path"] for finding in reported) == sorted(
        str(path.relative_to(house.downloads)) for path in damaged
    )
    assert summary["findings"] == {"missing": 100, "size_differs": 50, "hash_differs": 50}


# --- backups --------------------------------------------------------------------------------------


@pytest.mark.fault(
    "F52",
    "backup while running",
    by="backups taken while workers work, each restored into an empty state",
)
@pytest.mark.parametrize("engine", STORES)
async def test_every_backup_of_a_running_vault_is_restored_completely(
    places: Callable[..., House], tmp_path: Path, engine: str
) -> None:
    """Posts that were submitted after a backup are restored from the library,
    if they were saved.
    """
    house = places("house", engine)
    posts: list[str] = []  # acknowledged ones
    before: list[set[str]] = []  # the posts that each backup must contain
    async with house.store() as store:
        submitting = asyncio.create_task(submit_one_after_another(store, posts))
        workers = (house.worker(), house.worker())
        with running(*workers):
            for number in range(BACKUPS):
                await until_at_least(store, number * 20 + 10)
                before.append(set(posts))
                written = await mediavault(house, "backup", str(tmp_path / f"{number}.backup"))
                assert written.returncode == 0, written.stderr
            submitting.cancel()
            await asyncio.wait([submitting])
            # an older backup does not know the name that an interrupted commit had chosen
            await store.workers.request_drain(
                [beat.worker for beat in await store.workers.alive(seen_within=LEASE)]
            )
            for worker in workers:
                await asyncio.to_thread(worker.wait, patient(30))
        saved = {job.post_url for job in await all_jobs(store) if job.status is JobStatus.COMPLETED}
    assert saved < set(posts)  # otherwise the last backup might have been one of an idle vault

    for number, known in enumerate(before):
        again = places(f"again-{number}", engine)
        shutil.copytree(house.downloads, again.downloads, dirs_exist_ok=True)
        for words in (("restore", str(tmp_path / f"{number}.backup")), ("rebuild",)):
            ran = await mediavault(again, *words)
            assert ran.returncode == 0, ran.stdout + ran.stderr
        async with again.store() as store:
            restored = await all_jobs(store)
            with running(again.worker(), again.worker()):
                jobs = await until_completed(store, len(restored), within_s=60)
                await until_swept(again)
        verified = await mediavault(again, "verify", "--read-data")

        assert saved | known <= {job.post_url for job in jobs} <= set(posts)
        assert_saved(again, jobs)
        assert verified.returncode == 0, verified.stdout


# --- upgrades and downgrades ----------------------------------------------------------------------


def next_release(house: House) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.faults.next_release", *command_line(house.orders())]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


async def saved_by_the_next_release(
    house: House, store: Store, *, ended_by: signal.Signals
) -> list[str]:
    """Stop a worker of this release with running jobs, let the next release save the rest,
    and return the posts.
    """
    posts = await submit(store, range(12))
    with running(old := house.worker()):
        await until_at_least(store, 2)
        old.send_signal(ended_by)
    left = {job.status for job in await all_jobs(store)}
    assert (JobStatus.RUNNING if ended_by is signal.SIGKILL else JobStatus.QUEUED) in left
    with running(next_release(house)):
        await until_completed(store, len(posts), within_s=60)
        await until_swept(house)
    return posts


def database_of(house: House) -> str:
    """Return the database's jobs and its schema version, as another program reads them."""
    if house.url.startswith("postgresql"):
        reads = (
            "SELECT * FROM mediavault.jobs ORDER BY id",
            "SELECT * FROM mediavault.schema_version",
        )
        return "\n".join(postgres.sql(house.url, read) for read in reads)
    with contextlib.closing(sqlite3.connect(house.state / "mediavault.db")) as db:
        return repr(
            [
                db.execute(read).fetchall()
                for read in ("SELECT * FROM jobs ORDER BY id", "PRAGMA user_version")
            ]
        )


@pytest.mark.fault(
    "F53",
    "upgrade with running jobs; downgrade",
    by="kill -9 in mid-job; a worker with one migration more",
)
@pytest.mark.parametrize("engine", STORES)
async def test_running_jobs_continue_after_an_upgrade_and_the_older_release_then_refuses(
    places: Callable[..., House], engine: str
) -> None:
    house = places("house", engine)
    # of this release: the upgrade must not disturb a store that is already open
    async with house.store() as store:
        posts = await saved_by_the_next_release(house, store, ended_by=signal.SIGKILL)
        account, jobs = await account_of(house, store, posts), await all_jobs(store)
    before = database_of(house)
    words = (("worker",), ("list",), ("add", "https://videos.example/new"))
    refused = [await mediavault(house, *command) for command in words]

    assert account.broken == []
    assert_saved(house, jobs)
    assert [ran.returncode for ran in refused] == [2] * len(words)
    assert all(
        "schema" in ran.stderr and "this mediavault knows" in ran.stderr for ran in refused
    ), refused
    assert database_of(house) == before


@pytest.mark.fault(
    "F53", "going back to the older release", by="the copy that the upgrade left, then rebuild"
)
async def test_the_older_release_continues_from_the_copy_that_the_upgrade_made(
    places: Callable[..., House],
) -> None:
    house = places("house", "sqlite")
    async with house.store() as store:
        posts = await saved_by_the_next_release(house, store, ended_by=signal.SIGTERM)
    (copy,) = house.state.glob("mediavault.db.schema-*.backup")
    for path in house.state.glob("mediavault.db*"):
        if path != copy:
            path.rename(path.with_name(f"newer-{path.name}"))
    copy.rename(house.state / "mediavault.db")
    rebuilt = await mediavault(house, "rebuild")
    with running(house.worker()):
        async with house.store() as store:
            jobs = await until_completed(store, len(posts), within_s=30)

    assert rebuilt.returncode == 0, rebuilt.stderr
    assert {job.post_url for job in jobs} == set(posts)
    assert_saved(house, jobs)
