"""The only importer of apsw: opens connections, and turns SQLite's errors into ours."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw

from mediavault.core.clock import to_micros
from mediavault.core.failures import StoreDamaged, StoreError, StoreUnreachable
from mediavault.core.messages import Message

Connection = apsw.Connection
SqliteError = apsw.Error
# raised for a reader when a killed writer's change must be rolled back first
NeedsRollback = apsw.ReadOnlyError

# 3.7.0 to 3.51.2 can corrupt a WAL database when two connections write and checkpoint at once.
# Source: sqlite.org/wal.html, "The WAL-Reset Bug".
OLDEST_SAFE_VERSION = (3, 51, 3)

# our own writers queue at their own lock; this is for a user's sqlite3 shell
BUSY_TIMEOUT_MS = 10_000
CHECK_AGAIN_MS = 25
WAL_AUTOCHECKPOINT_PAGES = 1_000  # 4 MB

# Each connection is used by one thread at a time, so it needs no mutex, which takes a tenth of a
# statement's time.
_OWN_THREAD = apsw.SQLITE_OPEN_NOMUTEX

# SQLite takes a mutex at every allocation to count its memory, which nothing here reads: 8 % of a
# job's time. The choice must be made before the library is initialised, which the import of apsw
# has done.
apsw.shutdown()
apsw.config(apsw.SQLITE_CONFIG_MEMSTATUS, False)  # noqa: FBT003 - positional only
apsw.initialize()

_ERRORS: tuple[tuple[type[Exception], str, str], ...] = (
    (apsw.NotADBError, Message("is not a SQLite database, or it is damaged"), StoreDamaged.help),
    (apsw.CorruptError, Message("is damaged"), StoreDamaged.help),
    # of a text: only texts that are valid are stored
    (UnicodeDecodeError, Message("is damaged"), StoreDamaged.help),
    (
        apsw.FullError,
        Message("could not be written: the disk is full"),
        Message("Free some space on the disk of the state folder."),
    ),
    (
        apsw.BusyError,
        Message("is held by another program"),
        Message("Close other programs that have the database open."),
    ),
    (
        apsw.LockedError,
        Message("is held by another program"),
        Message("Close other programs that have the database open."),
    ),
    (
        apsw.ReadOnlyError,
        Message("may not be written"),
        Message("Give this user the right to write to the state folder."),
    ),
    (
        apsw.PermissionsError,
        Message("may not be opened"),
        Message("Give this user the right to read and write the state folder."),
    ),
    (
        apsw.CantOpenError,
        Message("cannot be opened"),
        Message("Check that the state folder exists and this user may write to it."),
    ),
    (
        apsw.IOError,
        Message("could not be read or written"),
        Message("Check the disk of the state folder; its file system failed."),
    ),
)

_OURS: Mapping[type[Exception], type[StoreError]] = {
    apsw.NotADBError: StoreDamaged,
    apsw.CorruptError: StoreDamaged,
    UnicodeDecodeError: StoreDamaged,
    apsw.BusyError: StoreUnreachable,
    apsw.LockedError: StoreUnreachable,
}


class LockWait:
    """Waits for another program's lock while a connection is being opened: for the usual time, or
    until ``give_up``.

    SQLite's own wait sleeps in C, where ``interrupt`` does not reach it.
    """

    def __init__(self) -> None:
        self._over = threading.Event()

    def give_up(self) -> None:
        """Make every current and later wait raise BusyError. From any thread."""
        self._over.set()

    def until(self, has_entered: Callable[[], bool]) -> None:
        """Try until it returns True. Raises SqliteError as SQLite does for a lock that it has
        waited for too long.
        """
        tries = 0
        while not has_entered():
            if not self(tries):
                raise apsw.BusyError("database is locked")
            tries += 1

    def __call__(self, tries: int) -> bool:
        """SQLite's busy handler: return whether to try again, after ``tries`` tries."""
        return tries * CHECK_AGAIN_MS < BUSY_TIMEOUT_MS and not self._over.wait(
            CHECK_AGAIN_MS / 1000
        )


