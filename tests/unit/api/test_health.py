from __future__ import annotations

import asyncio
from html import unescape

import pytest

from mediavault.core.failures import StoreError
from mediavault.core.job import WorkerId
from tests.http_vault import House, MakeHouse


async def test_a_vault_that_can_take_a_job_is_healthy_without_any_worker(house: House) -> None:
    answer = await house.client.get("/healthz")

    assert (answer.status, answer.json()) == (200, {"status": "ok"})


async def test_a_vault_whose_store_fails_is_not(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down() -> None:
        raise StoreError("The database does not answer.")

    monkeypatch.setattr(house.store.catalogue, "next_due", down)

    assert (await house.client.get("/healthz")).status == 503


async def test_a_vault_whose_store_hangs_is_not_healthy_either(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang() -> None:
        await asyncio.Future()

    monkeypatch.setattr(house.store.catalogue, "next_due", hang)
    monkeypatch.setattr("mediavault.api.health.STORE_DEADLINE_S", 0.01)
    answer = await house.client.get("/healthz")

    assert (answer.status, answer.json()["code"]) == (503, "STORE_UNAVAILABLE")


async def test_workers_that_beat_are_listed_with_the_counts(house: House) -> None:
    await house.beat()
    await house.add()
    answer = await house.client.get("/api/worker/health")
    health = answer.json()

    assert (answer.status, health["status"]) == (200, "ok")
    assert (health["workers"][0]["worker"], health["workers"][0]["running_jobs"]) == ("w-1", 1)
    assert health["counts"]["queued"] == 1
    assert health["browser"] == "/usr/bin/chromium"


async def test_jobs_that_no_worker_takes_and_versions_that_differ_are_said(house: House) -> None:
    await house.beat(platforms=("x",), signed_in=("x",))
    house.clock.advance(5)
    await house.beat(worker=WorkerId("w-2"), version="0.2.0", platforms=("generic",), draining=True)
    await house.add()
    health = (await house.client.get("/api/worker/health")).json()
    page = (await house.client.get("/")).text

    assert health["versions"] == ["0.1.0", "0.2.0"]
    assert [(one["seen_s"], one["platforms"], one["signed_in"]) for one in health["workers"]] == [
        (0, ["generic"], []),
        (5, ["x"], ["x"]),
    ]
    assert [one["message"] for one in health["unserved"]] == ["1 job waiting for a worker that takes jobs of generic"]
    assert "1 post from <bdi>Other sites</bdi> is waiting, and no worker handles that site." in unescape(page)
    assert "an upgrade is under way" in (await house.client.get("/sites")).text


async def test_without_a_beat_for_90_seconds_the_worker_is_not_well(house: House) -> None:
    await house.beat()
    house.clock.advance(91)
    answer = await house.client.get("/api/worker/health")

    assert (answer.status, answer.json()["status"], answer.json()["workers"]) == (503, "no_worker", [])


async def test_a_missing_browser_is_said(make_house: MakeHouse) -> None:
    assert (await make_house(browser=None).client.get("/api/worker/health")).json()["browser"] is None
