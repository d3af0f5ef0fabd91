"""The library on a local folder: staging, the commit protocol's file half, and safe reading.

A file enters the library in one order, so that a crash at any point leaves either nothing or a whole file::

    staging folder (same file system) -> fsync(file) -> [row: committing] -> rename without replacing -> fsync(folder) -> [row: completed]

The rows in brackets are the store's; ``worker/stages/keep.py`` drives both halves. A failed fsync is never repeated on
the same file: after an error the kernel may have dropped the dirty pages and a second fsync would say yes.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from mediavault.core.errors import NoSpace, StorageFailure
from mediavault.core.names import truncate_bytes

STAGING_FOLDER = ".staging"
HASH_CHUNK = 1 << 20
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1  # linux/fs.h

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StagingFolder:
    """A folder that belongs to one attempt of one job."""

    job_id: str
    fence: int
    path: Path


class LocalVault:
    """A library below ``root``. Paths it hands out are relative, with forward slashes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def staging_root(self) -> Path:
        """Where all work in progress lies, on the library's own file system."""
        return self.root / STAGING_FOLDER

    async def prepare(self) -> None:
        """Create the library and prove that files can be written and renamed in it. Raises StorageFailure, NoSpace."""
        await _in_thread(self._prepare)

    @asynccontextmanager
    async def staging(self, job_id: str, fence: int) -> AsyncIterator[Path]:
        """A private folder for one attempt; gone afterwards, whatever happened."""
        path = self.staging_root / f"{job_id}.{fence}"
        await _in_thread(lambda: _make_staging(path))
        try:
            yield path
        finally:
            # shielded: a cancelled attempt removes its folder too
            await asyncio.shield(_in_thread(lambda: shutil.rmtree(path, ignore_errors=True)))

    async def empty(self, folder: Path) -> None:
        """Remove what a rung left in its staging folder."""
        await _in_thread(lambda: _empty(folder))

    async def staging_folders(self) -> list[StagingFolder]:
        """All attempts that have a folder, alive or dead."""
        return await _in_thread(self._staging_folders)

    async def discard(self, folder: StagingFolder) -> None:
        """Remove the folder of an attempt known to be over."""
        await _in_thread(lambda: shutil.rmtree(folder.path, ignore_errors=True))

    async def seal(self, path: Path) -> str:
        """fsync the staged file and answer its SHA-256 in hexadecimal. Raises StorageFailure, NoSpace."""
        return await _in_thread(lambda: _seal(path))

    async def free_name(self, folder: str, stem: str, suffix: str) -> str:
        """A relative path below ``folder`` that no file has yet: ``stem.mp4``, then ``stem (2).mp4`` and so on."""
        return await _in_thread(lambda: self._free_name(folder, stem, suffix))

    async def place(self, staged: Path, relative: str) -> bool:
        """Move a sealed file to its place without replacing anything; False when the name is taken by now."""
        return await _in_thread(lambda: self._place(staged, relative))

    async def place_json(self, value: Mapping[str, Any], relative: str, *, via: Path) -> None:
        """Write a sidecar durably by way of the staging folder ``via``; an older one of the same name is replaced."""
        await _in_thread(lambda: self._place_json(value, relative, via))

    async def holds(self, relative: str, *, size: int, sha256: str) -> bool:
        """Whether the library has this very file: size and hash agree."""
        return await _in_thread(lambda: _is_file_with(self.root / relative, size, sha256))

    async def find_staged(self, job_id: str, *, size: int, sha256: str) -> Path | None:
        """A file that an earlier attempt of the job had sealed and did not get to place."""
        return await _in_thread(lambda: self._find_staged(job_id, size, sha256))

    async def remove(self, *relatives: str) -> None:
        """Delete files that a row names; missing ones do not matter. The account's folder goes when it is empty."""
        await _in_thread(lambda: self._remove(relatives))

    def open_path(self, relative: str) -> Path | None:
        """The file of a row as an absolute path; None when it is missing, a link, or would lie outside the library."""
        pure = PurePosixPath(relative)
        if pure.is_absolute() or ".." in pure.parts or "\0" in relative or pure.parts[:1] == (STAGING_FOLDER,):
            return None
        path = self.root
        for part in pure.parts:
            path = path / part
            if path.is_symlink():
                return None
        return path if path.is_file() else None

    def _prepare(self) -> None:
        with _as_ours(self.root):
            staging = self.staging_root
            staging.mkdir(parents=True, exist_ok=True, mode=0o755)
            probe = staging / f".probe-{os.getpid()}"
            probe.write_bytes(b"mediavault")
            probe.replace(staging / f".probe-{os.getpid()}.renamed")
            (staging / f".probe-{os.getpid()}.renamed").unlink()

    def _staging_folders(self) -> list[StagingFolder]:
        found = []
        with contextlib.suppress(FileNotFoundError):
            for path in self.staging_root.iterdir():
                job_id, _, fence = path.name.rpartition(".")
                if job_id and fence.isdigit() and path.is_dir():
                    found.append(StagingFolder(job_id, int(fence), path))
        return found

    def _free_name(self, folder: str, stem: str, suffix: str) -> str:
        for number in range(1, 10_000):
            mark = "" if number == 1 else f" ({number})"
            relative = f"{folder}/{truncate_bytes(stem, 190 - len(mark))}{mark}{suffix}"
            if not os.path.lexists(self.root / relative):
                return relative
        raise StorageFailure(f"No free name is left for {stem!r} in {folder!r}.")

    def _place(self, staged: Path, relative: str) -> bool:
        target = self.root / relative
        with _as_ours(target):
            made = _make_folders(target.parent)
            if not _rename_without_replacing(staged, target):
                return False
            for folder in (*made, target.parent):
                _fsync_folder(folder)
            return True

    def _place_json(self, value: Mapping[str, Any], relative: str, via: Path) -> None:
        target = self.root / relative
        draft = via / "sidecar.json"
        with _as_ours(target):
            with draft.open("w", encoding="utf-8") as file:
                json.dump(value, file, ensure_ascii=False, indent=1)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
            _fsync_folder(target.parent)

    def _find_staged(self, job_id: str, size: int, sha256: str) -> Path | None:
        for folder in self._staging_folders():
            if folder.job_id == job_id:
                for path in folder.path.rglob("*"):
                    if _is_file_with(path, size, sha256):
                        return path
        return None

    def _remove(self, relatives: tuple[str, ...]) -> None:
        for relative in relatives:
            path = self.open_path(relative)
            if path is not None:
                with _as_ours(path):
                    path.unlink(missing_ok=True)
                    _fsync_folder(path.parent)
                with contextlib.suppress(OSError):  # not empty, or already gone
                    path.parent.rmdir()


