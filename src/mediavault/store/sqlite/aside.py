"""Moves a damaged database file aside, so that a new one can take its place.

Nothing is deleted, and no sound file is touched.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from mediavault.core.failures import StoreDamaged, StoreError
from mediavault.core.messages import Message
from mediavault.store.rows import JOB_COLUMNS, job_from_row
from mediavault.store.schema import SCHEMA_VERSION
from mediavault.store.sqlite.backup import fsync
from mediavault.store.sqlite.engine import connect_to_read, fetch_all, translate_errors
from mediavault.store.sqlite.schema import inspect

# A process that has the file open in WAL mode holds a lock on these bytes. Source: SHARED_FIRST and
# SHARED_SIZE in SQLite's os.h.
_SHARED_FIRST, _SHARED_SIZE = 0x4000_0002, 510
_READERS: Mapping[tuple[str, str], Callable[[Sequence[Any]], object]] = {
    (JOB_COLUMNS, "jobs"): job_from_row,
    ("*", "history"): tuple,
    ("*", "records"): tuple,
}
# The file itself goes last: a log that is left next to a new file would be taken for its log.
_SUFFIXES = ("-wal", "-shm", "-journal", "")


def set_aside(path: Path, at: datetime) -> Path | None:
    """Rename a damaged file and its log to ``NAME.corrupt-TIME``; returns the new path, None if it
    is sound or missing.

    Raises StoreError when a process of this machine has it open, or it cannot be renamed.
    """
    if not is_damaged(path):
        return None
    aside = path.with_name(f"{path.name}.corrupt-{at:%Y%m%dT%H%M%SZ}")
    try:
        with _exclusive_lock(path):
            for suffix in _SUFFIXES:
                _rename(path.with_name(path.name + suffix), aside.with_name(aside.name + suffix))
            fsync(path.parent)
    except OSError as exc:
        raise StoreError(
            Message(
                "The database %(path)s cannot be moved aside: %(error)s.",
                path=path,
                error=exc.strerror,
            )
        ) from exc
    return aside


def is_damaged(path: Path) -> bool:
    """Read the whole file and return whether it is damaged.
    Raises StoreError when that cannot be determined.
    """
    try:
        identity = inspect(path)
        if identity is None:
            return False
        with translate_errors(path):
            db = connect_to_read(path)
            try:
                if fetch_all(db, "PRAGMA integrity_check(1)") != [("ok",)]:
                    return True
                readers = _READERS if identity.schema_version == SCHEMA_VERSION else {}
                # the check does not look into the values
                for (columns, table), read in readers.items():
                    for row in db.execute(f"SELECT {columns} FROM {table}"):  # noqa: S608 - ours
                        read(row)
            finally:
                db.close()
    except StoreDamaged:
        return True
    return False


@contextmanager
def _exclusive_lock(path: Path) -> Iterator[None]:
    """Hold a lock that is free only while no other process has the database open. Raises
    StoreError.

    This process must have no connection open: closing a descriptor drops every lock that it holds
    on the file.
    """
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
        except (BlockingIOError, PermissionError) as exc:
            raise StoreError(
                Message("The damaged database %(path)s is open in another process.", path=path),
                help="Stop `mediavault serve` and all workers first.",
            ) from exc
        yield
    finally:
        os.close(fd)


def _rename(old: Path, new: Path) -> None:
    if new.exists():
        raise FileExistsError(17, "a file with that name already exists", str(new))
    if old.exists():
        old.rename(new)
