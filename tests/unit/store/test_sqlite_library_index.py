"""The library index of a vault that an older release wrote: filled in the migration, whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from mediavault.core.job import Job
from mediavault.store.library_index import IndexEntry
from mediavault.store.port import AccountQuery, JobOrder, JobQuery, StoredJob
from mediavault.store.rows import stored_values
from mediavault.store.search_words import WordSource
from mediavault.store.sql import library
from mediavault.store.sql.txn import SqlTxn
from mediavault.store.sqlite import pages
from mediavault.store.sqlite.engine import connect_to_read, fetch_all
from mediavault.store.sqlite.schema import MIGRATIONS, open_database
from mediavault.store.sqlite.store import SqliteJobStore
from tests import browsing
from tests.contract.shelves import adopt, all_pages, job_of, some_library
from tests.fakes import FakeClock

BEFORE_THE_INDEX = 9  # migrations


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


def old_vault(path: Path, jobs: Sequence[Job], *, migrations: int = BEFORE_THE_INDEX) -> None:
    """Create a vault as a release without the index left it."""
    db = open_database(path, migrations=MIGRATIONS[:migrations])
    for job in jobs:
        values: dict[str, Any] = {**stored_values(job), "search_text": ""}
        del values["account_key"], values["error_params"], values["profile"], values["priority"], values["listed_by"]
        columns, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
        fetch_all(db, f"INSERT INTO jobs ({columns}) VALUES ({marks})", values)
    db.close()


async def test_an_old_vault_is_indexed_when_it_is_opened(path: Path) -> None:
    jobs = some_library(60)
    old_vault(path, jobs)
    store = SqliteJobStore(path, FakeClock())
    await store.open()

    page = await store.catalogue.jobs(JobQuery(text="fox", limit=100))
    assert list(page.jobs) == browsing.in_order(jobs, JobQuery(text="fox"))
    assert await store.catalogue.library_totals() == browsing.totals(jobs)
    assert await store.catalogue.accounts(AccountQuery()) == browsing.accounts(jobs, AccountQuery())
    of_jane = JobQuery(account="x/x-jane", limit=100)
    assert list((await store.catalogue.jobs(of_jane)).jobs) == browsing.in_order(jobs, of_jane)
    await store.close()


async def test_indexing_that_is_killed_leaves_the_vault_as_it_was_and_is_repeated(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_vault(path, [job_of(number, title="Okapi") for number in range(30)])
    monkeypatch.setattr(library, "BATCH", 10)
    add, added = library.add, []

    async def killed(*args: Any) -> None:
        added.append(args)
        if len(added) == 2:
            raise KeyboardInterrupt
        await add(*args)

    monkeypatch.setattr(library, "add", killed)
    with pytest.raises(KeyboardInterrupt):
        open_database(path)
    db = connect_to_read(path)
    assert fetch_all(db, "PRAGMA user_version") == [(BEFORE_THE_INDEX,)]
    db.close()
    monkeypatch.undo()
    store = SqliteJobStore(path, FakeClock())
    await store.open()

    assert len((await store.catalogue.jobs(JobQuery(text="okapi"))).jobs) == 30
    assert (await store.catalogue.library_totals()).kept == 30
    await store.close()


def test_the_progress_of_indexing_is_logged(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old_vault(path, [job_of(number) for number in range(5)])
    monkeypatch.setattr(library, "BATCH", 2)
    monkeypatch.setattr(library, "PROGRESS_EVERY", 2)

    with structlog.testing.capture_logs() as logged:
        open_database(path).close()

    progress = [(line["done"], line["total"]) for line in logged if line["event"] == "library_indexing"]
    assert progress == [(2, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize("order", JobOrder)
async def test_a_search_that_finds_many_jobs_answers_as_one_that_finds_few(
    path: Path, monkeypatch: pytest.MonkeyPatch, order: JobOrder
) -> None:
    jobs = some_library(60)
    store = SqliteJobStore(path, FakeClock())
    await store.open()
    await adopt(store, jobs)
    monkeypatch.setattr(pages, "FEW", 2)

    for query in (
        JobQuery(text="fox"),
        JobQuery(text="look fo", platform="x"),
        JobQuery(text="fox", account="x/x-jane"),
    ):
        limited = replace(query, order=order, limit=7)
        wanted = [job.id for job in browsing.in_order(jobs, limited)]
        assert [job.id for job in await all_pages(store, limited)] == wanted, limited
        assert await store.catalogue.count(limited) == len(wanted)
    await store.close()


async def test_an_imported_job_is_indexed_once_with_all_of_its_words(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed, put_words = list[IndexEntry](), library._put_words

    async def counted(txn: SqlTxn, entries: Sequence[IndexEntry]) -> None:
        indexed.extend(entries)
        await put_words(txn, entries)

    monkeypatch.setattr(library, "_put_words", counted)
    store = SqliteJobStore(path, FakeClock())
    await store.open()
    [job] = some_library(1)
    words = {WordSource.SUBTITLES: "lighthouse", WordSource.COMMENTS: "marigolds"}
    await store.catalogue.import_jobs([StoredJob(job, words=words)])

    assert len(indexed) == 1
    assert [found.id for found in (await store.catalogue.jobs(JobQuery(text="lighthouse marigolds"))).jobs] == [job.id]
    await store.close()
