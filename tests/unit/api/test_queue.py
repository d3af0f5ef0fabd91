"""The queue over HTTP: priorities, what is next, and pausing all of it or one site."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.job import Priority
from tests.http_vault import POST, ApiVault, ids

REEL = "https://www.instagram.com/reel/Cabc123/"


async def queue(vault: ApiVault) -> dict[str, Any]:
    answer: dict[str, Any] = (await vault.client.get("/api/queue")).json()
    return answer


async def test_posts_are_submitted_with_a_priority(vault: ApiVault) -> None:
    later = await vault.client.post("/api/jobs", {"post_url": POST, "priority": "later"})
    usual = await vault.client.post("/api/jobs", {"post_urls": [f"{POST}2"]})
    assert later.json()["priority"] == "later"
    assert usual.json()["jobs"][0]["priority"] == "normal"
    assert (
        await vault.client.post("/api/jobs", {"post_url": f"{POST}3", "priority": "soon"})
    ).status == 422


async def test_a_job_is_moved_to_the_front_and_back(vault: ApiVault) -> None:
    first = await vault.add()
    vault.clock.advance(1)
    second = await vault.add(f"{POST}2")
    moved = await vault.client.post(f"/api/jobs/{second.id}/priority", {"priority": "now"})
    front = await queue(vault)
    await vault.client.post(f"/api/jobs/{second.id}/priority", {"priority": "normal"})

    assert (moved.status, moved.json()["priority"]) == (200, "now")
    assert ids(front["next"]) == [second.id, first.id]
    assert ids((await queue(vault))["next"]) == [first.id, second.id]


async def test_an_unknown_priority_a_completed_job_and_an_unknown_one_are_refused(
    vault: ApiVault,
) -> None:
    saved = await vault.add_saved()
    assert (
        await vault.client.post(f"/api/jobs/{saved.id}/priority", {"priority": "now"})
    ).status == 409
    assert (
        await vault.client.post(f"/api/jobs/{saved.id}/priority", {"priority": "first"})
    ).status == 422
    assert (
        await vault.client.post("/api/jobs/nonesuch/priority", {"priority": "now"})
    ).status == 404


async def test_the_queue_says_what_is_next_and_how_many_wait(vault: ApiVault) -> None:
    jobs = []
    for number in range(3):
        jobs.append(await vault.add(f"{POST}{number}"))
        vault.clock.advance(1)
    found = (await vault.client.get("/api/queue?limit=2")).json()
    assert (found["queued"], ids(found["next"]), found["holds"]) == (
        3,
        [jobs[0].id, jobs[1].id],
        [],
    )
    assert (await vault.client.get("/api/queue?limit=101")).status == 422


async def test_while_the_queue_is_paused_its_jobs_say_so(vault: ApiVault) -> None:
    job = await vault.add()
    paused = (await vault.client.post("/api/queue/pause")).json()
    held = (await vault.client.get(f"/api/jobs/{job.id}")).json()["hold"]
    listed = (await vault.client.get("/api/jobs")).json()["jobs"][0]["hold"]
    health = (await vault.client.get("/api/worker/health")).json()["holds"]

    assert [(hold["why"], hold["site"], hold["until"]) for hold in paused["holds"]] == [
        ("paused", None, None)
    ]
    assert held == listed == paused["holds"][0] == health[0]
    assert (await vault.client.post("/api/queue/resume")).json()["holds"] == []
    assert (await vault.client.get(f"/api/jobs/{job.id}")).json()["hold"] is None


async def test_one_site_is_paused_and_resumed(vault: ApiVault) -> None:
    reel, other = await vault.add(REEL), await vault.add()
    paused = (await vault.client.post("/api/queue/pause?site=instagram")).json()

    assert [hold["site"] for hold in paused["holds"]] == ["instagram"]
    assert {job["id"]: bool(job["hold"]) for job in paused["next"]} == {
        reel.id: True,
        other.id: False,
    }
    assert (await vault.client.post("/api/queue/resume?site=instagram")).json()["holds"] == []


@pytest.mark.parametrize("do", ["pause", "resume"])
async def test_a_site_that_does_not_exist_is_refused(vault: ApiVault, do: str) -> None:
    """A typing mistake would hold back nothing, and nobody would notice."""
    assert (await vault.client.post(f"/api/queue/{do}?site=instagran")).status == 404
    assert (await queue(vault))["holds"] == []


async def test_a_post_that_is_submitted_again_comes_sooner_and_never_later(vault: ApiVault) -> None:
    job = await vault.add()
    found = []
    for priority in ("later", "now", "normal"):
        again = await vault.client.post("/api/jobs", {"post_url": POST, "priority": priority})
        found.append((again.status, again.json()["id"], again.json()["priority"]))
    assert found == [
        (200, job.id, Priority.NORMAL),
        (200, job.id, Priority.NOW),
        (200, job.id, Priority.NOW),
    ]
