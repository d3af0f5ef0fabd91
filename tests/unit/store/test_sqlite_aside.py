"""Damaged database files are moved aside with their log; sound ones are never touched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mediavault.core.failures import StoreDamaged, StoreError
from mediavault.store.sqlite.aside import is_damaged, set_aside
from mediavault.store.sqlite.schema import open_database
from mediavault.store.sqlite.store import SqliteJobStore
from tests.fakes import FakeClock
from tests.stubs import new_job

AT = datetime(2026, 11, 26, 10, 30, tzinfo=UTC)
ASIDE = "jobs.db.corrupt-20261126T103000Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


def contents(folder: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_damaged_file_and_its_log_are_renamed_together_and_a_new_one_can_be_opened(
    path: Path,
) -> None:
    """A log that was left behind would be taken for the new file's."""
    path.write_bytes(b"garbage" * 1000)
    path.with_name("jobs.db-wal").write_bytes(b"its log")

    aside = set_aside(path, AT)

    assert aside == path.with_name(ASIDE)
    assert {
        name: body for name, body in contents(path.parent).items() if not name.endswith("-shm")
    } == {
        ASIDE: b"garbage" * 1000,
        f"{ASIDE}-wal": b"its log",
    }
    open_database(path).close()


def test_damage_in_the_middle_of_a_file_is_found(path: Path) -> None:
    db = open_database(path)
    db.execute("CREATE TABLE t (text); WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1"
               " FROM n WHERE i < 999)"
               " INSERT INTO t SELECT hex(randomblob(200)) FROM n")  # fmt: skip
    db.close()
    before = is_damaged(path)
    with path.open("r+b") as file:
        file.seek(-200_000, 2)
        file.write(b"\xff" * 8_192)

    assert (before, is_damaged(path)) == (False, True)


@pytest.mark.parametrize(
    "change",
    ["post_url = CAST(x'68747470ff' AS TEXT)", "items = 'not JSON'", "candidates = '[{}]'"],
)
async def test_damage_in_what_a_row_says_is_found(path: Path, change: str) -> None:
    """SQLite's own check does not look into the values."""
    store = SqliteJobStore(path, FakeClock())
    await store.open()
    await store.queue.enqueue([new_job(clock=FakeClock())])
    await store.close()
    before, db = is_damaged(path), open_database(path)
    db.execute(f"UPDATE jobs SET {change}")
    db.close()

    assert (before, is_damaged(path)) == (False, True)


def test_a_sound_file_is_not_moved(path: Path) -> None:
    open_database(path).close()
    before = contents(path.parent)

    assert set_aside(path, AT) is None
    assert contents(path.parent)["jobs.db"] == before["jobs.db"]


@pytest.mark.parametrize("body", [None, b""])
def test_a_missing_or_empty_file_is_not_moved(path: Path, body: bytes | None) -> None:
    if body is not None:
        path.write_bytes(body)

    assert set_aside(path, AT) is None
    assert not path.with_name(ASIDE).exists()


def test_no_existing_file_is_replaced(path: Path) -> None:
    path.write_bytes(b"garbage" * 1000)
    path.with_name(ASIDE).write_bytes(b"an earlier one")

    with pytest.raises(
        StoreError, match="cannot be moved aside: a file with that name already exists"
    ):
        set_aside(path, AT)

    assert contents(path.parent) == {"jobs.db": b"garbage" * 1000, ASIDE: b"an earlier one"}


def test_a_damaged_file_is_refused_when_it_is_opened(path: Path) -> None:
    path.write_bytes(b"garbage" * 1000)

    with pytest.raises(StoreDamaged) as refused:
        open_database(path)

    assert "--set-aside" in (refused.value.help or "")
