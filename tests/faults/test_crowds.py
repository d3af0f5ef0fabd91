"""Very many at once: submissions of one post, queued jobs, listeners."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.job import WorkerId
from tests.contract.stores import LEASE
from tests.faults.api_process import Answer, Api, api_of, others_share, percentile
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
QUEUED, PER_CALL = 100_000, 5_000
PLATFORMS = ("generic", "x", "tiktok", "instagram", "reddit")

# Limits in seconds, for a machine that does nothing else.
CLAIM_S, LIST_S, START_S = 0.05, 0.3, 5.0
FIRST_PAGE_S = 1.0  # for people: templates are read, and a batch of the library is taken over while it waits


# --- one post, submitted a thousand times -----------------------------------------------------------------------


async def submitted(api: Api, requests: list[bytes]) -> list[Answer]:
    """Their answers. Whoever was told 503 asks again, as that answer says: the store had no time for them."""
    answers: list[Answer] = []
    for _ in range(ROUNDS):
        got = await api.ask_at_once(requests)
        answers += [answer for answer in got if answer.status != 503]
        requests = [request for request, answer in zip(requests, got, strict=True) if answer.status == 503]
        if not requests:
            break
    return answers


@pytest.mark.fault("F22", "duplicate submissions race", by="1,000 parallel POSTs of one post in 5 spellings")
@pytest.mark.parametrize("store", STORES)
async def test_a_thousand_submissions_of_one_post_at_once_are_one_job(tmp_path: Path, store: str) -> None:
    vault = VaultOnDisk(tmp_path, store_url=STORES[store](tmp_path))
    async with api_of(vault) as api:
        posts = [SPELLINGS[number % len(SPELLINGS)] for number in range(1_000)]
        answers = await submitted(api, [api.request("/api/jobs", {"post_url": post}) for post in posts])
        listed = (await api.ask("/api/jobs")).json()["jobs"]

    assert Counter(answer.status for answer in answers) == {201: 1, 200: 999}
    assert len({answer.json()["id"] for answer in answers}) == len(listed) == 1


# --- a hundred thousand queued jobs -----------------------------------------------------------------------------


async def queue_up(vault: VaultOnDisk) -> None:
    clock = SystemClock()
    async with vault.store() as store:
        for first in range(0, QUEUED, PER_CALL):
            numbers = range(first, first + PER_CALL)
            await store.enqueue(
                [
                    new_job(f"https://videos.example/{n}", clock=clock, platform=PLATFORMS[n % len(PLATFORMS)])
                    for n in numbers
                ]
            )


async def claims_s(vault: VaultOnDisk) -> list[float]:
    """How long each of 400 claims took, of four workers who claim beside each other."""

    async def claim(worker: str) -> list[float]:
        took = []
        async with vault.store() as store:
            for _ in range(100):
                began = time.monotonic()
                claims = await store.claim(WorkerId(worker), limit=1, lease=LEASE)
                took.append(time.monotonic() - began)
                assert len(claims) == 1
        return took

    each = await asyncio.gather(*(claim(f"w-{number}") for number in range(4)))
    return [took for some in each for took in some]


async def pages_s(api: Api) -> list[float]:
    """How long each page took: the first, deep ones, one kind of job, one word, and the page for people again."""
    took = []
    cursor = ""
    for _ in range(20):
        answer = await api.ask(f"/api/jobs?limit=100{cursor}")
        page = answer.json()
        assert len(page["jobs"]) == 100
        cursor = f"&cursor={page['next_cursor']}"
        took.append(answer.took_s)
    for path in ("/api/jobs?status=queued&platform=x", "/api/jobs?status=failed", "/api/jobs?q=example/77", "/") * 5:
        answer = await api.ask(path)
        assert answer.status == 200
        took.append(answer.took_s)
    return took


@pytest.mark.fault("F49", "100,000 queued jobs", by="bulk insert, then claims, pages and a start")
@pytest.mark.parametrize("store", ["postgres", "sqlite"])
async def test_a_hundred_thousand_queued_jobs_slow_down_neither_claims_nor_pages_nor_the_start(
    tmp_path: Path, store: str
) -> None:
    vault, share = VaultOnDisk(tmp_path, store_url=STORES[store](tmp_path)), others_share()
    await queue_up(vault)
    claims = await claims_s(vault)
    async with api_of(vault) as api:
        first_page = await api.ask("/")
        pages = await pages_s(api)
    share = max(share, others_share())
    print(
        {
            "claim": percentile(claims, 99),
            "first page": first_page.took_s,
            "page": percentile(pages, 99),
            "start": api.started_s,
            "share": share,
        }
    )

    assert percentile(claims, 99) < CLAIM_S * share
    assert first_page.took_s < FIRST_PAGE_S * share
    assert percentile(pages, 99) < LIST_S * share
    assert api.started_s < START_S * share
