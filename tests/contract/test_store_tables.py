"""Rows that are looked up by more than their keys, on every engine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from mediavault.store.port import Store
from mediavault.store.tables import SOURCE_ENTRIES, Range, TableRow


def entry(
    source: str,
    post: str,
    *,
    place: int | None = None,
    unlisted_at: int | None = None,
    **value: Any,
) -> TableRow:
    state = "saved" if place is None else "waiting"
    columns = {
        "source": source,
        "post": post,
        "state": state,
        "place": place,
        "listed_at": None,
        "unlisted_at": unlisted_at,
    }
    return TableRow(columns, value)


async def posts(store: Store, where: dict[str, Any], **options: Any) -> Sequence[object]:
    return [
        row.columns["post"] for row in await store.tables.select(SOURCE_ENTRIES, where, **options)
    ]


@pytest.fixture
async def filled(store: Store) -> Store:
    rows = [entry("s-1", f"p{number}", place=100 - number) for number in range(5)]
    rows += [
        entry("s-1", "é", unlisted_at=7),
        entry("s-1", "z", unlisted_at=9),
        entry("s-10", "p0", place=1),
    ]
    await store.tables.put(SOURCE_ENTRIES, rows)
    return store


async def test_rows_come_back_as_they_were_stored(store: Store) -> None:
    row = entry(
        "s-1", "p1", place=2**40, title="東京 😀 \x00 \ud800", url=None, n=[1, {"$x.y": 2.5}]
    )
    await store.tables.put(SOURCE_ENTRIES, [row])

    assert await store.tables.some(SOURCE_ENTRIES, [("s-1", "p1"), ("s-1", "p2")]) == [row]
    assert await store.tables.select(SOURCE_ENTRIES, {}) == [row]


async def test_a_later_row_replaces_the_earlier_one_with_its_key(store: Store) -> None:
    await store.tables.put(SOURCE_ENTRIES, [entry("s-1", "p1", n=1), entry("s-1", "p2", n=1)])
    await store.tables.put(
        SOURCE_ENTRIES, [entry("s-1", "p1", n=2), entry("s-1", "p1", place=3, n=3)]
    )

    assert await store.tables.select(SOURCE_ENTRIES, {}) == [
        entry("s-1", "p1", place=3, n=3),
        entry("s-1", "p2", n=1),
    ]


async def test_columns_that_a_row_lacks_stay_as_they_are(store: Store) -> None:
    known, new = (
        entry("s-1", "p1", place=3, unlisted_at=5, n=1),
        {"source": "s-1", "post": "p2", "state": "skipped"},
    )
    await store.tables.put(SOURCE_ENTRIES, [known])
    await store.tables.put(
        SOURCE_ENTRIES, [TableRow({**new, "post": "p1"}, {"n": 2}), TableRow(new)]
    )

    first, second = await store.tables.select(SOURCE_ENTRIES, {})
    assert first == TableRow({**known.columns, "state": "skipped"}, {"n": 2})
    assert second == TableRow({**new, "place": None, "listed_at": None, "unlisted_at": None})


async def test_columns_are_set_without_the_values(filled: Store) -> None:
    before = (await filled.tables.some(SOURCE_ENTRIES, [("s-1", "p3")]))[0]
    await filled.tables.update(
        SOURCE_ENTRIES, [("s-1", "p3"), ("s-1", "none")], {"place": None, "unlisted_at": 8}
    )
    await filled.tables.update(SOURCE_ENTRIES, [], {"unlisted_at": 8})

    [after] = await filled.tables.some(SOURCE_ENTRIES, [("s-1", "p3")])
    assert after == TableRow({**before.columns, "place": None, "unlisted_at": 8}, before.value)
    assert await filled.tables.count(SOURCE_ENTRIES, {"unlisted_at": 8}) == 1


async def test_rows_are_found_by_their_columns(filled: Store) -> None:
    assert await posts(filled, {"source": "s-1", "place": None}) == ["z", "é"]
    assert await posts(
        filled, {"source": "s-1", "state": "waiting", "place": Range(at_most=97)}
    ) == ["p3", "p4"]
    assert await posts(filled, {"source": "s-1", "place": Range(at_least=97, at_most=98)}) == [
        "p2",
        "p3",
    ]
    assert await posts(filled, {"unlisted_at": Range()}) == ["z", "é"]
    assert await posts(filled, {"source": "none"}) == []


async def test_rows_are_sorted_by_columns_and_then_by_their_keys(filled: Store) -> None:
    waiting = {"source": "s-1", "place": Range()}
    assert await posts(filled, waiting, order=["place"]) == ["p4", "p3", "p2", "p1", "p0"]
    assert await posts(filled, waiting, order=["place"], descending=True, limit=2) == ["p0", "p1"]
    assert await posts(
        filled, {"unlisted_at": Range()}, order=["unlisted_at"], descending=True
    ) == ["z", "é"]
    assert await posts(filled, {}) == ["p0", "p1", "p2", "p3", "p4", "z", "é", "p0"]
    assert await posts(filled, {}, limit=0) == []


async def test_rows_are_read_in_pages_by_their_keys(filled: Store) -> None:
    assert await posts(filled, {}, after=("s-1", "p3"), limit=3) == ["p4", "z", "é"]
    assert await posts(filled, {}, after=("s-1", "é"), limit=3) == ["p0"]


async def test_rows_are_counted_and_named_by_their_keys(filled: Store) -> None:
    assert await filled.tables.count(SOURCE_ENTRIES, {"source": "s-1"}) == 7
    assert await filled.tables.keys(SOURCE_ENTRIES, {"unlisted_at": Range(at_least=8)}) == {
        ("s-1", "z")
    }


async def test_a_column_is_added_up(filled: Store) -> None:
    assert await filled.tables.total(SOURCE_ENTRIES, "unlisted_at") == 16
    await filled.tables.remove(SOURCE_ENTRIES, {})
    assert await filled.tables.total(SOURCE_ENTRIES, "unlisted_at") == 0


async def test_rows_are_removed_by_conditions(filled: Store) -> None:
    assert await filled.tables.remove(SOURCE_ENTRIES, {"source": "s-1", "place": Range()}) == 5
    assert await filled.tables.remove(SOURCE_ENTRIES, {"source": "s-1", "post": "é"}) == 1
    assert await posts(filled, {}) == ["z", "p0"]


async def test_a_row_is_replaced_only_while_its_value_is_the_expected_one(store: Store) -> None:
    tables = store.tables
    assert not await tables.replace(SOURCE_ENTRIES, entry("s-1", "p1", n=2), if_value={"n": 1})
    assert await tables.replace(SOURCE_ENTRIES, entry("s-1", "p1", a=1, n=1), if_value=None)
    assert not await tables.replace(SOURCE_ENTRIES, entry("s-1", "p1", n=2), if_value=None)
    assert not await tables.replace(SOURCE_ENTRIES, entry("s-1", "p1", n=2), if_value={"n": 1})
    assert await tables.replace(
        SOURCE_ENTRIES, entry("s-1", "p1", place=4, n=2), if_value={"n": 1, "a": 1}
    )

    assert await tables.select(SOURCE_ENTRIES, {}) == [entry("s-1", "p1", place=4, n=2)]


async def test_of_two_replacements_at_once_one_is_stored(store: Store) -> None:
    for before in (None, {"n": 0}):
        stored = await asyncio.gather(
            *(
                store.tables.replace(
                    SOURCE_ENTRIES,
                    entry("s-1", "p1", n=0 if before is None else number),
                    if_value=before,
                )
                for number in range(1, 6)
            )
        )
        assert sum(stored) == 1
