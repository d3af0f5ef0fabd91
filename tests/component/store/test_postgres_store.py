"""The PostgreSQL store and its server: poolers, restarts, schemas, plans."""

from __future__ import annotations

import asyncio
import json
import re
import traceback
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import ErrorCode, SchemaTooNew, StoreError
from mediavault.core.job import Job, JobStatus, Priority, WorkerId
from mediavault.core.site_limits import MAX_PLAUSIBLE_WAIT, SOON, PermitRefusal, PermitRequest
from mediavault.store.calls import ConnectionLost
from mediavault.store.port import JobQuery
from mediavault.store.postgres.claims import HEAD_EVERY_S
from mediavault.store.postgres.engine import PostgresDatabase, Statement, named, positional
from mediavault.store.postgres.server import MIGRATIONS, migrate
from mediavault.store.postgres.sql import SQL
from mediavault.store.postgres.store import PostgresJobStore
from mediavault.store.schema import SCHEMA_VERSION, Migration
from mediavault.store.sql import reads
from mediavault.store.sql import tables as sql_tables
from mediavault.store.sql.dialects import in_dialect
from mediavault.store.sql.txn import SqlTxn
from mediavault.store.tables import TRASH, Range, Where
from tests.contract.stores import LEASE, SAVED, claim_and_complete, numbered_job
from tests.fakes import FakeClock
from tests.patience import patient
from tests.servers import postgres
from tests.servers.pgbouncer import pgbouncer
from tests.servers.tcp_proxy import proxied

