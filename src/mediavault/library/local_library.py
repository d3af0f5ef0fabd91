"""The library on a local folder, with its staging on the same file system,
so that placing a file is one rename.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mediavault.core.companions import is_about_folder, related_names
from mediavault.core.failures import StorageFailure
from mediavault.core.messages import Message
from mediavault.core.system_errors import failure_of_disk
from mediavault.library import disk, layout
from mediavault.library.disk import Digest
from mediavault.library.layout import conflicting_videos, names_in_turn, no_free_name
from mediavault.library.port import FoundFile, OpenedFile
from mediavault.library.sidecars import SIDECAR_LIMIT_BYTES, parse_sidecar
from mediavault.library.staging import STAGING_FOLDER, Staging

TRASH_FOLDER = ".trash"


class LocalLibrary:
    """A ``Library`` in the folder ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._expected: str | None = None
        self._placing = threading.Lock()
        self.staging = Staging(root / STAGING_FOLDER, guard=self._refuse_other)

    async def prepare(self) -> None:
        await self.staging.prepare()

    # --- which library it is ----------------------------------------------------------------------

    async def identity(self) -> str | None:
        return await asyncio.to_thread(layout.read_marker, self.root)

    async def write_identity(self, identity: str) -> None:
        await asyncio.to_thread(layout.write_marker, self.root, identity)

    async def require_identity(self, identity: str) -> None:
        self._expected = identity
        await self.check_identity()

    async def check_identity(self) -> None:
        if self._expected is not None:
            await asyncio.to_thread(self._refuse_other)

    def _refuse_other(self) -> None:
        if self._expected is not None:
            layout.refuse_other(self.root, self._expected)

    # --- saving -----------------------------------------------------------------------------------

    async def free_name(self, folder: str, stem: str, suffix: str) -> str:
        return await asyncio.to_thread(self._free_name, folder, stem, suffix)

    async def place(self, staged: Path, relative: str) -> bool:
        return await asyncio.to_thread(self._place, staged, relative)

    async def place_json(self, value: Mapping[str, Any], relative: str, *, via: Path) -> None:
        await asyncio.to_thread(self._place_json, value, self.root / relative, via / "sidecar.json")

    async def place_bytes(
        self, body: bytes, relative: str, *, via: Path, unless: Sequence[str] = ()
    ) -> bool:
        return await asyncio.to_thread(
            self._place_bytes, body, relative, via / "companion.part", unless
        )

    async def holds(self, relative: str, *, size: int, sha256: str) -> bool:
        return await asyncio.to_thread(self._holds, self.root / relative, size, sha256)

    def trash_path(self, job_id: str, relative: str) -> str:
        return f"{TRASH_FOLDER}/{job_id}/{relative}"

    async def move(self, source: str, target: str) -> bool:
        return await asyncio.to_thread(self._move, source, target)

    async def trashed(self) -> AsyncIterator[FoundFile]:
        root = self.root / TRASH_FOLDER
        for folder in await asyncio.to_thread(_visible_folders, root) if root.is_dir() else ():
            for file in await asyncio.to_thread(_files_of, self.root, folder):
                yield file

    async def remove(self, *relatives: str) -> None:
        await asyncio.to_thread(self._remove, relatives)

    async def tidy(self, folder: str) -> None:
        await asyncio.to_thread(self._tidy, folder)

    # --- reading ----------------------------------------------------------------------------------

    async def open(self, relative: str) -> OpenedFile | None:
        return await asyncio.to_thread(disk.open_below, self.root, relative)

    async def local_path(self, relative: str, *, into: Path) -> Path | None:  # noqa: ARG002 - it is here already
        return self.open_path(relative)

    def open_path(self, relative: str) -> Path | None:
        """Return the file of a row as an absolute path; None when it is missing, a link,
        or outside of the library.
        """
        parts = Path(relative).parts
        if not disk.is_inside(relative) or parts[0] == STAGING_FOLDER:
            return None
        path = self.root
        try:
            for part in parts:
                path = path / part
                if path.is_symlink():
                    return None
            return path if path.is_file() else None
        except OSError:  # a name that is too long, no permission: the caller treats them alike
            return None

    async def walk(self) -> AsyncIterator[FoundFile]:
        """Yield a folder's own files before those of its subfolders."""
        for folder in await asyncio.to_thread(_visible_folders, self.root):
            for file in await asyncio.to_thread(_files_of, self.root, folder):
                yield file

    async def digest(self, relative: str) -> Digest | None:
        with disk.translate_errors((self.root / relative).parent, doing=Message("read")):
            return await asyncio.to_thread(disk.digest_below, self.root, relative)

    async def read_json(self, relative: str) -> Mapping[str, Any] | None:
        with disk.translate_errors((self.root / relative).parent, doing=Message("read")):
            text = await asyncio.to_thread(
                disk.read_below, self.root, relative, limit=SIDECAR_LIMIT_BYTES
            )
        return None if text is None else parse_sidecar(text)

    # --- in a thread ------------------------------------------------------------------------------

    def _free_name(self, folder: str, stem: str, suffix: str) -> str:
        for relative in names_in_turn(folder, stem, suffix):
            if not self._any_of(related_names(relative)):
                return relative
        raise no_free_name(folder, stem)

    def _holds(self, path: Path, size: int, sha256: str) -> bool:
        if not disk.is_file_with(path, size, sha256):
            return False
        # the process that placed it may have been killed before it could sync
        with disk.translate_errors(path.parent):
            for folder in list(path.parents)[: len(path.relative_to(self.root).parts)]:
                disk.fsync_folder(folder)
        return True

    def _place(self, staged: Path, relative: str) -> bool:
        self._refuse_other()
        with self._placing:  # or two videos that would share a sidecar would not see each other
            return not self._any_of(conflicting_videos(relative)) and disk.place(
                staged, self.root / relative
            )

    def _place_bytes(self, body: bytes, relative: str, draft: Path, unless: Sequence[str]) -> bool:
        self._refuse_other()
        if not disk.is_inside(relative):
            raise StorageFailure(
                Message("%(relative)s is not a path in a library.", relative=f"{relative!r}")
            )
        if self._any_of([relative, *unless]):
            return False
        disk.write_bytes(body, draft)
        return disk.place(draft, self.root / relative)

    def _any_of(self, names: Sequence[str]) -> bool:
        return any(os.path.lexists(self.root / name) for name in names)

    def _place_json(self, value: Mapping[str, Any], target: Path, draft: Path) -> None:
        disk.write_json(value, draft)
        with disk.translate_errors(target.parent):
            draft.replace(target)
            disk.fsync_folder(target.parent)

    def _remove(self, relatives: tuple[str, ...]) -> None:
        self._refuse_other()
        for relative in relatives:
            path = self.open_path(relative)
            if path is not None:
                with disk.translate_errors(path.parent):
                    path.unlink(missing_ok=True)
                    disk.fsync_folder(path.parent)
                self._remove_empty_folders(path)

    def _tidy(self, folder: str) -> None:
        self._refuse_other()
        top = self.root / folder
        if not disk.is_inside(folder) or top.is_symlink() or not top.is_dir():
            return
        found = [path for path in top.rglob("*") if path.is_symlink() or not path.is_dir()]
        if all(path.is_file() and is_about_folder(path.name) for path in found):
            self._remove(tuple(path.relative_to(self.root).as_posix() for path in found))

    def _move(self, source: str, target: str) -> bool:
        self._refuse_other()
        path = self.open_path(source)
        if path is None or not disk.is_inside(target):
            return False
        if not disk.place(path, self.root / target):
            return False
        with disk.translate_errors(path.parent):
            disk.fsync_folder(path.parent)
        self._remove_empty_folders(path)
        return True

    def _remove_empty_folders(self, path: Path) -> None:
        with contextlib.suppress(OSError):  # not empty, or already gone
            for folder in path.relative_to(self.root).parents[:-1]:
                (self.root / folder).rmdir()


def _visible_folders(root: Path) -> list[Path]:
    """Return the library's root and every folder below it, sorted, except hidden ones and links."""
    visible = []
    for path, folders, _ in os.walk(root, onerror=_raise_translated):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        visible.append(Path(path))
    return visible


def _files_of(root: Path, folder: Path) -> list[FoundFile]:
    files = []
    with disk.translate_errors(folder, doing=Message("read")), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False) and not entry.name.startswith("."):
                relative = Path(entry.path).relative_to(root).as_posix()
                files.append(FoundFile(relative, entry.stat(follow_symlinks=False).st_size))
    return sorted(files, key=lambda file: file.path)


def _raise_translated(error: OSError) -> None:
    raise failure_of_disk(error, error.filename, doing=Message("read")) from error
