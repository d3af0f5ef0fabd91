"""The owner, the other users, their passwords and roles."""

from __future__ import annotations

import asyncio

import pytest

from mediavault.auth import passwords
from mediavault.auth.errors import WrongSecret
from mediavault.auth.users import KNOWN_FOR_S, Users
from mediavault.core.failures import BadInput
from mediavault.core.records import RecordKind
from mediavault.core.users import Role
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

GOOD, OTHER = "seven grey herons", "nine brown horses"


async def test_a_vault_begins_without_a_password(store: MemoryJobStore, clock: FakeClock) -> None:
    """There is no default password either."""
    owner = Users(store.records, clock)

    assert not await owner.has_password()
    assert not any([await owner.holds(guess) for guess in ("", "admin", "mediavault", "password")])


async def test_only_one_of_two_concurrent_setups_sets_the_password(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    """Two users race through a setup page that is open to everyone."""
    taken = await asyncio.gather(
        Users(store.records, clock).take(GOOD), Users(store.records, clock).take(OTHER)
    )
    owner = Users(store.records, clock)

    assert sorted(taken) == [False, True]
    assert [await owner.holds(GOOD), await owner.holds(OTHER)] == list(taken)
    assert not await owner.take(OTHER)


async def test_the_store_holds_only_a_hash(store: MemoryJobStore, clock: FakeClock) -> None:
    await Users(store.records, clock).take(GOOD)
    [record] = await store.records.all(RecordKind.OWNER)

    assert str(record.value["password"]).startswith("$argon2id$")
    assert GOOD not in str(record)


async def test_changing_the_password_requires_the_current_one(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    owner = Users(store.records, clock)
    await owner.take(GOOD)
    with pytest.raises(WrongSecret):
        await owner.change_password(OTHER, "another good one")
    with pytest.raises(BadInput, match="shorter"):
        await owner.change_password(GOOD, "short")
    assert await owner.holds(GOOD)

    await owner.change_password(GOOD, OTHER)
    assert [await owner.holds(GOOD), await owner.holds(OTHER)] == [False, True]


async def test_an_owner_with_a_name_signs_in_with_it(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    owner = Users(store.records, clock)
    with pytest.raises(BadInput, match="gets a name with the password"):
        await owner.name_owner("jane")
    assert await owner.take(GOOD, " Jane ")

    assert [await owner.of_typed(name) for name in ("JANE", "", "owner", "joe")] == [
        "owner", "owner", "owner", "joe",
    ]  # fmt: skip
    await owner.set_password(OTHER)
    found = await owner.find("owner")
    assert found is not None
    assert found.called == "jane"
    with pytest.raises(BadInput, match="this name already"):
        await owner.add("jane", Role.VIEWER, GOOD)
    await owner.add("joe", Role.VIEWER, GOOD)
    for name in ("joe", "owner"):
        with pytest.raises(BadInput, match="this name already"):
            await owner.name_owner(name)
    await owner.name_owner("")
    assert await owner.of_typed("jane") == "jane"


async def test_a_hash_with_outdated_costs_is_replaced_at_the_next_sign_in(
    store: MemoryJobStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Users(store.records, clock).take(GOOD)
    monkeypatch.setattr(passwords, "MEMORY_KIB", 128)
    passwords._hasher.cache_clear()
    owner = Users(store.records, clock)
    assert not await owner.holds(OTHER)
    assert "m=64," in str(await store.records.all(RecordKind.OWNER))

    assert await owner.holds(GOOD)
    assert "m=128," in str(await store.records.all(RecordKind.OWNER))
    assert await owner.holds(GOOD)


async def test_a_change_by_another_process_takes_effect_within_seconds(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    local, remote = Users(store.records, clock), Users(store.records, clock)
    assert not await local.has_password()
    await remote.set_password(GOOD)
    assert not await local.has_password()

    clock.advance(KNOWN_FOR_S)
    assert await local.has_password()
    assert await remote.remove_password()
    assert not await remote.has_password()
    assert not await remote.remove_password()


async def test_a_read_overtaken_by_a_change_is_not_cached(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    """Otherwise a vault whose password has just been set would stay open for two seconds."""
    owner = Users(store.records, clock)
    read = store.records.get

    async def slow(kind: RecordKind, key: str) -> object:
        record = await read(kind, key)
        store.records.get = read  # type: ignore[method-assign]
        await owner.set_password(GOOD)
        return record

    store.records.get = slow  # type: ignore[method-assign, assignment]
    await owner.has_password()

    assert await owner.has_password()


@pytest.mark.parametrize("name", ["\x00", "\ud800", "a/b", "", "x" * 10_000, "../owner"], ids=repr)
async def test_what_can_be_no_name_never_reaches_the_store(
    store: MemoryJobStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A database may refuse such a text, and the sign-in would fail with an error of its own."""
    monkeypatch.setattr(store.records, "get", None)
    monkeypatch.setattr(store.records, "remove", None)
    users = Users(store.records, clock)

    assert await users.find(name) is None
    assert not await users.holds(GOOD, name)
    with pytest.raises(BadInput):
        await users.change_role(name, Role.ADMIN)
    with pytest.raises(BadInput):
        await users.remove(name)
    with pytest.raises(BadInput):
        await users.set_password(GOOD, name)


async def test_a_damaged_user_has_no_access(store: MemoryJobStore, clock: FakeClock) -> None:
    """As in a backup that was changed."""
    whole = {
        "role": "viewer",
        "made_at": clock.now().isoformat(),
        "password": None,
        "identity": None,
    }
    for number, (name, damaged) in enumerate(
        (("role", "king"), ("made_at", 7), ("identity", 7), ("identity", []))
    ):
        await store.records.put(RecordKind.USER, f"user{number}", {**whole, name: damaged})
    await store.records.put(RecordKind.USER, "whole", whole)
    await store.records.put(RecordKind.USER, "a/b", whole)
    users = Users(store.records, clock)

    assert [user.name for user in await users.all()] == ["whole"]
    assert [await users.find(f"user{number}") for number in range(4)] == [None] * 4
    assert await users.find("a/b") is None


async def test_a_users_role_is_known_elsewhere_within_seconds(
    store: MemoryJobStore, clock: FakeClock
) -> None:
    local, remote = Users(store.records, clock), Users(store.records, clock)
    await local.add("jane", Role.VIEWER, GOOD)
    assert (await remote.find("jane")) is not None

    await local.change_role("jane", Role.ADMIN)
    clock.advance(KNOWN_FOR_S)
    found = await remote.find("jane")
    assert found is not None
    assert found.role is Role.ADMIN
