"""The one owner and the password."""

from __future__ import annotations

import asyncio

import pytest

from mediavault.auth import hashing
from mediavault.auth.errors import WrongSecret
from mediavault.auth.owner import KNOWN_FOR_S, Owner
from mediavault.core.failures import BadInput
from mediavault.core.records import RecordKind
from mediavault.store.memory.store import MemoryJobStore
from tests.fakes import FakeClock

GOOD, OTHER = "seven grey herons", "nine brown horses"


async def test_a_vault_begins_without_a_password(store: MemoryJobStore, clock: FakeClock) -> None:
    """No default one either."""
    owner = Owner(store.records, clock)

    assert not await owner.has_password()
    assert not any([await owner.holds(guess) for guess in ("", "admin", "mediavault", "password")])


async def test_of_two_who_take_it_at_once_one_is_the_owner(store: MemoryJobStore, clock: FakeClock) -> None:
    """As in the race for a wizard that is open to all."""
    taken = await asyncio.gather(Owner(store.records, clock).take(GOOD), Owner(store.records, clock).take(OTHER))
    owner = Owner(store.records, clock)

    assert sorted(taken) == [False, True]
    assert [await owner.holds(GOOD), await owner.holds(OTHER)] == list(taken)
    assert not await owner.take(OTHER)


async def test_the_store_holds_a_hash_alone(store: MemoryJobStore, clock: FakeClock) -> None:
    await Owner(store.records, clock).take(GOOD)
    [record] = await store.records.all(RecordKind.OWNER)

    assert str(record.value["password"]).startswith("$argon2id$")
    assert GOOD not in str(record)


async def test_it_is_changed_by_who_knows_it(store: MemoryJobStore, clock: FakeClock) -> None:
    owner = Owner(store.records, clock)
    await owner.take(GOOD)
    with pytest.raises(WrongSecret):
        await owner.change(OTHER, "another good one")
    with pytest.raises(BadInput, match="shorter"):
        await owner.change(GOOD, "short")
    assert await owner.holds(GOOD)

    await owner.change(GOOD, OTHER)
    assert [await owner.holds(GOOD), await owner.holds(OTHER)] == [False, True]


async def test_a_hash_from_cheaper_days_is_made_anew_at_the_next_sign_in(
    store: MemoryJobStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Owner(store.records, clock).take(GOOD)
    monkeypatch.setattr(hashing, "MEMORY_KIB", 128)
    hashing._hasher.cache_clear()
    owner = Owner(store.records, clock)
    assert not await owner.holds(OTHER)
    assert "m=64," in str(await store.records.all(RecordKind.OWNER))

    assert await owner.holds(GOOD)
    assert "m=128," in str(await store.records.all(RecordKind.OWNER))
    assert await owner.holds(GOOD)


async def test_what_another_process_does_holds_within_seconds(store: MemoryJobStore, clock: FakeClock) -> None:
    here, there = Owner(store.records, clock), Owner(store.records, clock)
    assert not await here.has_password()
    await there.set_password(GOOD)
    assert not await here.has_password()

    clock.advance(KNOWN_FOR_S)
    assert await here.has_password()
    assert await there.remove_password()
    assert not await there.has_password()
    assert not await there.remove_password()


async def test_a_look_that_is_overtaken_by_a_change_is_not_remembered(store: MemoryJobStore, clock: FakeClock) -> None:
    """Else a vault that has just got its password would stay open for two seconds."""
    owner = Owner(store.records, clock)
    read = store.records.get

    async def slow(kind: RecordKind, key: str) -> object:
        found = await read(kind, key)
        await owner.set_password(GOOD)
        return found

    store.records.get = slow  # type: ignore[method-assign, assignment]
    await owner.has_password()
    store.records.get = read  # type: ignore[method-assign]

    assert await owner.has_password()
