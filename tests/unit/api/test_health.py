from __future__ import annotations

import asyncio
from html import unescape

import pytest

from mediavault.core.failures import StoreError
from mediavault.core.job import WorkerId
from mediavault.store.losses import LOSSES, note_loss
from tests.http_vault import ApiVault, MakeVault


async def test_a_vault_that_can_take_a_job_is_healthy_without_any_worker(vault: ApiVault) -> None:
    answer = await vault.client.get("/healthz")

    assert (answer.status, answer.json()) == (200, {"status": "ok"})


async def test_a_vault_whose_store_fails_is_unhealthy(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down() -> None:
        raise StoreError("The database does not answer.")

    monkeypatch.setattr(vault.store.catalogue, "next_due", down)

    assert (await vault.client.get("/healthz")).status == 503


async def test_a_vault_whose_store_hangs_is_unhealthy(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang() -> None:
        await asyncio.Future()

    monkeypatch.setattr(vault.store.catalogue, "next_due", hang)
    monkeypatch.setattr("mediavault.api.health.STORE_DEADLINE_S", 0.01)
    answer = await vault.client.get("/healthz")

    assert (answer.status, answer.json()["code"]) == (503, "STORE_UNAVAILABLE")


async def test_live_workers_are_listed_with_the_counts(vault: ApiVault) -> None:
    await vault.beat()
    await vault.add()
    answer = await vault.client.get("/api/worker/health")
    health = answer.json()

    assert (answer.status, health["status"]) == (200, "ok")
    assert (health["workers"][0]["worker"], health["workers"][0]["running_jobs"]) == ("w-1", 1)
    assert health["counts"]["queued"] == 1
    assert health["browser"] == "/usr/bin/chromium"


async def test_jobs_that_no_worker_takes_and_differing_versions_are_reported(
    vault: ApiVault,
) -> None:
    await vault.beat(platforms=("x",), signed_in=("x",))
    vault.clock.advance(5)
    await vault.beat(worker=WorkerId("w-2"), version="0.2.0", platforms=("generic",), draining=True)
    await vault.add()
    health = (await vault.client.get("/api/worker/health")).json()
    page = (await vault.client.get("/")).text

    assert health["versions"] == ["0.1.0", "0.2.0"]
    assert [
        (worker["seen_s"], worker["platforms"], worker["signed_in"]) for worker in health["workers"]
    ] == [
        (0, ["generic"], []),
        (5, ["x"], ["x"]),
    ]
    assert [group["message"] for group in health["unserved"]] == [
        "1 job waiting for a worker that takes jobs of generic"
    ]
    assert (
        "1 post from <bdi>Other sites</bdi> is waiting, and no worker handles that site."
        in unescape(page)
    )
    assert "an upgrade is under way" in (await vault.client.get("/sites")).text


async def test_what_a_damaged_log_may_have_cost_is_said_in_health_and_on_the_page(
    vault: ApiVault,
) -> None:
    await vault.beat()
    await note_loss(vault.store.records, "log")
    concerns = (await vault.client.get("/api/worker/health")).json()["concerns"]
    page = unescape((await vault.client.get("/library")).text)

    assert [concern["message"] for concern in concerns] == [LOSSES["log"].what]
    assert LOSSES["log"].what in page


async def test_a_worker_without_a_heartbeat_for_90_seconds_counts_as_gone(vault: ApiVault) -> None:
    await vault.beat()
    vault.clock.advance(91)
    answer = await vault.client.get("/api/worker/health")

    assert (answer.status, answer.json()["status"], answer.json()["workers"]) == (
        503,
        "no_worker",
        [],
    )


async def test_a_missing_browser_is_reported(make_vault: MakeVault) -> None:
    assert (await make_vault(browser=None).client.get("/api/worker/health")).json()[
        "browser"
    ] is None
