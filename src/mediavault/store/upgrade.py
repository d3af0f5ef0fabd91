"""Moves what older releases had in records into the tables of today (``store.tables``), on any engine.

The rows are all there before the first record is removed, so after a kill it begins again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from mediavault.core.clock import to_micros
from mediavault.core.logs import get_logger
from mediavault.store.tables import (
    DEFERRED_WORK,
    SOURCE_ENTRIES,
    SOURCE_STATES,
    SOURCES,
    TRASH,
    TRASHED_WORDS,
    Table,
    TableRow,
)

PAGE = 1_000
SMALL = ("later", "source", "source_state", "source_entry", "source_waiting", "source_listed", "source_gone")
MOVED = (*SMALL, "trash", "trashed_words")

log = get_logger(__name__)


class OldStore(Protocol):
    """What the upgrade needs of an engine. Kinds are the texts that older releases stored."""

    async def page(self, kind: str, after: str) -> Sequence[tuple[str, Mapping[str, Any], int]]:
        """Return the next records of a kind by their keys, at most ``PAGE``: key, value and last change in microseconds."""

    async def add(self, table: Table, rows: Sequence[TableRow]) -> None:
        """Store the rows; those whose keys are there already may be left as they are."""

    async def remove(self, kind: str) -> None:
        """Remove all records of a kind."""


async def fill_tables(store: OldStore) -> None:
    """Fill the tables from the records, and remove these."""
    await _add_sources(store)
    await _add_entries(store)
    async for records in _pages(store, "later"):
        rows = [row for key, value, _ in records if (row := _deferred(key, value)) is not None]
        await store.add(DEFERRED_WORK, rows)
    async for records in _pages(store, "trashed_words"):
        await store.add(TRASHED_WORDS, [TableRow({"id": key}, value) for key, value, _ in records])
    async for records in _pages(store, "trash"):
        await store.add(TRASH, [_trashed(key, value) for key, value, _ in records])
    for kind in MOVED:
        await store.remove(kind)


async def _add_sources(store: OldStore) -> None:
    """Add the sources and their states: each may be due, which the first check of each finds out."""
    with_state: set[str] = set()
    async for records in _pages(store, "source_state"):
        await store.add(SOURCE_STATES, [_state(key, value) for key, value, _ in records])
        with_state.update(key for key, *_ in records)
    async for records in _pages(store, "source"):
        await store.add(SOURCE_STATES, [_state(key, {}) for key, *_ in records if key not in with_state])
        await store.add(SOURCES, [_source(key, value) for key, value, _ in records])


def _source(key: str, value: Mapping[str, Any]) -> TableRow:
    """Return the row of a source. Its interval was a span: days, seconds and microseconds."""
    settings = {name: setting for name, setting in value.items() if name != "interval"}
    if span := value.get("interval"):
        settings["interval_minutes"] = round(timedelta(*span).total_seconds() / 60)
    return TableRow({"id": key, "url": str(value.get("url", ""))}, settings)


def _state(source: str, value: Mapping[str, Any]) -> TableRow:
    return TableRow({"id": source, "due_at": 0, "waiting": int(value.get("waiting", 0))}, value)


async def _add_entries(store: OldStore) -> None:
    places: dict[str, int] = {}
    async for records in _pages(store, "source_waiting"):
        for key, value, _ in records:
            source, _, place = key.partition("/")
            micros, _, index = place.partition("-")
            places[f"{source}/{value['post']}"] = int(micros) + int(index)
    listed: dict[str, int] = {}
    async for records in _pages(store, "source_listed"):
        listed.update({key: changed_at for key, _, changed_at in records})
    async for records in _pages(store, "source_entry"):
        await store.add(SOURCE_ENTRIES, [_entry(key, value, places, listed) for key, value, _ in records])


def _entry(key: str, value: Mapping[str, Any], places: Mapping[str, int], listed: Mapping[str, int]) -> TableRow:
    source, _, post = key.partition("/")
    state, gone_at = str(value.get("state", "")), value.get("gone_at")
    columns = {
        "source": source,
        "post": post,
        "state": state,
        "place": places.get(key, 0) if state == "waiting" else None,
        "listed_at": listed.get(key),
        "gone_at": None if gone_at is None else to_micros(datetime.fromisoformat(gone_at)),
    }
    return TableRow(columns, value)


def _deferred(key: str, value: Mapping[str, Any]) -> TableRow | None:
    """Return the row of planned work; None for a record that no release has written, which was never done."""
    work, _, job = key.partition("/")
    try:
        due_at = to_micros(datetime.fromisoformat(value["at"]))
        int(value["tries"])
    except (KeyError, TypeError, ValueError):
        log.warning("deferred_work_unreadable", key=key)
        return None
    return TableRow({"work": work, "job": job, "due_at": due_at}, value)


def _trashed(key: str, value: Mapping[str, Any]) -> TableRow:
    kept = dict(value)
    columns = {
        "id": key,
        "deleted_at": to_micros(datetime.fromisoformat(kept.pop("deleted_at"))),
        "batch": kept.pop("batch"),
        "bytes": kept.pop("bytes"),
        "unmoved": None if kept.pop("are_moved") else len(kept["files"]),
    }
    return TableRow(columns, kept)


async def _pages(store: OldStore, kind: str) -> AsyncIterator[Sequence[tuple[str, Mapping[str, Any], int]]]:
    after = ""
    while page := await store.page(kind, after):
        yield page
        after = page[-1][0]