ANN, BOB = WorkerId("w-ann"), WorkerId("w-bob")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return postgres.database_for(tmp_path)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[PostgresJobStore]:
    store = PostgresJobStore(url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def enqueued(store: PostgresJobStore, count: int) -> None:
    await store.queue.enqueue(
        [numbered_job(n, f"https://videos.example/{n}") for n in range(1, count + 1)]
    )


# --- poolers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("prepared", [0, 200])
async def test_behind_a_pooler_in_transaction_mode_everything_works_except_wake_ups(
    url: str, prepared: int
) -> None:
    """Its connections are lent to others between two transactions,
    with or without their prepared statements.
    """
    with pgbouncer(url, prepared=prepared) as pooled:
        async with opened(pooled) as first, opened(pooled) as second:
            await enqueued(first, 60)
            done = await asyncio.gather(
                claim_and_complete(first, ANN), claim_and_complete(second, BOB)
            )
            [known] = await second.queue.enqueue([numbered_job(99, "https://videos.example/1")])
            await first.site_limits.pause_site(
                "x", duration=LEASE, code=ErrorCode.RATE_LIMITED, reason="slow down"
            )
            turn = await second.site_limits.acquire_permit(
                PermitRequest(known.job.id, "x", interval=LEASE, probe_within=LEASE)
            )
            listening = first.has_wake_ups

            assert sum(done) == 60
            assert known.job.status is JobStatus.COMPLETED
            assert turn.refused is PermitRefusal.CLOSED
            assert not listening


async def test_a_direct_connection_is_woken_by_work_that_another_process_enqueued(url: str) -> None:
    async with opened(url) as worker, opened(url) as api:
        heard = asyncio.Event()
        leave = worker.workers.on_work(heard.set)
        await asyncio.wait_for(heard.wait(), patient(30))  # the listener has come up
        heard.clear()
        await enqueued(api, 1)

        await asyncio.wait_for(heard.wait(), patient(30))
        leave()


# --- restarts -------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_crash_of_the_server_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """With fsync on, as it is everywhere but in tests; the wake-ups resume automatically."""
    server = postgres.new_server(settings=())
    try:
        async with opened(server.url) as store:
            heard = asyncio.Event()
            leave = store.workers.on_work(heard.set)
            await enqueued(store, 20)
            claims = await store.queue.claim(ANN, limit=5, lease=LEASE)
            await asyncio.gather(*(store.queue.complete(claim, SAVED) for claim in claims[:3]))
            server.kill()
            completing = asyncio.create_task(store.queue.complete(claims[3], SAVED))
            server.start()
            await completing
            counts = (await store.catalogue.report()).counts
            heard.clear()
            await asyncio.wait_for(heard.wait(), patient(30))
            leave()

            assert (
                counts[JobStatus.COMPLETED],
                counts[JobStatus.RUNNING],
                counts[JobStatus.QUEUED],
            ) == (4, 1, 15)
    finally:
        server.remove()


async def test_a_thousand_cancelled_calls_leave_no_answer_for_the_next_caller(url: str) -> None:
    async with opened(url) as store:
        await enqueued(store, 40)
        ids = [job.id for job in (await store.catalogue.jobs(JobQuery(limit=40))).jobs]

        async def ask(number: int) -> None:
            job_id = ids[number % len(ids)]
            asking = asyncio.create_task(store.catalogue.get(job_id))
            await asyncio.sleep((number % 7) / 5000)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            assert (await store.catalogue.get(job_id)).id == job_id

        for first in range(0, 1000, 20):
            await asyncio.gather(*map(ask, range(first, first + 20)))


async def test_a_job_that_was_committed_late_waits_a_second_at_most(url: str) -> None:
    """Claims continue after the last claimed job; from time to time one starts at the head of the
    queue.
    """
    clock = FakeClock()
    ours, theirs = PostgresJobStore(url, clock), PostgresJobStore(url, clock)
    await ours.open()
    await theirs.open()
    clock.advance(60)
    await enqueued(ours, 5)
    await ours.queue.claim(ANN, limit=1, lease=LEASE)
    [late] = await theirs.queue.enqueue([numbered_job(9, "https://videos.example/9")])
    postgres.sql(
        url,
        f"UPDATE mediavault.jobs SET created_at = created_at - 30000000 WHERE id = '{late.job.id}'",
    )
    [behind] = await ours.queue.claim(ANN, limit=1, lease=LEASE)
    clock.advance(HEAD_EVERY_S)
    [from_head] = await ours.queue.claim(ANN, limit=1, lease=LEASE)
    await ours.close()
    await theirs.close()

    assert (behind.job.post_url, from_head.id) == ("https://videos.example/2", late.job.id)


async def test_a_post_that_is_removed_while_it_is_submitted_again_is_stored_after_all(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = reads.of_posts
    async with opened(url) as store, opened(url) as person:
        await enqueued(store, 1)

        async def removed_first(txn: SqlTxn, canonical_urls: Sequence[str]) -> dict[str, Job]:
            for job in (await person.catalogue.jobs(JobQuery())).jobs:
                await person.catalogue.remove(job.id)
            return await newest(txn, canonical_urls)

        monkeypatch.setattr(reads, "of_posts", removed_first)
        [again] = await store.queue.enqueue([numbered_job(2, "https://videos.example/1")])

        assert again.created
        assert [job.id for job in (await store.catalogue.jobs(JobQuery())).jobs] == [again.job.id]


async def test_completions_that_wait_together_are_one_transaction(url: str) -> None:
    async with opened(url) as store:
        await enqueued(store, 4)
        held = await store.queue.claim(ANN, limit=2, lease=LEASE)
        completing = asyncio.gather(*(store.queue.complete(claim, SAVED) for claim in held))
        _, claims = await asyncio.gather(completing, store.queue.claim(ANN, limit=2, lease=LEASE))
        done = [await store.catalogue.get(claim.id) for claim in held]

        assert [job.status for job in done] == [JobStatus.COMPLETED] * 2
        assert [claim.job.post_url[-1] for claim in claims] == ["3", "4"]
        assert len({job.completed_at for job in done}) == 1


async def test_a_completion_survives_a_server_outage(url: str) -> None:
    """While the server is unreachable, the claim fails until the next poll,
    and the completion is retried.
    """
    async with proxied(url) as (proxy, through), opened(through) as store:
        await enqueued(store, 1)
        [claim] = await store.queue.claim(ANN, limit=1, lease=LEASE)
        proxy.refusing = True
        proxy.cut()
        completing = asyncio.create_task(store.queue.complete(claim, SAVED))
        await asyncio.sleep(0)
        with pytest.raises(ConnectionLost):
            await store.queue.claim(ANN, limit=1, lease=LEASE)
        proxy.refusing = False

        await completing
        assert (await store.catalogue.get(claim.id)).status is JobStatus.COMPLETED


# --- schemas --------------------------------------------------------------------------------------


@asynccontextmanager
async def database_at(url: str) -> AsyncIterator[PostgresDatabase]:
    database = PostgresDatabase(url)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def next_version(sql: str) -> tuple[Migration, ...]:
    return (*MIGRATIONS, Migration(SCHEMA_VERSION + 1, "next.sql", sql))


async def test_a_newer_schema_is_refused_and_left_untouched(url: str) -> None:
    async with database_at(url) as database:
        await migrate(database, migrations=next_version("CREATE TABLE mediavault.more (x int);"))
    with pytest.raises(SchemaTooNew, match=f"schema {SCHEMA_VERSION + 1}"):
        await PostgresJobStore(url).open()

    assert postgres.sql(url, "SELECT version FROM mediavault.schema_version") == str(
        SCHEMA_VERSION + 1
    )


async def test_a_newer_schema_that_only_adds_serves_the_older_code_for_a_while(url: str) -> None:
    """This allows a fleet to be upgraded machine by machine."""
    added = (
        f"-- oldest code: {SCHEMA_VERSION}\n"
        "ALTER TABLE mediavault.jobs ADD COLUMN more int DEFAULT 7;"
    )
    async with database_at(url) as database:
        await migrate(database, migrations=next_version(added))
    async with opened(url) as store:
        await enqueued(store, 3)
        done = await claim_and_complete(store, ANN)
        report = await store.catalogue.report()

    assert (done, report.schema_version) == (3, SCHEMA_VERSION + 1)


async def test_a_migration_that_breaks_leaves_the_schema_as_it_was(url: str) -> None:
    async with database_at(url) as database:
        await migrate(database)
        with pytest.raises(StoreError):
            await migrate(
                database,
                migrations=next_version("CREATE TABLE mediavault.half (x int); SELECT 1/0;"),
            )

    assert postgres.sql(url, "SELECT to_regclass('mediavault.half') IS NULL") == "t"
    assert postgres.sql(url, "SELECT version FROM mediavault.schema_version") == str(SCHEMA_VERSION)


async def test_a_schema_of_another_program_is_left_alone(url: str) -> None:
    postgres.sql(url, "CREATE SCHEMA mediavault")

    with pytest.raises(StoreError, match="belongs to another program"):
        await PostgresJobStore(url).open()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("postgresql://postgres@127.0.0.1:1/none", "cannot be reached"),
        ("postgresql://postgres@127.0.0.1:port/none", "cannot be read"),
    ],
)
async def test_an_address_without_a_server_says_what_is_wrong(wrong: str, says: str) -> None:
    with pytest.raises(StoreError, match=says) as caught:
        await PostgresJobStore(wrong).open()

    assert caught.value.help


