"""Old vaults, on every engine: what was in records moves into tables, whole, also after a kill at any step."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.clock import to_micros
from mediavault.core.job import JobId
from mediavault.core.records import RecordKind
from mediavault.store.mongodb import schema as mongo_schema
from mediavault.store.mongodb.engine import MongoDatabase
from mediavault.store.mongodb.records import NEVER
from mediavault.store.mongodb.store import MongoJobStore
from mediavault.store.mongodb.upgrade import OldDocuments
from mediavault.store.port import Store
from mediavault.store.postgres import schema as postgres_schema
from mediavault.store.postgres.engine import PostgresDatabase, positional
from mediavault.store.postgres.store import PostgresJobStore
from mediavault.store.saved_searches import saved_searches
from mediavault.store.sql import tables as sql_tables
from mediavault.store.sqlite import schema as sqlite_schema
from mediavault.store.sqlite.engine import connect_to_read, fetch_all
from mediavault.store.sqlite.store import SqliteJobStore
from mediavault.store.tables import (
    DEFERRED_WORK,
    SOURCE_ENTRIES,
    SOURCE_STATES,
    SOURCES,
    TABLES,
    TRASH,
    TRASHED_WORDS,
    TableRow,
)
from tests.fakes import FakeClock
from tests.servers import mongo, postgres

OldRecord = tuple[str, str, Mapping[str, Any], int]  # kind, key, value, last change in microseconds

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
TAKEN = {"state": "taken", "url": "https://s.example/1", "title": "東京 😀", "job_id": "j-1"}
GONE = {"state": "taken", "url": "https://s.example/2", "gone_at": AT.isoformat()}
WAITS = [{"state": "waiting", "url": f"https://s.example/{number}"} for number in range(3)]
PASSED = {"state": "passed", "url": "https://s.example/p", "reason": "words", "of_a_later_release": {"$x": 1}}
SCHEDULED = {"at": AT.isoformat(), "tries": 2}

OLD_SOURCE = {
    "id": "s-1",
    "url": "https://s.example/@jane",
    "start_number": 2,
    "interval": [0, 5_400, 0],
    "of_a_later_release": 1,
}
SOURCE = {
    "id": "s-1",
    "url": "https://s.example/@jane",
    "start_number": 2,
    "interval_minutes": 90,
    "of_a_later_release": 1,
}
STATE = {"waiting": 3, "looks": 4, "next_look_at": AT.isoformat()}
POST = {"job": ["j-7", "東京 😀"], "history": [["x"]], "marks": [], "files": {"a/1.mp4": ".trash/j-7/a/1.mp4"}}
DELETED = {**POST, "deleted_at": AT.isoformat(), "batch": "b-1", "bytes": 9, "are_moved": True}
NEVER_CHECKED = {"id": "s-2", "url": "https://s.example/@joe"}

UPGRADED = ("later", "source", "source_state", "source_entry", "trash")
OLD: list[OldRecord] = [
    ("source", "s-1", OLD_SOURCE, 1),
    ("source_state", "s-1", STATE, 1),
    ("source", "s-2", NEVER_CHECKED, 1),
    ("source_entry", "s-1/taken", TAKEN, 1),
    ("source_entry", "s-1/gone", GONE, 1),
    ("source_entry", "s-1/passed", PASSED, 1),
    *(("source_entry", f"s-2/wait-{number}", WAITS[number], 1) for number in range(3)),
    ("source_waiting", f"s-2/{100:020d}-{1:08d}", {"post": "wait-0", "url": WAITS[0]["url"]}, 1),
    ("source_waiting", f"s-2/{100:020d}-{0:08d}", {"post": "wait-1", "url": WAITS[1]["url"]}, 1),
    ("source_listed", "s-1/taken", {}, 7),
    ("source_listed", "s-1/never-seen", {}, 7),
    ("source_gone", "s-1/gone", {}, 1),
    ("later", "comments/j-1", SCHEDULED, 1),
    *(
        (kind, "odd", {"at": 7, "interval": 5, "waiting": "x", "gone_at": 9}, 1) for kind in UPGRADED
    ),  # no release wrote it
    ("trash", "j-7", DELETED, 1),
    ("trash", "j-8", {**DELETED, "are_moved": False}, 1),
    ("trash", "j-9", {**DELETED, "files": {}, "bytes": 0}, 1),
    ("trashed_words", "j-8", {"subtitles": " blue sea"}, 1),
    ("setting", "other", {"n": 1}, 1),
    ("saved_search", "owner/more than once", {"filter": "q=mine&mine=twins", "name": "more than once"}, 1),
    ("rss_feed", "f-1", {"filter": "mine=twins&tag=twins"}, 1),
]
OLD_MARKS = [("twin", ""), ("twin/j-2", "93"), ("tag/twin", "twin"), ("twin-like", "")]
MARKS = [("duplicate", ""), ("duplicate/j-2", "93"), ("tag/twin", "twin"), ("twin-like", "")]
OLD_JOB = """
INSERT INTO {schema}jobs (id, trace_id, post_url, canonical_url, platform, created_at, updated_at,
  max_attempts)
  VALUES ('j-1', '', '', 'https://s.example/1', 'generic', 1, 1, 5)
