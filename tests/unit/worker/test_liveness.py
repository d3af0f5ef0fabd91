from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mediavault.core.job import WorkerId
from mediavault.worker.recovery import alive, dead_workers, remove_lock

HOLDER = """
import sys, pathlib
from mediavault.worker.recovery import alive
with alive(pathlib.Path(sys.argv[1]), "w-other"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_living_worker_is_not_dead_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with alive(tmp_path, WorkerId("w-1")):
        while_alive = dead_workers(tmp_path)

    assert while_alive == []
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_is_dead_at_once_and_stays_so_until_its_lock_is_removed(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        before = dead_workers(tmp_path)
        holder.kill()
        holder.wait()

    assert before == []
    assert dead_workers(tmp_path) == ["w-other"]
    remove_lock(tmp_path, WorkerId("w-other"))
    assert dead_workers(tmp_path) == []


def test_a_missing_folder_has_no_dead_workers(tmp_path: Path) -> None:
    assert dead_workers(tmp_path / "nowhere") == []
