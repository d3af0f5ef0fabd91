"""Saved files as one zip that is streamed: it is never on disk, nor complete in memory.

Stored, not deflated, since videos don't shrink; ZIP64 where a file or the archive needs it.
"""

from __future__ import annotations

import zipfile
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from mediavault.api.services import LibraryFiles
from mediavault.core.failures import JobNotFound, StorageFailure
from mediavault.core.job import Job, JobId
from mediavault.core.logs import get_logger
from mediavault.core.names import reserved_name, safe_text, truncate_bytes
from mediavault.presentation.translation import gettext, translated
from mediavault.presentation.views import kept_files, title
from mediavault.services.library.port import OpenedFile
from mediavault.store.port import JobCatalogue

log = get_logger(__name__)

MISSING = "MISSING.txt"  # what is not in the archive, and why
MAX_PART_BYTES = 200  # of each part of a name, with room for a number
FIRST_YEAR, LAST_YEAR = 1980, 2107  # the range of a zip's timestamps
_MODE = 0o644 << 16


@dataclass(frozen=True, slots=True)
class Extras:
    """What the archive holds in addition to each video."""

    pictures: bool = False
    sidecars: bool = False


async def zipped(
    catalogue: JobCatalogue, library: LibraryFiles, job_ids: Iterable[JobId], extras: Extras
) -> AsyncGenerator[bytes, None]:
    """Yield the archive piece by piece. Files that can't be read are listed in ``MISSING.txt`` and don't stop it.

    Raises StoreError when the store is not available.
    """
    sink, names, missing = _Sink(), Names(), list[str]()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for job_id in job_ids:
            try:
                job = await catalogue.get(job_id)
            except JobNotFound:
                missing.append(f"{job_id}: " + gettext("This post no longer exists."))
                continue
            paths = list(paths_of(job, extras))
            if not paths:
                missing.append(f"{title(job)} ({job_id}): " + gettext("It has no saved files."))
            for path in paths:
                async with aclosing(_add(archive, sink, library, path, names.free(path), job, missing)) as pieces:
                    async for piece in pieces:
                        yield piece
        if missing:
            note = zipfile.ZipInfo(names.free(MISSING))
            note.external_attr = _MODE
            archive.writestr(note, "".join(f"{line}\r\n" for line in missing))
    yield sink.taken()


def paths_of(job: Job, extras: Extras) -> Iterator[str]:
    """Yield the paths in the library of a job's files that belong in the archive."""
    for kept in kept_files(job).values():
        yield kept.output_path
        if extras.pictures and kept.thumbnail_path:
            yield kept.thumbnail_path
        if extras.sidecars:
            yield str(PurePosixPath(kept.output_path).with_suffix(".info.json"))


async def _add(
    archive: zipfile.ZipFile,
    sink: _Sink,
    library: LibraryFiles,
    path: str,
    name: str,
    job: Job,
    missing: list[str],
) -> AsyncGenerator[bytes, None]:
    try:
        file = await library.open(path)
    except StorageFailure as exc:
        missing.append(f"{name}: {translated(exc.message)}")
        return
    if file is None:
        missing.append(f"{name}: " + gettext("The file is not in the library."))
        return
    try:
        async with aclosing(_written(archive, sink, file, _info(name, file.size, job))) as pieces:
            async for piece in pieces:
                yield piece
    except StorageFailure as exc:
        missing.append(f"{name}: " + gettext("The file could not be read completely.") + f" {translated(exc.message)}")
    except EOFError:
        missing.append(f"{name}: " + gettext("The file was truncated while it was being read."))
    finally:
        await file.close()


async def _written(
    archive: zipfile.ZipFile, sink: _Sink, file: OpenedFile, info: zipfile.ZipInfo
) -> AsyncGenerator[bytes, None]:
    """Write one file into the archive, and yield the archive's bytes. Raises EOFError when the file has become shorter.

    The entry is closed in any case, so that the next one can follow.
    """
    size, done = info.file_size, 0
    with archive.open(info, "w") as entry:
        async for chunk in file.chunks(0, size):
            entry.write(chunk)
            done += len(chunk)
            yield sink.taken()
    yield sink.taken()
    if done < size:
        raise EOFError


def _info(name: str, size: int, job: Job) -> zipfile.ZipInfo:
    at = job.completed_at or job.created_at
    info = zipfile.ZipInfo(name, _zip_time(at))
    info.external_attr = _MODE
    info.file_size = size  # tells zipfile whether the entry needs ZIP64
    return info


def _zip_time(at: datetime) -> tuple[int, int, int, int, int, int]:
    at = at.astimezone(UTC)
    year = min(max(at.year, FIRST_YEAR), LAST_YEAR)
    return year, at.month, at.day, at.hour, at.minute, at.second


class Names:
    """Names inside one archive: each part is safe on every file system, and no two differ only in case."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def free(self, path: str) -> str:
        parts = [_safe_part(part) for part in PurePosixPath(path).parts if part not in ("/", "..", ".")]
        folder, name = "/".join(parts[:-1]), parts[-1] if parts else "file"
        stem, suffix = _split(name)
        number = 1
        while True:
            numbered = name if number == 1 else f"{stem} ({number}){suffix}"
            whole = f"{folder}/{numbered}" if folder else numbered
            if whole.casefold() not in self._taken:
                self._taken.add(whole.casefold())
                return whole
            number += 1


def _safe_part(part: str) -> str:
    """Remove trailing spaces and dots, which Windows drops, and avoid the device names that it reserves."""
    stem, suffix = _split(safe_text(part))
    name = (truncate_bytes(stem, MAX_PART_BYTES) + suffix).strip(" .")
    return (f"_{name}" if reserved_name(stem.rstrip(" .") + suffix) else name) or "file"


def _split(name: str) -> tuple[str, str]:
    """Split off the suffix. ``.info.json`` counts as one; anything longer than 12 characters is not a suffix."""
    for suffix in (".info.json", PurePosixPath(name).suffix):
        if suffix and name.endswith(suffix) and len(suffix) <= 12:
            return name.removesuffix(suffix), suffix
    return name, ""


class _Sink:
    """The file that zipfile writes into. It can't seek, and discards the bytes that were taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def taken(self) -> bytes:
        """Return the bytes written since the last call."""
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        return data
