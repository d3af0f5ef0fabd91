"""The folder of the playable copies: one file a hash, a limit for all, and the one looked at longest ago goes first."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mediavault.core.failures import NoSpace
from mediavault.services.vault.disk import DiskFile, open_below

MAKING = ".making-"
LEFT_BEHIND_S = 24 * 3_600.0  # a working folder of that age belongs to a process that was killed
OVERHEAD_BYTES = 64 << 20  # tables of contents, and what else an MP4 may need more than its source


@dataclass(frozen=True, slots=True)
class CopyShelf:
    """Every method works on the disk and may raise OSError. ``reserve_bytes`` of the disk are never used."""

    root: Path
    limit_bytes: int
    reserve_bytes: int
    now: Callable[[], datetime]

    def path(self, sha256: str) -> Path:
        return self.root / f"{sha256}.mp4"

    def has(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def open(self, sha256: str) -> DiskFile | None:
        """For reading; it counts as looked at now. None where there is none."""
        file = open_below(self.root, f"{sha256}.mp4")
        if file is not None:
            with contextlib.suppress(OSError):  # removed meanwhile: what is open stays readable
                self._touch(self.path(sha256))
        return file

    def working_folder(self) -> str:
        """A new one, for one copy; what killed processes left is removed first."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in self.root.glob(f"{MAKING}*"):
            with contextlib.suppress(FileNotFoundError):
                if self.now().timestamp() - folder.stat().st_mtime > LEFT_BEHIND_S:
                    shutil.rmtree(folder, ignore_errors=True)
        return tempfile.mkdtemp(prefix=MAKING, dir=self.root)

    def make_room(self, size: int) -> None:
        """Remove copies until one more of that size keeps to the limit. Raises NoSpace where the disk has no room for it."""
        self._shrink_to(self.limit_bytes - size)
        needed = size + OVERHEAD_BYTES + self.reserve_bytes
        while (free := shutil.disk_usage(self.root).free) < needed:
            if not self._remove_oldest():
                raise NoSpace(f"The copy needs {needed:,} bytes of free space; there are {free:,}.")

    def put(self, made: Path, sha256: str) -> None:
        """Let a finished file be the copy. The limit holds afterwards, whatever size it came to."""
        with made.open("rb+") as file:
            os.fsync(file.fileno())
        self._touch(made)
        made.replace(self.path(sha256))
        self._shrink_to(self.limit_bytes, spare=self.path(sha256))

    def _touch(self, path: Path) -> None:
        moment = self.now().timestamp()
        os.utime(path, (moment, moment))

    def _shrink_to(self, limit: int, *, spare: Path | None = None) -> None:
        copies = self._oldest_first()
        total = sum(size for _, size in copies)
        for path, size in copies:
            if total <= limit:
                return
            if path != spare:
                path.unlink(missing_ok=True)
                total -= size

    def _remove_oldest(self) -> bool:
        copies = self._oldest_first()
        if copies:
            copies[0][0].unlink(missing_ok=True)
        return bool(copies)

    def _oldest_first(self) -> list[tuple[Path, int]]:
        found = []
        for path in self.root.glob("*.mp4"):
            with contextlib.suppress(FileNotFoundError):
                facts = path.stat()
                found.append((facts.st_mtime_ns, path, facts.st_size))
        return [(path, size) for _, path, size in sorted(found)]
