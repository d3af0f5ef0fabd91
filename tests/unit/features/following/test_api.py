"""Sources over HTTP: to follow an account, a list or a feed, to change it,
and to see what became of its posts.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest

from mediavault.core.messages import Message
from mediavault.features.following import records as stored
from mediavault.features.following.filters import Reason
from mediavault.features.following.model import EntryState, SeenEntry, SourceState
from tests.following import set_state
from tests.http_vault import ApiVault, MakeVault

CHANNEL = "https://www.youtube.com/@jane"


async def follow(vault: ApiVault, **facts: Any) -> dict[str, Any]:
    answer = await vault.client.post("/api/sources", {"url": CHANNEL, **facts})
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.json()
    return found


async def test_a_channel_is_followed_from_now_on_unless_more_is_asked_for(vault: ApiVault) -> None:
    source = await follow(vault)

    assert (source["url"], source["platform"], source["start"]) == (CHANNEL, "youtube", "now")
    assert (source["is_paused"], source["interval_minutes"], source["checked_at"]) == (
        False,
        None,
        None,
    )
    assert source["filters"]["kinds"] == ["video", "short", "live"]
    assert (await vault.client.get("/api/sources")).json() == {"sources": [source]}
    assert (await vault.client.get(f"/api/sources/{source['id']}")).json() == source


async def test_everything_that_can_be_set_is_stored(vault: ApiVault) -> None:
    settings = {
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
    source = await follow(vault, **settings)

    assert {name: source[name] for name in settings if name != "filters"} == {
        name: value for name, value in settings.items() if name != "filters"
    }
    assert source["filters"].items() >= {**settings["filters"], "shortest_s": 60.0}.items()  # type: ignore[dict-item]


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
        await vault.client.patch(
            path, {"is_paused": True, "per_day": 0, "profile": "", "interval_minutes": 0}
        )
    ).json()

    assert changed == {
        **source,
        "is_paused": True,
        "per_day": None,
        "profile": None,
        "interval_minutes": None,
    }
    assert (await vault.client.patch(path, {"is_paused": False})).json()["is_paused"] is False


async def test_a_look_is_asked_for_at_once(vault: ApiVault) -> None:
    source = await follow(vault)
    later = SourceState(next_check_at=vault.clock.now() + timedelta(days=1), started=1, checks=1)
    await set_state(vault.store, source["id"], later)
    checked = await vault.client.post(f"/api/sources/{source['id']}/check", {})

    assert checked.json()["next_check_at"] is None


async def test_errors_are_shown_once_they_last(vault: ApiVault) -> None:
    source = await follow(vault)
    state = SourceState(
        failures=3, failing_since=vault.clock.now(), error=Message("The feed is gone."), checks=1
    )
    await set_state(vault.store, source["id"], state)
    early = (await vault.client.get(f"/api/sources/{source['id']}")).json()
    vault.clock.advance(timedelta(days=1))
    late = (await vault.client.get(f"/api/sources/{source['id']}")).json()

    assert (early["error"], late["error"]) == (None, "The feed is gone.")


async def test_the_error_of_a_source_that_never_worked_is_shown_at_once(vault: ApiVault) -> None:
    source = await follow(vault)
    state = SourceState(
        failures=1, failing_since=vault.clock.now(), error=Message("The feed is gone.")
    )
    await set_state(vault.store, source["id"], state)
    await vault.client.post(f"/api/sources/{source['id']}/check", {})

    assert (await vault.client.get(f"/api/sources/{source['id']}")).json()[
        "error"
    ] == "The feed is gone."


async def test_what_became_of_entries_is_listed_newest_first(vault: ApiVault) -> None:
    source = await follow(vault)
    now = vault.clock.now()
    entries = {
        "a": SeenEntry(
            EntryState.SKIPPED,
            "https://www.youtube.com/watch?v=a",
            "Old",
            now - timedelta(days=2),
            now,
            Reason.WORDS,
        ),
        "b": SeenEntry(EntryState.WAITING, "https://www.youtube.com/watch?v=b", "New", now, now),
    }
    await stored.put_seen(vault.store.tables, source["id"], entries)
    path = f"/api/sources/{source['id']}/entries"

    listed = (await vault.client.get(path)).json()["entries"]
    assert [(entry["title"], entry["state"], entry["reason"]) for entry in listed] == [
        ("New", "waiting", None),
        ("Old", "skipped", "words"),
    ]
    assert len((await vault.client.get(f"{path}?state=skipped")).json()["entries"]) == 1


async def test_skipped_posts_are_saved_by_their_keys(vault: ApiVault) -> None:
    source = await follow(vault)
    now = vault.clock.now()
    entries = {
        str(number): SeenEntry(
            EntryState.SKIPPED,
            f"https://www.youtube.com/watch?v={number:011}" if number else "no link",
            f"Film {number}",
            now - timedelta(days=10 - number),
            now,
            Reason.BEFORE,
        )
        for number in range(5)
    }
    await stored.put_seen(vault.store.tables, source["id"], entries)
    path = f"/api/sources/{source['id']}/save"

    refused = await vault.client.post(path, {"posts": ["1", "0"]})
    assert (refused.status, refused.json()["code"]) == (422, "BAD_URL")
    assert (await vault.client.post(path, {"posts": ["1", "unknown"]})).status == 404
    assert (await vault.client.post(path, {"posts": ["1"] * 501})).status == 422
    assert (await vault.client.get("/api/jobs")).json()["jobs"] == []

    assert (await vault.client.post(path, {"posts": ["1", "4", "3"]})).json() == {"count": 3}
    jobs = (await vault.client.get("/api/jobs")).json()["jobs"]
    assert sorted(job["post_url"][-1] for job in jobs) == ["1", "3", "4"]


async def test_a_source_is_removed(vault: ApiVault) -> None:
    source = await follow(vault)

    assert (await vault.client.delete(f"/api/sources/{source['id']}")).status == 204
    for method in ("get", "delete"):
        assert (await getattr(vault.client, method)(f"/api/sources/{source['id']}")).status == 404
    assert (await vault.client.get("/api/sources")).json() == {"sources": []}


# --- to and from other programs


LIST = f"{CHANNEL}\nhttps://videos.example/feed.xml\nnonsense\n"


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


async def test_a_dry_run_says_what_would_be_followed_and_follows_nothing(vault: ApiVault) -> None:
    await follow(vault)
    answer = await vault.client.post(
        "/api/sources/import", {"file": encoded(LIST), "dry_run": True}
    )
    view = answer.json()

    assert (answer.status, view["is_dry_run"]) == (200, True)
    assert [one["url"] for one in view["new"]] == ["https://videos.example/feed.xml"]
    assert [one["url"] for one in view["known"]] == [CHANNEL]
    assert [(one["line"], one["text"]) for one in view["refused"]] == [(3, "nonsense")]
    assert len((await vault.client.get("/api/sources")).json()["sources"]) == 1


async def test_an_import_follows_each_source_under_its_title_with_what_was_asked(
    vault: ApiVault,
) -> None:
    outline = '<outline text="Walks" xmlUrl="https://videos.example/feed.xml"/>'
    document = f"<opml><body>{outline}<outline text='Jane' htmlUrl='{CHANNEL}'/></body></opml>"
    asked = {"start": "newest", "newest": 3, "profile": "Audio", "collection": "Trains"}
    answer = await vault.client.post(
        "/api/sources/import", {"file": encoded(document), "asked": asked}
    )
    sources = (await vault.client.get("/api/sources")).json()["sources"]
    again = await vault.client.post("/api/sources/import", {"file": encoded(document)})

    assert [one["id"] for one in answer.json()["new"]] == [
        source["id"] for source in sorted(sources, key=by_name)
    ][::-1]
    assert sorted(source["name"] for source in sources) == ["Jane", "Walks"]
    for source in sources:
        assert (source["start"], source["newest"]) == ("newest", 3)
        assert (source["profile"], source["collection"]) == ("audio", "Trains")
        assert source["checked_at"] is None
    assert (len(again.json()["new"]), len(again.json()["known"])) == (0, 2)


def by_name(source: dict[str, Any]) -> str:
    return str(source["name"])


async def test_a_worker_looks_at_imported_sources_when_their_time_has_come(vault: ApiVault) -> None:
    text = "\n".join(f"https://videos.example/{n}.xml" for n in range(3))
    await vault.client.post("/api/sources/import", {"file": encoded(text)})

    due = []
    for seconds in (0, 11, 12, 24, 3_600):
        at = vault.clock.now() + timedelta(seconds=seconds)
        due.append(sum(one.is_due(at) for one in await stored.with_work(vault.store.tables, at)))
    assert due == [1, 1, 2, 3, 3]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"file": "no base64!"},
        {"file": encoded("")},
        {"file": encoded("<!DOCTYPE a [<!ENTITY b 'c'>]><opml>&b;</opml>")},
        {"file": encoded(LIST), "asked": {"profile": "unknown"}},
        {"file": encoded(LIST), "asked": {"start": "since"}},
        {"file": encoded(LIST), "asked": {"collection": "x" * 500}},
        {"file": encoded(LIST), "asked": {"url": CHANNEL}},
    ],
)
async def test_a_list_that_cannot_be_read_is_refused_and_nothing_is_followed(
    vault: ApiVault, body: dict[str, Any]
) -> None:
    answer = await vault.client.post("/api/sources/import", body)

    assert (answer.status, answer.json()["code"]) == (422, "BAD_REQUEST")
    assert (await vault.client.get("/api/sources")).json() == {"sources": []}


async def test_a_list_may_be_larger_than_other_requests_to_its_own_limit(vault: ApiVault) -> None:
    text = "\n".join(["# a long comment " * 10] * 5_000 + [CHANNEL])
    answer = await vault.client.post("/api/sources/import", {"file": encoded(text)})
    too_large = await vault.client.post("/api/sources/import", {"file": "a" * (7 << 20)})
    elsewhere = await vault.client.post("/api/sources", {"url": "a" * 100_000})

    assert (answer.status, len(answer.json()["new"])) == (200, 1)
    assert (too_large.status, elsewhere.status) == (413, 413)


async def test_an_export_can_be_imported_by_another_vault(
    vault: ApiVault, make_vault: MakeVault
) -> None:
    await follow(
        vault,
        collection="Trains",
        per_day=5,
        filters={"having": ["<night> & day"], "kinds": ["video"]},
    )
    await follow(vault, url="https://videos.example/feed.xml", interval_minutes=90)
    exported = await vault.client.get("/api/sources/export")
    other = make_vault()
    answer = await other.client.post("/api/sources/import", {"file": encoded(exported.text)})
    before, after = [
        (await each.client.get("/api/sources")).json()["sources"] for each in (vault, other)
    ]

    assert exported.headers["content-type"].startswith("text/x-opml")
    assert (
        exported.headers["content-disposition"] == 'attachment; filename="mediavault-sources.opml"'
    )
    assert answer.json()["refused"] == []
    changing = ("id", "followed_at", "name", "next_check_at")
    assert sorted(
        ([{k: v for k, v in one.items() if k not in changing} for one in before]), key=by_url
    ) == sorted(
        ([{k: v for k, v in one.items() if k not in changing} for one in after]), key=by_url
    )


def by_url(source: dict[str, Any]) -> str:
    return str(source["url"])