async def _in_thread(call: Callable[[], T]) -> T:
    return await asyncio.to_thread(call)


@contextlib.contextmanager
def _as_ours(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(f"The disk that holds {path.parent} is full.") from exc
        raise StorageFailure(f"{path.parent} cannot be written: {exc.strerror or exc}.") from exc


def _make_staging(path: Path) -> None:
    with _as_ours(path):
        path.mkdir(parents=True, exist_ok=True)


def _seal(path: Path) -> str:
    with _as_ours(path), path.open("rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.sha256()
        while chunk := file.read(HASH_CHUNK):
            digest.update(chunk)
        return digest.hexdigest()


def _is_file_with(path: Path, size: int, sha256: str) -> bool:
    try:
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode) or facts.st_size != size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _make_folders(folder: Path) -> list[Path]:
    """Create missing folders; the parents whose entries must reach the disk are answered."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
    return [path.parent for path in missing]


def _rename_without_replacing(source: Path, target: Path) -> bool:
    """renameat2(RENAME_NOREPLACE); a hard link and an unlink where the kernel or the file system has no such call."""
    libc = ctypes.CDLL(None, use_errno=True)
    renameat2 = getattr(libc, "renameat2", None)
    if renameat2 is not None:
        answer = renameat2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE)
        if answer == 0:
            return True
        code = ctypes.get_errno()
        if code == errno.EEXIST:
            return False
        if code not in (errno.ENOSYS, errno.EINVAL):
            raise OSError(code, os.strerror(code), str(target))
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    source.unlink()
    return True


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
