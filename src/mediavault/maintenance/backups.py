"""Backups: writes a store to one SQLite file while it is in use,
and opens such a file as a store.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from mediavault.core.failures import BadInput, StoreError
from mediavault.core.messages import Message
from mediavault.core.system_errors import failure_of_disk
from mediavault.library import disk
from mediavault.maintenance.moving import Progress, copy_jobs, copy_rest, count_jobs
from mediavault.store.port import Store
from mediavault.store.sqlite.backup import copy_database, refuse_oversized

_DATED = re.compile(r"mediavault-\d{8}T\d{6}Z\.db")
SQLITE_MAGIC = b"SQLite format 3\0"  # sqlite.org/fileformat.html, section 1.3


def dated_name(at: datetime) -> str:
    """Return the name of a backup made at ``at``, by which backups sort."""
    return f"mediavault-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}.db"


def remove_older(folder: Path, keep: int) -> list[Path]:
    """Remove all but the ``keep`` newest backups with a dated name; return what was removed.
    Raises StorageFailure.
    """
    dated = sorted(path for path in folder.iterdir() if _DATED.fullmatch(path.name))
    older = dated[:-keep]
    for path in older:
        try:
            path.unlink(missing_ok=True)  # another backup may be doing the same
        except OSError as exc:
            raise failure_of_disk(exc, path) from exc
    return older


async def back_up_file(database: Path, file: Path, onlooker: Progress) -> None:
    """Copy a SQLite database as of one moment. ``file`` appears whole or not at all, and never
    replaces another file.

    Raises BadInput, StoreError, StorageFailure, NoSpace.
    """
    _refuse_missing(database)
    async with disk.new_file(file) as draft:
        onlooker.start("Copying the database", None)
        await asyncio.to_thread(copy_database, database, draft)


async def back_up_store(
    store: Store, file: Path, onlooker: Progress, *, make_copy: Callable[[Path], Store]
) -> None:
    """Copy any store into a SQLite file; ``make_copy`` makes the store of a path.

    Each job is copied as of one moment during the backup. A running job is written as queued.
    """
    disk.refuse_taken(file)
    disk.make_folder(file.parent)
    with tempfile.TemporaryDirectory(prefix=f".{file.name}.draft-", dir=file.parent) as folder:
        database = Path(folder) / "copy.db"
        copy = make_copy(database)
        await copy.open()
        try:
            onlooker.start("Copying", await count_jobs(store.catalogue))
            await copy_jobs(store, copy, on_jobs=onlooker.advance)
            await copy_jobs(store, copy)  # jobs that were added or changed during the first pass
            await copy_rest(store, copy)
        finally:
            await copy.close()
        await back_up_file(database, file, onlooker)


@asynccontextmanager
async def private_copy(file: Path, folder: Path) -> AsyncIterator[tuple[Path, int]]:
    """Yield a temporary copy of a backup, which may be opened and migrated,
    and the size of its largest row in bytes.
    """
    _refuse_missing(file)
    await asyncio.to_thread(_refuse_other, file)
    with temporary_folder(folder) as temporary:
        copy = temporary / "backup.db"
        await asyncio.to_thread(copy_database, file, copy)
        yield copy, await asyncio.to_thread(refuse_oversized, copy)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Make a private folder in ``parent``, and remove it afterwards. Raises StoreError."""
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix="temporary-", dir=parent)
    except OSError as exc:
        raise StoreError(
            Message(
                "%(parent)s cannot be written: %(error)s.", parent=parent, error=exc.strerror or exc
            )
        ) from exc
    with folder as name:
        yield Path(name)


def _refuse_missing(database: Path) -> None:
    if not database.is_file():
        raise BadInput(Message("There is no database %(database)s.", database=database))


def _refuse_other(file: Path) -> None:
    """Raise BadInput for another kind of file, before it is copied:
    later errors would name the copy.
    """
    try:
        with file.open("rb") as opened_file:
            magic = opened_file.read(len(SQLITE_MAGIC))
    except OSError as exc:
        raise BadInput(
            Message("%(file)s cannot be read: %(error)s.", file=file, error=exc.strerror or exc)
        ) from exc
    if magic != SQLITE_MAGIC:
        raise BadInput(
            Message("%(file)s is not a SQLite database.", file=file),
            help="Name a file that `mediavault backup` wrote.",
        )
