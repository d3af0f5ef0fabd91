"""How long it takes to rebuild and verify a vault: ``python -m benchmarks.upkeep [JOBS]``, one
video of 2 kB per job.

The videos are small on purpose: the work per file is measured, not how fast a disk reads.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests import vaults
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

from mediavault.core.clock import SystemClock
from mediavault.library.local_library import LocalLibrary
from mediavault.maintenance.rebuilding import Rebuild
from mediavault.maintenance.verifying import Verification
from mediavault.store.sqlite.store import SqliteJobStore

BATCH = 500  # a store in memory finds a job by a search through all of them


async def main(jobs: int) -> None:
    root = Path(tempfile.mkdtemp(prefix="mediavault-upkeep-"))
    try:
        await _measure(root, jobs)
    finally:
        shutil.rmtree(root)


async def _measure(root: Path, jobs: int) -> None:
    library = LocalLibrary(root / "library")
    for first in range(1, jobs + 1, BATCH):
        clock = FakeClock()
        await vaults.fill(
            MemoryJobStore(clock),
            library.root,
            clock,
            jobs=min(BATCH, jobs + 1 - first),
            first=first,
        )
    store = SqliteJobStore(root / "rebuilt.db", SystemClock())
    await store.open()
    try:
        print(f"{jobs} jobs, {3 * jobs} files; {_resident_mib()} MiB resident before")
        await _time("rebuild", Rebuild(store, library, read_data=True).run())
        await _time("verify", Verification(store, library, read_data=False).run())
        await _time("verify --read-data", Verification(store, library, read_data=True).run())
    finally:
        await store.close()


async def _time(what: str, findings: AsyncIterator[Any]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    count = sum([1 async for _ in findings])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        (
            f"{what:<20} {wall:7.1f} s  {cpu:7.1f} s CPU  {_resident_mib():5} MiB resident  {count}"
            " findings"
        ),
        flush=True,
    )


def _resident_mib() -> int:
    status = Path("/proc/self/status").read_text()
    return (
        int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
        // 1024
    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
