"""The shelf on SQLite: takes over what has changed, as a function of a transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable

from mediavault.store import shelf
from mediavault.store.library_rows import account_values
from mediavault.store.shelf import Changes, Entry
from mediavault.store.sqlite.engine import Connection, fetch_all
from mediavault.store.sqlite.ops import SQL
from mediavault.store.sqlite.writer import Txn

PLACES = 4_096  # of one microsecond; what is more spills into the next
LAST_MOMENT = (1 << 63) // PLACES - 1_000_000  # with room for what spills
RECORDS_OF_A_JOB = 4  # of the history, about: claimed, found, committing, kept


def is_behind(db: Connection) -> bool:
    """Whether a job has changed that the shelf has not seen."""
    [[seq, history, last_seq, last_history, stale]] = fetch_all(db, SQL["shelf_ends"])
    return bool(last_seq > seq or last_history > history or stale)


def is_empty(db: Connection) -> bool:
    """Whether the shelf has not begun to take over jobs that stood here before it did."""
    [[seq, before]] = fetch_all(db, SQL["shelf_before"])
    return bool(before and not seq)


def catch_up(txn: Txn, limit: int = shelf.BATCH) -> bool:
    """Take over at most about ``limit`` jobs; whether there may be more."""
    db = txn.db
    [[seq, history, last_seq, last_history, _]] = fetch_all(db, SQL["shelf_ends"])
    stale = [row[0] for row in fetch_all(db, SQL["shelf_stale"], {"limit": limit})]
    new = [row[0] for row in fetch_all(db, SQL["shelf_new"], {"seq": seq, "limit": limit})]
    moved = fetch_all(db, SQL["shelf_moved"], {"history": history, "limit": limit * RECORDS_OF_A_JOB})
    seqs = {*stale, *new, *(job for _, job in moved)}
    _take_over(db, sorted(seqs))
    if stale:
        db.execute(SQL["shelf_fresh"], {"seqs": json.dumps(stale)})
    seq, history = new[-1] if new else seq, moved[-1][0] if moved else history
    db.execute(SQL["shelf_set_mark"], {"seq": seq, "history": history})
    return len(stale) == limit or seq < last_seq or history < last_history


def _take_over(db: Connection, seqs: list[int]) -> None:
    named = {"seqs": json.dumps(seqs)}
    rows = fetch_all(db, SQL["shelf_entries"], named)
    before = {row[0]: Entry(*row[:-1]) for row in rows}
    places = {row[0]: row[-1] for row in rows}
    made = shelf.changes(seqs, fetch_all(db, SQL["shelf_facts"], named), before)
    for entry in made.gone:
        place = {"place": places.pop(entry.seq)}
        db.execute(SQL["shelf_take_words"], place)
        db.execute(SQL["shelf_take"], place)
    for entry in made.new:
        places[entry.seq] = _free_place(db, entry)
        db.execute(SQL["shelf_put"], {**entry.values(), "place": places[entry.seq]})
    for entry in made.changed:
        db.execute(SQL["shelf_change"], {**entry.values(), "place": places[entry.seq]})
    _put_words(db, [(places[seq], line, seq in before) for seq, line in made.lines.items()])
    _add_sums(db, made)


def first_place(micros: int) -> int:
    """The first place of a moment. Those after the year 2041 share the last, since a place must fit into 63 bits."""
    return min(max(micros, 0), LAST_MOMENT) * PLACES


def _free_place(db: Connection, entry: Entry) -> int:
    [[place]] = fetch_all(db, SQL["shelf_place"], {"first": first_place(entry.created_at)})
    return int(place)


def _put_words(db: Connection, lines: Iterable[tuple[int, str, bool]]) -> None:
    for place, line, stood in lines:
        if stood:
            db.execute(SQL["shelf_take_words"], {"place": place})
        db.execute(SQL["shelf_put_words"], {"place": place, "line": line})


def _add_sums(db: Connection, made: Changes) -> None:
    for (platform, status), sums in made.totals.items():
        db.execute(SQL["shelf_add_total"], {"platform": platform, "status": status, **sums.values()})
    for key, sums in made.accounts.items():
        platform, _, slug = key.partition("/")
        db.execute(SQL["shelf_add_account"], {"key": key, "platform": platform, "slug": slug, **sums.values()})
        for created_at, account_json in fetch_all(db, SQL["shelf_newest_of_account"], {"key": key}):
            db.execute(SQL["shelf_name_account"], account_values(key, created_at, account_json))
        db.execute(SQL["shelf_drop_account"], {"key": key})
