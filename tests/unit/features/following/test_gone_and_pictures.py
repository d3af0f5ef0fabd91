"""What a list no longer names, and the pictures of sources."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import RateLimited
from mediavault.core.listings import EntryKind
from mediavault.core.records import RecordKind
from mediavault.features.following import records as stored
from mediavault.features.following.filters import Filters
from mediavault.features.following.model import SourceState, Start
from mediavault.features.following.records import change_source
from mediavault.store.tables import SOURCE_ENTRIES
from tests.stubs import StubClient, StubProbe
from tests.unit.features.following.test_checks import HOUR, Vault, video

JPEG = b"\xff\xd8\xff a face"
PICTURE = "https://videos.example/face.jpg"
WEEK = timedelta(days=7)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path)


async def unlisted(vault: Vault) -> dict[int, datetime | None]:
    """When the videos went that are gone, by their numbers."""
    found = (await stored.unlisted_entries(vault.store.tables, "s-1", limit=500)).values()
    seen = await stored.all_seen(vault.store.tables, "s-1", limit=500)
    assert {entry.url for entry in found} == {
        entry.url for entry in seen.values() if entry.unlisted_at
    }
    assert (await vault.one()).state.unlisted == len(found)
    return {int(entry.url[-6:]): entry.unlisted_at for entry in found}


async def unlisted_at(vault: Vault) -> dict[int, datetime | None]:
    found = (await stored.unlisted_entries(vault.store.tables, "s-1", limit=500)).values()
    return {int(entry.url[-6:]): entry.unlisted_at for entry in found}


async def following(vault: Vault, count: int = 6) -> None:
    vault.feed.entries = [video(number) for number in range(count, 0, -1)]
    await vault.follow()
    await vault.check()


async def test_what_a_whole_list_no_longer_names_is_gone_and_nothing_is_deleted(
    vault: Vault,
) -> None:
    await following(vault)
    vault.feed.entries.insert(0, video(7))
    await vault.check(after=HOUR)
    vault.feed.entries = [video(6), video(5), video(4), video(3), video(1)]
    await vault.check(after=HOUR)
    at = (await vault.one()).state.checked_at

    assert await unlisted(vault) == {7: at, 2: at}
    assert await vault.numbers() == [7]

    await vault.check(after=HOUR)
    assert await unlisted(vault) == {7: at, 2: at}


@pytest.mark.parametrize("whole", [True, False])
async def test_what_appears_again_is_taken_back_by_any_list(vault: Vault, whole: bool) -> None:
    await following(vault)
    vault.feed.entries = vault.feed.entries[:-1]
    await vault.check(after=HOUR)
    assert list(await unlisted(vault)) == [1]

    vault.feed.entries, vault.feed.facts = [video(2), video(1)], {"is_whole": whole}
    await vault.check(after=HOUR)
    assert 1 not in await unlisted(vault)


@pytest.mark.parametrize(
    "facts",
    [{"is_whole": False}, {"is_whole": True, "is_unchanged": True}],
)
async def test_a_list_that_was_not_read_to_its_end_says_nothing_of_what_is_gone(
    vault: Vault, facts: dict[str, bool]
) -> None:
    await following(vault)
    vault.feed.entries, vault.feed.facts = vault.feed.entries[:5], facts
    await vault.check(after=HOUR)

    assert await unlisted(vault) == {}


async def test_an_empty_a_failing_and_a_much_shorter_answer_say_nothing_of_what_is_gone(
    vault: Vault,
) -> None:
    await following(vault)
    everything, vault.feed.entries = vault.feed.entries, []
    await vault.check(after=HOUR)
    vault.feed.failure = RateLimited("A site")
    await vault.check(after=HOUR)
    vault.feed.failure, vault.feed.entries = None, everything[:2]
    await vault.check(after=HOUR)

    assert await unlisted(vault) == {}


async def test_looks_at_a_short_feed_do_not_make_a_short_list_believable(vault: Vault) -> None:
    await following(vault, 40)
    everything = vault.feed.entries
    vault.feed.entries, vault.feed.facts = everything[:3], {"is_whole": False}
    for _ in range(5):
        await vault.check(after=HOUR)
    vault.feed.entries, vault.feed.facts = everything[:19], {"is_whole": True}
    await vault.check(after=HOUR)

    assert (await vault.one()).state.usual_entries < 38
    assert await unlisted(vault) == {}


async def test_what_the_filters_no_longer_ask_for_is_not_called_gone(vault: Vault) -> None:
    await following(vault)
    only = Filters(kinds=(EntryKind.VIDEO,))
    await change_source(vault.store.tables, "s-1", lambda source: replace(source, filters=only))
    vault.feed.entries = vault.feed.entries[:4]
    for _ in range(2):
        await vault.check(after=HOUR)
    assert await unlisted(vault) == {}

    vault.feed.entries = vault.feed.entries[:3]
    await vault.check(after=HOUR)
    assert list(await unlisted(vault)) == [3]


async def test_what_only_a_feed_has_named_is_never_called_gone(vault: Vault) -> None:
    await following(vault)
    everything = vault.feed.entries
    vault.feed.entries, vault.feed.facts = [video(9), *everything], {"is_whole": False}
    await vault.check(after=HOUR)
    vault.feed.entries, vault.feed.facts = everything, {}
    await vault.check(after=HOUR)

    assert await unlisted(vault) == {}


async def test_a_waiting_post_that_is_gone_stays_gone_when_its_turn_comes(vault: Vault) -> None:
    vault.feed.entries = [video(number) for number in range(6, 0, -1)]
    await vault.follow(start=Start.EVERYTHING)
    await vault.check()
    vault.feed.entries = vault.feed.entries[:-1]
    await vault.check(after=HOUR)
    await vault.run(timedelta(hours=3), finish=True)

    assert 1 in await vault.numbers()
    assert list(await unlisted(vault)) == [1]


async def test_a_kill_before_the_state_was_stored_is_repaired_by_the_next_check(
    vault: Vault,
) -> None:
    await following(vault)
    vault.feed.entries = vault.feed.entries[:-1]
    await vault.check(after=HOUR)
    await stored.change_state(vault.store.tables, "s-1", lambda state: replace(state, unlisted=0))
    before = await unlisted_at(vault)
    await vault.check(after=HOUR)

    assert await unlisted(vault) == before == {1: before[1]}


async def test_many_that_go_at_once_are_gone_and_are_not_missed_again(vault: Vault) -> None:
    await following(vault, 130)
    vault.feed.facts = {"is_newest_first": False}
    vault.feed.entries = vault.feed.entries[:70]
    await vault.check(after=HOUR)
    at = await unlisted(vault)
    vault.feed.entries = vault.feed.entries[:69]
    for _ in range(2):
        await vault.check(after=HOUR)

    assert len(at) == 60
    assert (await unlisted(vault)).items() > at.items()
    assert len(await unlisted(vault)) == 61


async def test_a_comparison_reads_what_the_list_names_and_not_all_that_was_seen(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    await following(vault)
    reads: list[str] = []
    keys, select = vault.store.tables.keys, vault.store.tables.select

    async def counted_keys(*args: Any) -> Any:
        reads.extend(["keys"] * (args[0] is SOURCE_ENTRIES))
        return await keys(*args)

    async def counted_select(*args: Any, **options: Any) -> Any:
        reads.extend(["rows"] * (args[0] is SOURCE_ENTRIES))
        return await select(*args, **options)

    monkeypatch.setattr(vault.store.tables, "keys", counted_keys)
    monkeypatch.setattr(vault.store.tables, "select", counted_select)
    vault.feed.entries = vault.feed.entries[:-1]
    await vault.check(after=HOUR)
    assert reads == ["keys"]

    reads.clear()
    vault.feed.facts = {"is_whole": False}
    await vault.check(after=HOUR)
    assert reads == []


async def test_entries_that_were_stored_before_are_read_and_not_called_gone(vault: Vault) -> None:
    await following(vault)
    seen = await vault.store.tables.keys(SOURCE_ENTRIES, {})
    await vault.store.tables.update(SOURCE_ENTRIES, seen, {"listed_at": None, "unlisted_at": None})
    vault.feed.entries = vault.feed.entries[:-1]
    await vault.check(after=HOUR)

    assert await unlisted(vault) == {}


# --- pictures


async def check_with(
    vault: Vault, client: StubClient, *, after: timedelta, still: bool = True
) -> SourceState:
    vault.context = replace(vault.context, client=client, probe=StubProbe(still=still))
    vault.feed.entries, vault.feed.facts = [video(1)], {"picture_url": PICTURE}
    await vault.check(after=after)
    return (await vault.one()).state


async def test_a_picture_is_fetched_made_small_and_refreshed_after_a_week(vault: Vault) -> None:
    await vault.follow()
    client = StubClient(200, JPEG)
    state = await check_with(vault, client, after=HOUR)
    saved = await stored.find_picture(vault.store.records, "s-1")
    await check_with(vault, client, after=WEEK - 2 * HOUR)
    assert (state.has_picture, saved, client.urls) == (True, b"\xff\xd8\xff 192 px", [PICTURE])

    await check_with(vault, client, after=3 * HOUR)
    assert client.urls == [PICTURE, PICTURE]


@pytest.mark.parametrize(
    ("status", "body", "still"),
    [
        (404, JPEG, True),
        (200, b"<svg onload=alert(1)>", True),
        (200, b"", True),
        (200, JPEG, False),
    ],
)
async def test_what_is_no_picture_is_not_kept_fails_no_look_and_is_tried_a_day_later(
    vault: Vault, status: int, body: bytes, still: bool
) -> None:
    await vault.follow()
    broken = StubClient(status, body)
    state = await check_with(vault, broken, after=HOUR, still=still)
    await check_with(vault, broken, after=HOUR, still=still)
    assert (state.failures, state.has_picture, len(broken.urls)) == (0, False, 1)
    assert await stored.find_picture(vault.store.records, "s-1") is None

    state = await check_with(vault, StubClient(200, JPEG), after=timedelta(days=1))
    assert state.has_picture


async def test_a_picture_that_cannot_be_fetched_any_more_stays_as_it_was(vault: Vault) -> None:
    await vault.follow()
    await check_with(vault, StubClient(200, JPEG), after=HOUR)
    state = await check_with(vault, StubClient(500), after=WEEK)

    assert state.has_picture
    assert await stored.find_picture(vault.store.records, "s-1") == b"\xff\xd8\xff 192 px"


async def test_a_source_that_is_no_longer_followed_leaves_no_picture_and_no_facts(
    vault: Vault,
) -> None:
    await following(vault)
    vault.feed.entries = vault.feed.entries[:-1]
    await vault.check(after=HOUR)
    await stored.put_picture(vault.store.records, "s-1", JPEG)
    await stored.unfollow(vault.store, "s-1")

    assert await vault.store.records.all(RecordKind.SOURCE_PICTURE) == []
    assert await vault.store.tables.select(SOURCE_ENTRIES, {}) == []
