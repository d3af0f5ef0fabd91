"""Notices that the database's file was removed or replaced while it is open: then its path names another file, or none."""

from __future__ import annotations

import os
from pathlib import Path

from mediavault.core.failures import StoreRemoved


class FileLocation:
    """The path of an open file, and which file it named when it was opened."""

    def __init__(self, path: Path) -> None:
        """Raises OSError. Called right after the file was opened: a descriptor of our own would cost SQLite its locks."""
        self._path = path
        self._file = _identity(path)

    def require_same(self) -> None:
        """Raise StoreRemoved unless the path still names the file that was opened."""
        try:
            if _identity(self._path) == self._file:
                return
        except OSError:
            pass  # its folder is gone, or cannot be read
        raise StoreRemoved("The state folder was removed or replaced while the vault runs.")


def _identity(path: Path) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116 - before every write: Path.stat takes longer
    return status.st_dev, status.st_ino
