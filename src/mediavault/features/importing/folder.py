"""Finds media files below a folder that other programs wrote, and brings them into the staging
folder. Follows no link.

These functions block: the import calls them in threads.
"""

from __future__ import annotations

import bisect
import fcntl
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path, PurePosixPath

from mediavault.core.failures import BadInput
from mediavault.features.importing.facts import is_media
from mediavault.library import disk
from mediavault.library.disk import Digest

_ARCHIVE = re.compile(r"\.ytdl-sub-.+-download-archive\.json")
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FoundMedia:
    """A media file below the folder. ``beside`` are the names next to it that begin with its stem,
    without its own.
    """

    relative: str
    beside: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return PurePosixPath(self.relative).name

    @property
    def stem(self) -> str:
        return PurePosixPath(self.relative).stem

    def sibling(self, name: str) -> str:
        """Return the path of a file in the same folder."""
        return _joined(str(PurePosixPath(self.relative).parent), name)


@dataclass(slots=True)
class FolderContents:
    """What one folder has: its media files, links with such names, its subfolders, and ytdl-sub's
    archives, which say what the files below are. ``error``: it cannot be read.
    """

    relative: str
    media: list[FoundMedia] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)
    error: str | None = None


def contents_of(root: Path, relative: str) -> FolderContents:
    """List one folder below ``root``, sorted by name,
    without hidden files and folders other than ytdl-sub's archives.
    """
    found = FolderContents(relative)
    files: list[str] = []
    try:
        with os.scandir(root / relative) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    if _ARCHIVE.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                        found.archives.append(_joined(relative, entry.name))
                    continue
                if entry.is_symlink():
                    found.links += [_joined(relative, entry.name)] if is_media(entry.name) else []
                elif entry.is_dir(follow_symlinks=False):
                    found.folders.append(_joined(relative, entry.name))
                elif entry.is_file(follow_symlinks=False):
                    files.append(entry.name)
    except OSError as exc:
        found.error = exc.strerror or str(exc)
    files.sort()
    found.folders.sort()
    found.links.sort()
    found.media = [
        FoundMedia(_joined(relative, name), tuple(_beside(name, files)))
        for name in files
        if is_media(name)
    ]
    return found


def _beside(name: str, names: Sequence[str]) -> Iterator[str]:
    """Yield the names that begin with the file's stem and a dot,
    or are its picture as Pinchflat names it.
    """
    stem = PurePosixPath(name).stem
    for start in (f"{stem}-thumb.", f"{stem}."):
        index = bisect.bisect_left(names, start)
        while index < len(names) and names[index].startswith(start):
            if names[index] != name:
                yield names[index]
            index += 1


def _joined(folder: str, name: str) -> str:
    return name if folder in ("", ".") else f"{folder}/{name}"


# --- one file -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file that was read from end to end: its digest,
    and what shows that it is still the same.
    """

    digest: Digest
    inode: int
    modified_ns: int


class Unreadable(Exception):
    """A file of the imported folder cannot be read. The text says why."""


class Changed(Exception):
    """A file of the imported folder is not what it was when it was read first."""


def check_file(root: Path, relative: str) -> CheckedFile:
    """Read a file from end to end. Raises Unreadable."""
    file = disk.open_below(root, relative)
    if file is None:
        raise Unreadable("it cannot be opened")
    facts = os.fstat(file.descriptor)
    with open(file.descriptor, "rb") as reader:  # noqa: PTH123 - a descriptor; the reader closes it
        try:
            sha256 = hashlib.file_digest(reader, "sha256").hexdigest()
        except OSError as exc:
            raise Unreadable(exc.strerror or str(exc)) from exc
        return CheckedFile(Digest(reader.tell(), sha256), facts.st_ino, facts.st_mtime_ns)


def require_same(path: Path, checked: CheckedFile) -> None:
    """Raise Changed unless the file at ``path`` is the one that was read."""
    try:
        facts = path.lstat()
    except OSError as exc:
        raise Changed from exc
    if (facts.st_ino, facts.st_mtime_ns, facts.st_size) != (
        checked.inode,
        checked.modified_ns,
        checked.digest.bytes,
    ):
        raise Changed


def link(source: Path, target: Path, checked: CheckedFile) -> None:
    """Give the file a second name. Raises OSError where the file system cannot do that,
    and Changed.
    """
    os.link(source, target, follow_symlinks=False)
    require_same(target, checked)


def copy(root: Path, relative: str, target: Path, checked: CheckedFile) -> None:
    """Copy the file's bytes. Raises Unreadable, Changed;
    NoSpace or StorageFailure where they cannot be written.
    """
    digest = copy_any(root, relative, target)
    if digest != checked.digest:
        raise Changed


def copy_any(root: Path, relative: str, target: Path, *, limit: int | None = None) -> Digest:
    """Copy a file's bytes and return their digest. Raises as :func:`copy`,
    and Unreadable for more than ``limit`` bytes.
    """
    file = disk.open_below(root, relative)
    if file is None:
        raise Unreadable("it cannot be opened")
    sha256, size = hashlib.sha256(), 0
    with (
        open(file.descriptor, "rb", buffering=0) as reader,  # noqa: PTH123 - a descriptor; the reader closes it
        disk.translate_errors(target.parent),
        target.open("wb") as writer,
    ):
        while chunk := _read(reader):
            size += len(chunk)
            if limit is not None and size > limit:
                raise Unreadable("it is too large")
            sha256.update(chunk)
            writer.write(chunk)
    return Digest(size, sha256.hexdigest())


def _read(reader: FileIO) -> bytes:
    try:
        return reader.read(CHUNK_BYTES) or b""
    except OSError as exc:
        raise Unreadable(exc.strerror or str(exc)) from exc


def remove(root: Path, relatives: Sequence[str]) -> None:
    """Remove files of the folder that are in the library now. Those that cannot be removed stay."""
    for relative in relatives:
        path = root / relative
        try:
            path.unlink(missing_ok=True)
            disk.fsync_folder(path.parent)
        except OSError:
            continue


@contextmanager
def alone(staging: Path) -> Iterator[None]:
    """Exclude other imports on this machine while the block runs.
    Raises BadInput when one is running.
    """
    descriptor = os.open(staging / "import.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise BadInput(
                "Another import is running.", help="Wait until it has finished."
            ) from exc
        yield
    finally:
        os.close(descriptor)
