"""The library index on SQLite: searches that find many jobs, and imported jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mediavault.store.library_index import IndexEntry
from mediavault.store.port import JobOrder, JobQuery, StoredJob
from mediavault.store.search_words import WordSource
from mediavault.store.sql import library
from mediavault.store.sql.txn import SqlTxn
from mediavault.store.sqlite import sql
from mediavault.store.sqlite.store import SqliteJobStore
from tests import browsing
from tests.contract.shelves import adopt, all_pages, some_library
from tests.fakes import FakeClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.mark.parametrize("order", JobOrder)
async def test_a_search_that_finds_many_jobs_answers_as_one_that_finds_few(
    path: Path, monkeypatch: pytest.MonkeyPatch, order: JobOrder
) -> None:
    jobs = some_library(60)
    store = SqliteJobStore(path, FakeClock())
    await store.open()
    await adopt(store, jobs)
    monkeypatch.setattr(sql, "FEW", 2)

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
    assert [
        found.id
        for found in (await store.catalogue.jobs(JobQuery(text="lighthouse marigolds"))).jobs
    ] == [job.id]
    await store.close()