async def test_a_database_that_does_not_exist_is_named(url: str) -> None:
    with pytest.raises(StoreError, match="none_of_ours"):
        await PostgresJobStore(url[: url.rindex("/")] + "/none_of_ours").open()


@pytest.mark.parametrize("password", ["s3cret/b", "s3cret#b", "s3cret?b", "s3cret@b", "b:s3cret/"])
async def test_a_password_that_is_not_encoded_is_in_no_message(password: str) -> None:
    with pytest.raises(StoreError) as caught:
        await PostgresJobStore(f"postgresql://u:{password}@127.0.0.1:1/v").open()

    assert "s3cret" not in (
        f"{caught.value.message} {caught.value.help} {traceback.format_exception(caught.value)}"
    )


def test_messages_never_show_a_password() -> None:
    assert (
        named("postgresql://me:secret@db.example:5433/vault?sslmode=require")
        == "db.example:5433/vault"
    )


# --- plans ----------------------------------------------------------------------------------------

READS_WHOLE_TABLES = {
    "waiting",
    "site_limits",
    "constants",
    "workers",
    "counts",
    "put_site_limit",
    "heartbeat",
    "forget_worker",
    "locked_site_limit",
    "count_jobs",  # once, when an older vault is indexed
}  # a few rows
COMMANDS = {"analyze_library"}  # they have no plan


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """20,000 finished jobs, 2,000 failed with a retry,
    2,000 queued (the older half for signed-in hosts); vacuumed.
    """
    url = postgres.database_for(tmp_path_factory.mktemp("plans"))

    async def fill() -> None:
        async with database_at(url) as database:
            await migrate(database)

    asyncio.run(fill())
    postgres.sql(
        url,
        "INSERT INTO mediavault.jobs (id, trace_id, post_url, canonical_url, platform, status,"
        " created_at, updated_at, max_attempts, needs_session, retry_at)"
        " SELECT 'id-' || n, '', '', 'url-' || n, 'generic', CASE WHEN n <= 20000 THEN 'completed'"
        " WHEN n <= 22000"
        " THEN 'failed' ELSE 'queued' END, n, n, 5, (n BETWEEN 22001 AND 23000)::int, CASE WHEN n"
        " BETWEEN 20001 AND 22000 THEN n END"
        " FROM generate_series(1, 24000) AS n",
    )
    postgres.sql(url, "VACUUM ANALYZE mediavault.jobs")
    return url


