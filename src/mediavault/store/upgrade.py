"""Moves what older releases had in records into the tables of today (``store.tables``), on any engine.

The rows are all there before the first record is removed, so after a kill it begins again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
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

MakeRow = Callable[[str, Mapping[str, Any]], TableRow]  # from the key and the value of a record

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
    await _add(store, "later", DEFERRED_WORK, _deferred)
    await _add(store, "trashed_words", TRASHED_WORDS, lambda key, value: TableRow({"id": key}, value))
    await _add(store, "trash", TRASH, _trashed)
    for kind in MOVED:
        await store.remove(kind)


async def _add(store: OldStore, kind: str, table: Table, make: MakeRow) -> None:
    async for rows in _rows(store, kind, make):
        await store.add(table, rows)


async def _add_sources(store: OldStore) -> None:
    """Add the sources and their states: each may be due, which the first check of each finds out.

    The states come first: no source is without one after a kill.
    """
    with_state: set[object] = set()
    async for rows in _rows(store, "source_state", _state):
        await store.add(SOURCE_STATES, rows)
        with_state.update(row.columns["id"] for row in rows)
    async for rows in _rows(store, "source", _source):
        new = [str(row.columns["id"]) for row in rows if row.columns["id"] not in with_state]
        await store.add(SOURCE_STATES, [_state(key, {}) for key in new])
        await store.add(SOURCES, rows)


async def _rows(store: OldStore, kind: str, make: MakeRow) -> AsyncIterator[list[TableRow]]:
    """Yield the rows of the records of a kind, in pages; those that can't be read, as by no release, are left out."""
    async for records in _pages(store, kind):
        rows = []
        for key, value, _ in records:
            try:
                rows.append(make(key, value))
            except (LookupError, TypeError, ValueError) as exc:
                log.warning("old_record_unreadable", kind=kind, key=key, error=repr(exc))
        yield rows


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
    await _add(store, "source_entry", SOURCE_ENTRIES, lambda key, value: _entry(key, value, places, listed))


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


def _deferred(key: str, value: Mapping[str, Any]) -> TableRow:
    work, _, job = key.partition("/")
    int(value["tries"])  # a record without them was never done
    return TableRow({"work": work, "job": job, "due_at": to_micros(datetime.fromisoformat(value["at"]))}, value)


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
