"""The shelf on PostgreSQL: finds what has changed by the times of the changes, and takes it over.

A change is there to be seen when its transaction ends, later than the time that it bears. So the mark stays behind: by
MARGIN where nobody was writing when it was set, by LONGEST_WRITE otherwise. What lies between is looked at again, and
passed over where the shelf has seen this version of its row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mediavault.core.clock import micros_in
from mediavault.core.failures import StoreError
from mediavault.store import shelf
from mediavault.store.library_rows import account_values
from mediavault.store.postgres.engine import Database, Row, Transaction
from mediavault.store.postgres.sql import SQL
from mediavault.store.search_words import GAP
from mediavault.store.shelf import Changes, Entry

BATCH = 2_000  # each looks through all that has changed
MARGIN = micros_in(timedelta(seconds=10))  # from the time that a change bears to its first write
LONGEST_WRITE = micros_in(timedelta(seconds=60))  # twice what a statement may take (COMMAND_TIMEOUT_S)


@dataclass(frozen=True, slots=True)
class _Mark:
    """``since``: what has changed from then on is looked at. ``safe``: where the mark may be once that is done."""

    since: int
    safe: int
    has_more: bool  # than what has changed


async def is_empty(database: Database) -> bool:
    """Whether the shelf has not begun to take over jobs that stood here before it did."""
    [[filled, fill_until]] = await database.rows(SQL["shelf_filled"], {})
    return bool(fill_until and not filled)


async def is_behind(database: Database, now: int | None) -> bool:
    """Whether a job has changed that the shelf has not seen."""
    mark = await _mark(database, now)
    looked = {"since": mark.since, "limit": 1}
    return mark.has_more or bool(await database.rows(SQL["shelf_changed"], looked))


async def catch_up(database: Database, now: int | None) -> bool:
    """Take over a batch; whether there may be more."""
    mark = await _mark(database, now)
    async with database.transaction() as txn:
        return await _take_over_a_batch(txn, mark)


async def refresh_statistics(database: Database) -> None:
    """For the planner, who otherwise knows nothing of a bulk import until autovacuum comes by, up to a minute later, and
    sorts all of it for each page. Without the right to it PostgreSQL passes it over."""
    with suppress(StoreError):
        await database.rows(SQL["shelf_analyze"], {})


async def _mark(database: Database, now: int | None) -> _Mark:
    [[at, has_more, moment, nobody_writes]] = await database.rows(SQL["shelf_mark"], {"now": now})
    since = min(at, moment - MARGIN)  # a clock may be set back
    safe = moment - MARGIN if nobody_writes else max(since, moment - LONGEST_WRITE)
    return _Mark(since, safe, has_more)


async def _take_over_a_batch(txn: Transaction, mark: _Mark) -> bool:
    """Whether there may be more."""
    [[filled, fill_until]] = await txn.rows(SQL["shelf_lock"], {})
    stale = [row[0] for row in await txn.rows(SQL["shelf_stale"], {"limit": BATCH})]
    changed = await txn.rows(SQL["shelf_changed"], {"since": mark.since, "limit": BATCH})
    span = {"filled": filled, "fill_until": fill_until, "limit": BATCH}
    old = [row[0] for row in await txn.rows(SQL["shelf_before"], span)] if filled < fill_until else []
    await _take_over(txn, sorted({*stale, *old, *(row[0] for row in changed)}))
    await txn.rows(SQL["shelf_fresh"], {"seqs": stale})
    filled = old[-1] if len(old) == BATCH else fill_until
    at = min(mark.safe, changed[-1][1]) if len(changed) == BATCH else mark.safe
    await txn.rows(SQL["shelf_set_mark"], {"at": at, "filled": filled})
    return BATCH in {len(stale), len(changed), len(old)}


async def _take_over(txn: Transaction, seqs: list[int]) -> None:
    before = {row[0]: Entry(*row) for row in await txn.rows(SQL["shelf_entries"], {"seqs": seqs})}
    rows = await txn.rows(SQL["shelf_facts"], {"seqs": seqs})
    # In a thread: a whole batch is a quarter of a second's work, and this process has pages to answer.
    made, put, lines = await asyncio.to_thread(_made, seqs, rows, before)
    if made.gone:
        await txn.rows(SQL["shelf_take"], {"seqs": [entry.seq for entry in made.gone]})
    await txn.rows(SQL["shelf_put"], put)
    await txn.rows(SQL["shelf_put_words"], lines)
    await txn.rows(SQL["shelf_add_totals"], _total_values(made))
    await _add_accounts(txn, made)


def _made(
    seqs: list[int], rows: list[Row], before: Mapping[int, Entry]
) -> tuple[Changes, dict[str, Any], dict[str, Any]]:
    """The changes, and what ``shelf_put`` and ``shelf_put_words`` write of them."""
    made = shelf.changes(seqs, [tuple(row)[:-1] for row in rows], before)
    lines = {"seqs": list(made.lines), "lines": [vector(line) for line in made.lines.values()]}
    return made, _put_values(rows, before, made), lines


def _put_values(rows: Collection[Row], before: Mapping[int, Entry], made: Changes) -> dict[str, Any]:
    """Of every job that there is: where nothing has changed for the shelf, another version of the row has been seen."""
    now = {**before, **{entry.seq: entry for entry in (*made.new, *made.changed)}}
    seen = {row[0]: row[-1] for row in rows}
    entries = [now[seq] for seq in seen]
    return {
        "seqs": list(seen),
        "ids": [entry.id for entry in entries],
        "created_ats": [entry.created_at for entry in entries],
        "platforms": [entry.platform for entry in entries],
        "statuses": [entry.status for entry in entries],
        "accounts": [entry.account for entry in entries],
        "sizes": [entry.bytes for entry in entries],
        "durations": [entry.duration_s for entry in entries],
        "words": [entry.words for entry in entries],
        "seen": list(seen.values()),
    }


def _total_values(made: Changes) -> dict[str, Any]:
    sums = list(made.totals.values())
    return {
        "platforms": [platform for platform, _ in made.totals],
        "statuses": [status for _, status in made.totals],
        "jobs": [one.jobs for one in sums],
        "sizes": [one.bytes for one in sums],
        "millis": [one.duration_ms for one in sums],
    }


async def _add_accounts(txn: Transaction, made: Changes) -> None:
    if not made.accounts:
        return
    keys, sums = list(made.accounts), list(made.accounts.values())
    added = {
        "keys": keys,
        "platforms": [key.partition("/")[0] for key in keys],
        "slugs": [key.partition("/")[2] for key in keys],
        "jobs": [one.jobs for one in sums],
        "kept": [one.kept for one in sums],
        "sizes": [one.bytes for one in sums],
        "millis": [one.duration_ms for one in sums],
    }
    await txn.rows(SQL["shelf_add_accounts"], added)
    named = [account_values(*row) for row in await txn.rows(SQL["shelf_newest_of_accounts"], {"keys": keys})]
    columns = {
        "keys": "key",
        "handles": "handle",
        "display_names": "display_name",
        "lines": "line",
        "latest": "latest_at",
    }
    await txn.rows(SQL["shelf_name_accounts"], {name: [one[of] for one in named] for name, of in columns.items()})
    await txn.rows(SQL["shelf_drop_accounts"], {"keys": keys})


def vector(line: str) -> str:
    """The words of a line with their places, as PostgreSQL reads a tsvector. No word holds a quote or a backslash."""
    return " ".join(f"'{word}':{place}" for place, word in enumerate(line.split(), 1) if word != GAP)
