"""How a file enters the library: in an order in which no crash leaves a false row, or saves a file
twice::

    staged file -> seal (fsync) -> [plan: path, size and hash] -> place: rename without replacing,
    fsync of the folder -> sidecar -> [row: completed]

The steps in brackets are the store's. The plan of a worker is its row ``committing``, that of an
import a record. After a crash, the next attempt or import finishes a plan whose file the library
holds. If the library lacks the file, the next attempt uses the planned name again, and the next
import drops the plan. So a worker places the companions before the video, since a media server
reads them when it notices the video, and an import places them after it, since nothing would remove
those of a dropped plan.
``worker/stages/commit.py`` and ``features/importing`` drive the steps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from mediavault.core.comments import comments_from_lines
from mediavault.core.companions import sibling, thumbnail_path
from mediavault.core.failures import StorageFailure
from mediavault.core.media import Comment, Cue, ProbeReport, SavedFile
from mediavault.core.webvtt import read_subtitles
from mediavault.library.port import Library, OpenedFile

# --- Reads the small files next to videos in the library: pictures, subtitles, comments. They are
# untrusted.

MAX_BYTES = 2 << 20  # of subtitles; an hour of speech has about 100 KB
MAX_COMMENTS_BYTES = 8 << 20


class OpensFiles(Protocol):
    """The part of a library that opens files."""

    async def open(self, relative: str) -> OpenedFile | None:
        """Open a file; None when it is missing or outside of the library. Raises StorageFailure."""


async def read_cues(library: OpensFiles, path: str) -> Sequence[Cue]:
    """Return the cues of a subtitle file by their start; none when it is missing, too large, or no
    such file.

    Raises StorageFailure.
    """
    return await asyncio.to_thread(_cues, await read_small(library, path, MAX_BYTES) or b"")


async def read_comments(library: OpensFiles, path: str) -> Sequence[Comment]:
    """Return a file's comments, each answer behind what it answers; none when it is missing, too
    large, or no such file.

    Raises StorageFailure.
    """
    return await asyncio.to_thread(
        comments_from_lines, await read_small(library, path, MAX_COMMENTS_BYTES) or b""
    )


async def read_small(library: OpensFiles, path: str, most: int) -> bytes | None:
    """Return a file's content; None when it is missing, has more than ``most`` bytes or cannot be
    read.

    Raises StorageFailure.
    """
    file = await library.open(path)
    if file is None:
        return None
    try:
        return (
            None
            if file.size > most
            else b"".join([chunk async for chunk in file.chunks(0, file.size)])
        )
    except OSError:
        return None
    finally:
        await file.close()


async def exists(library: OpensFiles, path: str) -> bool:
    """Return whether the library has a file that can be opened. Raises StorageFailure."""
    file = await library.open(path)
    if file is not None:
        await file.close()
    return file is not None


def _cues(body: bytes) -> Sequence[Cue]:
    try:
        return read_subtitles(body.decode("utf-8", "replace"))
    except ValueError:
        return ()


MAX_NAME_RACES = 20


def plan_file(
    output_path: str,
    report: ProbeReport,
    *,
    size: int,
    sha256: str,
    picture: Path | None,
    beside: Sequence[str],
) -> SavedFile:
    """Return a file as it will be in the library. ``picture`` is its thumbnail in the staging
    folder.
    """
    return SavedFile(
        output_path=output_path,
        thumbnail_path=thumbnail_path(output_path, picture.suffix) if picture else None,
        bytes=size,
        sha256=sha256,
        duration_s=report.duration_s,
        width=report.width,
        height=report.height,
        beside=tuple(beside),
    )


def name_taken() -> StorageFailure:
    """Return the failure of a file that lost ``MAX_NAME_RACES`` names to others."""
    return StorageFailure(
        "Other files kept taking the name: another program is writing to the library."
    )


async def is_in_library(library: Library, planned: SavedFile) -> bool:
    """Return whether the library holds this very file: read again, size and hash agree.
    Raises StorageFailure.
    """
    return await library.holds(planned.output_path, size=planned.bytes, sha256=planned.sha256)


async def without_missing(library: Library, planned: SavedFile) -> SavedFile:
    """Return the file without the companions that the library lacks,
    because a crash came before they were placed.
    """
    picture, beside = planned.thumbnail_path, planned.beside
    return replace(
        planned,
        thumbnail_path=picture if picture is not None and await exists(library, picture) else None,
        beside=tuple(
            [
                suffix
                for suffix in beside
                if await exists(library, sibling(planned.output_path, suffix))
            ]
        ),
    )
