"""Power cuts on a disk that loses what was not synced:
no job is marked completed whose file is missing.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.mounts import unmount
from tests.faults.vault_on_disk import VaultOnDisk, all_completed
from tests.patience import patient

JOBS = 4
CHANGES = 90  # about as many as four jobs make
CONTROL_CUTS = 8


def is_mounted(folder: Path) -> bool:
    """Read this from the kernel's table: a disk whose power is cut does not answer calls."""
    return f" {folder} " in Path("/proc/mounts").read_text()


@contextmanager
def lossy_disk(
    mount_point: Path, seed: int, cut_after: int, remains: Path
) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        sys.executable,
        "-m",
        "tests.faults.lossy_disk",
        str(mount_point),
        str(seed),
        str(cut_after),
    ]
    server = subprocess.Popen([*command, str(remains)], stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + patient(30)
        while not is_mounted(mount_point):
            if server.poll() is not None or time.monotonic() > deadline:
                output = server.communicate()[1].decode() if server.poll() is not None else ""
                pytest.fail(
                    f"FUSE did not mount; the fault tests need root and /dev/fuse: {output}"
                )
            time.sleep(0.02)
        yield server
    finally:
        if is_mounted(mount_point):
            unmount(mount_point)
        server.communicate(timeout=patient(30))


async def cut(
    root: Path, seed: int, *, under: tuple[str, ...] = ()
) -> tuple[list[str], VaultOnDisk]:
    """Save posts until the power is cut; return what is wrong with the remains of the disk,
    and the vault on them.
    """
    chance = random.Random(seed)
    vault, remains = VaultOnDisk(root), root / "remains"
    await vault.accept(JOBS)
    with (
        lossy_disk(vault.downloads, seed, chance.randint(8, CHANGES), remains),
        vault.worker(under=under, env={"FAULTS_LEASE_S": "2"}) as worker,
    ):
        deadline = time.monotonic() + patient(30)
        while not remains.exists() and worker.poll() is None and time.monotonic() < deadline:
            if all_completed(await vault.jobs()):
                break
            await asyncio.sleep(0.05)
        worker.kill()
    vault.downloads.rmdir()
    remains.rename(vault.downloads)
    jobs = await vault.jobs()
    return [
        complaint
        for complaint in vault.complaints(jobs, accepted=JOBS)
        if "staging holds" not in complaint
    ], vault


@pytest.mark.fault(
    "F05", "power loss: what was not synced is lost", by="a FUSE file system, cut at random"
)
@pytest.mark.timeout(3_000)
async def test_after_a_power_cut_every_completed_file_exists_and_the_other_jobs_continue(
    tmp_path: Path, seeds: int
) -> None:
    first = random.randrange(1 << 32)
    for seed in range(first, first + max(3, seeds // 4)):
        root = tmp_path / str(seed)
        root.mkdir()
        complaints, vault = await cut(root, seed)
        assert complaints == [], f"seed {seed}"
        with vault.worker(env={"FAULTS_LEASE_S": "2"}):
            jobs = await vault.until(all_completed, within_s=60)
            await vault.until_swept()
        assert vault.complaints(jobs, accepted=JOBS) == [], f"seed {seed}"


@pytest.mark.fault(
    "F05", "power loss: the lossy disk itself", by="eatmydata takes every fsync away"
)
async def test_without_syncs_a_power_cut_leaves_completed_rows_without_files(
    tmp_path: Path,
) -> None:
    for seed in range(CONTROL_CUTS):
        root = tmp_path / str(seed)
        root.mkdir()
        complaints, _ = await cut(root, seed, under=("eatmydata",))
        if any("is not the video of" in complaint for complaint in complaints):
            return
    pytest.fail(
        f"{CONTROL_CUTS} power cuts without any sync lost nothing: the lossy disk does not lose"
    )
