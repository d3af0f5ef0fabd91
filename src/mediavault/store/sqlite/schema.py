"""Brings the database file to this version's schema, or refuses it and leaves it untouched."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mediavault.core.clock import from_micros
from mediavault.core.failures import StoreError
from mediavault.core.messages import Message
from mediavault.store.schema import (
    Migration,
    load_migrations,
    load_schema,
    pending,
    scripts,
    too_new,
)
from mediavault.store.sql import tables
from mediavault.store.sqlite.backup import copy_database, fsync
from mediavault.store.sqlite.engine import (
    Connection,
    LockWait,
    NeedsRollback,
    Snapshot,
    connect_to_read,
    connect_to_write,
    fetch_all,
    roll_back_interrupted_write,
    translate_errors,
    use_busy_timeout,
)
from mediavault.store.sqlite.sql import blocking

# "mvlt", in the file's header: tells our file from another program's
APPLICATION_ID = 0x6D_76_6C_74
MIGRATIONS = load_migrations("sqlite")
SCHEMA = load_schema("sqlite")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a database file says about itself."""

    application_id: int
    schema_version: int
    tables: int


def refuse_foreign(
    identity: Identity, path: Path, *, migrations: Sequence[Migration] = MIGRATIONS
) -> None:
    """Raise StoreError for another program's database,
    SchemaTooNew or SchemaTooOld for another mediavault's.
    """
    if identity.application_id != APPLICATION_ID and (identity.application_id or identity.tables):
        raise StoreError(
            Message("The database %(path)s belongs to another program.", path=path),
            help="Name another file in MEDIAVAULT_DATABASE_URL.",
        )
    if identity.schema_version > migrations[-1].version:
        raise too_new(path, identity.schema_version, migrations[-1].version)
    pending(migrations, identity.schema_version, path)


def inspect(path: Path, wait: LockWait | None = None) -> Identity | None:
    """Read the file's identity without changing it; None if it is missing or empty. Raises
    StoreError if it is damaged.

    A process that is killed while it creates the file leaves a journal that is rolled back first,
    as by any program.
    """
    if not path.exists() or path.stat().st_size == 0:
        return None
    with translate_errors(path):
        try:
            return _read_identity(path, wait)
        except NeedsRollback:
            roll_back_interrupted_write(path)
            return _read_identity(path, wait)


def _read_identity(path: Path, wait: LockWait | None) -> Identity:
    db = connect_to_read(path, wait)
    try:
        return _identity(db)
    finally:
        db.close()


def create_file(path: Path) -> None:
    """Create the file with mode 0600 in a folder with mode 0700, if they do not exist yet."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A file that exists is not opened here: closing it would drop every lock that this process's
    # other connections hold on it (fcntl(2)), and another process that believes it is the last one
    # would remove their write-ahead log.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def open_database(
    path: Path,
    *,
    migrations: Sequence[Migration] = MIGRATIONS,
    wait: LockWait | None = None,
    enter: Callable[[Connection, bool], None] = lambda *_: None,
) -> Connection:
    """Return a connection for writing, with the schema brought up to date; nothing is written where
    it is already.

    ``enter`` gets the connection before anything is written, and whether something is going to be.
    Raises SchemaTooNew, SchemaTooOld, StoreUnreachable when another program locks the file for
    longer than is waited, and StoreError when the file is damaged, foreign or cannot be written;
    the file is then unchanged.
    """
    identity = inspect(path, wait)
    if identity is not None:
        refuse_foreign(identity, path, migrations=migrations)
    try:
        create_file(path)
    except OSError as exc:
        raise StoreError(
            Message(
                "The database %(path)s cannot be created: %(error)s.", path=path, error=exc.strerror
            )
        ) from exc
    with translate_errors(path):
        db = connect_to_write(path, wait)
        try:
            refuse_foreign(identity := _identity(db), path, migrations=migrations)
            enter(db, identity.schema_version < migrations[-1].version)
            migrate(db, path, migrations=migrations)
            use_busy_timeout(db)
        except BaseException:
            db.close()
            raise
        return db


def migrate(db: Connection, path: Path, *, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Create the schema, or apply the missing migrations, in one transaction; of processes that
    start at once one does.

    An existing database is copied aside first (:func:`backup_before_migrating`). When that fails,
    for lack of space for example, nothing is changed.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        identity = _identity(db)
        refuse_foreign(identity, path, migrations=migrations)
        version, newest = identity.schema_version, migrations[-1].version
        if version < newest:
            _change_schema(db, path, version, pending(migrations, version, path))
            db.pragma("user_version", newest)
            db.pragma("application_id", APPLICATION_ID)
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _change_schema(db: Connection, path: Path, version: int, missing: Sequence[Migration]) -> None:
    if version:
        _copy_aside(path, backup_before_migrating(path, version))
    for script in scripts(SCHEMA, missing, version):
        db.execute(script)
    reached = [migration.version for migration in missing]
    blocking(tables.fill)(Snapshot(db, from_micros(0)), reached)  # nothing that it reads expires


def backup_before_migrating(path: Path, schema_version: int) -> Path:
    """Return where the database is saved as it was with that schema.
    A later upgrade from it replaces the copy.
    """
    return path.with_name(f"{path.name}.schema-{schema_version}.backup")


def _copy_aside(path: Path, backup: Path) -> None:
    """Copy the database. The caller holds the write lock:
    nothing is written between the copy and the migration.
    """
    draft = backup.with_name(f"{backup.name}.draft")
    draft.unlink(missing_ok=True)  # of an upgrade that was killed
    copy_database(path, draft)
    draft.replace(backup)
    fsync(backup.parent)


def _identity(db: Connection) -> Identity:
    ((tables,),) = fetch_all(db, "SELECT count(*) FROM sqlite_schema")
    ((application_id,),) = fetch_all(db, "PRAGMA application_id")
    ((version,),) = fetch_all(db, "PRAGMA user_version")
    return Identity(application_id, version, tables)
