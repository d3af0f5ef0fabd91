"""Workers killed at the n-th call of each kind that the commit protocol consists of,
whichever thread makes it.
"""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.library.local_library import LocalLibrary
from mediavault.worker.library_watch import ensure_library_id
from tests.faults.test_processes import strace, was_injected
from tests.faults.vault_on_disk import VaultOnDisk, all_completed
from tests.patience import patient

CALLS = ("fsync", "fdatasync", "renameat2", "rename", "pwrite64", "pwritev2", "unlink", "mkdir")
# the short form: the call, and its number within a thread
AT_ONCE = [("fdatasync", 1), ("renameat2", 1)]
LONGEST = 400
ENDED_S = 60.0


@pytest.fixture
def vault(tmp_path: Path) -> VaultOnDisk:
    return VaultOnDisk(tmp_path)


async def killed_at(vault: VaultOnDisk, call: str, number: int) -> bool:
    """Return whether a worker was killed at its ``number``-th ``call``;
    otherwise it has finished everything.
    """
    inject = strace(vault, call, f"{call}:signal=KILL:when={number}")
    with vault.worker(under=inject, env={"FAULTS_LEASE_S": "3"}) as worker:
        done = asyncio.create_task(vault.until(all_completed, within_s=ENDED_S))
        gone = asyncio.create_task(asyncio.to_thread(_wait, worker))
        await asyncio.wait({done, gone}, return_when=asyncio.FIRST_COMPLETED)
        # the call may come after the row is already visible to others
        await asyncio.wait({gone}, timeout=patient(1))
        was_killed = worker.poll() is not None
        if not was_killed:
            await done
        worker.kill()
        done.cancel()
        await asyncio.gather(done, gone, return_exceptions=True)
    return was_killed


def _wait(worker: subprocess.Popen[bytes]) -> None:
    worker.wait(timeout=patient(2 * ENDED_S))


async def assert_harmless(root: Path, call: str, number: int) -> bool:
    vault = VaultOnDisk(root / f"{call}-{number}")
    async with vault.store() as store:
        await ensure_library_id(store, LocalLibrary(vault.downloads))
    await vault.accept()
    was_killed = await killed_at(vault, call, number)
    with vault.worker(env={"FAULTS_LEASE_S": "3"}):
        jobs = await vault.until(all_completed, within_s=ENDED_S)
        await vault.until_swept(within_s=ENDED_S)  # it may only be starting
    assert vault.complaints(jobs, accepted=1) == [], f"{call} {number}"
    return was_killed


@pytest.mark.fault(
    "F01", "kill -9 at a system call of the commit protocol", by="strace inject signal=KILL"
)
@pytest.mark.parametrize(("call", "number"), AT_ONCE)
async def test_a_kill_at_a_system_call_loses_nothing(
    tmp_path: Path, call: str, number: int
) -> None:
    assert await assert_harmless(tmp_path, call, number)


@pytest.mark.fault(
    "F01", "kill -9 at every system call of the commit protocol", by="strace inject signal=KILL"
)
@pytest.mark.long
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("call", CALLS)
async def test_a_kill_at_each_system_call_in_turn_loses_nothing(tmp_path: Path, call: str) -> None:
    for number in range(1, LONGEST):
        if not await assert_harmless(tmp_path, call, number):
            return
    pytest.fail(f"a worker that saves one post makes {LONGEST} calls of {call}")


@pytest.mark.fault(
    "F10", "EDQUOT: the quota is used up", by="strace inject error=EDQUOT, in every thread"
)
@pytest.mark.parametrize("call", ["pwritev2", pytest.param("fsync", marks=pytest.mark.long)])
async def test_a_quota_that_is_used_up_is_waited_for_as_a_full_disk_is(
    vault: VaultOnDisk, call: str
) -> None:
    async with vault.store() as store:
        await ensure_library_id(store, LocalLibrary(vault.downloads))
    await vault.accept()
    with vault.worker(under=strace(vault, call, f"{call}:error=EDQUOT:when=1+")):
        (waiting,) = await vault.until(
            lambda jobs: jobs[0].error_code is ErrorCode.NO_SPACE, within_s=ENDED_S
        )
    with vault.worker():  # the quota was raised
        jobs = await vault.until(all_completed, within_s=ENDED_S)
        await vault.until_swept()

    assert was_injected(vault)
    assert "quota" in (waiting.error or "")
    assert jobs[0].max_attempts - jobs[0].attempt_count == 4  # of 5, and the one that succeeded
    assert vault.complaints(jobs, accepted=1) == []
