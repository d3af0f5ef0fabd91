"""The contract of the small records of every store,
sentence by sentence as in ``store/port.py``.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.records import MOVING_KINDS, Record, RecordKind
from mediavault.maintenance import moving
from mediavault.maintenance.moving import compare, copy_rest
from mediavault.store.port import Store
from tests.contract.stores import STORES
from tests.fakes import START, FakeClock
from tests.memory_store import MemoryJobStore

OWNER, TOKEN, SESSION, SETTING = (
    RecordKind.OWNER,
    RecordKind.API_TOKEN,
    RecordKind.WEB_SESSION,
    RecordKind.SETTING,
)
MINUTE = timedelta(minutes=1)
HOSTILE = {
    "$set": {"a.b": "$name"},
    "text": "\x00 \ud800 \u202e\"'",
    "list": [1, None, True, 2.5],
    "é": {},
}


async def test_a_stored_record_is_returned(store: Store) -> None:
    await store.records.put(OWNER, "owner", {"hash": "a", "n": 1}, expires_at=START + MINUTE)

    assert await store.records.get(OWNER, "owner") == Record(
        OWNER, "owner", {"hash": "a", "n": 1}, updated_at=START, expires_at=START + MINUTE
    )


async def test_a_later_put_replaces_the_record(store: Store, clock: FakeClock) -> None:
    await store.records.put(OWNER, "owner", {"hash": "a"}, expires_at=START + MINUTE)
    clock.advance(1)
    await store.records.put(OWNER, "owner", {"other": "b"})

    assert await store.records.all(OWNER) == [
        Record(OWNER, "owner", {"other": "b"}, START + timedelta(seconds=1))
    ]


async def test_kinds_do_not_mix(store: Store) -> None:
    await store.records.put(TOKEN, "same", {"of": "tokens"})
    await store.records.put(SETTING, "same", {"of": "settings"})

    assert [record.value for record in await store.records.all(TOKEN)] == [{"of": "tokens"}]
    assert await store.records.get(SESSION, "same") is None
    assert await store.records.remove_all(TOKEN) == 1
    assert [record.value for record in await store.records.all(SETTING)] == [{"of": "settings"}]


async def test_all_records_of_a_kind_are_sorted_by_key(store: Store) -> None:
    for key in ("b", "é", "a", "B", "_", "ab"):
        await store.records.put(TOKEN, key, {})

    assert [record.key for record in await store.records.all(TOKEN)] == [
        "B",
        "_",
        "a",
        "ab",
        "b",
        "é",
    ]


async def test_any_json_is_read_back_unchanged(store: Store) -> None:
    """This includes names that have a meaning for a database."""
    await store.records.put(SETTING, "$odd.'key", HOSTILE)
    record = await store.records.get(SETTING, "$odd.'key")

    assert record is not None
    assert record.value == HOSTILE


async def test_what_json_cannot_hold_is_refused(store: Store) -> None:
    with pytest.raises(TypeError):
        await store.records.put(SETTING, "bad", {"value": object()})
    assert await store.records.all(SETTING) == []


async def test_a_record_is_replaced_only_by_a_caller_that_knows_its_value(store: Store) -> None:
    await store.records.put(OWNER, "owner", {"a": 1, "b": 2})

    assert not await store.records.replace(OWNER, "owner", {"a": 9}, if_value={"a": 1})
    assert not await store.records.replace(OWNER, "owner", {"a": 9}, if_value=None)
    assert not await store.records.replace(OWNER, "nobody", {"a": 9}, if_value={"a": 1})
    assert await store.records.replace(OWNER, "owner", {"a": 9}, if_value={"b": 2, "a": 1})
    assert [record.value for record in await store.records.all(OWNER)] == [{"a": 9}]


async def test_a_record_is_added_only_where_there_is_none(store: Store) -> None:
    assert await store.records.replace(OWNER, "owner", {"a": 1}, if_value=None)
    assert not await store.records.replace(OWNER, "owner", {"a": 2}, if_value=None)
    assert [record.value for record in await store.records.all(OWNER)] == [{"a": 1}]


async def test_only_one_of_many_concurrent_additions_succeeds(store: Store) -> None:
    """Two people who set up one vault at the same time create one owner."""
    done = await asyncio.gather(
        *(store.records.replace(OWNER, "owner", {"by": n}, if_value=None) for n in range(10))
    )

    [winner] = [n for n, was_done in enumerate(done) if was_done]
    assert [record.value for record in await store.records.all(OWNER)] == [{"by": winner}]


async def test_only_one_of_many_concurrent_replacements_succeeds(store: Store) -> None:
    await store.records.put(OWNER, "owner", {"by": None})
    done = await asyncio.gather(
        *(
            store.records.replace(OWNER, "owner", {"by": n}, if_value={"by": None})
            for n in range(10)
        )
    )

    [winner] = [n for n, was_done in enumerate(done) if was_done]
    assert [record.value for record in await store.records.all(OWNER)] == [{"by": winner}]


async def test_an_expired_record_is_not_returned(store: Store, clock: FakeClock) -> None:
    for key in ("a", "b", "c", "d"):
        await store.records.put(SESSION, key, {"of": key}, expires_at=START + MINUTE)
    await store.records.put(SESSION, "stays", {"of": "stays"})
    clock.advance(60)

    assert await store.records.get(SESSION, "a") is None
    assert [record.key for record in await store.records.all(SESSION)] == ["stays"]
    assert not await store.records.replace(SESSION, "a", {}, if_value={"of": "a"})
    assert not await store.records.remove(SESSION, "b")
    assert await store.records.replace(SESSION, "c", {"of": "new"}, if_value=None)
    assert await store.records.remove_all(SESSION, keep=["stays"]) == 1
    assert [record.key for record in await store.records.all(SESSION)] == ["stays"]


async def test_a_record_is_returned_until_it_expires(store: Store, clock: FakeClock) -> None:
    await store.records.put(SESSION, "a", {"of": "a"}, expires_at=START + MINUTE)
    clock.advance(59.999_999)

    assert await store.records.replace(
        SESSION, "a", {"of": "b"}, if_value={"of": "a"}, expires_at=START + 2 * MINUTE
    )
    clock.advance(1)
    assert await store.records.get(SESSION, "a") is not None


async def test_a_record_is_removed_once(store: Store) -> None:
    await store.records.put(TOKEN, "a", {})

    assert await store.records.remove(TOKEN, "a")
    assert not await store.records.remove(TOKEN, "a")
    assert await store.records.get(TOKEN, "a") is None


async def test_all_records_but_some_are_removed(store: Store) -> None:
    for key in ("a", "b", "c"):
        await store.records.put(SESSION, key, {})

    assert await store.records.remove_all(SESSION, keep=["b", "unknown"]) == 2
    assert [record.key for record in await store.records.all(SESSION)] == ["b"]


@pytest.mark.parametrize("engine", sorted(STORES.keys() - {"memory"}))
async def test_records_survive_the_process(engine: str, tmp_path: Path, clock: FakeClock) -> None:
    first, second = STORES[engine](tmp_path, clock), STORES[engine](tmp_path, clock)
    await first.open()
    await first.records.put(OWNER, "owner", {"a": 1})
    await first.close()
    await second.open()
    record = await second.records.get(OWNER, "owner")
    await second.close()

    assert record is not None
    assert record.value == {"a": 1}


async def test_a_vault_that_is_moved_keeps_the_records_it_needs(
    store: Store, clock: FakeClock
) -> None:
    """Users who were signed in to the pages sign in again."""
    source = MemoryJobStore(clock)
    for kind in RecordKind:
        await source.records.put(kind, "one", {"of": kind})
    assert (await compare(source, store)).missing_records == tuple(
        f"{kind} one" for kind in MOVING_KINDS
    )
    await copy_rest(source, store)

    assert {kind for kind in RecordKind if await store.records.all(kind)} == set(MOVING_KINDS)
    assert (await compare(source, store)).is_whole


async def test_records_that_the_target_already_has_are_kept(store: Store, clock: FakeClock) -> None:
    """A backup does not undo a password that was changed since."""
    source = MemoryJobStore(clock)
    await source.records.put(OWNER, "owner", {"hash": "old"})
    await store.records.put(OWNER, "owner", {"hash": "new"})
    await copy_rest(source, store)

    assert [record.value for record in await store.records.all(OWNER)] == [{"hash": "new"}]


async def test_several_records_are_stored_at_once(store: Store, clock: FakeClock) -> None:
    await store.records.put(TOKEN, "b", {"n": 0}, expires_at=START + MINUTE)
    await store.records.put_all(TOKEN, {"a": {"n": 1}, "b": {"n": 2}, "$c.d": HOSTILE})
    await store.records.put_all(TOKEN, {})
    clock.advance(120)

    found = {record.key: record.value for record in await store.records.all(TOKEN)}
    assert found == {"a": {"n": 1}, "b": {"n": 2}, "$c.d": HOSTILE}


async def test_records_are_stored_and_removed_in_one_transaction(
    store: Store, clock: FakeClock
) -> None:
    await store.records.put_all(TOKEN, {"a": {"n": 1}, "b": {"n": 2}, "c": {"n": 3}, "d": {}})
    await store.records.put(SETTING, "b", {"n": 4})
    with pytest.raises(TypeError):
        await store.records.put_all(TOKEN, {"a": {"value": object()}}, remove=["b"])
    refused = [record.key for record in await store.records.all(TOKEN)]
    await store.records.put_all(TOKEN, {"a": {"n": 5}}, remove=["unknown", "b", "d"])
    clock.advance(1)

    assert refused == ["a", "b", "c", "d"]
    assert {record.key: record.value for record in await store.records.all(TOKEN)} == {
        "a": {"n": 5},
        "c": {"n": 3},
    }
    assert await store.records.get(TOKEN, "b") is None
    assert await store.records.replace(TOKEN, "b", {"n": 6}, if_value=None)
    assert [record.value for record in await store.records.all(SETTING)] == [{"n": 4}]


async def test_several_records_of_which_one_cannot_be_stored_are_all_refused(store: Store) -> None:
    with pytest.raises(TypeError):
        await store.records.put_all(TOKEN, {"a": {}, "b": {"value": object()}})
    assert await store.records.all(TOKEN) == []


async def test_records_are_found_by_their_keys(store: Store, clock: FakeClock) -> None:
    await store.records.put_all(TOKEN, {"a": {"n": 1}, "b": {"n": 2}})
    await store.records.put(TOKEN, "ended", {}, expires_at=START + MINUTE)
    await store.records.put(SETTING, "c", {})
    clock.advance(60)
    found = await store.records.some(TOKEN, ["b", "c", "ended", "unknown"])

    assert {key: record.value for key, record in found.items()} == {"b": {"n": 2}}
    assert await store.records.some(TOKEN, []) == {}


async def test_records_are_found_by_the_beginning_of_their_keys(
    store: Store, clock: FakeClock
) -> None:
    for key in ("s1/b", "s1/a", "s1/é", "s1", "s10/a", "s2/a"):
        await store.records.put(TOKEN, key, {})
    await store.records.put(TOKEN, "s1/ended", {}, expires_at=START + MINUTE)
    await store.records.put(SETTING, "s1/c", {})
    clock.advance(60)

    async def under(prefix: str, **options: Any) -> list[str]:
        return [record.key for record in await store.records.under(TOKEN, prefix, **options)]

    assert await under("s1/") == ["s1/a", "s1/b", "s1/é"]
    assert await under("s1/", limit=2) == ["s1/a", "s1/b"]
    assert await under("s1/", after="s1/a", limit=1) == ["s1/b"]
    assert await under("s1/", limit=0) == []
    assert await under("none/") == []
    assert await store.records.count_under(TOKEN, "s1/") == 3
    assert await store.records.remove_under(TOKEN, "s1/") == 3
    assert await under("s") == ["s1", "s10/a", "s2/a"]
    assert [record.key for record in await store.records.all(SETTING)] == ["s1/c"]


async def test_very_many_records_are_moved_in_pages(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "RECORDS_AT_ONCE", 2)
    source = MemoryJobStore(clock)
    entries = {f"s-1/{number}": {"n": number} for number in range(5)}
    await source.records.put_all(RecordKind.REMOVED_POST, entries)
    await source.records.put(SETTING, "ends", {"n": 1}, expires_at=START + MINUTE)
    await store.records.put(RecordKind.REMOVED_POST, "s-1/3", {"n": "newer"})
    await copy_rest(source, store)

    assert {r.key: r.value for r in await store.records.all(RecordKind.REMOVED_POST)} == {
        **entries,
        "s-1/3": {"n": "newer"},
    }
    [setting] = await store.records.all(SETTING)
    assert setting.expires_at == START + MINUTE
    assert (await compare(source, store)).missing_records == ()
