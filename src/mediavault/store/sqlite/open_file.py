"""What is known of the database's file since it was opened: whether its path still names it, and whether it is damaged."""

from __future__ import annotations

import os
from pathlib import Path

from mediavault.core.failures import StoreDamaged, StoreRemoved


class OpenFile:
    """The file at ``path`` as it was opened. ``damage`` is the first damage that a call has met, None before that."""

    def __init__(self, path: Path) -> None:
        """Raises OSError. Called right after the file was opened: a descriptor of our own would cost SQLite its locks."""
        self.damage: StoreDamaged | None = None
        self._path = path
        self._identity = _identity(path)

    def require_same(self) -> None:
        """Raise StoreRemoved unless the path still names the file that was opened."""
        try:
            if _identity(self._path) == self._identity:
                return
        except OSError:
            pass  # its folder is gone, or cannot be read
        raise StoreRemoved("The state folder was removed or replaced while the vault runs.")

    def note(self, error: BaseException) -> None:
        """Note the outcome of a call that has failed."""
        if self.damage is None and isinstance(error, StoreDamaged):
            self.damage = error


def _identity(path: Path) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116 - before every write: Path.stat takes longer
    return status.st_dev, status.st_ino
