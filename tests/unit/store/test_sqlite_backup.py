"""A copy of a database that is in use is a complete snapshot of one moment, or is not made."""

from __future__ import annotations

import json
import shutil
import stat
from contextlib import nullcontext
from pathlib import Path

import pytest

from mediavault.core.failures import StoreError
from mediavault.store.schema import SCHEMA_VERSION, Migration
from mediavault.store.sqlite import backup
from mediavault.store.sqlite.backup import copy_database
from mediavault.store.sqlite.engine import (
    connect_to_copy_into,
    connect_to_read,
    connect_to_write,
    fetch_all,
    translate_errors,
)
from mediavault.store.sqlite.schema import (
    MIGRATIONS,
    backup_before_migrating,
    inspect,
    open_database,
)

FILLER = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000) INSERT INTO"
    " filler SELECT i, randomblob(1000) FROM n"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of some 9 MB, of which the log holds a part."""
    path = tmp_path / "jobs.db"
    db = open_database(path)
    db.execute("CREATE TABLE filler (i INTEGER PRIMARY KEY, b BLOB)")
    db.execute(FILLER)
    db.close()
    return path


def count(path: Path) -> int:
    db = connect_to_read(path)
    ((rows,),) = fetch_all(db, "SELECT count(*) FROM filler")
    db.close()
    return int(rows)


def test_a_copy_includes_the_log_and_is_one_file(path: Path, tmp_path: Path) -> None:
    writer = connect_to_write(path)
    writer.execute("INSERT INTO filler VALUES (100000, 'only in the log')")
    copy = tmp_path / "copies" / "a.db"
    copy.parent.mkdir()

    copy_database(path, copy)
    writer.close()
    assert count(copy) == 9001
    assert [entry.name for entry in copy.parent.iterdir()] == ["a.db"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_writers_go_on_while_it_is_copied_and_the_copy_is_of_one_moment(
    path: Path, tmp_path: Path
) -> None:
    """A write at every step: the copy neither starts again for ever nor shows any of them."""
    writer, steps = connect_to_write(path), []

    def write(done: int, total: int) -> None:
        steps.append(done)
        assert len(steps) < 50
        writer.execute("INSERT INTO filler (b) VALUES ('written meanwhile')")

    copy_database(path, tmp_path / "a.db", on_pages=write)
    writer.close()
    assert len(steps) > 1
    assert (count(tmp_path / "a.db"), count(path)) == (9000, 9000 + len(steps))


def test_no_existing_file_is_replaced(path: Path, tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("precious")

    with pytest.raises(StoreError):
        copy_database(path, tmp_path / "a.db")
    assert (tmp_path / "a.db").read_text() == "precious"


def test_a_damaged_database_is_not_copied(path: Path, tmp_path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(40 * 4096)
        file.write(b"\xff" * 4096)

    with pytest.raises(StoreError):
        copy_database(path, tmp_path / "a.db")
    assert not (tmp_path / "a.db").exists()


# --- before a migration ---------------------------------------------------------------------------

NEXT = Migration(SCHEMA_VERSION + 1, "9999_next.sql", "DROP TABLE filler")


def test_a_database_is_backed_up_before_its_schema_changes(path: Path) -> None:
    open_database(path, migrations=(*MIGRATIONS, NEXT)).close()

    backup = backup_before_migrating(path, SCHEMA_VERSION)
    assert count(backup) == 9000
    open_database(backup).close()  # by the older mediavault
    with pytest.raises(Exception, match="no such table"):
        count(path)


def test_a_fresh_database_and_one_that_is_up_to_date_are_not_copied(path: Path) -> None:
    open_database(path).close()

    assert list(path.parent.glob("*.backup*")) == []


def test_without_room_for_the_copy_the_schema_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr("mediavault.store.sqlite.schema.copy_database", full)

    with pytest.raises(StoreError, match="full"):
        open_database(path, migrations=(*MIGRATIONS, NEXT))
    assert count(path) == 9000


def test_a_copy_that_an_upgrade_left_half_written_does_not_block_the_next_one(path: Path) -> None:
    backup = backup_before_migrating(path, SCHEMA_VERSION)
    backup.with_name(f"{backup.name}.draft").write_text("half")
    open_database(path, migrations=(*MIGRATIONS, NEXT)).close()

    with translate_errors(backup):
        assert count(backup) == 9000
    assert not backup.with_name(f"{backup.name}.draft").exists()


# --- killed while the file was created ------------------------------------------------------------


def test_a_file_whose_creator_was_killed_can_be_opened(tmp_path: Path) -> None:
    """Its journal is hot: only a writer may roll it back, and a reader looks at the file first."""
    making, left = tmp_path / "making.db", tmp_path / "left.db"
    making.touch()
    db = connect_to_copy_into(making)
    db.execute("CREATE TABLE t (b BLOB); PRAGMA cache_size = 1; BEGIN")
    db.execute("INSERT INTO t SELECT randomblob(100000); INSERT INTO t SELECT randomblob(100000)")
    for suffix in ("", "-journal"):
        shutil.copy(f"{making}{suffix}", f"{left}{suffix}")
    db.close()

    identity = inspect(left)
    assert identity is not None
    assert identity.tables == 1


@pytest.mark.parametrize(
    ("kind", "each", "is_refused"),
    [
        ("source_entry", 300, False),  # of an older release
        ("removed_post", 300, False),
        ("saved_search", 300, True),
        ("source_entry", 900, True),
        ("trash", 70, False),
        ("trash", 300, True),
    ],
)
def test_what_is_read_in_pages_may_be_large_in_all_but_not_each(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, each: int, is_refused: bool
) -> None:
    """A vault that follows hundreds of channels has seen hundreds of thousands of posts,
    and its backups are restored.
    """
    monkeypatch.setattr(backup, "MAX_SMALL_TABLE_BYTES", 10_000)
    monkeypatch.setattr(backup, "MAX_ENTRY_BYTES", 500)
    db = connect_to_write(path)
    db.executemany(
        "INSERT INTO records VALUES (?, ?, ?, 1, NULL)",
        [(kind, str(n), json.dumps({"t": "x" * each})) for n in range(100)],
    )
    db.close()

    with pytest.raises(StoreError) if is_refused else nullcontext():
        backup.refuse_oversized(path)


@pytest.mark.parametrize(("each", "is_refused"), [(300, False), (900, True)])
def test_a_table_may_be_large_in_all_but_none_of_its_rows(
    path: Path, monkeypatch: pytest.MonkeyPatch, each: int, is_refused: bool
) -> None:
    monkeypatch.setattr(backup, "MAX_SMALL_TABLE_BYTES", 10_000)
    monkeypatch.setattr(backup, "MAX_ENTRY_BYTES", 500)
    db = connect_to_write(path)
    db.executemany(
        "INSERT INTO source_entries (source, post, state, value) VALUES ('s-1', ?, 'taken', ?)",
        [(str(n), json.dumps({"t": "x" * each})) for n in range(100)],
    )
    db.close()

    with pytest.raises(StoreError) if is_refused else nullcontext():
        backup.refuse_oversized(path)


@pytest.mark.parametrize(
    ("table", "columns", "row"),
    [
        ("trash", "(id, deleted_at, batch, bytes, value)", "(?, 1, 'b', 1, ?)"),
        ("trashed_words", "(id, value)", "(?, ?)"),
    ],
)
@pytest.mark.parametrize(("each", "is_refused"), [(900, False), (3_000, True)])
def test_a_deleted_post_may_be_as_large_as_a_job(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    columns: str,
    row: str,
    each: int,
    is_refused: bool,
) -> None:
    monkeypatch.setattr(backup, "MAX_SMALL_TABLE_BYTES", 10_000)
    monkeypatch.setattr(backup, "MAX_ENTRY_BYTES", 500)
    monkeypatch.setattr(backup, "MAX_ROW_BYTES", 2_000)
    db = connect_to_write(path)
    db.executemany(
        f"INSERT INTO {table} {columns} VALUES {row}",
        [(str(n), json.dumps({"t": "x" * each})) for n in range(100)],
    )
    db.close()

    with pytest.raises(StoreError) if is_refused else nullcontext():
        backup.refuse_oversized(path)
