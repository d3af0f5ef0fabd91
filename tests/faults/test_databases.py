"""Databases that are full, locked, damaged, away, restarted or cut off: nothing acknowledged is lost, nothing lies."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.errors import StoreError
from mediavault.core.job import JobStatus
from mediavault.store.port import JobQuery
from tests.faults.mounts import small_disk
from tests.faults.test_processes import environment
from tests.faults.vault_on_disk import VaultOnDisk, all_completed, all_jobs
from tests.servers import postgres
from tests.servers.tcp_proxy import proxied
from tests.stubs import new_job

LOCKED_S = 12  # longer than SQLite's own patience of 10 s
AWAY_S = 5.0

_HOLD = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
db.execute("ROLLBACK")
"""


@pytest.fixture
def vault(tmp_path: Path) -> VaultOnDisk:
    return VaultOnDisk(tmp_path)


# --- SQLite ------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F08", "ENOSPC under the database", by="a tmpfs of 1 MB for the state folder, filled up")
async def test_a_full_state_folder_answers_503_and_recovers_by_itself(tmp_path: Path) -> None:
    with small_disk(tmp_path / "state", "size=1m") as state:
        vault = VaultOnDisk(tmp_path)
        command = [sys.executable, "-m", "mediavault", "api"]
        api = subprocess.Popen(command, env=environment(vault), stderr=subprocess.PIPE)
        try:
            address = await asyncio.to_thread(_address_of, api)
            first = await asyncio.to_thread(_post, address, "https://example.com/watch/0")
            ballast = state / "ballast"
            with contextlib.suppress(OSError):
                ballast.write_bytes(b"x" * (1 << 20))
            accepted, refused = await asyncio.to_thread(_post_until_refused, address)
            reads = await asyncio.to_thread(_status, f"{address}/api/jobs")
            ballast.unlink()
            again = await asyncio.to_thread(_post, address, "https://example.com/watch/again")
            jobs = await vault_jobs(vault)
        finally:
            api.terminate()
            api.communicate(timeout=20)

    assert (first, refused, reads, again) == (201, 503, 200, 201)
    assert len(jobs) == 1 + accepted + 1


async def vault_jobs(vault: VaultOnDisk) -> list[str]:
    async with vault.store() as store:
        return [job.post_url for job in await all_jobs(store)]


def _address_of(api: subprocess.Popen[bytes]) -> str:
    assert api.stderr is not None
    for line in api.stderr:
        if b"vault_open" in line:
            return line.decode().partition('"address": "')[2].partition('"')[0]
    raise AssertionError("the API did not start")


def _post(address: str, url: str) -> int:
    body = f'{{"post_url": "{url}"}}'.encode()
    return _status(
        urllib.request.Request(f"{address}/api/jobs", data=body, headers={"Content-Type": "application/json"})
    )


def _post_until_refused(address: str) -> tuple[int, int]:
    """How many were accepted, and the status of the one that was not."""
    for number in range(1, 2_000):
        if (status := _post(address, f"https://example.com/watch/{number}")) != 201:
            return number - 1, status
    return 2_000, 201


def _status(request: urllib.request.Request | str) -> int:
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as exc:
        exc.close()
        return exc.code


@pytest.mark.fault("F18", "SQLite locked by another program", by="BEGIN EXCLUSIVE in another process")
async def test_a_database_that_another_program_holds_is_waited_for(vault: VaultOnDisk) -> None:
    await vault.accept(2)
    store = vault.plain_store()
    await store.open()
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(vault.state / "mediavault.db"), str(LOCKED_S)], stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        await asyncio.to_thread(holder.stdout.readline)
        with pytest.raises(StoreError, match="is held by another program"):
            await store.enqueue([new_job("https://videos.example/9", clock=SystemClock())])
        seen = await store.jobs(JobQuery())
        with vault.worker(env={"FAULTS_LEASE_S": "30"}):  # waits for what is left of the time
            jobs = await vault.until(all_completed, within_s=60)
            await vault.until_swept()
    finally:
        holder.kill()
        holder.communicate()
        await store.close()

    assert [job.status for job in seen.jobs] == [JobStatus.QUEUED] * 2  # reads go on
    assert vault.complaints(jobs, accepted=2) == []


