"""``user`` on the command line, and the passwords of users."""

from __future__ import annotations

import asyncio
import io

import pytest

from mediavault.auth.credentials import ApiTokens, ClientInfo, WebSessions
from mediavault.auth.permissions import Scope
from mediavault.auth.users import Users
from mediavault.core.users import Role
from tests.unit.cli.conftest import Ran, Run, StubHouse

PASSWORD, OTHER = "seven grey herons", "nine brown horses"
pytestmark = pytest.mark.usefixtures("cheap_hashing")


@pytest.fixture
def owned(house: StubHouse) -> StubHouse:
    asyncio.run(users_of(house).take(PASSWORD))
    return house


def users_of(house: StubHouse) -> Users:
    return Users(house.store.records, house.clock)


def with_password(
    monkeypatch: pytest.MonkeyPatch, run: Run, *command: str, password: str = OTHER
) -> Ran:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    return run(*command, "--stdin")


def test_a_user_is_added_listed_changed_and_removed(
    run: Run, owned: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = with_password(monkeypatch, run, "user", "add", "Jane", "--role", "member")
    assert added.out.strip() == "jane can sign in now, as member."
    assert asyncio.run(users_of(owned).holds(OTHER, "jane"))

    assert run("user", "role", "jane", "viewer").code == 0
    [listed] = run("user", "list", "--json").json()["users"]
    assert (listed["name"], listed["role"], listed["has_password"]) == ("jane", "viewer", True)
    assert run("user", "list").out.split() == ["viewer", "jane"]

    token, _ = asyncio.run(
        ApiTokens(owned.store.records, owned.clock).add("all", Scope.READ, user="jane")
    )
    assert "jane, never used" in run("token", "list").out
    assert run("user", "remove", "jane", "--json").json() == {"removed": "jane"}
    assert run("user", "list").out == "There are no other users.\n"
    assert asyncio.run(ApiTokens(owned.store.records, owned.clock).find(token)) is None


def test_a_users_password_is_set_and_only_their_sessions_end(
    run: Run, owned: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_password(monkeypatch, run, "user", "add", "jane")
    sessions = WebSessions(owned.store.records, owned.clock)
    for user in ("jane", "owner"):
        asyncio.run(sessions.begin(ClientInfo(), user=user))

    changed = with_password(
        monkeypatch, run, "password", "--user", "jane", password="five red foxes!"
    )
    assert changed.code == 0
    assert asyncio.run(users_of(owned).holds("five red foxes!", "jane"))
    assert asyncio.run(users_of(owned).holds(PASSWORD))
    assert [session.user for session in asyncio.run(sessions.all())] == ["owner"]


@pytest.mark.parametrize(
    "command",
    [
        ("user", "add", "owner"),
        ("user", "add", "ja/ne"),
        ("user", "add", "jane", "--role", "king"),
        ("password", "--user", "nobody"),
    ],
)
def test_what_makes_no_sense_is_refused(
    run: Run, owned: StubHouse, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    assert with_password(monkeypatch, run, *command).code == 2
    assert asyncio.run(users_of(owned).all()) == []


@pytest.mark.parametrize(
    "command",
    [
        ("user", "role", "nobody", "viewer"),
        ("user", "remove", "nobody"),
        ("user", "remove", "owner"),
        ("password", "--remove", "--user", "jane"),
    ],
)
def test_users_who_are_not_there_are_not_changed(
    run: Run, owned: StubHouse, command: tuple[str, ...]
) -> None:
    assert run(*command).code == 2
    assert asyncio.run(users_of(owned).has_password())


def test_a_vault_without_a_password_gets_no_users(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = with_password(monkeypatch, run, "user", "add", "jane", "--role", Role.MEMBER)

    assert refused.code == 2
    assert "mediavault password" in refused.err
