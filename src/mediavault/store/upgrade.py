"""Upgrades the values of an older vault, on any engine: what it had in records moves into tables,
under the names of today, and jobs get the values that the library is sorted by.

The rows are all there before the first record is removed, so after a kill it begins again.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from mediavault.core.clock import from_micros, to_micros
from mediavault.core.job import Priority
from mediavault.core.logs import get_logger
from mediavault.store import codec
from mediavault.store.queries import posted_at, title_key
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

NAMES = 20  # the versions of the schema to which this leads
ORDERS = 21
PAGE = 1_000
SMALL = (
    "later",
    "source",
    "source_state",
    "source_entry",
    "source_waiting",
    "source_listed",
    "source_gone",
)
MOVED = (*SMALL, "trash", "trashed_words", "source_preview")  # a preview is of the next hour only

# in the JSON of a job's items
ITEM_NAMES = (('"status":"kept"', '"status":"saved"'), (',"kept":{', ',"saved":{'))
ADDED_TO_JOBS: Mapping[str, Any] = {
    "error_params": None,
    "profile": None,
    "priority": Priority.NORMAL.rank,
    "listed_by": None,
}
_STATE_NAMES = {
    "looks": "checks",
    "next_look_at": "next_check_at",
    "looked_at": "checked_at",
    "new_at_last_look": "new_at_last_check",
    "held_until": "acquired_until",
    "passed": "skipped",
    "gone": "unlisted",
}
# By kind, with the kinds that have filters.
_RECORD_NAMES: Mapping[str, Mapping[str, str]] = {
    "api_token": {"scope_of_user": "scope"},
    "damaged": {"is_told": "is_reported"},
    "rss_feed": {"fetched_at": "used_at", "id": "uid"},
    "saved_search": {},
    "web_session": {"begun_at": "made_at", "seen_at": "used_at"},
}
_ENTRY_STATES = {"taken": "saved", "passed": "skipped"}
_SETTING_NAMES = {"forget_after_days": "retention_days", "prefer": "profile"}
_FILTER_VALUES = {"mine=twins": "mine=duplicates", "state=kept": "state=saved"}

MakeRow = Callable[[str, Mapping[str, Any]], TableRow]  # from the key and the value of a record

log = get_logger(__name__)


class OldStore(Protocol):
    """What the upgrade needs of an engine. Kinds are the texts that older releases stored."""

    async def page(self, kind: str, after: str) -> Sequence[tuple[str, Mapping[str, Any], int]]:
        """Return the next records of a kind by their keys, at most ``PAGE``: key,
        value and last change in microseconds.
        """

    async def add(self, table: Table, rows: Sequence[TableRow]) -> None:
        """Store the rows; those whose keys are there already may be left as they are."""

    async def change(self, kind: str, key: str, value: Mapping[str, Any]) -> None:
        """Give a record another value, and leave the time of its last change."""

    async def rename(self, kind: str, key: str, to: str) -> None:
        """Give a record, if there is one, another key, unless another record has that."""

    async def remove(self, kind: str) -> None:
        """Remove all records of a kind."""


async def upgrade_values(store: OldStore) -> None:
    """Fill the tables from the records, remove these, and rename what other records have."""
    await _add_sources(store)
    await _add_entries(store)
    await _add(store, "later", DEFERRED_WORK, _deferred)
    await _add(
        store, "trashed_words", TRASHED_WORDS, lambda key, value: TableRow({"id": key}, value)
    )
    await _add(store, "trash", TRASH, _trashed)
    for kind in MOVED:
        await store.remove(kind)
    for key, to in _SETTING_NAMES.items():
        await store.rename("setting", key, to)
    for kind, names in _RECORD_NAMES.items():
        async for records in _pages(store, kind):
            for key, value, _ in records:
                if (changed := _filtered(_renamed(value, names))) != value:
                    await store.change(kind, key, changed)


def sort_values(created_at: int, metadata: str) -> tuple[int, str]:
    """Return ``posted_at`` and ``title_key`` of a stored job that lacks them."""
    try:
        known = codec.metadata_from_json(metadata)
    except ValueError:
        known = {}  # its page says that it can't be read
    return to_micros(posted_at(from_micros(created_at), known)), title_key(known)


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
    """Yield the rows of the records of a kind, in pages; those that can't be read,
    as by no release, are left out.
    """
    async for records in _pages(store, kind):
        rows = []
        for key, value, _ in records:
            try:
                rows.append(make(key, value))
            except (AttributeError, LookupError, TypeError, ValueError) as exc:
                log.warning("old_record_unreadable", kind=kind, key=key, error=repr(exc))
        yield rows


def _source(key: str, value: Mapping[str, Any]) -> TableRow:
    """Return the row of a source. Its interval was a span: days, seconds and microseconds."""
    settings = {name: setting for name, setting in value.items() if name != "interval"}
    if span := value.get("interval"):
        settings["interval_minutes"] = round(timedelta(*span).total_seconds() / 60)
    return TableRow({"id": key, "url": str(value.get("url", ""))}, settings)


def _state(source: str, value: Mapping[str, Any]) -> TableRow:
    columns: Mapping[str, str | int] = {
        "id": source,
        "due_at": 0,
        "waiting": int(value.get("waiting", 0)),
    }
    return TableRow(columns, _renamed(value, _STATE_NAMES))


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
    await _add(
        store, "source_entry", SOURCE_ENTRIES, lambda key, value: _entry(key, value, places, listed)
    )


def _entry(
    key: str, value: Mapping[str, Any], places: Mapping[str, int], listed: Mapping[str, int]
) -> TableRow:
    source, _, post = key.partition("/")
    entry = _renamed(value, {"is_news": "is_new_post"})
    state = entry["state"] = _ENTRY_STATES.get(
        str(value.get("state", "")), str(value.get("state", ""))
    )
    unlisted_at = entry.pop("gone_at", None)
    columns = {
        "source": source,
        "post": post,
        "state": state,
        "place": places.get(key, 0) if state == "waiting" else None,
        "listed_at": listed.get(key),
        "unlisted_at": None
        if unlisted_at is None
        else to_micros(datetime.fromisoformat(unlisted_at)),
    }
    return TableRow(columns, entry)


def _deferred(key: str, value: Mapping[str, Any]) -> TableRow:
    work, _, job = key.partition("/")
    int(value["tries"])  # a record without them was never done
    return TableRow(
        {"work": work, "job": job, "due_at": to_micros(datetime.fromisoformat(value["at"]))}, value
    )


def _trashed(key: str, value: Mapping[str, Any]) -> TableRow:
    post = dict(value)
    columns = {
        "id": key,
        "deleted_at": to_micros(datetime.fromisoformat(post.pop("deleted_at"))),
        "batch": post.pop("batch"),
        "bytes": post.pop("bytes"),
        "unmoved": None if post.pop("are_moved") else len(post["files"]),
    }
    post["job"] = {**ADDED_TO_JOBS, **post["job"], "items": _items(post["job"]["items"])}
    post["marks"] = [
        [re.sub("^twin(?=/|$)", "duplicate", name), *rest] for name, *rest in post["marks"]
    ]
    return TableRow(columns, post)


def _items(text: str) -> str:
    """Return a job's items with the names of today. A quote within a text is escaped,
    so only names and values change.
    """
    for old, new in ITEM_NAMES:
        text = text.replace(old, new)
    return text


def _renamed(value: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): fact for name, fact in value.items()}


def _filtered(value: Mapping[str, Any]) -> Mapping[str, Any]:
    if "filter" not in value:
        return value
    parts = [_FILTER_VALUES.get(part, part) for part in str(value["filter"]).split("&")]
    return {**value, "filter": "&".join(parts)}


async def _pages(
    store: OldStore, kind: str
) -> AsyncIterator[Sequence[tuple[str, Mapping[str, Any], int]]]:
    after = ""
    while page := await store.page(kind, after):
        yield page
        after = page[-1][0]
