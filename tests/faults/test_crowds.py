"""Very large numbers at once: submissions of one post, queued jobs, listeners."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.job import WorkerId
from tests.contract.stores import LEASE
from tests.faults.api_process import Answer, Api, api_of
from tests.faults.vault_on_disk import VaultOnDisk
from tests.servers import mongo, postgres
from tests.stubs import new_job

STORES: dict[str, Callable[[Path], str | None]] = {
    "mongodb": mongo.database_for,
    "postgres": postgres.database_for,
    "sqlite": lambda _: None,
}
SPELLINGS = (
    "https://x.com/ann/status/1234567890123456789",
    "https://twitter.com/ann/status/1234567890123456789?s=20&t=abc",
    "http://mobile.twitter.com/i/status/1234567890123456789",
    "HTTPS://WWW.X.COM:443/Ann/status/1234567890123456789/video/1#top",
    "  https://x.com/ann/status/1234567890123456789/?utm_source=share ",
)
ROUNDS = 50
FEW, PER_CALL = 1_000, 5_000
PLATFORMS = ("generic", "x", "tiktok", "instagram", "reddit")
TIMES_ASKED, PAGE = 30, 100
PATHS = (
    f"/api/jobs?limit={PAGE}",
    f"/api/jobs?limit={PAGE}&status=queued&platform=x",
    "/api/jobs?status=failed",
    "/api/jobs?limit=10&q=example/7",
    "/",
)
MOST = 10  # times as expensive, with 20 or 100 times as many jobs; `make crowds` measures it


# --- one post, submitted many times ---------------------------------------------------------------


async def submitted(api: Api, requests: list[bytes]) -> list[Answer]:
    """Send the requests and return the answers. A 503 is retried, as that answer asks for:
    the store was busy.
    """
    answers: list[Answer] = []
    for _ in range(ROUNDS):
        got = await api.ask_at_once(requests)
        answers += [answer for answer in got if answer.status != 503]
        requests = [
            request for request, answer in zip(requests, got, strict=True) if answer.status == 503
        ]
        if not requests:
            break
    return answers


@pytest.mark.fault(
    "F22",
    "duplicate submissions race",
    by="parallel POSTs of one post in 5 spellings: 200, or 1,000",
)
@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("count", [200, pytest.param(1_000, marks=pytest.mark.long)])
async def test_many_submissions_of_one_post_at_once_are_one_job(
    tmp_path: Path, store: str, count: int
) -> None:
    vault = VaultOnDisk(tmp_path, store_url=STORES[store](tmp_path))
    async with api_of(vault) as api:
        posts = [SPELLINGS[number % len(SPELLINGS)] for number in range(count)]
        answers = await submitted(
            api, [api.request("/api/jobs", {"post_url": post}) for post in posts]
        )
        listed = (await api.ask("/api/jobs")).json()["jobs"]

    assert Counter(answer.status for answer in answers) == {201: 1, 200: count - 1}
    assert len({answer.json()["id"] for answer in answers}) == len(listed) == 1


# --- very many queued jobs ------------------------------------------------------------------------


async def queue_up(vault: VaultOnDisk, count: int) -> None:
    clock = SystemClock()
    async with vault.store() as store:
        for first in range(0, count, PER_CALL):
            numbers = range(first, min(first + PER_CALL, count))
            await store.queue.enqueue(
                [
                    new_job(
                        f"https://videos.example/{n}",
                        clock=clock,
                        platform=PLATFORMS[n % len(PLATFORMS)],
                    )
                    for n in numbers
                ]
            )


def processor_s(process: int) -> float:
    """Return the processor time in seconds that a process has used so far,
    that of threads that have ended included.

    Wall clock time would include the other programs that use the processors.
    """
    # CPUCLOCK_SCHED of the whole process: what clock_getcpuclockid(3) returns
    return time.clock_gettime((~process << 3) | 2)


def backends_of(vault: VaultOnDisk) -> list[int]:
    """Return the ids of PostgreSQL's processes that serve the vault,
    if its server is on this machine.
    """
    if not vault.store_url.startswith("postgresql"):
        return []
    of_the_vault = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    return [int(pid) for pid in postgres.sql(vault.store_url, of_the_vault).split()]


async def cost_s(work: Callable[[], Awaitable[object]], vault: VaultOnDisk, process: int) -> float:
    """Return the processor time that ``work`` costs ``process`` and the vault's database,
    once it is warmed up.
    """
    await work()
    processes = [process, *backends_of(vault)]
    before = sum(map(processor_s, processes))
    for _ in range(TIMES_ASKED):
        await work()
    return (sum(map(processor_s, processes)) - before) / TIMES_ASKED


async def claim_cost_s(vault: VaultOnDisk) -> float:
    async with vault.store() as store:

        async def claim() -> None:
            claims = await store.queue.claim(WorkerId("w"), limit=1, lease=LEASE)
            assert len(claims) == 1

        return await cost_s(claim, vault, os.getpid())


async def page_cost_s(api: Api, vault: VaultOnDisk, path: str) -> float:
    async def ask() -> None:
        assert (await api.ask(path)).status == 200

    return await cost_s(ask, vault, api.process.pid)


async def costs_s(vault: VaultOnDisk) -> dict[str, float]:
    """Return the cost of a claim, and of the page at each of ``PATHS``,
    in seconds of processor time.
    """
    costs = {"claim": await claim_cost_s(vault)}
    async with api_of(vault) as api:
        deep = await deep_page(api, 5)
        for label, path in {**{path: path for path in PATHS}, "a deep page": deep}.items():
            costs[label] = await page_cost_s(api, vault, path)
    return costs


async def deep_page(api: Api, number: int) -> str:
    """Return the path of a page that follows ``number`` others."""
    path = f"/api/jobs?limit={PAGE}"
    cursor = ""
    for _ in range(number):
        page = (await api.ask(f"{path}{cursor}")).json()
        assert len(page["jobs"]) == PAGE
        cursor = f"&cursor={page['next_cursor']}"
    return f"{path}{cursor}"


@pytest.mark.fault(
    "F49", "100,000 queued jobs", by="bulk insert, then claims, pages and a start; 5,000 in short"
)
@pytest.mark.parametrize("store", ["postgres", "sqlite"])
@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=pytest.mark.long)])
async def test_very_many_queued_jobs_slow_down_neither_claims_nor_pages(
    tmp_path: Path, store: str, count: int
) -> None:
    """The costs are compared with those of a vault with few jobs."""
    costs = []
    for jobs in (FEW, count):
        root = tmp_path / str(jobs)
        root.mkdir()
        vault = VaultOnDisk(root, store_url=STORES[store](root))
        await queue_up(vault, jobs)
        costs.append(await costs_s(vault))
    few, many = costs
    print({label: round(many[label] / few[label], 2) for label in few})

    # a search costs as much as it finds
    most = {label: count / FEW if "q=" in label else MOST for label in few}
    assert {
        label: (few[label], many[label]) for label in few if many[label] > most[label] * few[label]
    } == {}