"""


def row(source: str, post: str, value: Mapping[str, Any], **columns: int | None) -> TableRow:
    none = {"place": None, "listed_at": None, "gone_at": None}
    return TableRow({"source": source, "post": post, "state": value["state"], **none, **columns}, value)


ENTRIES = [
    row("s-1", "gone", GONE, gone_at=to_micros(AT)),
    row("s-1", "passed", PASSED),
    row("s-1", "taken", TAKEN, listed_at=7),
    row("s-2", "wait-0", WAITS[0], place=101),
    row("s-2", "wait-1", WAITS[1], place=100),
    row("s-2", "wait-2", WAITS[2], place=0),  # a kill had come between its place and its state
]
IN_TRASH = [
    TableRow({"id": "j-7", "deleted_at": to_micros(AT), "batch": "b-1", "bytes": 9, "unmoved": None}, POST),
    TableRow({"id": "j-8", "deleted_at": to_micros(AT), "batch": "b-1", "bytes": 9, "unmoved": 1}, POST),
    TableRow(
        {"id": "j-9", "deleted_at": to_micros(AT), "batch": "b-1", "bytes": 0, "unmoved": None}, {**POST, "files": {}}
    ),
]
WORDS = [TableRow({"id": "j-8"}, {"subtitles": " blue sea"})]
WORK = [TableRow({"work": "comments", "job": "j-1", "due_at": to_micros(AT)}, SCHEDULED)]


@dataclass
class OldVault:
    """A vault of an older release: ``store`` returns today's store at it, and ``kinds`` which kinds of records it has."""

    store: Callable[[], Store]
    kinds: Callable[[], Awaitable[set[str]]]


FOLLOWED = [TableRow({"id": str(one["id"]), "url": str(one["url"])}, one) for one in (SOURCE, NEVER_CHECKED)]
STATES = [
    TableRow({"id": "s-1", "due_at": 0, "waiting": 3}, STATE),
    TableRow({"id": "s-2", "due_at": 0, "waiting": 0}, {}),
]


class Killed(Exception):
    """The process ends here."""


async def on_sqlite(folder: Path) -> OldVault:
    path = folder / "jobs.db"
    db = sqlite_schema.open_database(path, migrations=sqlite_schema.MIGRATIONS[: sqlite_schema.TABLES - 1])
    for kind, key, value, at in OLD:
        db.execute("INSERT INTO records VALUES (?, ?, ?, ?, NULL)", (kind, key, json.dumps(value), at))
    db.execute(OLD_JOB.format(schema=""))
    for name, text in OLD_MARKS:
        db.execute("INSERT INTO marks (name, job, place, text) SELECT ?, seq, 1, ? FROM jobs", (name, text))
    db.close()

    async def kinds() -> set[str]:
        db = connect_to_read(path)
        found = {kind for (kind,) in fetch_all(db, "SELECT kind FROM records")}
        db.close()
        return found

    return OldVault(lambda: SqliteJobStore(path, FakeClock()), kinds)


async def on_postgres(folder: Path) -> OldVault:
    url = postgres.database_for(folder)
    database = PostgresDatabase(url)
    await database.open()
    await postgres_schema.migrate(database, migrations=postgres_schema.MIGRATIONS[: postgres_schema.TABLES - 1])
    insert = positional("INSERT INTO mediavault.records VALUES (:kind, :key, :value, :at, NULL)")
    for kind, key, value, at in OLD:
        await database.rows(insert, {"kind": kind, "key": key, "value": json.dumps(value), "at": at})
    await database.rows(positional(OLD_JOB.format(schema="mediavault.")), {})
    mark = positional("INSERT INTO mediavault.marks SELECT :name, seq, 1, :text FROM mediavault.jobs")
    for name, text in OLD_MARKS:
        await database.rows(mark, {"name": name, "text": text})
    await database.close()

    async def kinds() -> set[str]:
        await database.open()
        rows = await database.rows(positional("SELECT kind FROM mediavault.records"), {})
        await database.close()
        return {kind for (kind,) in rows}

    return OldVault(lambda: PostgresJobStore(url), kinds)


