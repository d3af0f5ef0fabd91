"""The MongoDB store and its server: a crash, schemas, long histories, races, addresses."""

from __future__ import annotations

import asyncio
import gc
import itertools
import traceback
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient

from mediavault.core.failures import SchemaTooNew, StoreError
from mediavault.core.job import (
    ClaimedJob,
    HistoryRecord,
    Job,
    JobStatus,
    NewJob,
    Stage,
    StepOutcome,
    WorkerId,
)
from mediavault.core.site_limits import PermitRequest
from mediavault.store.calls import ConnectionLost
from mediavault.store.mongodb import ops
from mediavault.store.mongodb.engine import Document, MongoDatabase, options_of
from mediavault.store.mongodb.rows import PAGE, SPILL_AT
from mediavault.store.mongodb.schema import HISTORY, JOBS, OURS, SCHEMA
from mediavault.store.mongodb.store import MongoJobStore
from mediavault.store.mongodb.upgrade import migrate
from mediavault.store.port import StoredJob
from mediavault.store.schema import SCHEMA_VERSION
from tests.contract.stores import LEASE, SAVED, claim_and_complete, numbered_job
from tests.fakes import START, FakeClock
from tests.servers import mongo

ANN, BOB = WorkerId("w-ann"), WorkerId("w-bob")
DAY = timedelta(days=1)

# The driver leaves a socket to the garbage collector when it is closed while its monitor is about
# to connect.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def sockets_of_the_driver() -> Iterator[None]:
    """Collect them while that warning is expected, and not in another test."""
    yield
    gc.collect()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return mongo.database_for(tmp_path)


@asynccontextmanager
async def opened(url: str, clock: FakeClock | None = None) -> AsyncIterator[MongoJobStore]:
    store = MongoJobStore(url, clock)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def database_at(url: str) -> AsyncIterator[MongoDatabase]:
    database = MongoDatabase(url)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def enqueued(store: MongoJobStore, count: int) -> None:
    await store.queue.enqueue(
        [numbered_job(n, f"https://videos.example/{n}") for n in range(1, count + 1)]
    )


async def claimed(store: MongoJobStore, worker: WorkerId = ANN) -> ClaimedJob:
    await enqueued(store, 1)
    [claim] = await store.queue.claim(worker, limit=1, lease=LEASE)
    return claim


# --- submissions ----------------------------------------------------------------------------------


