"""Small disks that the fault tests fill, take away or set read-only. Mounting needs root; without it the tests fail."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"mount {' '.join(arguments)} failed; the fault tests need root: {done.stderr.strip()}")


def unmount(folder: Path) -> None:
    """Lazily: a process that the test has lost must not keep the disk for ever."""
    subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """A tmpfs at ``folder``; options such as ``size=4m`` or ``nr_inodes=40``."""
    folder.mkdir(parents=True, exist_ok=True)
    mount("-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    try:
        yield folder
    finally:
        unmount(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The mount point ``folder`` refuses writes for as long as the block lasts."""
    mount("-o", "remount,ro", str(folder))
    try:
        yield
    finally:
        mount("-o", "remount,rw", str(folder))
