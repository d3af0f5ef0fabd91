"""Saved files as one zip that is streamed: it is never on disk, nor complete in memory.

Stored, not deflated, since videos don't shrink; ZIP64 where a file or the archive needs it.
"""

from __future__ import annotations

import zipfile
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

from mediavault.core.failures import JobNotFound, StorageFailure
from mediavault.core.job import Job, JobId, saved_files
from mediavault.core.logs import get_logger
from mediavault.library.zip_stream import FIRST_YEAR, Names, ZipSink, write_file, zip_entry
from mediavault.presentation.translation import gettext, translated
from mediavault.presentation.views import sidecar_path, title
from mediavault.server.services import LibraryFiles
from mediavault.store.port import JobCatalogue

log = get_logger(__name__)

MISSING = "MISSING.txt"  # what is not in the archive, and why


@dataclass(frozen=True, slots=True)
class Extras:
    """What the archive holds in addition to each video."""

    pictures: bool = False
    sidecars: bool = False


async def zipped(
    catalogue: JobCatalogue, library: LibraryFiles, job_ids: Iterable[JobId], extras: Extras
) -> AsyncGenerator[bytes, None]:
    """Yield the archive piece by piece. Files that can't be read are listed in ``MISSING.txt`` and
    don't stop it.

    Raises StoreError when the store is not available.
    """
    sink, names, missing = ZipSink(), Names(), list[str]()
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
                async with aclosing(
                    _add(archive, sink, library, path, names.free(path), job, missing)
                ) as pieces:
                    async for piece in pieces:
                        yield piece
        if missing:
            note = "".join(f"{line}\r\n" for line in missing).encode()
            archive.writestr(
                zip_entry(names.free(MISSING), len(note), datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)),
                note,
            )
    yield sink.taken()


def paths_of(job: Job, extras: Extras) -> Iterator[str]:
    """Yield the paths in the library of a job's files that belong in the archive."""
    for saved in saved_files(job).values():
        yield saved.output_path
        if extras.pictures and saved.thumbnail_path:
            yield saved.thumbnail_path
        if extras.sidecars:
            yield sidecar_path(saved)


async def _add(
    archive: zipfile.ZipFile,
    sink: ZipSink,
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
        async with aclosing(
            write_file(
                archive, sink, zip_entry(name, file.size, job.completed_at or job.created_at), file
            )
        ) as pieces:
            async for piece in pieces:
                yield piece
    except StorageFailure as exc:
        missing.append(
            f"{name}: "
            + gettext("The file could not be read completely.")
            + f" {translated(exc.message)}"
        )
    except EOFError:
        missing.append(f"{name}: " + gettext("The file was truncated while it was being read."))
    finally:
        await file.close()
