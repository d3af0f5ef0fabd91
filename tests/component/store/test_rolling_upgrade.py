"""Upgrading a database of the first release: its jobs continue and are indexed, and the old code is then refused."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import SchemaTooNew, StoreError
from mediavault.core.job import JobStatus, WorkerId
from mediavault.core.media import account
from mediavault.core.site_limits import MAX_PLAUSIBLE_WAIT, SOON
from mediavault.store import site_limits, transitions
from mediavault.store.port import AccountQuery, Checkpoint, JobQuery
from mediavault.store.postgres.engine import PostgresDatabase, Row, Statement, positional
from mediavault.store.postgres.schema import LIBRARY_INDEX, MIGRATIONS, migrate
from mediavault.store.postgres.sql import MOMENT
from mediavault.store.postgres.store import PostgresJobStore
from mediavault.store.rows import (
    JOB_COLUMNS,
    LIMIT_COLUMNS,
    STORED_COLUMNS,
    checkpoint_values,
)
from mediavault.store.sql import library
from tests.contract.stores import KEPT, LEASE, NOTHING_FOUND, numbered_job
from tests.servers import postgres

RELEASED = Path(__file__).parent / "released" / "postgres_0001.sql"
# The columns of a job that the old code read, in its order.
IDENTITY = "id, trace_id, post_url, canonical_url, platform, created_at, version, attempt_count, max_attempts"
FOUND = (
    "source_type, extracted_url, extracted_url_expires_at, candidates, image_urls, metadata, account, thumbnail_url,"
    " items, chosen_url"
)
KEPT_COLUMNS = "output_path, thumbnail_path, bytes, sha256, duration_s, width, height"
CLAIMED = f"{IDENTITY}, {KEPT_COLUMNS}, {FOUND}, seq"
COMPLETED = (
    "source_type, extracted_url, extracted_url_expires_at, candidates, image_urls, metadata, account, thumbnail_url,"
    " items, chosen_url, seq"
)
OLD, NEW = WorkerId("w-old"), WorkerId("w-new")


def released_statements() -> dict[str, Statement]:
    """Return the statements as that release used them, without the columns that came later."""
    columns = {"job": JOB_COLUMNS, "claimed": CLAIMED, "stored": STORED_COLUMNS}
    columns = {
        name: re.sub(r" (needs_session|error_params|profile|priority|listed_by),", "", text).replace(
            "account_key", "search_text"
        )
        for name, text in columns.items()
    }
    assert not any(
        name in text
        for text in columns.values()
        for name in ("needs_session", "error_params", "profile", "priority", "listed_by")
    )
    columns |= {"t": MOMENT, "gate": LIMIT_COLUMNS, "completed": COMPLETED}
    columns["stored_values"] = ", ".join(f":{name}" for name in columns["stored"].split(", "))
    _, *parts = re.split(r"^-- name: (\w+)$", RELEASED.read_text("utf-8"), flags=re.MULTILINE)
    statements = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
        statements[name] = positional("\n".join(lines).strip().removesuffix(";").format_map(columns))
    return statements


SQL = released_statements()


class OldCode:
    """A worker of the first release."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def run(self, name: str, **values: Any) -> list[Row]:
        return await self._database.rows(SQL[name], {"now": None, **values})

    async def claim(self, limit: int) -> list[tuple[str, int]]:
        """Return the (id, fence) of each claimed job."""
        platforms = [row[0] for row in await self.run("queued_platforms")]
        spans = {
            "lease": LEASE,
            "soon": SOON,
            "out_of_sight": MAX_PLAUSIBLE_WAIT,
            "offered_for": site_limits.RESERVATION,
        }
        micros = {name: span // timedelta(microseconds=1) for name, span in spans.items()}
        rows = await self.run("claim", worker=OLD, platforms=platforms, mark=0, limit=limit, **micros)
        return [(row[1], row[1 + 7]) for row in rows]


@pytest.fixture
async def old(tmp_path: Path) -> AsyncIterator[OldCode]:
    """Yield the old code at its own schema, with three jobs, as before another machine is upgraded."""
    url = postgres.database_for(tmp_path)
    database = PostgresDatabase(url)
    await database.open()
    await migrate(database, migrations=MIGRATIONS[:1])
    old = OldCode(database)
    await _enqueue(old, 0, 1, 2)
    yield old
    await database.close()


async def _enqueue(old: OldCode, *numbers: int) -> None:
    jobs = [numbered_job(n, f"https://s.example/{n}") for n in numbers]
    await old.run(
        "enqueue",
        ids=[job.id for job in jobs],
        trace_ids=[job.trace_id for job in jobs],
        post_urls=[job.post_url for job in jobs],
        canonical_urls=[job.canonical_url for job in jobs],
        platforms=[job.platform for job in jobs],
        max_attempts=[job.max_attempts for job in jobs],
        search_texts=[job.post_url for job in jobs],
    )


async def _save(old: OldCode, job_id: str, fence: int, checkpoint: Checkpoint) -> None:
    """Make the writes of a worker of that release that saves a post."""
    mine = {"id": job_id, "fence": fence}
    assert await old.run("checkpoint", **mine, **checkpoint_values(checkpoint), search_text="")
    values = transitions.kept_values(KEPT)
    assert await old.run("begin_commit", **mine, **values, items=None)
    assert await old.run(
        "complete",
        ids=[job_id],
        fences=[fence],
        items=[None],
        output_paths=[KEPT.output_path],
        thumbnail_paths=[KEPT.thumbnail_path],
        bytes=[KEPT.bytes],
        sha256s=[KEPT.sha256],
        durations=[KEPT.duration_s],
        widths=[KEPT.width],
        heights=[KEPT.height],
    )


async def test_jobs_of_the_first_release_continue_and_are_in_the_library(old: OldCode, tmp_path: Path) -> None:
    ((job_id, fence),) = await old.claim(1)
    checkpoint = replace(NOTHING_FOUND, account=account("x", "jane", "Jane Doe"), metadata={"title": "An okapi"})
    await _save(old, job_id, fence, checkpoint)
    store = PostgresJobStore(postgres.database_for(tmp_path))
    await store.open()

    assert [job.id for job in (await store.catalogue.jobs(JobQuery(text="oka", account="x/x-jane"))).jobs] == [job_id]
    totals = await store.catalogue.library_totals()
    assert (totals.kept, totals.bytes, totals.duration_s) == (1, KEPT.bytes, KEPT.duration_s)
    assert totals.counts[JobStatus.QUEUED] == 2
    [jane] = (await store.catalogue.accounts(AccountQuery())).accounts
    assert (jane.display_name, jane.jobs, jane.kept, jane.bytes) == ("Jane Doe", 1, 1, KEPT.bytes)
    assert len(await store.queue.claim(NEW, limit=9, lease=LEASE)) == 2
    await store.close()


async def test_interrupted_indexing_leaves_the_database_as_it_was_and_is_repeated(
    old: OldCode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "BATCH", 2)
    add, added = library.add, []

    async def broken_off(*args: Any) -> None:
        added.append(args)
        if len(added) == 2:
            raise StoreError("The machine lost power.")
        await add(*args)

    monkeypatch.setattr(library, "add", broken_off)
    store = PostgresJobStore(postgres.database_for(tmp_path))
    with pytest.raises(StoreError, match="lost power"):
        await store.open()
    assert len(await old.claim(1)) == 1  # its schema is unchanged
    monkeypatch.setattr(library, "add", add)
    await store.open()

    assert len((await store.catalogue.jobs(JobQuery(text="example"))).jobs) == 3
    await store.close()


async def test_a_release_that_does_not_write_the_index_is_refused(old: OldCode, tmp_path: Path) -> None:
    store = PostgresJobStore(postgres.database_for(tmp_path))
    await store.open()
    await store.close()
    database = PostgresDatabase(postgres.database_for(tmp_path))
    await database.open()

    with pytest.raises(SchemaTooNew):
        await migrate(database, migrations=MIGRATIONS[: LIBRARY_INDEX - 1])
    await database.close()
