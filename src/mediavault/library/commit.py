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

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mediavault.core.companions import sibling, thumbnail_path
from mediavault.core.failures import StorageFailure
from mediavault.core.media import ProbeReport, SavedFile
from mediavault.library.companion_files import exists
from mediavault.library.port import Library

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
