"""A changed setting reaches every process of the vault, whichever store holds the records."""

from __future__ import annotations

import pytest

from mediavault.core.failures import BadSetting, StoreError
from mediavault.core.records import Record, RecordKind
from mediavault.core.settings import Settings
from mediavault.store.live_settings import CHECK_AGAIN_S, LiveSettings, SettingIsFixed
from mediavault.store.port import Store
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

NONE = Settings()


async def test_a_change_is_stored_with_its_author_and_time(store: Store, clock: FakeClock) -> None:
    live = LiveSettings(NONE, store.records, clock)
    at = (await store.catalogue.report()).at
    assert await live.change("concurrency", "7", by="owner") == 7

    change = (await live.changes())["concurrency"]
    assert (change.value, change.by) == (7, "owner")
    assert change.at >= at
    assert (await live.current()).concurrency == 7


async def test_another_process_applies_a_change_two_seconds_later(
    store: Store, clock: FakeClock
) -> None:
    page, worker = (
        LiveSettings(NONE, store.records, clock),
        LiveSettings(NONE, store.records, clock),
    )
    before = await worker.current()
    await page.change("pace", {"x": 2.0}, by="owner")

    assert await worker.current() is before
    clock.advance(CHECK_AGAIN_S)
    assert (await worker.current()).pace == {"x": 2.0}


async def test_a_reset_restores_the_value_from_the_start_of_the_vault(
    store: Store, clock: FakeClock
) -> None:
    live = LiveSettings(NONE, store.records, clock)
    await live.change("max_attempts", 9, by="owner")

    assert await live.reset("max_attempts")
    assert not await live.reset("max_attempts")
    assert (await live.current()).max_attempts == NONE.max_attempts
    assert await live.changes() == {}


async def test_a_value_from_the_environment_wins_and_cannot_be_changed(
    store: Store, clock: FakeClock
) -> None:
    await LiveSettings(NONE, store.records, clock).change("concurrency", 9, by="owner")
    started = LiveSettings(Settings(concurrency=4), store.records, clock)

    assert started.fixed == {"concurrency"}
    assert (await started.current()).concurrency == 4
    assert await started.changes() == {}
    for attempt in (started.change("concurrency", 9, by="owner"), started.reset("concurrency")):
        with pytest.raises(SettingIsFixed):
            await attempt


async def test_a_value_out_of_bounds_is_not_stored(store: Store, clock: FakeClock) -> None:
    live = LiveSettings(NONE, store.records, clock)
    with pytest.raises(BadSetting):
        await live.change("concurrency", 0, by="owner")
    with pytest.raises(KeyError):
        await live.change("token", "mv_x", by="owner")

    assert await store.records.all(RecordKind.SETTING) == []


async def test_several_changes_are_stored_and_reset_together_or_not_at_all(
    store: Store, clock: FakeClock
) -> None:
    live = LiveSettings(NONE, store.records, clock)
    await live.change("retention_days", 9, by="owner")
    await live.change("concurrency", 7, by="owner")
    with pytest.raises(BadSetting):
        await live.save(
            {"concurrency": 5, "max_attempts": 0}, resets=["retention_days"], by="owner"
        )
    refused = {name: change.value for name, change in (await live.changes()).items()}
    await live.save({"concurrency": 5, "max_attempts": 8}, resets=["retention_days"], by="owner")

    assert refused == {"concurrency": 7, "retention_days": 9}
    assert {name: change.value for name, change in (await live.changes()).items()} == {
        "concurrency": 5,
        "max_attempts": 8,
    }


async def test_a_record_that_is_no_longer_valid_is_ignored(store: Store, clock: FakeClock) -> None:
    await store.records.put(
        RecordKind.SETTING, "concurrency", {"value": 10_000, "by": "a former version"}
    )
    await store.records.put(RecordKind.SETTING, "gravity", {"value": 9.81})

    assert (
        await LiveSettings(NONE, store.records, clock).current()
        == LiveSettings(NONE, store.records, clock)._now
    )


async def test_the_last_known_values_apply_while_the_store_is_away(clock: FakeClock) -> None:
    store = MemoryJobStore(clock)
    live = LiveSettings(NONE, store.records, clock)
    await live.change("concurrency", 7, by="owner")

    async def away(kind: RecordKind) -> list[Record]:
        raise StoreError("The database does not answer.")

    store.records.all = away  # type: ignore[method-assign]
    clock.advance(CHECK_AGAIN_S * 2)

    assert (await live.current()).concurrency == 7
