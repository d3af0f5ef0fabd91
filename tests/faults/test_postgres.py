"""PostgreSQL that is unavailable, restarted, cut off or frozen:
nothing acknowledged is lost, nothing is done twice.
"""

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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mediavault.core.failures import StoreError
from mediavault.core.job import JobStatus
from tests.acceptance.test_serve import free_port
from tests.faults.test_processes import environment
from tests.faults.vault_on_disk import VaultOnDisk, all_completed, mediavault
from tests.patience import patient
from tests.servers import postgres
from tests.servers.tcp_proxy import proxied

AWAY_S = 5.0
HALF_A_MINUTE_S = 30.0


@pytest.fixture
def vault(tmp_path: Path) -> VaultOnDisk:
    return VaultOnDisk(tmp_path)


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    """A server that syncs, like those that hold real jobs."""
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
    """Return status and body; the status is 0 where nothing listens."""
    try:
        with urllib.request.urlopen(address, timeout=patient(30)) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()
    except OSError:
        return 0, ""


def _start_again(server: postgres.Server) -> None:
    """Restart a killed server. Its children outlive it briefly,
    and no other server can start in that time.
    """
    deadline = time.monotonic() + patient(30)
    while True:
        try:
            return server.start()
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@contextmanager
def paused(server: postgres.Server) -> Iterator[None]:
    """Stop all processes of the server, the first one first, so that it starts no more."""
    assert server.process is not None
    first = server.process.pid
    stopped: list[int] = []
    try:
        for pid in (first, *postgres.children_of(first)):
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)
        yield
    finally:
        for pid in reversed(stopped):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@pytest.mark.fault("F14", "PostgreSQL away", by="kill -9 of the server, started again later")
async def test_a_temporarily_unavailable_database_loses_nothing(
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


@pytest.mark.fault(
    "F14", "PostgreSQL away when the vault starts", by="kill -9 of the server, started again later"
)
async def test_a_vault_that_starts_before_its_database_says_so_and_continues_automatically(
    server: postgres.Server, on_postgres: VaultOnDisk
) -> None:
    port = free_port()
    env = {
        **environment(on_postgres),
        "MEDIAVAULT_DATABASE_URL": on_postgres.store_url,
        "MEDIAVAULT_PORT": str(port),
    }

    async def asked_until(status: int) -> str:
        deadline = time.monotonic() + patient(60)
        while (answer := await asyncio.to_thread(_answer, f"http://127.0.0.1:{port}/healthz"))[
            0
        ] != status:
            assert time.monotonic() < deadline, answer
            await asyncio.sleep(0.1)
        return answer[1]

    server.kill()
    vault = subprocess.Popen(
        [sys.executable, "-m", "mediavault", "serve"], env=env, stderr=subprocess.DEVNULL
    )
    try:
        waiting = await asked_until(503)
        listed = await asyncio.to_thread(mediavault, env, "list")
        await asyncio.to_thread(_start_again, server)
        await asked_until(200)
    finally:
        vault.terminate()
        vault.wait(timeout=patient(30))

    assert "Starting: waiting for the database." in waiting
    assert listed.returncode == 2
    assert "PostgreSQL cannot be reached" in listed.stderr
    assert vault.returncode == 0


async def test_a_vault_that_waits_for_its_database_stops_at_a_signal(vault: VaultOnDisk) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    env = {**environment(vault), "MEDIAVAULT_DATABASE_URL": url}
    worker = subprocess.Popen(
        [sys.executable, "-m", "mediavault", "worker"], env=env, stderr=subprocess.PIPE
    )
    assert worker.stderr is not None
    logged = await asyncio.to_thread(worker.stderr.readline)
    worker.terminate()
    await asyncio.to_thread(worker.communicate, timeout=patient(30))

    assert b"database_waited_for" in logged
    assert worker.returncode == 0


async def test_a_database_error_that_waiting_cannot_fix_stops_the_vault_at_once(
    server: postgres.Server, vault: VaultOnDisk
) -> None:
    env = {
        **environment(vault),
        "MEDIAVAULT_DATABASE_URL": f"{server.url.removesuffix('/postgres')}/nobodys",
    }

    worker = await asyncio.to_thread(mediavault, env, "worker")

    assert worker.returncode == 2
    assert 'database "nobodys" does not exist' in worker.stderr


@pytest.mark.fault(
    "F14", "PostgreSQL away for half a minute", by="kill -9; a black hole; SIGSTOP of its processes"
)
@pytest.mark.long
@pytest.mark.parametrize("how", ["killed", "black hole", "paused"])
async def test_a_database_that_is_unavailable_for_half_a_minute_loses_nothing(
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


@pytest.mark.fault(
    "F15", "PostgreSQL restarted in mid-commit", by="a proxy that loses the answers, and kill -9"
)
@pytest.mark.parametrize(
    "restarts", [3, pytest.param(20, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)
async def test_commits_whose_response_is_lost_are_not_done_twice(
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


@pytest.mark.fault(
    "F17", "connections cut in mid-query", by="a proxy that cuts all of them, again and again"
)
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
