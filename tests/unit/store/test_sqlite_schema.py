"""The database file is created, brought up to date, or refused and left as it was."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import SchemaTooNew, StoreError
from mediavault.store.schema import SCHEMA_VERSION, Migration
from mediavault.store.sqlite.engine import Connection, connect_to_read, connect_to_write, fetch_all
from mediavault.store.sqlite.open_file import OpenFile
from mediavault.store.sqlite.schema import (
    APPLICATION_ID,
    MIGRATIONS,
    create_file,
    inspect,
    migrate,
    open_database,
)
from mediavault.store.sqlite.store import SqliteJobStore
from mediavault.store.sqlite.writer import ClockGuard, SqliteWriter, Txn, WriteLock
from mediavault.store.wake import Signals
from tests.fakes import FakeClock

SYNC_NORMAL, SYNC_FULL = 1, 2  # sqlite.org/pragma.html#pragma_synchronous


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "jobs.db"


def schema_of(db: Connection) -> list[tuple[Any, ...]]:
    return fetch_all(db, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")


def pragma(db: Connection, name: str) -> Any:
    return fetch_all(db, f"PRAGMA {name}")[0][0]


# --- migrations -----------------------------------------------------------------------------------


def test_a_later_migration_keeps_the_existing_jobs(path: Path) -> None:
    db = open_database(path)
    fill(db, 3)
    db.close()
    later = Migration(SCHEMA_VERSION + 1, "9999_more.sql", "ALTER TABLE jobs ADD COLUMN more TEXT;")

    db = open_database(path, migrations=[*MIGRATIONS, later])

    assert fetch_all(db, "SELECT count(*), count(more) FROM jobs") == [(3, 0)]
    assert pragma(db, "user_version") == SCHEMA_VERSION + 1
    db.close()


def test_a_migration_that_fails_leaves_the_schema_as_it_was(path: Path) -> None:
    db = open_database(path)
    before = schema_of(db)
    broken = Migration(
        SCHEMA_VERSION + 1,
        "9999_broken.sql",
        "CREATE TABLE half (a INTEGER); CREATE TABLE jobs (a INTEGER);",
    )

    with pytest.raises(Exception, match="jobs already exists"):
        migrate(db, path, migrations=[*MIGRATIONS, broken])

    assert schema_of(db) == before
    assert pragma(db, "user_version") == SCHEMA_VERSION
    db.close()


def test_opening_twice_changes_nothing(path: Path) -> None:
    db = open_database(path)
    before = schema_of(db)
    again = open_database(path)

    assert schema_of(again) == before
    db.close()
    again.close()


# --- files that are refused -----------------------------------------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


async def refuse(path: Path, error: type[StoreError]) -> None:
    store = SqliteJobStore(path, FakeClock())
    with pytest.raises(error):
        await store.open()
    await store.close()


def in_rollback_mode(path: Path, sql: str) -> None:
    """Create a file in the state that a program without write-ahead logging leaves behind."""
    create_file(path)
    db = connect_to_write(path)
    db.execute(sql)
    db.pragma("journal_mode", "delete")
    db.close()


async def test_a_newer_schema_is_refused_and_left_untouched(path: Path) -> None:
    later = Migration(SCHEMA_VERSION + 1, "9999_later.sql", "CREATE TABLE later (a INTEGER);")
    open_database(path, migrations=[*MIGRATIONS, later]).close()
    before = path.read_bytes()

    await refuse(path, SchemaTooNew)

    assert path.read_bytes() == before


async def test_a_newer_schema_that_appears_at_the_last_moment_is_refused_too(path: Path) -> None:
    """There is a check before opening and another under the lock:
    another process may upgrade in between.
    """
    db = open_database(path)
    db.pragma("user_version", SCHEMA_VERSION + 1)

    with pytest.raises(SchemaTooNew):
        migrate(db, path)

    assert pragma(db, "user_version") == SCHEMA_VERSION + 1
    db.close()


@pytest.mark.parametrize(
    "content", [b"garbage " * 4_000, b"my notes\n", b"SQLite format 3\0" + b"\xff" * 5_000]
)
async def test_a_file_that_is_not_a_database_is_refused_and_left_untouched(
    path: Path, content: bytes
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)

    await refuse(path, StoreError)

    assert contents(path.parent) == {path.name: content}


async def test_another_programs_database_is_refused_and_left_untouched(path: Path) -> None:
    in_rollback_mode(path, "CREATE TABLE theirs (a INTEGER)")
    before = path.read_bytes()

    await refuse(path, StoreError)

    assert contents(path.parent) == {path.name: before}


async def test_a_folder_instead_of_the_file_is_refused(path: Path) -> None:
    path.mkdir(parents=True)

    await refuse(path, StoreError)


async def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    store = SqliteJobStore(path, FakeClock())
    await store.open()
    await store.close()

    identity = inspect(path)
    assert identity is not None
    assert (identity.application_id, identity.schema_version) == (APPLICATION_ID, SCHEMA_VERSION)


def test_inspecting_a_missing_file_returns_nothing(path: Path) -> None:
    assert inspect(path) is None
    assert not path.parent.exists()


# --- modes and durability -------------------------------------------------------------------------


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_folder_and_files_are_for_their_user_only(path: Path) -> None:
    store = SqliteJobStore(path, FakeClock())
    await store.open()
    leave = store.workers.on_work(lambda: None)

    modes = {file.name: mode_of(file) for file in path.parent.iterdir() if file.is_file()}
    folders = {folder.name: mode_of(folder) for folder in path.parent.iterdir() if folder.is_dir()}

    assert mode_of(path.parent) == 0o700
    assert {"jobs.db", "jobs.db-wal", "jobs.db-lock"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    # the sockets' folder is elsewhere if the path is too long for them
    assert set(folders.values()) <= {0o700}
    leave()
    await store.close()


def test_the_database_uses_write_ahead_logging(path: Path) -> None:
    open_database(path).close()
    db = connect_to_read(path)

    assert pragma(db, "journal_mode") == "wal"
    db.close()


def synchronous(txn: Txn) -> int:
    return int(pragma(txn.db, "synchronous"))


async def test_what_must_survive_a_power_cut_is_synced_fully_and_the_rest_is_not(
    path: Path,
) -> None:
    clock = FakeClock()
    writer = SqliteWriter(
        open_database(path),
        WriteLock(path.with_name("lock"), clock),
        clock,
        path=path,
        file=OpenFile(path),
        signals=Signals(path.with_name("wake")),
        guard=ClockGuard(),
    )

    levels = [
        await writer.submit(synchronous),
        await writer.submit_durable(synchronous),
        await writer.submit(synchronous),
    ]

    assert levels == [SYNC_NORMAL, SYNC_FULL, SYNC_NORMAL]
    await writer.close()


def fill(db: Connection, rows: int) -> None:
    insert = (
        "INSERT INTO jobs (id, trace_id, post_url, canonical_url, platform, created_at, updated_at,"
        " max_attempts)"
        " VALUES (:id, '', :url, :url, 'generic', :now, :now, 5)"
    )
    for number in range(rows):
        values = {
            "id": f"id-{number:04}",
            "url": f"https://videos.example/watch/{number}",
            "now": number,
        }
        fetch_all(db, insert, values)
