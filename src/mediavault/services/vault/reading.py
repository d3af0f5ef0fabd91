"""Reading files below a folder that others may write to: no step of the way follows a link."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mediavault.services.vault.disk import Digest

CHUNK_BYTES = 256 * 1024


@dataclass(slots=True)
class DiskFile:
    """A regular file that is open for reading."""

    descriptor: int
    size: int
    modified_ns: int
    _closed: bool = False

    @property
    def version(self) -> str:
        return f"{self.modified_ns:x}-{self.size:x}"

    async def chunks(self, start: int, end: int) -> AsyncIterator[bytes]:
        position = start
        while position < end:
            chunk = await asyncio.to_thread(os.pread, self.descriptor, min(CHUNK_BYTES, end - position), position)
            if not chunk:
                return
            position += len(chunk)
            yield chunk

    async def close(self) -> None:
        self.close_now()

    def close_now(self) -> None:
        if not self._closed:
            self._closed = True
            os.close(self.descriptor)


def is_inside(relative: str) -> bool:
    """Whether the text is a path below a library, and nothing but that."""
    pure = PurePosixPath(relative)
    return not pure.is_absolute() and ".." not in pure.parts and bool(pure.parts) and "\0" not in relative


def open_below(root: Path, relative: str) -> DiskFile | None:
    """Open a file below ``root``, step by step without following any link; None when there is no such regular file.

    Each step is opened relative to the one before, so that nobody can swap a folder for a link in between.
    """
    if not is_inside(relative):
        return None
    parts = PurePosixPath(relative).parts
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts[:-1]:
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
                os.close(folder)
                folder = below
            # O_NONBLOCK: a pipe in the library must not hold up the thread
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            return _regular(os.open(parts[-1], flags, dir_fd=folder))
        finally:
            os.close(folder)
    except OSError:  # missing, a link (ELOOP), no permission: all the same to the one who asks
        return None


def digest_below(root: Path, relative: str) -> Digest | None:
    """Read the file from end to end; None when there is no such regular file. Raises OSError when it cannot be read."""
    file = open_below(root, relative)
    if file is None:
        return None
    with open(file.descriptor, "rb") as reader:  # noqa: PTH123 - a descriptor; the reader closes it
        digest = hashlib.file_digest(reader, "sha256")
        return Digest(reader.tell(), digest.hexdigest())


def read_below(root: Path, relative: str, *, limit: int) -> bytes | None:
    """A small file; None when there is none, or it has more than ``limit`` bytes. Raises OSError as above."""
    file = open_below(root, relative)
    if file is None:
        return None
    with open(file.descriptor, "rb") as reader:  # noqa: PTH123 - a descriptor; the reader closes it
        return reader.read() if file.size <= limit else None


def _regular(descriptor: int) -> DiskFile | None:
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        return None
    return DiskFile(descriptor, facts.st_size, facts.st_mtime_ns)
