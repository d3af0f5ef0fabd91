"""``password`` and ``token`` on the command line."""

from __future__ import annotations

import asyncio
import io

import pytest

from mediavault.auth.credentials import ApiTokens, ClientInfo, WebSessions
from mediavault.auth.users import Users
from mediavault.core.records import RecordKind
from tests.unit.cli.conftest import Run, StubHouse

PASSWORD = "seven grey herons"


pytestmark = pytest.mark.usefixtures("cheap_hashing")


def holds(house: StubHouse, password: str) -> bool:
    return asyncio.run(Users(house.store.records, house.clock).holds(password))


def set_stdin(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_a_password_is_set_from_standard_input(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All web sessions end: the old password may have leaked."""
    asyncio.run(WebSessions(house.store.records, house.clock).begin(ClientInfo()))
    set_stdin(monkeypatch, f"{PASSWORD}\n")
    ended = run("password", "--stdin")

    assert (ended.code, ended.err) == (0, "")
    assert PASSWORD not in ended.out
    assert holds(house, PASSWORD)
    assert asyncio.run(house.store.records.all(RecordKind.WEB_SESSION)) == []


def test_the_password_is_asked_for_twice(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts: list[object] = []

    def prompt(words: str, **options: object) -> str:
        prompts.append((words, options["hide_input"], options["confirmation_prompt"]))
        return PASSWORD

    monkeypatch.setattr("typer.prompt", prompt)

    assert run("password").code == 0
    assert prompts == [("New password", True, "Once more")]
    assert holds(house, PASSWORD)


@pytest.mark.parametrize("bad", ["", "short", "password123", "x" * 129])
def test_a_bad_password_is_refused(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    set_stdin(monkeypatch, bad)
    ended = run("password", "--stdin")

    assert ended.code == 2
    assert "password is" in ended.err
    assert asyncio.run(house.store.records.all(RecordKind.OWNER)) == []


def test_the_password_is_removed(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_stdin(monkeypatch, PASSWORD)
    run("password", "--stdin")

    assert run("password", "--remove", "--json").json() == {"password": False, "changed": True}
    assert run("password", "--remove").code == 1
    assert not holds(house, PASSWORD)


def test_a_token_is_printed_alone_and_listed_without_it(run: Run, house: StubHouse) -> None:
    """So that a script can use the output unchanged."""
    made = run("token", "add", "phone", "--scope", "read", "--days", "30")
    token = made.out.strip()
    [listed] = run("token", "list", "--json").json()["tokens"]

    assert token.startswith("mv_")
    assert "nobody can show it again" in made.err
    assert (listed["name"], listed["scope"], listed["last_used_at"]) == ("phone", "read", None)
    assert listed["expires_at"] is not None
    assert token not in str(listed)
    assert listed["id"] in run("token", "list").out
    assert asyncio.run(ApiTokens(house.store.records, house.clock).find(token)) is not None


def test_a_token_may_only_submit_unless_another_scope_is_given(run: Run) -> None:
    assert run("token", "add", "phone", "--json").json()["scope"] == "submit"
    assert run("token", "add", "other", "--scope", "root").code == 2
    assert run("token", "add", "phone").code == 2


def test_a_token_is_revoked_by_its_name(run: Run, house: StubHouse) -> None:
    token = run("token", "add", "phone").out.strip()

    assert run("token", "revoke", "phone").out.strip() == "phone: revoked."
    assert run("token", "revoke", "phone", "--json").code == 2
    assert asyncio.run(ApiTokens(house.store.records, house.clock).find(token)) is None
    assert "no token" in run("token", "list").out