def _overwrite(path: Path, at: int, count: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(random.Random(at).randbytes(count))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "garbage for a header": lambda path: _overwrite(path, 0, 100),
    "garbage for the schema": lambda path: _overwrite(path, 100, 3_900),
    "cut in half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "another file's bytes": lambda path: path.write_bytes(b"\x1f\x8b" + b"x" * 50_000),
}


@pytest.mark.fault("F19", "a damaged SQLite file", by="garbage in its pages, a cut, another file's bytes")
@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_database_is_refused_with_words_that_help_and_kept(vault: VaultOnDisk, damage: str) -> None:
    await vault.accept(300)
    path = vault.state / "mediavault.db"
    DAMAGES[damage](path)
    before = path.read_bytes()

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mediavault", *words]
        return subprocess.run(command, env=environment(vault), capture_output=True, text=True, timeout=60, check=False)

    worker, doctor = run("worker"), run("doctor")

    assert (worker.returncode, doctor.returncode) == (2, 1)
    assert "damaged" in worker.stderr
    assert "mediavault rebuild" in worker.stderr
    assert "mediavault rebuild" in doctor.stdout
    assert path.read_bytes() == before


# --- PostgreSQL --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    """One that syncs, as those that people keep their jobs in."""
    server = postgres.new_server(settings=())
    yield server
    server.remove()


@pytest.fixture
def on_postgres(server: postgres.Server, tmp_path: Path) -> Iterator[VaultOnDisk]:
    name = f"faults_{random.randrange(1 << 32):x}"
    postgres.sql(server.url, f"CREATE DATABASE {name}")
    yield VaultOnDisk(tmp_path, store_url=f"{server.url.removesuffix('/postgres')}/{name}")
    shutil.rmtree(tmp_path / "downloads", ignore_errors=True)


def _start_again(server: postgres.Server) -> None:
    """Its children outlive a killed server by a moment, and as long no other one may start."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return server.start()
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.mark.fault("F14", "PostgreSQL away", by="kill -9 of the server, started again later")
async def test_a_database_that_goes_away_for_a_while_loses_nothing(
    server: postgres.Server, on_postgres: VaultOnDisk
) -> None:
    vault = on_postgres
    await vault.accept(12)
    with vault.worker(env={"FAULTS_PIECE_S": "0.2"}):
        await vault.until(lambda jobs: any(job.status is JobStatus.RUNNING for job in jobs))
        server.kill()
        with pytest.raises(StoreError):
            await vault.plain_store().open()
        await asyncio.sleep(AWAY_S)
        _start_again(server)
        jobs = await vault.until(all_completed, within_s=90)
        await vault.until_swept()

    assert vault.complaints(jobs, accepted=12) == []


@pytest.mark.fault("F15", "PostgreSQL restarted in mid-commit", by="a proxy that loses the answers, and kill -9")
async def test_commits_whose_answer_is_lost_are_not_done_twice(
    server: postgres.Server, on_postgres: VaultOnDisk
) -> None:
    async with proxied(on_postgres.store_url) as (proxy, url):
        vault = VaultOnDisk(on_postgres.root, store_url=url)
        await vault.accept(12)
        with vault.worker(env={"FAULTS_PIECE_S": "0.05"}):
            await vault.until_started()
            for _ in range(3):
                await asyncio.sleep(0.7)
                proxy.losing_answers = True
                await asyncio.sleep(0.3)
                server.kill()
                proxy.cut()
                proxy.losing_answers = False
                await asyncio.to_thread(_start_again, server)
            jobs = await vault.until(all_completed, within_s=90)
            await vault.until_swept()

    assert proxy.answers_lost > 0
    assert vault.complaints(jobs, accepted=12) == []


@pytest.mark.fault("F17", "connections cut in mid-query", by="a proxy that cuts all of them, again and again")
async def test_connections_that_are_cut_lose_nothing(on_postgres: VaultOnDisk) -> None:
    async with proxied(on_postgres.store_url) as (proxy, url):
        vault = VaultOnDisk(on_postgres.root, store_url=url)
        await vault.accept(20)
        with vault.worker(env={"FAULTS_PIECE_S": "0.05"}):
            await vault.until_started()
            for _ in range(30):
                await asyncio.sleep(random.uniform(0.02, 0.25))
                proxy.cut()
            jobs = await vault.until(all_completed, within_s=90)
            await vault.until_swept()

    assert vault.complaints(jobs, accepted=20) == []
