"""Previews of sources over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.listings import Entry
from tests.http_vault import ApiVault
from tests.previewed import fail_what_waits, read_what_waits

CHANNEL = "https://www.youtube.com/@jane"
FILM = Entry(
    "https://www.youtube.com/watch?v=aaaaaaaaaaa", "aaaaaaaaaaa", title="A film", duration_s=90.0
)


async def test_a_preview_is_asked_for_read_by_a_worker_and_shown(vault: ApiVault) -> None:
    await vault.beat()
    answer = await vault.client.post(
        "/api/sources/preview", {"url": CHANNEL, "start": "everything"}
    )
    asked = answer.json()
    assert (answer.status, asked["state"], asked["entries"], asked["has_worker"]) == (
        202,
        "waiting",
        [],
        True,
    )

    await read_what_waits(vault.store.records, vault.clock, FILM)
    shown = (await vault.client.get(f"/api/sources/preview/{asked['id']}")).json()

    assert (shown["state"], shown["source"]["name"], shown["source"]["start"]) == (
        "read",
        "Slow Trains",
        "everything",
    )
    assert shown["counts"] == {
        "saved": 1, "undecided": 0, "skipped": 0, "at_once": 0, "in_turn": 1, "had": 0,
        "skipped_for": {},
    }  # fmt: skip
    assert shown["fill_s"] > 0
    [entry] = shown["entries"]
    assert (
        entry.items()
        >= {"url": FILM.url, "outcome": "saved", "state": "waiting", "reason": None}.items()
    )
    assert (await vault.client.get("/api/sources")).json() == {"sources": []}


async def test_a_change_is_shown_before_it_is_made(vault: ApiVault) -> None:
    source = (await vault.client.post("/api/sources", {"url": CHANNEL})).json()
    filters = {"filters": {"shortest_s": 120}, "start": "everything"}
    asked = (await vault.client.post(f"/api/sources/{source['id']}/preview", filters)).json()
    await read_what_waits(vault.store.records, vault.clock, FILM)
    shown = (await vault.client.get(f"/api/sources/preview/{asked['id']}")).json()

    assert (shown["is_followed"], shown["counts"]["skipped_for"]) == (True, {"length": 1})
    assert (await vault.client.get(f"/api/sources/{source['id']}")).json() == source


async def test_a_list_that_cannot_be_read_says_what_helps(vault: ApiVault) -> None:
    asked = (await vault.client.post("/api/sources/preview", {"url": CHANNEL})).json()
    await fail_what_waits(vault.store.records, vault.clock)
    shown = (await vault.client.get(f"/api/sources/preview/{asked['id']}")).json()

    assert (shown["state"], shown["error"]) == ("failed", "This list is private.")
    assert shown["help"].startswith("Sign in to YouTube with `mediavault login youtube`")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "https://www.youtube.com/watch?v=aaaaaaaaaaa"}, "BAD_URL"),
        ({"url": "http://127.0.0.1/feed"}, "ADDRESS_REFUSED"),
        ({"url": CHANNEL, "start": "newest"}, "BAD_REQUEST"),
        ({"url": CHANNEL, "profile": "unknown"}, "BAD_REQUEST"),
        ({"url": CHANNEL, "filters": {"having": ["/(/"]}}, "BAD_REQUEST"),
    ],
)
async def test_what_cannot_be_followed_is_refused(
    vault: ApiVault, body: dict[str, Any], code: str
) -> None:
    refused = await vault.client.post("/api/sources/preview", body)

    assert (refused.status, refused.json()["code"]) == (422, code)


async def test_an_unknown_preview_and_a_change_of_an_unknown_source_are_not_found(
    vault: ApiVault,
) -> None:
    unknown = await vault.client.get("/api/sources/preview/p-1")
    assert (unknown.status, unknown.json()["message"]) == (404, "This preview has expired.")
    assert (await vault.client.post("/api/sources/s-1/preview", {})).status == 404
