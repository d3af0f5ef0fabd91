"""Grants of every kind: how they are stored, and what ends them.
Values are as earlier versions have written them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mediavault.auth.credentials import ApiTokens, ClientInfo, SetupToken, WebSessions
from mediavault.auth.grants import Grants, end_grants
from mediavault.auth.keys import digest_of
from mediavault.auth.permissions import Scope
from mediavault.core.failures import NotFound
from mediavault.core.records import RecordKind
from mediavault.features.rss.service import RssFeeds
from mediavault.features.sharing.service import SharedLinks
from tests.fakes import START, FakeClock
from tests.memory_store import MemoryJobStore

AT = START.isoformat()
SECRET = "mv_the secret"
SESSION = {"made_at": AT, "used_at": AT, "browser": "Firefox", "address": "192.0.2.1", "tls": True}
FEED = {"uid": "6f7c1a34-9f0e-4d0a-9b62-b8f6a2f2f6a1", "name": "Trains", "filter": "q=trains",
        "made_at": AT} | {
    "user": "jane", "locale": "de", "zone": "Europe/Berlin", "base": "https://vault.example/",
    "used_at": AT
}  # fmt: skip
LINK = {
    "job_id": "01930000-0000-7000-8000-000000000001",
    "item": 1,
    "made_at": AT,
    "password": None,
    "uid": "",
}
STORED: Mapping[str, tuple[type[Grants[Any]], Mapping[str, Any], Mapping[str, Any]]] = {
    "token": (
        ApiTokens,
        {"name": "phone", "made_at": AT, "used_at": None, "scope": "submit"},
        {"user": "owner", "name": "phone", "scope": Scope.SUBMIT, "used_at": None, "profile": None},
    ),
    "token of a user": (
        ApiTokens,
        {
            "name": "phone",
            "made_at": AT,
            "used_at": AT,
            "profile": "Audio",
            "user": "jane",
            "scope": "read",
        },
        {"user": "jane", "scope": Scope.READ, "used_at": START, "profile": "Audio"},
    ),
    "session of the owner": (
        WebSessions,
        {**SESSION, "bound": "ab" * 32},
        {
            "user": "owner",
            "made_at": START,
            "used_at": START,
            "browser": "Firefox",
            "tls": True,
            "bound": "ab" * 32,
        },
    ),
    "session of a user": (
        WebSessions,
        {**SESSION, "bound": "user", "user": "jane"},
        {"user": "jane"},
    ),
    "link": (SharedLinks, LINK, {"user": "owner", "item": 1, "password": None, "made_at": START}),
    "locked link": (
        SharedLinks,
        {**LINK, "password": "$argon2id$", "user": "jane"},
        {"password": "$argon2id$"},
    ),
    "feed": (
        RssFeeds,
        FEED,
        {"id": FEED["uid"], "filter": "q=trains", "zone": "Europe/Berlin", "used_at": START},
    ),
}


@pytest.fixture
def grants(
    store: MemoryJobStore, clock: FakeClock, tmp_path: Path
) -> Mapping[type[Grants[Any]], Grants[Any]]:
    made = (
        ApiTokens(store.records, clock),
        WebSessions(store.records, clock),
        SetupToken(store.records, clock),
    )
    return {
        type(one): one
        for one in (*made, SharedLinks(store, clock, tmp_path), RssFeeds(store, clock, tmp_path))
    }


@pytest.mark.parametrize("name", STORED)
async def test_what_is_stored_is_read_and_written_as_it_was(
    grants: Mapping[type[Grants[Any]], Grants[Any]], store: MemoryJobStore, name: str
) -> None:
    kind, value, wanted = STORED[name]
    await store.records.put(grants[kind].of.kind, digest_of(SECRET), value)
    [grant] = await grants[kind].all()

    assert {field: getattr(grant, field) for field in wanted} == wanted
    assert grant == await grants[kind].find(SECRET)
    assert value.items() <= grant.to_value().items()
    assert set(grant.to_value()) - set(value) <= {"user", "used_at", "profile"}


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("token of a user", {"scope": "everything"}),
        ("token", {"scope": "everything"}),
        ("token", {"made_at": 5}),
        ("token", {"made_at": "yesterday"}),
        ("token", {"made_at": "2026-01-01T00:00:00"}),
        ("token", {"used_at": "2026-01-01T00:00:00"}),
        ("session of a user", {"tls": "yes"}),
        ("link", {"item": "first"}),
        ("feed", {"uid": "7"}),
        ("feed", {"user": 7}),
    ],
)
async def test_a_damaged_record_opens_nothing_and_ends_with_its_user(
    grants: Mapping[type[Grants[Any]], Grants[Any]],
    store: MemoryJobStore,
    name: str,
    damage: Mapping[str, Any],
) -> None:
    kind, value, _ = STORED[name]
    changed = {**value, **damage}
    await store.records.put(grants[kind].of.kind, digest_of(SECRET), changed)

    assert await grants[kind].all() == []
    assert await grants[kind].find(SECRET) is None
    assert await end_grants(store.records, grants[kind].of.kind, changed.get("user", "owner")) == 1


async def test_nothing_is_revoked_by_an_empty_name(
    grants: Mapping[type[Grants[Any]], Grants[Any]],
) -> None:
    sessions = grants[WebSessions]
    assert isinstance(sessions, WebSessions)
    await sessions.begin(ClientInfo())
    with pytest.raises(NotFound):
        await sessions.revoke("")


async def test_a_new_set_up_token_ends_those_before_also_of_earlier_versions(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    await store.records.put(RecordKind.SETUP, "invitation", {"digest": digest_of("abcde")})
    setup = SetupToken(store.records, clock)
    assert not await setup.matches("abcde")
    token = await setup.issue()
    [record] = await store.records.all(RecordKind.SETUP)

    assert await setup.matches(f" {token.upper()} ")
    assert record.key == digest_of(token)
    assert token not in str(record)
