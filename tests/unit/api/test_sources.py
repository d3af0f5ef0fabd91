"""Sources over HTTP: to follow an account, a list or a feed, to change it, and to see what became of its posts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mediavault.core.following import EntryState, Reason, SeenEntry, SourceState
from mediavault.core.messages import Message
from mediavault.core.records import RecordKind
from mediavault.core.typed_records import to_named_json
from mediavault.store import following as stored
from tests.http_vault import ApiVault

CHANNEL = "https://www.youtube.com/@jane"


async def follow(vault: ApiVault, **facts: Any) -> dict[str, Any]:
    answer = await vault.client.post("/api/sources", {"url": CHANNEL, **facts})
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.json()
    return found


async def test_a_channel_is_followed_from_now_on_unless_more_is_asked_for(vault: ApiVault) -> None:
    source = await follow(vault)

    assert (source["url"], source["platform"], source["start"]) == (CHANNEL, "youtube", "now")
    assert (source["is_paused"], source["interval_minutes"], source["looked_at"]) == (False, None, None)
    assert source["filters"]["kinds"] == ["video", "short", "live"]
    assert (await vault.client.get("/api/sources")).json() == {"sources": [source]}
    assert (await vault.client.get(f"/api/sources/{source['id']}")).json() == source


async def test_everything_that_can_be_set_is_stored(vault: ApiVault) -> None:
    wishes = {
        "profile": "audio",
        "collection": "Trains",
        "interval_minutes": 90,
        "start": "newest",
        "newest": 10,
        "per_day": 5,
        "filters": {
            "having": ["train"],
            "lacking": ["/trailer$/"],
            "kinds": ["video"],
            "shortest_s": 60,
            "languages": ["de"],
        },
    }
    source = await follow(vault, **wishes)

    assert {name: source[name] for name in wishes if name != "filters"} == {
        name: value for name, value in wishes.items() if name != "filters"
    }
    assert source["filters"].items() >= {**wishes["filters"], "shortest_s": 60.0}.items()  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "https://www.youtube.com/watch?v=aaaaaaaaaaa"}, "BAD_URL"),
        ({"url": "not a link"}, "BAD_URL"),
        ({"url": "http://127.0.0.1/feed"}, "ADDRESS_REFUSED"),
        ({"url": "https://www.youtube.com/about"}, "UNSUPPORTED"),
        ({"url": CHANNEL, "start": "newest"}, "BAD_REQUEST"),
        ({"url": CHANNEL, "start": "since"}, "BAD_REQUEST"),
        ({"url": CHANNEL, "interval_minutes": 1}, "BAD_REQUEST"),
        ({"url": CHANNEL, "profile": "unknown"}, "BAD_REQUEST"),
        ({"url": CHANNEL, "filters": {"having": ["/(/"]}}, "BAD_REQUEST"),
        ({"url": CHANNEL, "filters": {"kinds": []}}, "BAD_REQUEST"),
        ({"url": CHANNEL, "filters": {"languages": ["?"]}}, "BAD_REQUEST"),
    ],
)
async def test_what_cannot_be_followed_is_refused_and_nothing_is_stored(
    vault: ApiVault, body: dict[str, Any], code: str
) -> None:
    answer = await vault.client.post("/api/sources", body)

    assert (answer.status, answer.json()["code"]) == (422, code)
    assert (await vault.client.get("/api/sources")).json() == {"sources": []}


async def test_a_source_is_followed_once(vault: ApiVault) -> None:
    await follow(vault)

    assert (await vault.client.post("/api/sources", {"url": CHANNEL})).status == 422


async def test_a_source_is_changed_paused_and_resumed(vault: ApiVault) -> None:
    source = await follow(vault, per_day=3, profile="audio", interval_minutes=60)
    path = f"/api/sources/{source['id']}"
    changed = (
        await vault.client.patch(path, {"is_paused": True, "per_day": 0, "profile": "", "interval_minutes": 0})
    ).json()

    assert changed == {**source, "is_paused": True, "per_day": None, "profile": None, "interval_minutes": None}
    assert (await vault.client.patch(path, {"is_paused": False})).json()["is_paused"] is False


async def test_a_look_is_asked_for_at_once(vault: ApiVault) -> None:
    source = await follow(vault)
    later = SourceState(next_look_at=vault.clock.now() + timedelta(days=1), started=1, looks=1)
    await vault.store.records.put(RecordKind.SOURCE_STATE, source["id"], to_named_json(later))
    checked = await vault.client.post(f"/api/sources/{source['id']}/check", {})

    assert checked.json()["next_look_at"] is None


async def test_errors_are_shown_once_they_last(vault: ApiVault) -> None:
    source = await follow(vault)
    state = SourceState(failures=3, failing_since=vault.clock.now(), error=Message("The feed is gone."), looks=1)
    await vault.store.records.put(RecordKind.SOURCE_STATE, source["id"], to_named_json(state))
    early = (await vault.client.get(f"/api/sources/{source['id']}")).json()
    vault.clock.advance(timedelta(days=1))
    late = (await vault.client.get(f"/api/sources/{source['id']}")).json()

    assert (early["error"], late["error"]) == (None, "The feed is gone.")


async def test_what_became_of_entries_is_listed_newest_first(vault: ApiVault) -> None:
    source = await follow(vault)
    now = vault.clock.now()
    entries = {
        "a": SeenEntry(
            EntryState.PASSED, "https://www.youtube.com/watch?v=a", "Old", now - timedelta(days=2), now, Reason.WORDS
        ),
        "b": SeenEntry(EntryState.WAITING, "https://www.youtube.com/watch?v=b", "New", now, now),
    }
    await stored.put_seen(vault.store.records, source["id"], entries)
    path = f"/api/sources/{source['id']}/entries"

    listed = (await vault.client.get(path)).json()["entries"]
    assert [(entry["title"], entry["state"], entry["reason"]) for entry in listed] == [
        ("New", "waiting", None),
        ("Old", "passed", "words"),
    ]
    assert len((await vault.client.get(f"{path}?state=passed")).json()["entries"]) == 1


async def test_a_source_is_removed(vault: ApiVault) -> None:
    source = await follow(vault)

    assert (await vault.client.delete(f"/api/sources/{source['id']}")).status == 204
    for method in ("get", "delete"):
        assert (await getattr(vault.client, method)(f"/api/sources/{source['id']}")).status == 404
    assert (await vault.client.get("/api/sources")).json() == {"sources": []}
