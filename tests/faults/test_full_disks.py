"""Disks that are full, read-only or missing: jobs that wait for space lose no attempts,
and continue automatically.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediavault.core.failures import ErrorCode, StorageFailure
from mediavault.core.job import Job
from mediavault.library.local_library import LocalLibrary
from mediavault.worker.library_watch import ensure_library_id
from tests.faults.mounts import mount, read_only, small_disk, unmount
from tests.faults.test_processes import environment, until
from tests.faults.vault_on_disk import VaultOnDisk, address_of, all_completed
from tests.patience import patient

KIB = 1024


@pytest.fixture
def vault(tmp_path: Path) -> VaultOnDisk:
    return VaultOnDisk(tmp_path)


def without_a_try_lost(job: Job) -> bool:
    return job.max_attempts - job.attempt_count >= 4  # of 5, and the one that is running


@pytest.fixture
def library(vault: VaultOnDisk, request: pytest.FixtureRequest) -> Iterator[VaultOnDisk]:
    """The library on a separate disk, of the size that the test asks for."""
    with small_disk(vault.downloads, request.param):
        yield vault


# The video takes six blocks, the picture two, the sidecar and the marker one each.
@pytest.mark.fault("F07", "ENOSPC at each write", by="a tmpfs of 3 to 9 blocks")
@pytest.mark.parametrize(
    "library", [f"size={blocks * 4}k" for blocks in (3, 6, 7, 8, 9)], indirect=True
)
async def test_jobs_wait_for_a_full_library_and_continue_once_there_is_space(
    library: VaultOnDisk,
) -> None:
    await library.accept()
    with library.worker():
        await library.until(
            lambda jobs: jobs[0].error_code is ErrorCode.NO_SPACE or all_completed(jobs)
        )
        await library.until_swept()
        left = library.staging()
        mount("-o", "remount,size=1m", str(library.downloads))
        jobs = await library.until(all_completed)
        await library.until_swept()

    assert left == []
    assert without_a_try_lost(jobs[0])
    assert library.complaints(jobs, accepted=1) == []


@pytest.mark.fault("F09", "inodes gone", by="a tmpfs with nr_inodes")
@pytest.mark.parametrize(
    "library", [f"size=1m,nr_inodes={count}" for count in (4, 6, 7, 8)], indirect=True
)
async def test_jobs_wait_for_a_library_without_free_inodes(library: VaultOnDisk) -> None:
    await library.accept()
    with library.worker():
        await library.until(
            lambda jobs: jobs[0].error_code is ErrorCode.NO_SPACE or all_completed(jobs)
        )
        mount("-o", "remount,nr_inodes=1000", str(library.downloads))
        jobs = await library.until(all_completed)
        await library.until_swept()

    assert without_a_try_lost(jobs[0])
    assert library.complaints(jobs, accepted=1) == []


@pytest.mark.fault("F10", "the library is read-only", by="remount,ro of its tmpfs")
@pytest.mark.parametrize("library", ["size=4m"], indirect=True)
async def test_jobs_wait_for_a_read_only_library(library: VaultOnDisk) -> None:
    with library.worker():
        await library.accept()
        await library.until(all_completed)
        with read_only(library.downloads):
            await library.accept(since=1)
            await library.until(
                lambda jobs: any(job.error_code is ErrorCode.STORAGE for job in jobs)
            )
        jobs = await library.until(lambda jobs: len(jobs) == 2 and all_completed(jobs))
        await library.until_swept()

    assert all(map(without_a_try_lost, jobs))
    assert library.complaints(jobs, accepted=2) == []


@pytest.mark.fault("F55", "the library's disk is not mounted", by="umount under a running worker")
async def test_a_library_that_is_not_mounted_changes_no_row_and_no_file(vault: VaultOnDisk) -> None:
    """The unmounted mount point is an empty folder: nothing may be saved into it."""
    disk = vault.root / "disk"
    with small_disk(disk, "size=4m"):
        mount("--bind", str(disk), str(vault.downloads))
        with vault.worker(env={"FAULTS_LEASE_S": "10"}):
            await vault.accept()
            await vault.until(all_completed)
            unmount(vault.downloads)
            await vault.until(lambda _: "library_gone" in vault.log.read_text())
            await vault.accept(3, since=1)
            before = await vault.jobs()
            async with vault.store() as store:
                with pytest.raises(StorageFailure, match="The library is not there"):
                    await ensure_library_id(store, LocalLibrary(vault.downloads))
            assert await vault.jobs() == before
            assert list(vault.downloads.iterdir()) == []
            mount("--bind", str(disk), str(vault.downloads))
            jobs = await vault.until(all_completed)
            await vault.until_swept()
        complaints = vault.complaints(jobs, accepted=4)
        unmount(vault.downloads)

    assert complaints == []
    assert all(job.attempt_count == 1 for job in jobs)


@pytest.mark.fault(
    "F55",
    "the library's disk is absent or read-only at the start",
    by="an empty mount point, mount -o ro",
)
@pytest.mark.parametrize("fault", ["absent", "read-only"])
async def test_a_vault_starts_without_its_disk_says_so_and_goes_on_when_it_is_back(
    vault: VaultOnDisk, fault: str
) -> None:
    disk = vault.root / "disk"
    with small_disk(disk, "size=4m"), contextlib.ExitStack() as stack:
        mount("--bind", str(disk), str(vault.downloads))
        stack.callback(unmount, vault.downloads)
        with vault.worker():
            await vault.accept()
            await vault.until(all_completed)
        restored = stack.enter_context(contextlib.ExitStack())
        if fault == "absent":
            unmount(vault.downloads)
            restored.callback(mount, "--bind", str(disk), str(vault.downloads))
        else:
            restored.enter_context(read_only(disk))
        command = [sys.executable, "-m", "mediavault", "serve"]
        process = subprocess.Popen(command, env=environment(vault), stderr=subprocess.PIPE)
        try:
            address = await asyncio.to_thread(address_of, process)
            page = await asyncio.to_thread(fetch, f"{address}/library")
            concerns = json.loads(await asyncio.to_thread(fetch, f"{address}/api/worker/health"))[
                "concerns"
            ]
            await vault.accept(since=1)
            before = await vault.jobs()
            restored.close()
            await until(lambda: not json.loads(fetch(f"{address}/api/worker/health"))["concerns"])
        finally:
            process.terminate()
            process.communicate(timeout=patient(30))

    assert len(concerns) == 1
    assert concerns[0]["message"].partition(":")[0] in page
    assert sorted(job.attempt_count for job in before) == [0, 1]


def fetch(url: str) -> str:
    """Return the body of a page, or of a response that reports a failure."""
    try:
        with urllib.request.urlopen(url, timeout=patient(30)) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.read().decode()
