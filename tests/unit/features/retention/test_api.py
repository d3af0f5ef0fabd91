"""Retention rules over HTTP, and what may go by them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mediavault.features.following.model import Source
from mediavault.features.following.records import follow
from mediavault.features.retention.background import Retention
from mediavault.features.retention.records import retention_rules
from mediavault.library.local_library import LocalLibrary
from mediavault.presentation.views import saved_paths
from tests.http_vault import ApiVault

RULES = "/api/retention/rules"
NO_RULE = {
    "days": None,
    "newest": None,
    "watched_days": None,
    "free_gb": None,
    "is_on": False,
    "most_a_day": 20,
}


async def list_anew(vault: ApiVault) -> None:
    async def unknown() -> None:
        return None

    await Retention(
        vault.store, LocalLibrary(vault.downloads), vault.clock, saved_paths, unknown
    ).round()


async def test_a_rule_is_set_listed_and_removed(vault: ApiVault) -> None:
    await follow(
        vault.store.tables,
        Source("s-1", "https://videos.example/feed", "generic", vault.clock.now()),
    )
    answer = await vault.client.put(f"{RULES}/s-1", {"days": 30, "is_on": True})
    assert answer.json() == NO_RULE | {"key": "s-1", "days": 30, "is_on": True}
    await vault.client.put(f"{RULES}/vault", {"newest": 1000, "most_a_day": 5})

    view = (await vault.client.get("/api/retention")).json()
    assert [(rule["key"], rule["newest"]) for rule in view["rules"]] == [
        ("vault", 1000),
        ("s-1", None),
    ]
    assert (view["made_at"], view["count"], view["posts"]) == (None, 0, [])

    assert (await vault.client.delete(f"{RULES}/s-1")).status == 204
    assert list(await retention_rules(vault.store.records)) == ["vault"]


async def test_what_may_go_is_listed_with_its_reason_until_it_is_pinned(vault: ApiVault) -> None:
    job = await vault.add_saved()
    await vault.client.put(f"{RULES}/vault", {"days": 30, "is_on": True})
    vault.clock.advance(timedelta(days=31))
    await list_anew(vault)

    view = (await vault.client.get("/api/retention")).json()
    [post] = view["posts"]
    assert (post["job"]["id"], post["why"], post["rules"]) == (job.id, "age", ["vault"])
    assert post["moves_at"] == (vault.clock.now() + timedelta(days=1)).isoformat().replace(
        "+00:00", "Z"
    )
    assert view["count"] == 1

    await vault.client.patch(f"/api/jobs/{job.id}/marks", {"pinned": True})
    assert (await vault.client.get("/api/retention")).json()["posts"] == []


async def test_a_list_that_was_made_for_other_rules_is_not_shown(vault: ApiVault) -> None:
    await vault.add_saved()
    await vault.client.put(f"{RULES}/vault", {"days": 1})
    vault.clock.advance(timedelta(days=2))
    await list_anew(vault)
    assert (await vault.client.get("/api/retention")).json()["count"] == 1

    await vault.client.put(f"{RULES}/vault", {"days": 30})
    view = (await vault.client.get("/api/retention")).json()
    assert (view["made_at"], view["count"], view["posts"]) == (None, 0, [])
    assert "hx-get=" in (await vault.client.get("/retention")).text
    await list_anew(vault)
    assert (await vault.client.get("/api/retention")).json()["made_at"] is not None
    assert "hx-get=" not in (await vault.client.get("/retention")).text


async def test_the_list_is_made_again_on_request(vault: ApiVault) -> None:
    await vault.add_saved()
    await vault.client.put(f"{RULES}/vault", {"days": 1})
    await list_anew(vault)
    vault.clock.advance(timedelta(days=1))
    await list_anew(vault)
    before = (await vault.client.get("/api/retention")).json()
    vault.clock.advance(timedelta(seconds=30))
    await list_anew(vault)
    assert (await vault.client.get("/api/retention")).json()["made_at"] == before["made_at"]

    assert (await vault.client.post("/api/retention/check", {})).status == 200
    await list_anew(vault)
    assert (await vault.client.get("/api/retention")).json()["made_at"] > before["made_at"]


@pytest.mark.parametrize(
    ("key", "body", "status"),
    [
        ("vault", {"days": 0}, 422),
        ("vault", {"free_gb": -1}, 422),
        ("vault", {"newest": "many"}, 422),
        ("vault", {"forever": True}, 422),
        ("vault", {"most_a_day": 100_000}, 422),
        ("s-none", {"days": 3}, 404),
        ("..", {"days": 3}, 404),
    ],
)
async def test_what_is_no_rule_or_no_source_is_refused_and_changes_nothing(
    vault: ApiVault, key: str, body: dict[str, object], status: int
) -> None:
    assert (await vault.client.put(f"{RULES}/{key}", body)).status == status
    assert await retention_rules(vault.store.records) == {}
