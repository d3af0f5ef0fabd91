"""Small disks that the fault tests fill, take away or set read-only. Mounting needs root;
without it the tests fail.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(
            f"mount {' '.join(arguments)} failed; the fault tests need root: {done.stderr.strip()}"
        )


def unmount(folder: Path) -> None:
    """Unmount lazily: a process that the test has lost must not keep the disk forever."""
    subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """Mount a tmpfs at ``folder``, with options such as ``size=4m`` or ``nr_inodes=40``."""
    folder.mkdir(parents=True, exist_ok=True)
    mount("-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    try:
        yield folder
    finally:
        unmount(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make the mount point ``folder`` read-only while the block runs."""
    mount("-o", "remount,ro", str(folder))
    try:
        yield
    finally:
        mount("-o", "remount,rw", str(folder))


@contextmanager
def exfat(folder: Path, image: Path, *, size_mb: int = 64) -> Iterator[Path]:
    """Mount at ``folder`` the file system of most USB disks: case-insensitive names, no links, no
    owners.

    The driver in user space behaves the same on every kernel. ``image`` is the file that holds the
    disk.
    """
    with image.open("wb") as file:
        file.truncate(size_mb << 20)
    made = subprocess.run(
        ["/usr/sbin/mkfs.exfat", str(image)], check=False, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    folder.mkdir(parents=True, exist_ok=True)
    mount("-t", "exfat-fuse", "-o", "loop", str(image), str(folder))
    try:
        yield folder
    finally:
        unmount(folder)
