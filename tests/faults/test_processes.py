"""Processes that are frozen, stopped, starved or given another time;
disks that fail or are slow under them.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.core.job import JobStatus
from mediavault.library.local_library import LocalLibrary
from mediavault.worker.library_watch import ensure_library_id
from tests.acceptance.test_serve import free_port
from tests.faults.vault_on_disk import VaultOnDisk, all_completed, end
from tests.faults.worker_process import POINTS
from tests.patience import patient

DAY = timedelta(days=1)
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


def strace(vault: VaultOnDisk, calls: str, inject: str) -> tuple[str, ...]:
    log = str(vault.root / "strace.log")
    return (
        "strace",
        "-D",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-o",
        log,
        "-e",
        f"trace={calls}",
        "-e",
        f"inject={inject}",
    )


def was_injected(vault: VaultOnDisk) -> bool:
    return "INJECTED" in (vault.root / "strace.log").read_text()


def threads_that_called(vault: VaultOnDisk) -> set[int]:
    """Return the threads whose calls strace has seen so far."""
    return {
        int(line.split(maxsplit=1)[0])
        for line in (vault.root / "strace.log").read_text().splitlines()
    }


@pytest.fixture
def vault(tmp_path: Path) -> VaultOnDisk:
    return VaultOnDisk(tmp_path)


def is_frozen(process: subprocess.Popen[bytes]) -> bool:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


async def until(seen: object, *, within_s: float = 60) -> None:
    deadline = time.monotonic() + patient(within_s)
    while not seen():  # type: ignore[operator]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.mark.fault(
    "F24", "a worker frozen past its lease at each stage", by="SIGSTOP to itself, SIGCONT later"
)
@pytest.mark.parametrize("point", [point for point in POINTS if point != "completed"])
async def test_a_worker_that_wakes_after_its_lease_writes_nothing(
    vault: VaultOnDisk, point: str
) -> None:
    await vault.accept()
    with vault.worker(env={"FAULTS_STOP_AT": point, "FAULTS_LEASE_S": "1.5"}) as victim:
        await until(lambda: is_frozen(victim))
        # the lease of its own job, which it must not lose
        with vault.worker(env={"FAULTS_LEASE_S": "10"}):
            await vault.until(all_completed)
            (before,) = await vault.jobs()
            victim.send_signal(signal.SIGCONT)
            await asyncio.sleep(1)
            await vault.until_swept()
            (after,) = await vault.jobs()

    assert after == before
    assert after.attempt_count == 2
    assert vault.complaints([after], accepted=1) == []


# strace counts the calls of each thread separately: "when=1" fails the first of every thread
@pytest.mark.fault(
    "F06", "EIO from fsync, rename and the database's sync", by="strace inject, in every thread"
)
@pytest.mark.parametrize(
    "fault",
    [
        "fsync:error=EIO:when=1",
        "fsync:error=EIO:when=2",
        "fdatasync:error=EIO:when=3",
        "renameat2:error=EIO:when=1",
    ],
)
async def test_a_disk_that_fails_once_costs_no_job(vault: VaultOnDisk, fault: str) -> None:
    await vault.accept(3)
    async with vault.store() as store:
        await ensure_library_id(store, LocalLibrary(vault.downloads))
    with vault.worker(under=strace(vault, fault.partition(":")[0], fault)):
        jobs = await vault.until(all_completed, within_s=60)
        await vault.until_swept()

    assert vault.complaints(jobs, accepted=3) == []
    assert was_injected(vault)


@pytest.mark.fault("F12", "a slow disk", by="strace inject: each sync takes a second")
async def test_the_event_loop_does_not_wait_for_a_slow_disk(vault: VaultOnDisk) -> None:
    """Its thread, the first of the process, makes no sync while jobs run."""
    await vault.accept(2)
    syncs = "fsync,fdatasync"
    injected = strace(vault, syncs, f"{syncs}:delay_enter=1000000")
    with vault.worker(under=injected, env={"FAULTS_LEASE_S": "30"}) as worker:
        jobs = await vault.until(all_completed, within_s=90)
        threads = threads_that_called(vault)

    assert threads
    assert worker.pid not in threads
    assert all(job.attempt_count == 1 for job in jobs)
    assert vault.complaints(jobs, accepted=2) == []


@pytest.mark.fault("F11", "few file descriptors", by="prlimit --nofile")
@pytest.mark.parametrize("count", [32, 64])
async def test_few_file_descriptors_cost_time_but_no_job(vault: VaultOnDisk, count: int) -> None:
    await vault.accept(12)
    with vault.worker(under=("prlimit", f"--nofile={count}")):
        jobs = await vault.until(all_completed, within_s=60)
        await vault.until_swept()

    assert vault.complaints(jobs, accepted=12) == []


@pytest.mark.fault("F13", "the log's other end is closed, or full", by="a closed pipe; /dev/full")
@pytest.mark.parametrize("where", ["closed pipe", "/dev/full"])
async def test_a_log_that_cannot_be_written_does_not_stop_the_worker(
    vault: VaultOnDisk, where: str
) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.faults.disk_worker",
        vault.store_url,
        str(vault.state),
        str(vault.downloads),
    ]
    if where == "/dev/full":
        with Path("/dev/full").open("wb") as full:
            worker = subprocess.Popen(command, stdout=full, stderr=full)
    else:
        reader, writer = os.pipe()
        worker = subprocess.Popen(command, stdout=writer, stderr=writer)
        os.close(writer)
        os.close(reader)
    try:
        await vault.accept(3)
        jobs = await vault.until(all_completed)
        alive = worker.poll() is None
    finally:
        end(worker)

    assert alive
    assert worker.returncode == 0
    assert vault.complaints(jobs, accepted=3) == []


@pytest.mark.fault(
    "F26", "the clock is set by two days, on or back", by="libfaketime under a running worker"
)
@pytest.mark.parametrize("days", [2, -2])
async def test_a_clock_change_ends_no_lease_and_loses_no_job(vault: VaultOnDisk, days: int) -> None:
    time_file = vault.root / "time"
    time_file.write_text("+0")
    env = {
        "LD_PRELOAD": FAKETIME,
        "FAKETIME_TIMESTAMP_FILE": str(time_file),
        # s; reading the file at every clock read starves the process
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAULTS_PIECE_S": "0.6",
        "FAULTS_LEASE_S": "30",
    }
    assert Path(FAKETIME).exists()
    await vault.accept(2)
    with vault.worker(env=env):
        await vault.until(lambda jobs: all(job.status is JobStatus.RUNNING for job in jobs))
        time_file.write_text(f"{days:+}d")
        jobs = await vault.until(all_completed)

    assert all(job.attempt_count == 1 for job in jobs)
    assert all(
        job.completed_at is not None and abs((job.completed_at - job.created_at) / DAY - days) < 0.1
        for job in jobs
    )
    assert vault.complaints(jobs, accepted=2) == []


@pytest.mark.fault("F54", "two instances on one data folder", by="two workers, each started twice")
async def test_two_instances_on_one_folder_do_each_job_once(vault: VaultOnDisk) -> None:
    """This is allowed, since everything that they share has its own lock or fence."""
    await vault.accept(30)
    with vault.worker(env={"FAULTS_LEASE_S": "30"}), vault.worker(env={"FAULTS_LEASE_S": "30"}):
        jobs = await vault.until(all_completed)

    assert all(job.attempt_count == 1 for job in jobs)
    assert vault.complaints(jobs, accepted=30) == []


@pytest.mark.fault("F54", "two servers on one address", by="mediavault api, started twice")
async def test_a_second_server_on_the_same_port_is_refused_and_leaves_the_first_alone(
    vault: VaultOnDisk,
) -> None:
    port = free_port()
    command = [sys.executable, "-m", "mediavault", "api", "--port", str(port)]
    first = subprocess.Popen(command, env=environment(vault), stderr=subprocess.PIPE)
    try:
        assert first.stderr is not None
        while b"vault_open" not in await asyncio.to_thread(first.stderr.readline):
            assert first.poll() is None
        second = await asyncio.to_thread(
            lambda: subprocess.run(
                command,
                env=environment(vault),
                capture_output=True,
                text=True,
                timeout=patient(60),
                check=False,
            )
        )
        alive = first.poll() is None
    finally:
        first.terminate()
        first.communicate(timeout=patient(30))

    assert (second.returncode, alive) == (2, True)
    assert "is used by another program" in second.stderr


@pytest.mark.fault("F04", "SIGTERM, twice SIGTERM, SIGHUP", by="kill of mediavault worker")
@pytest.mark.parametrize(
    "signals", [(signal.SIGTERM,), (signal.SIGTERM, signal.SIGTERM), (signal.SIGHUP,)]
)
async def test_a_signal_stops_a_worker_gracefully(
    vault: VaultOnDisk, signals: tuple[signal.Signals, ...]
) -> None:
    """A terminal that is closed sends SIGHUP: then, too, running jobs are released."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "mediavault", "worker"],
        env=environment(vault),
        stderr=subprocess.PIPE,
    )
    try:
        assert worker.stderr is not None
        while b"worker_started" not in await asyncio.to_thread(worker.stderr.readline):
            assert worker.poll() is None
        for number in signals:
            worker.send_signal(number)
        _, logged = await asyncio.to_thread(worker.communicate, timeout=patient(30))
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.communicate()

    assert worker.returncode == 0
    assert b"worker_stopped" in logged
    assert list((vault.state / "workers").iterdir()) == []


@pytest.mark.fault("F04", "SIGTERM while a job runs longer than the grace", by="kill")
async def test_a_job_that_outlasts_the_grace_period_is_released(vault: VaultOnDisk) -> None:
    await vault.accept()
    with vault.worker(env={"FAULTS_PIECE_S": "10"}) as worker:
        await vault.until(lambda jobs: jobs[0].status is JobStatus.RUNNING)
        worker.terminate()
        assert await asyncio.to_thread(worker.wait, patient(30)) == 0
    (job,) = await vault.jobs()
    with vault.worker():
        jobs = await vault.until(all_completed)
        await vault.until_swept()

    assert (job.status, job.max_attempts - job.attempt_count, job.error_code) == (
        JobStatus.QUEUED,
        5,
        None,
    )
    assert vault.complaints(jobs, accepted=1) == []


def environment(vault: VaultOnDisk) -> Mapping[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("MEDIAVAULT_")},
        "MEDIAVAULT_STATE_DIR": str(vault.state),
        "MEDIAVAULT_DOWNLOAD_DIR": str(vault.downloads),
        "MEDIAVAULT_PORT": "0",
    }
