"""A lost answer, an unreachable server and a cancelled caller lose nothing,
on every database server.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mediavault.app.storage import open_store_at, store_at
from mediavault.core.clock import SystemClock
from mediavault.core.failures import ErrorCode, LeaseLost
from mediavault.core.job import ClaimedJob, JobStatus, WorkerId
from mediavault.store.calls import ConnectionLost
from mediavault.store.mongodb import engine
from mediavault.store.mongodb.rows import LONGEST_DETAIL
from mediavault.store.port import JobQuery, Store
from tests.contract.stores import LEASE, SAVED, numbered_job
from tests.patience import patient
from tests.servers import mongo, postgres
from tests.servers.tcp_proxy import proxied

ANN, BOB = WorkerId("w-ann"), WorkerId("w-bob")
SERVERS = {"mongodb": mongo.database_for, "postgres": postgres.database_for}
PATIENT_S = 60

# MongoDB's driver leaves a socket to the garbage collector when it is closed while its monitor is
# about to connect.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(params=sorted(SERVERS))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield SERVERS[request.param](tmp_path)
    gc.collect()  # while that warning is expected, and not in another test


async def enqueued(store: Store) -> None:
    await store.queue.enqueue([numbered_job(1, "https://videos.example/1")])


async def claimed(store: Store) -> ClaimedJob:
    """Complete and fail others first, because a connection's first use of a statement takes several
    requests.
    """
    await store.queue.enqueue([numbered_job(n, f"https://videos.example/{n}") for n in (8, 9)])
    first, second = await store.queue.claim(BOB, limit=2, lease=LEASE)
    await store.queue.complete(first, SAVED)
    await store.queue.fail(second, error_code=ErrorCode.NETWORK, error="it broke", retry_in=None)
    await enqueued(store)
    [claim] = await store.queue.claim(ANN, limit=1, lease=LEASE)
    return claim


async def until_it_is(status: JobStatus, claim: ClaimedJob, url: str) -> None:
    async with open_store_at(url) as other, asyncio.timeout(patient(PATIENT_S)):
        while (await other.catalogue.get(claim.id)).status is not status:
            await asyncio.sleep(0.01)


async def stages_of(store: Store, claim: ClaimedJob) -> list[str]:
    return [record.stage.value for record in await store.catalogue.history(claim.id)]


async def test_a_completion_whose_answer_is_lost_is_found_to_be_done(url: str) -> None:
    """The server wrote it, the connection broke: the job is ours,
    and the retry must not report a lost lease.
    """
    async with proxied(url) as (proxy, through), open_store_at(through) as store:
        claim = await claimed(store)
        proxy.losing_answers = True
        completing = asyncio.create_task(store.queue.complete(claim, SAVED))
        await until_it_is(JobStatus.COMPLETED, claim, url)
        proxy.losing_answers = False
        proxy.cut()
        await completing
        job = await store.catalogue.get(claim.id)

        assert (job.status, job.sha256) == (JobStatus.COMPLETED, SAVED.sha256)
        assert await stages_of(store, claim) == ["claim", "complete"]


@pytest.mark.parametrize("error", ["it broke", "it broke " * LONGEST_DETAIL], ids=["short", "cut"])
async def test_a_failure_whose_answer_is_lost_is_found_to_be_written(url: str, error: str) -> None:
    """Also where the error was cut, because a document of MongoDB holds no longer one."""
    async with proxied(url) as (proxy, through), open_store_at(through) as store:
        claim = await claimed(store)
        proxy.losing_answers = True
        failing = asyncio.create_task(
            store.queue.fail(claim, error_code=ErrorCode.NETWORK, error=error, retry_in=LEASE)
        )
        await until_it_is(JobStatus.FAILED, claim, url)
        proxy.losing_answers = False
        proxy.cut()
        job = await failing

        assert job.status is JobStatus.FAILED
        assert error.startswith((job.error or "nothing").removesuffix("…"))
        assert await stages_of(store, claim) == ["claim", "fail"]


async def test_a_completion_waits_for_a_server_that_is_away(url: str) -> None:
    async with proxied(url) as (proxy, through), open_store_at(through) as store:
        claim = await claimed(store)
        proxy.refusing = True
        proxy.cut()
        completing = asyncio.create_task(store.queue.complete(claim, SAVED))
        async with asyncio.timeout(patient(PATIENT_S)):
            while not proxy.refusals:
                await asyncio.sleep(0.01)
        proxy.refusing = False

        await completing
        assert (await store.catalogue.get(claim.id)).status is JobStatus.COMPLETED


async def test_after_a_lost_answer_another_workers_completion_is_not_taken_for_ours(
    url: str,
) -> None:
    """Another worker completed it with another file,
    so our completion was not the one that was written.
    """
    async with (
        proxied(url) as (proxy, through),
        open_store_at(through) as store,
        open_store_at(url) as other,
    ):
        claim = await claimed(store)
        await other.workers.expire_leases([ANN])
        await other.queue.recover_stale_jobs(retry_in=LEASE * 0)
        await other.queue.promote_due()
        [theirs] = await other.queue.claim(BOB, limit=1, lease=LEASE)
        proxy.refusing = True
        proxy.cut()
        completing = asyncio.create_task(store.queue.complete(claim, SAVED))
        await other.queue.complete(theirs, replace(SAVED, sha256="cd" * 32))
        proxy.refusing = False

        with pytest.raises(LeaseLost):
            await completing


async def test_an_enqueue_is_refused_while_the_server_is_away(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user gets an error sooner than a driver gives up; nothing was accepted."""
    monkeypatch.setattr(engine, "SELECTION_TIMEOUT_MS", 3_600_000)
    async with proxied(url) as (proxy, through), open_store_at(through) as store:
        proxy.refusing = True
        proxy.cut()
        async with asyncio.timeout(patient(PATIENT_S)):
            with pytest.raises(ConnectionLost):
                await enqueued(store)
        proxy.refusing = False
        async with asyncio.timeout(patient(PATIENT_S)):
            while not (await store.catalogue.jobs(JobQuery())).jobs:
                await enqueued(store)

        assert len((await store.catalogue.jobs(JobQuery())).jobs) == 1


async def test_a_claim_whose_caller_was_cancelled_is_given_back(url: str) -> None:
    async with open_store_at(url) as store:
        await enqueued(store)
        claiming = asyncio.create_task(store.queue.claim(ANN, limit=1, lease=LEASE))
        await asyncio.sleep(0)
        claiming.cancel()
        await asyncio.gather(claiming, return_exceptions=True)

    async with open_store_at(url) as store:
        [job] = (await store.catalogue.jobs(JobQuery())).jobs

        assert job.status is JobStatus.QUEUED
        assert [record.stage.value for record in await store.catalogue.history(job.id)] == [
            "claim",
            "release",
        ]


async def test_processes_that_start_at_once_create_the_schema_once(url: str) -> None:
    stores = [store_at(url, SystemClock()) for _ in range(4)]
    await asyncio.gather(*(store.open() for store in stores))
    reports = await asyncio.gather(*(store.catalogue.report() for store in stores))
    await asyncio.gather(*(store.close() for store in stores))

    assert len({report.schema_version for report in reports}) == 1
