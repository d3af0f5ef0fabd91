"""Databases that are full, locked, damaged, away, restarted or cut off: nothing acknowledged is lost, nothing lies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.errors import StoreAway, StoreError
from mediavault.core.job import JobStatus
from mediavault.services.vault.local import LocalVault
from mediavault.store.port import JobQuery
from mediavault.worker.library import recognise
from tests.acceptance.test_serve import free_port
from tests.faults.mounts import small_disk
from tests.faults.test_processes import environment, until
from tests.faults.vault_on_disk import VaultOnDisk, all_completed, all_jobs
from tests.servers import postgres
from tests.servers.tcp_proxy import proxied
from tests.stubs import new_job

AWAY_S = 5.0
HALF_A_MINUTE_S = 30.0

_HOLD = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
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
    command = [sys.executable, "-c", _HOLD, str(vault.state / "mediavault.db")]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        await asyncio.to_thread(holder.stdout.readline)
        with vault.worker(env={"FAULTS_LEASE_S": "30"}):
            with pytest.raises(StoreAway, match="is held by another program"):
                await store.enqueue([new_job("https://videos.example/9", clock=SystemClock())])
            seen = await store.jobs(JobQuery())
            await until(lambda: "database_waited_for" in vault.log.read_text(), within_s=60)
            holder.communicate()  # its standard input ends, and with it the transaction
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

    worker, doctor = (_mediavault(environment(vault), word) for word in ("worker", "doctor"))

    assert (worker.returncode, doctor.returncode) == (2, 1)
    assert "damaged" in worker.stderr
    assert "mediavault rebuild" in worker.stderr
    assert "mediavault rebuild" in doctor.stdout
    assert path.read_bytes() == before


def _as_it_was(path: Path) -> None:
    shutil.copyfile(path.with_name("older copy"), path)
    _without_log(path)


def _without_log(path: Path) -> None:
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _emptied(path: Path) -> None:
    path.write_bytes(b"")
    _without_log(path)


LOSSES: dict[str, Callable[[Path], object]] = {
    "an older copy in its place": _as_it_was,
    "0 bytes": _emptied,
    "its log deleted": _without_log,
}


@pytest.mark.fault("F19", "a SQLite file that has lost rows", by="an older copy, 0 bytes, the -wal deleted")
@pytest.mark.parametrize("loss", [*list(LOSSES)[:2], pytest.param("its log deleted", marks=pytest.mark.long)])
async def test_what_a_database_has_lost_is_read_back_from_the_library(vault: VaultOnDisk, loss: str) -> None:
    path = vault.state / "mediavault.db"
    async with vault.store() as store:
        await recognise(store, LocalVault(vault.downloads))
    shutil.copyfile(path, path.with_name("older copy"))
    await vault.accept(3)
    with vault.worker() as worker:
        saved = await vault.until(all_completed)
        await vault.until_swept()
        worker.kill()  # nothing is folded into the file at the end
        worker.wait()
    LOSSES[loss](path)
    rebuilt = await asyncio.to_thread(_mediavault, environment(vault), "rebuild")
    jobs = await vault.jobs()

    assert rebuilt.returncode == 0, rebuilt.stderr
    assert vault.complaints(jobs, accepted=3) == []
    assert {job.post_url for job in jobs} == {job.post_url for job in saved}


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


def _answer(address: str) -> tuple[int, str]:
    """Status and body; 0 where nobody listens."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()
    except OSError:
        return 0, ""


def _mediavault(env: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mediavault", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


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


@contextmanager
def paused(server: postgres.Server) -> Iterator[None]:
    """The server's processes hold still; the first of them first, so that it makes no more."""
    assert server.process is not None
    first = server.process.pid
    stopped: list[int] = []
    try:
        for pid in (first, *_children(first)):
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)
        yield
    finally:
        for pid in reversed(stopped):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


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


