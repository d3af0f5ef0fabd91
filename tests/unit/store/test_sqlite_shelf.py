"""The shelf beside an old library: filled when the schema is new, gone on with after a kill, never left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.clock import to_micros
from mediavault.core.failures import StoreError
from mediavault.core.job import JobStatus
from mediavault.store import shelf
from mediavault.store.port import JobQuery, StoredJob
from mediavault.store.sqlite import ops
from mediavault.store.sqlite import shelf as sqlite_shelf
from mediavault.store.sqlite.engine import Connection, fetch_all
from mediavault.store.sqlite.schema import MIGRATIONS, open_database
from mediavault.store.sqlite.store import SqliteJobStore
from mediavault.store.sqlite.writer import Txn
from tests.contract.shelves import job_of
from tests.fakes import FakeClock

BEFORE_THE_SHELF = 8  # migrations


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


def transaction(db: Connection) -> Txn:
    clock = FakeClock()
    return Txn(db, clock.now(), to_micros(clock.now()), clock.monotonic())


def old_library(path: Path, count: int) -> None:
    """As a release without a shelf left it."""
    db = open_database(path, migrations=MIGRATIONS[:BEFORE_THE_SHELF])
    ops.adopt(transaction(db), [StoredJob(job_of(n, title=f"Okapi w{n}")) for n in range(count)])
    db.close()


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteJobStore]:
    old_library(path, 30)
    store = SqliteJobStore(path, FakeClock())
    await store.open()
    yield store
    await store.close()


def standing(path: Path) -> Any:
    db = open_database(path)
    [[count]] = fetch_all(db, "SELECT count(*) FROM shelf")
    db.close()
    return count


async def test_an_old_library_can_be_searched_as_soon_as_it_is_open(store: SqliteJobStore, path: Path) -> None:
    assert standing(path) == 30
    assert len((await store.jobs(JobQuery(text="okapi"))).jobs) == 30


async def test_filling_that_was_killed_goes_on_where_it_stood(path: Path) -> None:
    old_library(path, 30)
    db = open_database(path)
    for _ in range(2):
        db.execute("BEGIN")
        assert sqlite_shelf.catch_up(transaction(db), 10)
        db.execute("COMMIT")
    db.execute("BEGIN")
    sqlite_shelf.catch_up(transaction(db), 10)
    db.execute("ROLLBACK")  # the kill
    db.close()
    assert standing(path) == 20
    store = SqliteJobStore(path, FakeClock())
    await store.open()

    assert len((await store.jobs(JobQuery(text="okapi"))).jobs) == 30
    assert (await store.library_totals()).kept == 30
    await store.close()


async def test_what_another_release_writes_beside_us_is_found(store: SqliteJobStore, path: Path) -> None:
    """Its statements know nothing of a shelf."""
    db = open_database(path)
    fetch_all(
        db,
        "INSERT INTO jobs (id, trace_id, post_url, canonical_url, platform, created_at, updated_at, max_attempts, search_text)"
        " VALUES ('id-1', '', 'https://s.example/quokka', 'https://s.example/quokka', 'generic', 1, 1, 5, '')",
    )
    assert [job.id for job in (await store.jobs(JobQuery(text="quokka"))).jobs] == ["id-1"]
    db.execute("UPDATE jobs SET metadata = '{\"title\":\"Numbat\"}' WHERE id = 'id-1'")
    db.execute(
        "INSERT INTO history (job, at, attempt, stage, outcome) SELECT seq, 2, 1, 'checkpoint', 'ok' FROM jobs WHERE id = 'id-1'"
    )
    assert [job.id for job in (await store.jobs(JobQuery(text="numbat"))).jobs] == ["id-1"]
    db.execute("DELETE FROM history WHERE job = (SELECT seq FROM jobs WHERE id = 'id-1')")
    db.execute("DELETE FROM jobs WHERE id = 'id-1'")

    assert (await store.jobs(JobQuery(text="numbat"))).jobs == ()
    counts = (await store.library_totals()).counts
    assert {status: count for status, count in counts.items() if count} == {JobStatus.COMPLETED: 30}
    db.close()


async def test_where_the_shelf_cannot_follow_what_stands_there_is_answered(
    store: SqliteJobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, or a process that is frozen while it holds the lock: reads go on."""
    await store.adopt([StoredJob(job_of(99, title="Okapi"))])

    def refused(*_: object) -> bool:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(sqlite_shelf, "catch_up", refused)
    assert len((await store.jobs(JobQuery(text="okapi"))).jobs) == 30
    monkeypatch.undo()

    assert len((await store.jobs(JobQuery(text="okapi"))).jobs) == 31


async def test_a_page_waits_no_longer_than_it_says(store: SqliteJobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.adopt([StoredJob(job_of(99, title="Okapi"))])
    monkeypatch.setattr(shelf, "CATCH_UP_WITHIN_S", 0.0)

    assert len((await store.jobs(JobQuery(text="okapi"))).jobs) == 30


async def test_jobs_of_one_moment_come_by_their_ids_however_many_they_are(store: SqliteJobStore) -> None:
    """A search is read by places, of which one moment has only so many."""
    at = job_of(200).created_at
    jobs = [job_of(number, at=at, title="Quoll") for number in range(200, 260)]
    await store.adopt([StoredJob(job) for job in jobs])

    first = await store.jobs(JobQuery(text="quo", limit=25))
    second = await store.jobs(JobQuery(text="quo", limit=50, cursor=first.next_cursor))

    assert [job.id for job in (*first.jobs, *second.jobs)] == sorted((job.id for job in jobs), reverse=True)


async def test_the_shelf_keeps_up_without_anybody_who_looks(store: SqliteJobStore, path: Path) -> None:
    await store.adopt([StoredJob(job_of(100, title="Okapi at night"))])
    assert standing(path) == 30
    await store.keep_up()

    assert standing(path) == 31
