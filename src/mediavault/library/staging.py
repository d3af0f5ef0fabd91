"""Staging folders on this machine's disk: one for each attempt, removed when it ends. Every library
has them.

What is recorded of a running stream is in a folder of its job, where the next attempt finds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mediavault.core.media import PICTURE_SUFFIXES
from mediavault.core.messages import Message
from mediavault.library import disk

STAGING_FOLDER = ".staging"
RECORDING_SUFFIX = ".recording"
_THUMBNAIL = "thumbnail"


@dataclass(frozen=True, slots=True)
class StagingFolder:
    """A folder that belongs to one attempt of one job."""

    job_id: str
    fence: int
    path: Path


class Staging:
    """The attempts' folders below ``root``, named by job and fence.
    Raises StorageFailure and NoSpace.
    """

    def __init__(self, root: Path, *, guard: Callable[[], None] = lambda: None) -> None:
        """``guard`` is called in a thread and raises where no work may begin."""
        self.root = root
        self._guard = guard

    async def prepare(self) -> None:
        """Create the root and prove that files can be written and renamed in it."""
        await asyncio.to_thread(disk.prove_writable, self.root)

    def free_bytes(self) -> int | None:
        """Return the free bytes of the disk; None where that is unknown."""
        return disk.free_bytes(self.root)

    @asynccontextmanager
    async def folder(self, job_id: str, fence: int) -> AsyncIterator[Path]:
        """Provide a private folder for one attempt, removed afterwards in any case."""
        path = self.root / f"{job_id}.{fence}"
        await asyncio.to_thread(self._make, path)
        try:
            yield path
        finally:
            # shielded: a cancelled attempt removes its folder too
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, path, ignore_errors=True))

    async def empty(self, folder: Path) -> None:
        """Remove what is in the folder; make it if there is none."""
        await asyncio.to_thread(disk.empty, folder)

    async def seal(self, path: Path, *, sha256: str | None = None) -> str:
        """Make the file durable and return its SHA-256 in hexadecimal; ``sha256`` where it is known
        already.

        A failed fsync is never repeated on it.
        """
        return await asyncio.to_thread(disk.seal, path, sha256)

    async def folders(self) -> list[StagingFolder]:
        """Return the folders of all attempts on this machine, running or not."""
        return await asyncio.to_thread(self._folders)

    async def discard(self, folder: StagingFolder) -> None:
        """Remove the folder of an attempt known to be over."""
        await asyncio.to_thread(shutil.rmtree, folder.path, ignore_errors=True)

    def recording_folder(self, job_id: str, index: int) -> Path:
        """Return the folder for a recording of one item of a job's post.
        It stays when an attempt ends.
        """
        return self.root / f"{job_id}{RECORDING_SUFFIX}" / str(index)

    async def make_recording_folder(self, job_id: str, index: int) -> None:
        """Create the folder unless it is there."""
        await asyncio.to_thread(self._make_recording, self.recording_folder(job_id, index))

    async def recorded_jobs(self) -> list[str]:
        """Return the jobs of which something is recorded on this machine."""
        return await asyncio.to_thread(self._recorded_jobs)

    async def has_recording(self, job_id: str) -> bool:
        """Return whether something of the job is recorded on this machine."""
        return job_id in await self.recorded_jobs()

    async def discard_recordings(self, job_id: str) -> None:
        """Remove all that is recorded of a job."""
        path = self.recording_folder(job_id, 0).parent
        await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)

    async def find(self, job_id: str, *, size: int, sha256: str) -> Path | None:
        """Return a file that an earlier attempt of the job sealed on this machine and could not
        place; else None.
        """
        return await asyncio.to_thread(self._find, job_id, size, sha256)

    @staticmethod
    def thumbnail_in(folder: Path, suffix: str) -> Path:
        """Return where an attempt stores its post's thumbnail in its folder."""
        return folder / f"{_THUMBNAIL}{suffix}"

    async def open_thumbnail(self, job_id: str) -> tuple[str, disk.DiskFile] | None:
        """Open the thumbnail of the post that an attempt on this machine works on,
        with its name; None without one.
        """
        return await asyncio.to_thread(self._open_thumbnail, job_id)

    def job_of(self, path: Path) -> str | None:
        """Return the job in whose staging folder the file is; None for a file elsewhere."""
        if not path.is_relative_to(self.root):
            return None
        return path.relative_to(self.root).parts[0].rpartition(".")[0] or None

    def _make(self, path: Path) -> None:
        self._guard()
        disk.make_folder(path)

    def _make_recording(self, path: Path) -> None:
        self._guard()
        disk.make_folder(path.parent)
        disk.make_folder(path)

    def _recorded_jobs(self) -> list[str]:
        with (
            disk.translate_errors(self.root, doing=Message("read")),
            contextlib.suppress(FileNotFoundError),
        ):
            names = [path.name for path in self.root.iterdir()]
            return [
                name.removesuffix(RECORDING_SUFFIX)
                for name in names
                if name.endswith(RECORDING_SUFFIX)
            ]
        return []

    def _folders(self) -> list[StagingFolder]:
        folders = []
        with (
            disk.translate_errors(self.root, doing=Message("read")),
            contextlib.suppress(FileNotFoundError),
        ):
            for path in self.root.iterdir():
                job_id, _, fence = path.name.rpartition(".")
                if job_id and fence.isdigit() and path.is_dir():
                    folders.append(StagingFolder(job_id, int(fence), path))
        return folders

    def _open_thumbnail(self, job_id: str) -> tuple[str, disk.DiskFile] | None:
        folders = [folder for folder in self._folders() if folder.job_id == job_id]
        for folder in sorted(folders, key=lambda one: -one.fence):
            for path in (self.thumbnail_in(folder.path, suffix) for suffix in PICTURE_SUFFIXES):
                if (file := disk.open_below(folder.path, path.name)) is not None:
                    return path.name, file
        return None

    def _find(self, job_id: str, size: int, sha256: str) -> Path | None:
        for folder in self._folders():
            if folder.job_id == job_id:
                with disk.translate_errors(folder.path, doing=Message("read")):
                    for path in folder.path.rglob("*"):
                        if disk.is_file_with(path, size, sha256):
                            return path
        return None