@pytest.mark.parametrize("name", sorted(SQL.keys() - READS_WHOLE_TABLES - COMMANDS))
def test_no_statement_reads_a_whole_table(crowded: str, name: str) -> None:
    """Checks the generic plan of a prepared statement, which does not depend on the values."""
    nulls = ", ".join(["NULL"] * len(SQL[name].names))
    script = (
        "SET plan_cache_mode = force_generic_plan; PREPARE asked AS"
        f" {SQL[name].sql.rstrip().rstrip(';')};"
    )
    plan = postgres.sql(crowded, f"{script} EXPLAIN EXECUTE asked{f'({nulls})' if nulls else ''}")

    assert "cost=" in plan
    assert "Seq Scan on jobs" not in plan
    assert "Seq Scan on history" not in plan


@pytest.mark.parametrize(
    ("where", "order", "index"),
    [
        ({}, ["deleted_at"], "trash_deleted"),
        ({"deleted_at": Range(at_most=5)}, ["deleted_at"], "trash_deleted"),
        ({"batch": "7"}, ["deleted_at"], "trash_batch"),
        ({"unmoved": Range()}, [], "trash_unmoved"),
    ],
)
async def test_the_trash_is_read_by_its_indexes(
    url: str, where: Where, order: list[str], index: str
) -> None:
    asked: list[str] = []

    class Asked:
        async def query(self, sql: str, values: Mapping[str, Any]) -> Sequence[Any]:
            asked.append(re.sub(r":\w+", lambda _: "'7'", in_dialect("postgres", sql)))
            return []

    txn: Any = Asked()
    async with database_at(url) as database:
        await migrate(database)
    postgres.sql(
        url,
        "INSERT INTO mediavault.trash SELECT 'id-' || n, n, (n / 20)::text, n, CASE WHEN n < 5 THEN"
        " 1 END, '{}'"
        " FROM generate_series(1, 20000) AS n; ANALYZE mediavault.trash",
    )
    await sql_tables.select(txn, TRASH, where, order=order, descending=bool(order), limit=50)
    plan = postgres.sql(url, f"EXPLAIN {asked[0]}")

    assert index in plan
    assert "Seq Scan" not in plan


async def test_claims_are_planned_once_whatever_the_server_learns_about_the_jobs(url: str) -> None:
    """By default it plans each claim again once it knows that few are queued;
    planning costs as much as the claim.
    """
    plan_counts = (
        "SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements WHERE statement"
        " LIKE :like"
    )
    like = {"like": "%UPDATE mediavault.jobs%"}
    spans = {
        "lease": LEASE,
        "soon": SOON,
        "max_plausible_wait": MAX_PLAUSIBLE_WAIT,
        "reserved_for": SOON,
    }
    values: dict[str, Any] = {
        name: span // timedelta(microseconds=1) for name, span in spans.items()
    }
    values |= {
        "now": None,
        "mark_rank": 0,
        "mark": 0,
        "platforms": ["generic"],
        "lowest": Priority.LATER.rank,
        "limit": 1,
        "worker": "w-ann",
        "sessions": [],
    }
    async with opened(url) as store:
        await store.queue.enqueue(
            [numbered_job(n, f"https://generic.example/{n}") for n in range(20)]
        )
    async with database_at(url) as database:
        lane = database.lane(one_plan=True)
        claimed = [len(await lane.rows(SQL["claim"], values)) for _ in range(10)]
        await asyncio.to_thread(postgres.sql, url, "VACUUM ANALYZE mediavault.jobs")
        claimed += [len(await lane.rows(SQL["claim"], values)) for _ in range(10)]
        [[generic, custom]] = await lane.rows(positional(plan_counts), like)

    assert claimed == [1] * 20
    assert (generic, custom) == (20, 0)


@pytest.mark.parametrize("sessions", [[], ["generic"]])
async def test_a_claim_among_many_jobs_reads_a_handful_of_pages(
    crowded: str, sessions: list[str]
) -> None:
    """It does not read finished jobs, those that wait for a retry,
    and those for signed-in machines.
    """
    explained = Statement(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {SQL['claim'].sql}", SQL["claim"].names
    )
    spans = {
        "lease": LEASE,
        "soon": SOON,
        "max_plausible_wait": MAX_PLAUSIBLE_WAIT,
        "reserved_for": SOON,
    }
    values: dict[str, Any] = {
        name: span // timedelta(microseconds=1) for name, span in spans.items()
    }
    values |= {
        "now": None,
        "mark_rank": 0,
        "mark": 0,
        "platforms": ["generic"],
        "lowest": Priority.LATER.rank,
        "limit": 10,
        "worker": "w-ann",
        "sessions": sessions,
    }
    async with database_at(crowded) as database:
        [[text]] = await database.rows(explained, values)
    plan = json.loads(text)[0]["Plan"]

    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] <= 400
