"""A drained worker process ends on its own, with exit code 0."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

from mediavault.app.storage import store_at
from mediavault.core.clock import SystemClock
from tests.patience import patient

PATIENCE_S = 60.0
SEEN_WITHIN = timedelta(minutes=5)


async def test_a_worker_process_that_is_drained_ends_with_exit_code_0(tmp_path: Path) -> None:
    folders = {
        "MEDIAVAULT_STATE_DIR": str(tmp_path / "state"),
        "MEDIAVAULT_DOWNLOAD_DIR": str(tmp_path / "library"),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "mediavault",
        "worker",
        env={**os.environ, **folders},
        stderr=asyncio.subprocess.DEVNULL,
    )
    (tmp_path / "state").mkdir(exist_ok=True)
    store = store_at(f"sqlite:///{tmp_path}/state/mediavault.db", SystemClock())
    await store.open()
    try:
        async with asyncio.timeout(patient(PATIENCE_S)):
            while not (workers := await store.workers.alive(seen_within=SEEN_WITHIN)):
                await asyncio.sleep(0.05)
            drained = await store.workers.request_drain([worker.worker for worker in workers])
            code = await process.wait()
        left = await store.workers.alive(seen_within=SEEN_WITHIN)
    finally:
        await store.close()
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert (drained, code, left) == (1, 0, [])
