"""A fleet is upgraded machine by machine: the former release's statements work on the newest schema beside the new code."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.accounts import account
from mediavault.core.failures import ErrorCode
from mediavault.core.gates import OUT_OF_SIGHT, SOON
from mediavault.core.job import JobStatus, Stage, WorkerBeat, WorkerId
from mediavault.store import gating, moves
from mediavault.store.port import AccountQuery, JobQuery
from mediavault.store.postgres.engine import Database, Row, Statement, positional
from mediavault.store.postgres.schema import MIGRATIONS, migrate
from mediavault.store.postgres.sql import MOMENT
from mediavault.store.postgres.store import PostgresJobStore
from mediavault.store.rows import (
    CLAIMED_COLUMNS,
    GATE_COLUMNS,
    ID,
    JOB_COLUMNS,
    STORED_COLUMNS,
    beat_values,
    checkpoint_values,
    stored_values,
)
from tests.contract.shelves import job_of
from tests.contract.stores import KEPT, LEASE, NOTHING_FOUND, numbered_job
from tests.fakes import START
from tests.servers import postgres

RELEASED = Path(__file__).parent / "released" / "postgres_0001.sql"
# What that code read back of a completed job.
COMPLETED = (
    "source_type, extracted_url, extracted_url_expires_at, candidates, image_urls, metadata, account, thumbnail_url,"
    " items, chosen_url, seq"
)
OLD, NEW = WorkerId("w-old"), WorkerId("w-new")


def released_statements() -> dict[str, Statement]:
    """As the code of that release read them: without the columns that came later."""
    columns = {"job": JOB_COLUMNS, "claimed": CLAIMED_COLUMNS, "stored": STORED_COLUMNS}
    columns = {name: text.replace(" needs_session,", "") for name, text in columns.items()}
    assert all("needs_session" not in text for text in columns.values())
    columns |= {"t": MOMENT, "gate": GATE_COLUMNS, "completed": COMPLETED}
    columns["stored_values"] = ", ".join(f":{name}" for name in columns["stored"].split(", "))
    _, *parts = re.split(r"^-- name: (\w+)$", RELEASED.read_text("utf-8"), flags=re.MULTILINE)
    found = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
        found[name] = positional("\n".join(lines).strip().removesuffix(";").format_map(columns))
    return found


SQL = released_statements()


class OldCode:
    """A worker of the former release."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, name: str, **values: Any) -> list[Row]:
        return await self._database.rows(SQL[name], {"now": None, **values})

    async def claim(self, limit: int) -> list[tuple[str, int]]:
        """(id, fence) of each."""
        platforms = [row[0] for row in await self.run("queued_platforms")]
        spans = {"lease": LEASE, "soon": SOON, "out_of_sight": OUT_OF_SIGHT, "offered_for": gating.OFFERED_FOR}
        micros = {name: span // timedelta(microseconds=1) for name, span in spans.items()}
        rows = await self.run("claim", worker=OLD, platforms=platforms, mark=0, limit=limit, **micros)
        return [(row[1 + ID], row[1 + 7]) for row in rows]


@pytest.fixture
async def old(tmp_path: Path) -> AsyncIterator[OldCode]:
    """The former code at its own schema, with three jobs; then somebody upgrades another machine."""
    url = postgres.database_for(tmp_path)
    database = Database(url)
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


@pytest.fixture
async def new(old: OldCode, tmp_path: Path) -> AsyncIterator[PostgresJobStore]:
    store = PostgresJobStore(postgres.database_for(tmp_path))
    await store.open()
    yield store
    await store.close()


async def test_old_and_new_workers_share_the_queue(old: OldCode, new: PostgresJobStore) -> None:
    (first,) = await old.claim(1)
    (second,) = await new.claim(NEW, limit=1, lease=LEASE)
    (third,) = await old.claim(5)

    assert len({first[0], second.id, third[0]}) == 3
    assert await old.claim(1) == []


async def test_an_old_workers_job_goes_through_all_its_stages_on_the_new_schema(
    old: OldCode, new: PostgresJobStore
) -> None:
    ((job_id, fence),) = await old.claim(1)
    mine = {"id": job_id, "fence": fence}
    beat = beat_values(WorkerBeat(OLD, "host", 1, "0.1.0", START, START))
    del beat["platforms"], beat["signed_in"]
    await old.run("beat", **beat)
    lease = LEASE // timedelta(microseconds=1)
    assert await old.run("renew", worker=OLD, ids=[job_id], fences=[fence], lease=lease)
    assert await old.run("checkpoint", **mine, **checkpoint_values("https://s.example/0", NOTHING_FOUND))
    stage = Stage.DOWNLOAD.value
    assert await old.run("progress", **mine, stage=stage, progress_pct=60, bytes_done=1, bytes_total=None)
    kept = moves.kept_values(KEPT)
    assert await old.run("begin_commit", **mine, **kept, items=None)
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
    (seen,) = await new.workers(seen_within=LEASE)

    job = next(job for job in (await new.changed_since(START)) if job.id == job_id)
    assert (job.status, job.sha256, job.needs_session) == (JobStatus.COMPLETED, KEPT.sha256, False)
    assert (seen.worker, seen.platforms, seen.signed_in) == (OLD, (), ())


async def test_what_an_old_worker_fails_or_gives_back_goes_on_at_a_new_one(old: OldCode, new: PostgresJobStore) -> None:
    failed, released = await old.claim(2)
    error = {"error_code": ErrorCode.NETWORK.value, "error": "gone", "retry_in": 0, "spared": 0}
    assert await old.run("fail", id=failed[0], fence=failed[1], **error)
    assert await old.run("release", id=released[0], fence=released[1])
    await new.promote_due()

    claims = await new.claim(NEW, limit=9, lease=LEASE)
    assert {failed[0], released[0]} <= {one.id for one in claims}


async def test_every_released_statement_is_understood_by_the_new_schema(new: PostgresJobStore, tmp_path: Path) -> None:
    url = postgres.database_for(tmp_path)
    for statement in SQL.values():
        await asyncio.to_thread(postgres.sql, url, f"EXPLAIN (GENERIC_PLAN) {statement.sql}")


async def test_what_old_code_writes_stands_in_the_library(old: OldCode, new: PostgresJobStore) -> None:
    """What stood there before the upgrade, what an old worker hands in, finds and keeps, and what it removes."""
    assert (await new.library_totals()).counts[JobStatus.QUEUED] == 3
    await _enqueue(old, 7)
    assert len((await new.jobs(JobQuery(text="example 7"))).jobs) == 1
    ((job_id, fence),) = await old.claim(1)
    found = replace(NOTHING_FOUND, account=account("x", "jane", "Jane Doe"), metadata={"title": "An okapi"})
    assert await old.run("checkpoint", id=job_id, fence=fence, **checkpoint_values("https://s.example/0", found))
    assert [one.id for one in (await new.jobs(JobQuery(text="oka", account="x/x-jane"))).jobs] == [job_id]
    await old.run("remove", id=job_id)

    assert (await new.jobs(JobQuery(text="oka"))).jobs == ()
    assert (await new.accounts(AccountQuery())).accounts == ()
    assert (await new.library_totals()).counts[JobStatus.QUEUED] == 3


async def test_what_old_code_takes_over_from_another_store_stands_in_the_library(
    old: OldCode, new: PostgresJobStore
) -> None:
    """Its times are long past."""
    long_ago = replace(job_of(50, title="An okapi", at=START), updated_at=START)
    values = {name: value for name, value in stored_values(long_ago).items() if name != "needs_session"}
    await old.run("adopt", **values)

    assert [one.id for one in (await new.jobs(JobQuery(text="okapi"))).jobs] == [long_ago.id]
