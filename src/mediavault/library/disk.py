"""Files on a disk: durable writing, renaming without replacing, hashing, reading without following
links.

These functions block: the libraries call them in threads.

A failed fsync is never repeated on the same file: after an error the kernel may have dropped the
dirty pages and a second fsync would succeed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mediavault.core.failures import BadInput
from mediavault.core.messages import Message
from mediavault.core.system_errors import failure_of_disk, is_of_the_machine

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1  # linux/fs.h


@dataclass(frozen=True, slots=True)
class Digest:
    """Size and hash of a file's current bytes. ``sha256`` in hexadecimal."""

    bytes: int
    sha256: str


@contextlib.contextmanager
def translate_errors(folder: Path, *, doing: str = Message("written")) -> Iterator[None]:
    """Translate OSError: NoSpace for a full disk, StorageFailure for everything else that fails in
    ``folder``.
    """
    try:
        yield
    except OSError as exc:
        raise failure_of_disk(exc, folder, doing=doing) from exc


def free_bytes(folder: Path) -> int | None:
    """Return the free bytes of a folder's disk; None where it is unknown."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def prove_writable(folder: Path) -> None:
    """Create the folder; write, rename and remove a file in it."""
    with translate_errors(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        probe = folder / f".probe-{os.getpid()}"
        probe.write_bytes(b"mediavault")
        renamed = folder / f".probe-{os.getpid()}.renamed"
        probe.replace(renamed)
        renamed.unlink()


def make_folder(path: Path) -> None:
    with translate_errors(path):
        path.mkdir(parents=True, exist_ok=True)


def seal(path: Path, sha256: str | None = None) -> str:
    """fsync the file and return its SHA-256 in hexadecimal:
    ``sha256`` where it is known already.
    """
    with translate_errors(path.parent), path.open("rb") as file:
        os.fsync(file.fileno())
        return sha256 or hashlib.file_digest(file, "sha256").hexdigest()


def digest(path: Path) -> Digest:
    """Return size and hash of a file as it is now. Raises OSError."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return Digest(file.tell(), sha256)


def place(staged: Path, target: Path) -> bool:
    """Rename without replacing, durably; False when the name is taken."""
    with translate_errors(target.parent):
        made = _make_folders(target.parent)
        if not rename_without_replacing(staged, target):
            return False
        for folder in (*made, target.parent):
            fsync_folder(folder)
        return True


def refuse_taken(file: Path) -> None:
    """Raise BadInput when there is a file of this name."""
    if os.path.lexists(file):
        raise _taken(file)


def _taken(file: Path) -> BadInput:
    return BadInput(
        Message("%(file)s exists already.", file=file),
        help="Name another file: nothing is replaced.",
    )


@contextlib.asynccontextmanager
async def new_file(file: Path) -> AsyncIterator[Path]:
    """Provide a draft to be written and fsynced, which becomes ``file`` at the end; after an error
    nothing is left.

    Raises BadInput when ``file`` exists, also when it appeared in the meantime, StorageFailure,
    NoSpace.
    """
    refuse_taken(file)
    await asyncio.to_thread(make_folder, file.parent)
    # in the same folder, so that it can be renamed
    draft = file.with_name(f".{file.name}.draft-{os.getpid()}")
    try:
        yield draft
        if not await asyncio.to_thread(place, draft, file):
            raise _taken(file)
    finally:
        draft.unlink(missing_ok=True)


def write_json(value: Mapping[str, Any], draft: Path) -> None:
    """Write and fsync; nothing is renamed yet."""
    write_bytes(json_bytes(value), draft)


def json_bytes(value: Mapping[str, Any]) -> bytes:
    """Return the value as JSON text. Half of a surrogate pair, as in truncated titles,
    becomes a question mark.
    """
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")


def write_bytes(body: bytes, draft: Path) -> None:
    """Write and fsync; nothing is renamed yet."""
    with translate_errors(draft.parent), draft.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def is_file_with(path: Path, size: int, sha256: str) -> bool:
    """Return whether there is a regular file of that size and hash; False as well when it may not
    be read.

    Raises NoSpace or StorageFailure where the disk itself fails, which proves nothing about the
    file.
    """
    try:
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode) or facts.st_size != size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError as exc:
        if is_of_the_machine(exc.errno):
            raise failure_of_disk(exc, path.parent, doing=Message("read")) from exc
        return False


def rename_without_replacing(source: Path, target: Path) -> bool:
    """Rename ``source``; False when ``target`` exists. Raises OSError.

    Calls renameat2(RENAME_NOREPLACE), or a hard link and an unlink where the kernel or the file
    system has no such call.
    """
    import ctypes  # slow to load, and only for this

    libc = ctypes.CDLL(None, use_errno=True)
    renameat2 = getattr(libc, "renameat2", None)
    if renameat2 is not None:
        result = renameat2(
            _AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE
        )
        if result == 0:
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


def fsync_folder(folder: Path) -> None:
    """Make the names in it durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folders(folder: Path) -> list[Path]:
    """Create missing folders and return the parents whose entries must reach the disk."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
    return [path.parent for path in missing]


def empty(folder: Path) -> None:
    """Remove everything in the folder, links and not their targets; make it if there is none."""
    with translate_errors(folder):
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


# --- reading below a folder that others may write to: no step follows a link ----------------------

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
            chunk = await asyncio.to_thread(
                os.pread, self.descriptor, min(CHUNK_BYTES, end - position), position
            )
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
    """Return whether the text is a path below a library."""
    pure = PurePosixPath(relative)
    return (
        not pure.is_absolute()
        and ".." not in pure.parts
        and bool(pure.parts)
        and "\0" not in relative
    )


def open_below(root: Path, relative: str) -> DiskFile | None:
    """Open a file below ``root``, step by step without following any link; None when there is no
    such regular file.

    Each step is opened relative to the one before, so that no other process can swap a folder for a
    link in between.
    """
    if not is_inside(relative):
        return None
    parts = PurePosixPath(relative).parts
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts[:-1]:
                below = os.open(
                    part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder
                )
                os.close(folder)
                folder = below
            # O_NONBLOCK: a pipe in the library must not hold up the thread
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            return _regular(os.open(parts[-1], flags, dir_fd=folder))
        finally:
            os.close(folder)
    except OSError:  # missing, a link (ELOOP), no permission: the caller treats them alike
        return None


def digest_below(root: Path, relative: str) -> Digest | None:
    """Read the file from end to end; None when there is no such regular file.
    Raises OSError when it cannot be read.
    """
    file = open_below(root, relative)
    if file is None:
        return None
    with open(file.descriptor, "rb") as reader:  # noqa: PTH123 - a descriptor; the reader closes it
        digest = hashlib.file_digest(reader, "sha256")
        return Digest(reader.tell(), digest.hexdigest())


def read_below(root: Path, relative: str, *, limit: int) -> bytes | None:
    """Read a small file; None when it is missing or has more than ``limit`` bytes.
    Raises OSError as above.
    """
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
