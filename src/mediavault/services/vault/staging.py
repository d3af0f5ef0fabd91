"""Staging folders on this machine's disk: one for each attempt, gone with it. Every vault has them."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from mediavault.services.vault import disk
from mediavault.services.vault.port import StagingFolder


class Staging:
    """The attempts' folders below ``root``, named by job and fence."""

    def __init__(self, root: Path, *, guard: Callable[[], None] = lambda: None) -> None:
        """``guard`` raises where no work may begin; called in a thread."""
        self.root = root
        self._guard = guard

    async def prepare(self) -> None:
        """Create the folder and prove that files can be written and renamed in it. Raises StorageFailure, NoSpace."""
        await asyncio.to_thread(disk.prove_writable, self.root)

    @asynccontextmanager
    async def folder(self, job_id: str, fence: int) -> AsyncIterator[Path]:
        path = self.root / f"{job_id}.{fence}"
        await asyncio.to_thread(self._make, path)
        try:
            yield path
        finally:
            # shielded: a cancelled attempt removes its folder too
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, path, ignore_errors=True))

    async def folders(self) -> list[StagingFolder]:
        return await asyncio.to_thread(self._folders)

    async def discard(self, folder: StagingFolder) -> None:
        await asyncio.to_thread(shutil.rmtree, folder.path, ignore_errors=True)

    async def find(self, job_id: str, *, size: int, sha256: str) -> Path | None:
        return await asyncio.to_thread(self._find, job_id, size, sha256)

    def job_of(self, path: Path) -> str | None:
        """The job in whose attempt's folder the file lies; None for a file elsewhere."""
        if not path.is_relative_to(self.root):
            return None
        return path.relative_to(self.root).parts[0].rpartition(".")[0] or None

    def _make(self, path: Path) -> None:
        self._guard()
        disk.make_folder(path)

    def _folders(self) -> list[StagingFolder]:
        found = []
        with contextlib.suppress(FileNotFoundError):
            for path in self.root.iterdir():
                job_id, _, fence = path.name.rpartition(".")
                if job_id and fence.isdigit() and path.is_dir():
                    found.append(StagingFolder(job_id, int(fence), path))
        return found

    def _find(self, job_id: str, size: int, sha256: str) -> Path | None:
        for folder in self._folders():
            if folder.job_id == job_id:
                for path in folder.path.rglob("*"):
                    if disk.is_file_with(path, size, sha256):
                        return path
        return None