def sqlite_version() -> str:
    return apsw.sqlite_lib_version()


def refuse_unsafe_version(version: str) -> None:
    """Raise StoreError for a SQLite library that can corrupt the database."""
    if tuple(int(part) for part in version.split(".")) < OLDEST_SAFE_VERSION:
        oldest = ".".join(map(str, OLDEST_SAFE_VERSION))
        raise StoreError(
            Message(
                (
                    "SQLite %(version)s has a bug that can corrupt the database; %(oldest)s or"
                    " newer is needed."
                ),
                version=version,
                oldest=oldest,
            ),
            help=(
                "Install apsw from its wheel, which carries its own SQLite: pip install"
                " --force-reinstall apsw"
            ),
        )


def connect_to_write(path: Path, wait: LockWait | None = None) -> Connection:
    """Return a connection to an existing file. ``wait`` waits for its locks until
    :func:`use_busy_timeout` is called.

    Raises SqliteError; wrap in :func:`translate_errors`.
    """
    db = _tuned(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE | _OWN_THREAD), wait)
    mode = db.pragma("journal_mode", "wal")
    if mode != "wal":
        db.close()
        raise StoreError(
            Message("The database %(path)s cannot use write-ahead logging.", path=path),
            help="Move the state folder to a local disk: network file systems do not work.",
        )
    db.pragma("wal_autocheckpoint", WAL_AUTOCHECKPOINT_PAGES)
    return db


def connect_to_read(path: Path, wait: LockWait | None = None) -> Connection:
    """Return a connection that cannot write. ``wait`` is as in :func:`connect_to_write`.

    Raises SqliteError; wrap in :func:`translate_errors`.
    """
    return _tuned(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY | _OWN_THREAD), wait)


def use_busy_timeout(db: Connection) -> None:
    """Let SQLite itself wait for locks from now on."""
    db.set_busy_timeout(BUSY_TIMEOUT_MS)


def roll_back_interrupted_write(path: Path) -> None:
    """Let SQLite roll back what a killed writer left half written; a reader may not.
    Raises SqliteError.
    """
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE | _OWN_THREAD)
    try:
        fetch_all(db, "SELECT count(*) FROM sqlite_schema")
    finally:
        db.close()


def connect_to_copy_into(path: Path) -> Connection:
    """Return a connection to the empty file that a backup fills. Raises SqliteError;
    wrap in :func:`translate_errors`.
    """
    return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE | _OWN_THREAD)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a reading operation works with: a connection that cannot write, and the time."""

    db: Connection
    at: datetime

    @property
    def now(self) -> int:
        """The time in microseconds."""
        return to_micros(self.at)


def fetch_all(
    db: Connection, sql: str, values: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """Run one statement and return all its rows. A statement that is left half read would keep its
    transaction open.
    """
    return db.execute(sql, values).fetchall()


def _tuned(db: Connection, wait: LockWait | None = None) -> Connection:
    if wait is None:
        use_busy_timeout(db)
    else:
        db.set_busy_handler(wait)
    db.pragma("temp_store", 2)  # memory
    # A plan never depends on bound values. Without this, SQLite looks at the value of a LIMIT
    # parameter while it plans and so prepares the statement again at every call: 160 us a claim
    # instead of 18.
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    return db


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (apsw.Error, UnicodeDecodeError) as exc:
        raise translate_refusal(exc, path) from exc


def translate_refusal(exc: apsw.Error | UnicodeDecodeError, path: Path) -> StoreError:
    """A StoreError that says what happened to the database at ``path`` and what helps."""
    for kind, what, help_text in _ERRORS:
        if isinstance(exc, kind):
            return _OURS.get(kind, StoreError)(
                Message(
                    "The database %(path)s %(what)s (%(error)s).", path=path, what=what, error=exc
                ),
                help=help_text,
            )
    return StoreError(Message("The database %(path)s refused: %(error)s", path=path, error=exc))