@pytest.mark.fault("F14", "PostgreSQL away when the vault starts", by="kill -9 of the server, started again later")
async def test_a_vault_that_starts_before_its_database_says_so_and_goes_on_by_itself(
    server: postgres.Server, on_postgres: VaultOnDisk
) -> None:
    port = free_port()
    env = {**environment(on_postgres), "MEDIAVAULT_DATABASE_URL": on_postgres.store_url, "MEDIAVAULT_PORT": str(port)}

    async def asked_until(status: int) -> str:
        deadline = time.monotonic() + 60
        while (answer := await asyncio.to_thread(_answer, f"http://127.0.0.1:{port}/healthz"))[0] != status:
            assert time.monotonic() < deadline, answer
            await asyncio.sleep(0.1)
        return answer[1]

    server.kill()
    vault = subprocess.Popen([sys.executable, "-m", "mediavault", "serve"], env=env, stderr=subprocess.DEVNULL)
    try:
        waiting = await asked_until(503)
        listed = await asyncio.to_thread(_mediavault, env, "list")
        await asyncio.to_thread(_start_again, server)
        await asked_until(200)
    finally:
        vault.terminate()
        vault.wait(timeout=30)

    assert "Starting: waiting for the database." in waiting
    assert listed.returncode == 2
    assert "PostgreSQL cannot be reached" in listed.stderr
    assert vault.returncode == 0


async def test_a_vault_that_waits_for_its_database_ends_at_a_signal(vault: VaultOnDisk) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    env = {**environment(vault), "MEDIAVAULT_DATABASE_URL": url}
    worker = subprocess.Popen([sys.executable, "-m", "mediavault", "worker"], env=env, stderr=subprocess.PIPE)
    assert worker.stderr is not None
    said = await asyncio.to_thread(worker.stderr.readline)
    worker.terminate()
    await asyncio.to_thread(worker.communicate, timeout=30)

    assert b"database_waited_for" in said
    assert worker.returncode == 0


async def test_a_database_that_waiting_cannot_bring_ends_the_vault_at_once(
    server: postgres.Server, vault: VaultOnDisk
) -> None:
    env = {**environment(vault), "MEDIAVAULT_DATABASE_URL": f"{server.url.removesuffix('/postgres')}/nobodys"}

    worker = await asyncio.to_thread(_mediavault, env, "worker")

    assert worker.returncode == 2
    assert 'database "nobodys" does not exist' in worker.stderr


@pytest.mark.fault("F14", "PostgreSQL away for half a minute", by="kill -9; a black hole; SIGSTOP of its processes")
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["killed", "black hole", "paused"])
async def test_a_database_that_is_away_for_half_a_minute_loses_nothing(
    server: postgres.Server, on_postgres: VaultOnDisk, how: str
) -> None:
    async with proxied(on_postgres.store_url) as (proxy, url):
        vault = VaultOnDisk(on_postgres.root, store_url=url)
        await vault.accept(12)
        with vault.worker(env={"FAULTS_PIECE_S": "0.2", "FAULTS_LEASE_S": "30"}):
            await vault.until(lambda jobs: any(job.status is JobStatus.RUNNING for job in jobs))
            match how:
                case "killed":
                    server.kill()
                    await asyncio.sleep(HALF_A_MINUTE_S)
                    await asyncio.to_thread(_start_again, server)
                case "black hole":
                    proxy.losing_answers = True
                    await asyncio.sleep(HALF_A_MINUTE_S)
                    proxy.losing_answers = False
                    proxy.cut()
                case _:
                    with paused(server):
                        await asyncio.sleep(HALF_A_MINUTE_S)
            jobs = await vault.until(all_completed, within_s=120)
            await vault.until_swept()

    assert vault.complaints(jobs, accepted=12) == []


@pytest.mark.fault("F15", "PostgreSQL restarted in mid-commit", by="a proxy that loses the answers, and kill -9")
@pytest.mark.parametrize("restarts", [3, pytest.param(20, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
async def test_commits_whose_answer_is_lost_are_not_done_twice(
    server: postgres.Server, on_postgres: VaultOnDisk, restarts: int
) -> None:
    async with proxied(on_postgres.store_url) as (proxy, url):
        vault = VaultOnDisk(on_postgres.root, store_url=url)
        await vault.accept(12)
        with vault.worker(env={"FAULTS_PIECE_S": "0.05"}):
            await vault.until_started()
            for _ in range(restarts):
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