async def test_an_interrupted_call_removes_no_job_that_another_caller_was_answered_with(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first call has stored one of its two posts and loses the race for the other;
    then its server is lost.
    """
    mine, theirs, again = (
        numbered_job(n, f"https://videos.example/{min(n, 2)}") for n in (1, 2, 3)
    )
    async with opened(url) as store, opened(url) as other:
        newest, lookups = ops._newest, itertools.count()

        async def newest_of_an_unlucky_call(
            database: MongoDatabase, jobs: Sequence[NewJob]
        ) -> dict[str, Job]:
            if database is not store._server.database:
                return await newest(database, jobs)
            known = await newest(database, jobs)
            if next(lookups) == 0:
                await other.queue.enqueue([theirs])  # between the lookup and the insert
                return known
            [answer] = await other.queue.enqueue(
                [replace(again, post_url=mine.post_url, canonical_url=mine.canonical_url)]
            )
            assert answer.job.id == mine.id
            raise ConnectionLost("The server is away.")

        monkeypatch.setattr(ops, "_newest", newest_of_an_unlucky_call)
        with pytest.raises(ConnectionLost):
            await store.queue.enqueue([mine, replace(again, id=numbered_job(4, "").id)])

        assert (await other.catalogue.get(mine.id)).status is JobStatus.QUEUED


# --- a crash --------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_crash_of_the_server_loses_nothing_that_was_acknowledged() -> None:
    server = mongo.new_server()
    try:
        async with opened(server.url) as store:
            await enqueued(store, 6)
            claims = await store.queue.claim(ANN, limit=3, lease=LEASE)
            await store.queue.complete(claims[0], SAVED)
            server.kill()
            completing = asyncio.create_task(store.queue.complete(claims[1], SAVED))
            await asyncio.sleep(0.3)
            server.start()
            await completing
            counts = (await store.catalogue.report()).counts
            known = await store.queue.enqueue([numbered_job(99, "https://videos.example/1")])

            assert (
                counts[JobStatus.COMPLETED],
                counts[JobStatus.RUNNING],
                counts[JobStatus.QUEUED],
            ) == (2, 1, 3)
            assert not known[0].created  # the unique index exists as well
    finally:
        server.remove()


@pytest.mark.slow
async def test_a_completion_waits_for_a_primary_that_has_stepped_down() -> None:
    """A submission is refused at once, so that the user learns that nothing was accepted."""
    server = mongo.new_server()
    administrator: AsyncMongoClient[Document] = AsyncMongoClient(server.url)
    try:
        async with opened(server.url) as store, administrator:
            claim = await claimed(store)
            await administrator.admin.command({"replSetStepDown": 2, "force": True})
            with pytest.raises(ConnectionLost):
                await store.queue.enqueue([numbered_job(2, "https://videos.example/2")])
            await store.queue.complete(claim, SAVED)

            assert (await store.catalogue.get(claim.id)).status is JobStatus.COMPLETED
    finally:
        server.remove()


# --- races ----------------------------------------------------------------------------------------


async def test_many_claims_at_once_get_each_job_once(url: str) -> None:
    """More claims than may lose in queue order before they try other jobs."""
    async with opened(url) as first, opened(url) as second:
        await enqueued(first, 14)
        claiming = [
            store.queue.claim(ANN, limit=1, lease=LEASE)
            for store in (first, second)
            for _ in range(7)
        ]
        claims = [claim for taken in await asyncio.gather(*claiming) for claim in taken]

        assert len({claim.id for claim in claims}) == len(claims) == 14
        assert {claim.fence for claim in claims} == {1}


async def test_permits_that_are_requested_at_once_are_an_interval_apart(url: str) -> None:
    interval = timedelta(milliseconds=100)
    async with opened(url) as first, opened(url) as second:
        [answer] = await first.queue.enqueue(
            [numbered_job(1, "https://videos.example/1", platform="x")]
        )
        request = PermitRequest(answer.job.id, "x", interval=interval, probe_within=LEASE)
        turns = await asyncio.gather(
            *(
                store.site_limits.acquire_permit(request)
                for store in (first, second)
                for _ in range(4)
            )
        )
        granted = sorted(turn.at for turn in turns if turn.refused is None)

        assert len(granted) == 8
        assert all(later - earlier >= interval for earlier, later in itertools.pairwise(granted))


async def test_only_one_of_many_claims_at_once_gets_the_job_of_a_permit(url: str) -> None:
    async with opened(url) as first, opened(url) as second:
        new = [numbered_job(n, f"https://videos.example/{n}", platform="x") for n in range(1, 5)]
        [submitted, *_] = await first.queue.enqueue(new)
        await first.site_limits.acquire_permit(
            PermitRequest(submitted.job.id, "x", interval=LEASE * 0, probe_within=LEASE)
        )
        claiming = [
            store.queue.claim(ANN, limit=2, lease=LEASE)
            for store in (first, second)
            for _ in range(3)
        ]

        assert sum(map(len, await asyncio.gather(*claiming))) == 1


# --- long histories -------------------------------------------------------------------------------


def records(count: int) -> list[HistoryRecord]:
    return [
        HistoryRecord(START, 1, Stage.EXTRACT, StepOutcome.FAILED, detail=f"$try {n}")
        for n in range(count)
    ]


async def removed_and_adopted(store: MongoJobStore, history: Sequence[HistoryRecord]) -> ClaimedJob:
    """Return a claimed job that was adopted with this history."""
    claim = await claimed(store)
    await store.catalogue.remove(claim.id)
    await store.catalogue.import_jobs([StoredJob(claim.job, tuple(history))])
    return claim


async def test_a_long_history_moves_to_pages_and_is_read_as_one(url: str) -> None:
    written = records(SPILL_AT + 5)
    async with opened(url) as store, database_at(url) as database:
        claim = await removed_and_adopted(store, written[: SPILL_AT - 5])
        for record in written[SPILL_AT - 5 :]:
            await store.queue.record(claim, record)
        document = await database.documents(JOBS).one({"_id": claim.id})

        assert document is not None
        assert len(document["history"]) == SPILL_AT + 5 - PAGE
        assert await store.catalogue.history(claim.id) == written
        assert await database.documents(HISTORY).count({}) == 1
        await store.catalogue.remove(claim.id)
        assert await database.documents(HISTORY).count({}) == 0


async def test_an_interrupted_move_to_a_page_is_done_once(url: str) -> None:
    """The page was written, but the records were not removed from the document."""
    written = records(SPILL_AT)
    async with opened(url) as store, database_at(url) as database:
        claim = await removed_and_adopted(store, written[:-1])
        document = await database.documents(JOBS).one({"_id": claim.id})
        assert document is not None
        page = {"job": claim.id, "first": 0, "records": document["history"][:PAGE]}
        await database.documents(HISTORY).insert([{"_id": f"{claim.id}/0", **page}])
        await store.queue.record(claim, written[-1])

        assert await store.catalogue.history(claim.id) == written


async def test_a_long_history_is_adopted_whole(url: str) -> None:
    written = records(3 * SPILL_AT)
    async with opened(url) as store, database_at(url) as database:
        claim = await removed_and_adopted(store, written)
        document = await database.documents(JOBS).one({"_id": claim.id})

        assert document is not None
        assert len(document["history"]) < SPILL_AT
        assert await store.catalogue.history(claim.id) == written


# --- schemas --------------------------------------------------------------------------------------


async def newer(url: str, *, oldest_code: int) -> None:
    """Create the vault of a later release."""
    async with opened(url), database_at(url) as database:
        reached = {"version": SCHEMA_VERSION + 1, "oldest_code": oldest_code}
        await database.documents(SCHEMA).change_all(OURS, {"$set": reached})


async def test_a_newer_schema_is_refused_and_left_untouched(url: str) -> None:
    await newer(url, oldest_code=SCHEMA_VERSION + 1)
    with pytest.raises(SchemaTooNew, match=f"schema {SCHEMA_VERSION + 1}"):
        await MongoJobStore(url).open()

    async with database_at(url) as database:
        stored = await database.documents(SCHEMA).one(OURS)
    assert stored is not None
    assert stored["version"] == SCHEMA_VERSION + 1


async def test_a_newer_schema_that_only_adds_serves_the_older_code_for_a_while(url: str) -> None:
    """This allows a fleet to be upgraded machine by machine."""
    await newer(url, oldest_code=SCHEMA_VERSION)
    async with opened(url) as store:
        await enqueued(store, 3)

        assert await claim_and_complete(store, ANN) == 3
        assert (await store.catalogue.report()).schema_version == SCHEMA_VERSION + 1


async def test_collections_of_another_program_are_left_alone(url: str) -> None:
    async with database_at(url) as database:
        await database.documents(JOBS).insert([{"_id": "theirs"}])
        with pytest.raises(StoreError, match="belong to another program"):
            await MongoJobStore(url).open()

        assert await database.documents(SCHEMA).count({}) == 0


async def test_a_server_that_is_too_old_is_refused(url: str) -> None:
    async with database_at(url) as database:
        database.facts = replace(database.facts, version="4.4.30")
        with pytest.raises(StoreError, match=r"4\.4\.30 is too old"):
            await migrate(database)


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("mongodb://127.0.0.1:1/none", "cannot be reached"),
        ("mongodb://127.0.0.1:port/none", "cannot be read"),
        ("mongodb://127.0.0.1/none?w=1", "may still be lost"),
        ("mongodb://127.0.0.1/none?w=0", "may still be lost"),
        ("mongodb://127.0.0.1/none?journal=false", "may still be lost"),
    ],
)
async def test_an_unusable_address_is_refused_with_the_reason(wrong: str, says: str) -> None:
    with pytest.raises(StoreError, match=says) as caught:
        await MongoJobStore(wrong).open()

    assert caught.value.help


@pytest.mark.parametrize("password", ["s3cret/b", "s3cret#b", "s3cret?b", "s3cret@b", "b:s3cret/"])
def test_a_password_that_is_not_encoded_is_in_no_message(password: str) -> None:
    try:
        options_of(f"mongodb://u:{password}@127.0.0.1:1/v")
    except StoreError as exc:
        assert "s3cret" not in f"{exc.message} {exc.help} {traceback.format_exception(exc)}"  # noqa: PT017 - some can be read


async def test_the_servers_clock_is_the_time(url: str) -> None:
    """A host whose clock is a day wrong renews and recovers like any other."""
    async with opened(url) as store, database_at(url) as database:
        claim = await claimed(store)
        now = await database.now()
        until = claim.job.lease_expires_at

        assert until is not None
        assert abs(until.timestamp() - LEASE.total_seconds() - now / 1e6) < 10
        assert (await store.queue.recover_stale_jobs(retry_in=DAY)).failed == 0
        assert await store.queue.renew(ANN, [claim], lease=LEASE) == {claim.id}


# --- words ----------------------------------------------------------------------------------------
