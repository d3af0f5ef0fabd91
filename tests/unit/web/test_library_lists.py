"""The library over HTTP: jobs in every order and filtered, the accounts, the totals."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest

from mediavault.core.job import JobStatus
from mediavault.core.media import account
from mediavault.store.port import StoredJob
from tests.contract.shelves import job_of
from tests.fakes import START
from tests.http_vault import ApiVault

JANE, BOB = account("x", "jane", "Jane Doe"), account("tiktok", "bob", None)


@pytest.fixture
async def library(vault: ApiVault) -> ApiVault:
    jobs = [
        job_of(1, platform="x", account=JANE, duration_s=9.5, bytes=10),
        job_of(2, platform="x", account=JANE, duration_s=2.25, bytes=30, title="Two words"),
        job_of(3, platform="tiktok", account=BOB, status=JobStatus.FAILED),
    ]
    await vault.store.catalogue.import_jobs([StoredJob(job) for job in jobs])
    return vault


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [3, 2, 1]),
        ("order=oldest", [1, 2, 3]),
        ("order=longest", [1, 2, 3]),
        ("order=largest", [2, 1, 3]),
        ("order=", [3, 2, 1]),
        ("account=x/x-jane", [2, 1]),
        ("account=", [3, 2, 1]),
        (f"since={quote((START + timedelta(seconds=2)).isoformat())}", [3, 2]),
        (f"until={(START + timedelta(seconds=2)).replace(tzinfo=None).isoformat()}", [1]),
        ("since=&until=&shortest_s=&longest_s=", [3, 2, 1]),
        ("shortest_s=2.25&longest_s=9", [2]),
        ("q=two+wor", [2]),
        ("q=%22%00", []),
    ],
)
async def test_jobs_are_listed_as_requested(
    library: ApiVault, query: str, numbers: list[int]
) -> None:
    answer = await library.client.get(f"/api/jobs?{query}")

    assert [int(job["post_url"].rpartition("/")[2]) for job in answer.json()["jobs"]] == numbers


@pytest.mark.parametrize(
    "query",
    ["order=odd", "since=yesterday", "shortest_s=-1", "longest_s=nan", "cursor=1.a&order=longest"],
)
async def test_an_invalid_query_is_refused(library: ApiVault, query: str) -> None:
    answer = await library.client.get(f"/api/jobs?{query}")

    assert (answer.status, answer.json()["code"]) == (422, "BAD_REQUEST")


async def test_accounts_are_listed_page_by_page_with_what_is_saved_of_them(
    library: ApiVault,
) -> None:
    first = (await library.client.get("/api/accounts?limit=1")).json()
    second = (
        await library.client.get(f"/api/accounts?limit=1&cursor={first['next_cursor']}")
    ).json()

    assert [entry["key"] for entry in first["accounts"]] == ["tiktok/tiktok-bob"]
    [jane] = second["accounts"]
    assert (jane["key"], jane["display_name"], jane["jobs"], jane["saved"]) == (
        "x/x-jane",
        "Jane Doe",
        2,
        2,
    )
    assert (jane["bytes"], jane["duration_s"], second["next_cursor"]) == (40, 11.75, None)


async def test_accounts_can_be_filtered(library: ApiVault) -> None:
    async def keys(query: str) -> list[str]:
        answer = await library.client.get(f"/api/accounts?{query}")
        return [entry["key"] for entry in answer.json()["accounts"]]

    assert await keys("platform=x") == ["x/x-jane"]
    assert await keys("q=doe") == ["x/x-jane"]
    assert await keys("q=&platform=&cursor=") == ["tiktok/tiktok-bob", "x/x-jane"]
    assert (await library.client.get("/api/accounts?cursor=odd")).status == 422


async def test_totals_count_every_state_by_platform_and_overall(library: ApiVault) -> None:
    totals = (await library.client.get("/api/totals")).json()

    assert totals["counts"] == {
        "queued": 0,
        "running": 0,
        "completed": 2,
        "failed": 1,
        "cancelled": 0,
    }
    assert (totals["saved"], totals["bytes"], totals["duration_s"]) == (2, 40, 11.75)
    assert [(platform["platform"], platform["saved"]) for platform in totals["platforms"]] == [
        ("tiktok", 0),
        ("x", 2),
    ]
