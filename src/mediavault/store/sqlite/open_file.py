"""What is known of the database's file since it was opened: whether its path still names it, and whether it is damaged."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from mediavault.core.failures import StoreDamaged, StoreRemoved


class OpenFile:
    """The file at ``path`` as it was opened. ``damage`` is the first damage that a call has met, None before that."""

    def __init__(self, path: Path) -> None:
        """Raises OSError. Called right after the file was opened: a descriptor of our own would cost SQLite its locks."""
        self.damage: StoreDamaged | None = None
        self._path = path
        self._identity = _identity(path.stat())

    def require_same(self) -> int:
        """Return when the file was last written, in ns. Raises StoreRemoved if the path no longer names it."""
        with suppress(OSError):  # its folder is gone, or cannot be read
            status = os.stat(self._path)  # noqa: PTH116 - before every write: Path.stat takes longer
            if _identity(status) == self._identity:
                return status.st_mtime_ns
        raise StoreRemoved("The state folder was removed or replaced while the vault runs.")

    def note(self, error: BaseException) -> None:
        """Note the outcome of a call that has failed."""
        if self.damage is None and isinstance(error, StoreDamaged):
            self.damage = error


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