async def on_mongodb(folder: Path) -> OldVault:
    url = mongo.database_for(folder)
    database = MongoDatabase(url)
    await database.open()
    await mongo_schema.migrate(database, steps=mongo_schema.STEPS[:10])
    old = [
        {
            "_id": f"{kind}/{key}",
            "kind": kind,
            "key": key,
            "value": json.dumps(value),
            "updated_at": at,
            "expires_at": NEVER,
        }
        for kind, key, value, at in OLD
    ]
    await database.documents(mongo_schema.RECORDS).insert(old)
    marks = [{"n": name, "p": 1, "t": text} for name, text in OLD_MARKS]
    job = {
        "_id": "j-1",
        "post_url": "",
        "account": None,
        "metadata": "{}",
        "canonical_url": "https://s.example/1",
        "version": 1,
        "marks": marks,
    }
    await database.documents(mongo_schema.JOBS).insert([job])
    await database.close()

    async def kinds() -> set[str]:
        await database.open()
        found = await database.documents(mongo_schema.RECORDS).distinct("kind", {})
        await database.close()
        return set(found)

    return OldVault(lambda: MongoJobStore(url), kinds)


ENGINES: Mapping[str, Callable[[Path], Awaitable[OldVault]]] = {
    "sqlite": on_sqlite,
    "postgres": on_postgres,
    "mongodb": on_mongodb,
}


def kill_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Raise Killed at this step of the upgrade; returns what counts the steps."""
    steps = 0
    for kind in (sql_tables.OldRecords, OldDocuments):
        for name in ("page", "add", "remove"):
            plain: Any = getattr(kind, name)

            async def counted(*args: Any, plain: Any = plain) -> Any:
                nonlocal steps
                steps += 1
                if steps == step:
                    raise Killed
                return await plain(*args)

            monkeypatch.setattr(kind, name, counted)
    return lambda: steps


@pytest.mark.parametrize("engine", ENGINES)
async def test_what_was_in_records_is_in_tables_after_a_kill_at_any_step(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_tables, "PAGE", 2)
    monkeypatch.setattr("mediavault.store.mongodb.upgrade.PAGE", 2)
    step = 0
    while True:
        step += 1
        (folder := tmp_path / str(step)).mkdir()
        vault = await ENGINES[engine](folder)
        with monkeypatch.context() as killing:
            steps, store = kill_at(step, killing), vault.store()
            try:
                await store.open()
                await store.close()
            except Killed:
                pass
            finished = steps() < step
        store = vault.store()
        await store.open()
        try:
            assert await store.tables.select(SOURCE_ENTRIES, {}) == ENTRIES, step
            assert await store.tables.select(DEFERRED_WORK, {}) == WORK, step
            assert await store.tables.select(SOURCES, {}) == FOLLOWED, step
            assert await store.tables.select(TRASH, {}) == IN_TRASH, step
            assert await store.tables.select(TRASHED_WORDS, {}) == WORDS, step
            assert await store.tables.select(SOURCE_STATES, {}) == STATES, step
            assert await vault.kinds() == {"setting", "saved_search", "rss_feed"}, step
            marks = (await store.marks.of_jobs([JobId("j-1")]))[JobId("j-1")]
            assert sorted((mark.name, mark.text) for mark in marks) == sorted(MARKS), step
            [search] = await saved_searches(store.records, "owner")
            assert (search.name, search.filter) == ("more than once", "q=mine&mine=duplicates")
            [feed] = await store.records.all(RecordKind.RSS_FEED)
            assert feed.value == {"filter": "mine=duplicates&tag=twins"}
        finally:
            await store.close()
        if finished:
            break
    assert step > 20


def test_each_declared_table_has_its_columns_on_sqlite(tmp_path: Path) -> None:
    db = sqlite_schema.open_database(tmp_path / "jobs.db")
    for table in TABLES:
        columns = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table.name})")]
        assert columns == [*table.names, "value"]
    db.close()
