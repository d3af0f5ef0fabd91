"""Which workers of this host are alive: each holds a file lock that the kernel releases when its process ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mediavault.core.job import WorkerId

SUFFIX = ".live"


@contextmanager
def alive(folder: Path, worker: WorkerId) -> Iterator[None]:
    """Hold this worker's lock while the block runs."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{worker}{SUFFIX}"
    draft = folder / f"{worker}.starting"
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        draft.rename(path)  # locked before it is visible, or another worker could take this one for dead
        yield
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def dead_workers(folder: Path) -> list[WorkerId]:
    """The workers whose file exists but is not locked: they were killed. :func:`remove_lock` removes their files."""
    dead = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            else:
                dead.append(WorkerId(path.name.removesuffix(SUFFIX)))
            finally:
                os.close(descriptor)
    return dead


def remove_lock(folder: Path, worker: WorkerId) -> None:
    """Remove a dead worker's file, after its leases were ended: a crash in between only repeats that."""
    (folder / f"{worker}{SUFFIX}").unlink(missing_ok=True)
