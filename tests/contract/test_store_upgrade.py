"""Old vaults, on every engine: an upgraded one has the schema of a new one, and its values, also
after a kill at any step.

``old_vault/`` and ``OLD_INDEXES`` are the schemas from which there is an upgrade.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mediavault.core.clock import from_micros, to_micros
from mediavault.core.failures import SchemaTooOld
from mediavault.core.job import (
    HistoryRecord,
    ItemStatus,
    JobId,
    JobStatus,
    Priority,
    Stage,
    StepOutcome,
    StrategyName,
)
from mediavault.core.media import SavedFile, account
from mediavault.core.records import RecordKind
from mediavault.core.site_limits import SiteLimit
from mediavault.store.mongodb.engine import Documents, MongoDatabase
from mediavault.store.mongodb.records import NEVER
from mediavault.store.mongodb.rows import document_of
from mediavault.store.mongodb.schema import JOBS, OURS, RECORDS, SCHEMA, Index
from mediavault.store.mongodb.store import MongoJobStore
from mediavault.store.port import AccountQuery, JobOrder, JobQuery, Store
from mediavault.store.postgres.engine import PostgresDatabase, Transaction, positional
from mediavault.store.postgres.store import PostgresJobStore
from mediavault.store.queries import cursor_at
from mediavault.store.saved_searches import saved_searches
from mediavault.store.schema import SCHEMA_VERSION, load_migrations
from mediavault.store.sql import tables as sql_tables
from mediavault.store.sqlite import schema as sqlite_schema
from mediavault.store.sqlite.engine import Connection, connect_to_read, connect_to_write, fetch_all
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
from tests import browsing
from tests.contract.shelves import adopt, all_pages, job_of, some_library
from tests.fakes import FakeClock
from tests.servers import mongo, postgres

Database = TypeVar("Database", PostgresDatabase, MongoDatabase, Store)
OldRecord = tuple[str, str, Mapping[str, Any], int]  # kind, key, value, last change in microseconds

OLD_SCHEMAS = Path(__file__).parent / "old_vault"
JANE = account("generic", "jane", "Jane")
STEP = HistoryRecord(from_micros(1), 1, Stage.DOWNLOAD, StepOutcome.OK, StrategyName.PLAIN)
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
# A file's label may say what would be a name elsewhere.
FILE = '{"output_path":"a/1.mp4","bytes":9,"sha256":"ab"}'
LABEL = r'"label":"\"status\":\"kept\",\"kept\":{"'
OLD_ITEMS = f'[{{"role":"main","type":"video","status":"kept",{LABEL},"kept":{FILE}}}]'
ITEMS = f'[{{"role":"main","type":"video","status":"saved",{LABEL},"saved":{FILE}}}]'

TAKEN = {
    "state": "taken",
    "is_news": True,
    "url": "https://s.example/1",
    "title": "東京 😀",
    "job_id": "j-1",
}
SAVED = {
    "state": "saved",
    "is_new_post": True,
    "url": "https://s.example/1",
    "title": "東京 😀",
    "job_id": "j-1",
}
OLD_UNLISTED = {"state": "taken", "url": "https://s.example/2", "gone_at": AT.isoformat()}
UNLISTED = {"state": "saved", "url": "https://s.example/2"}
WAITS = [{"state": "waiting", "url": f"https://s.example/{number}"} for number in range(3)]
PASSED = {
    "state": "passed",
    "url": "https://s.example/p",
    "reason": "words",
    "of_a_later_release": {"$x": 1},
}
SKIPPED = {**PASSED, "state": "skipped"}
SCHEDULED = {"at": AT.isoformat(), "tries": 2}

OLD_SOURCE = {
    "id": "s-1",
    "url": "https://s.example/@jane",
    "start_number": 2,
    "interval": [0, 5_400, 0],
    "later": 1,
}
SOURCE = {
    "id": "s-1",
    "url": "https://s.example/@jane",
    "start_number": 2,
    "interval_minutes": 90,
    "later": 1,
}
NEVER_CHECKED = {"id": "s-2", "url": "https://s.example/@joe"}
OLD_STATE = {
    "waiting": 3,
    "looks": 4,
    "next_look_at": AT.isoformat(),
    "looked_at": "b",
    "held_until": "c",
    "new_at_last_look": 5,
    "passed": 6,
    "gone": 7,
}
STATE = {
    "waiting": 3,
    "checks": 4,
    "next_check_at": AT.isoformat(),
    "checked_at": "b",
    "acquired_until": "c",
    "new_at_last_check": 5,
    "skipped": 6,
    "unlisted": 7,
}
OLD_POST = {
    "job": {"id": "j-7", "post_url": "東京 😀", "profile": "small", "items": OLD_ITEMS},
    "history": [["x"]],
    "marks": [["twin", "", 1], ["twin/j-2", "93", 2], ["tag/twin", "twin", 3]],
    "files": {"a/1.mp4": ".trash/j-7/a/1.mp4"},
}
POST = {
    **OLD_POST,
    "job": {
        "id": "j-7",
        "post_url": "東京 😀",
        "profile": "small",
        "items": ITEMS,
        "error_params": None,
        "priority": 1,
        "listed_by": None,
    },
    "marks": [["duplicate", "", 1], ["duplicate/j-2", "93", 2], ["tag/twin", "twin", 3]],
}
DELETED = {**OLD_POST, "deleted_at": AT.isoformat(), "batch": "b-1", "bytes": 9, "are_moved": True}

UPGRADED = ("later", "source", "source_state", "source_entry", "trash")
OLD: list[OldRecord] = [
    ("source", "s-1", OLD_SOURCE, 1),
    ("source_state", "s-1", OLD_STATE, 1),
    ("source", "s-2", NEVER_CHECKED, 1),
    ("source_entry", "s-1/taken", TAKEN, 1),
    ("source_entry", "s-1/gone", OLD_UNLISTED, 1),
    ("source_entry", "s-1/passed", PASSED, 1),
    *(("source_entry", f"s-2/wait-{number}", WAITS[number], 1) for number in range(3)),
    ("source_waiting", f"s-2/{100:020d}-{1:08d}", {"post": "wait-0", "url": WAITS[0]["url"]}, 1),
    ("source_waiting", f"s-2/{100:020d}-{0:08d}", {"post": "wait-1", "url": WAITS[1]["url"]}, 1),
    ("source_listed", "s-1/taken", {}, 7),
    ("source_listed", "s-1/never-seen", {}, 7),
    ("source_gone", "s-1/gone", {}, 1),
    ("source_preview", "p-1", {"looks": 1}, 1),
    ("later", "comments/j-1", SCHEDULED, 1),
    *(
        (kind, "odd", {"at": 7, "interval": 5, "waiting": "x", "gone_at": 9}, 1)
        for kind in UPGRADED
    ),  # no release wrote it
    ("trash", "j-7", DELETED, 1),
    ("trash", "j-8", {**DELETED, "are_moved": False}, 1),
    ("trash", "j-9", {**DELETED, "files": {}, "bytes": 0}, 1),
    ("trashed_words", "j-8", {"subtitles": " blue sea"}, 1),
    ("setting", "other", {"n": 1}, 1),
    ("setting", "prefer", {"value": "small"}, 1),
    ("setting", "forget_after_days", {"value": 8}, 1),
    ("setting", "retention_days", {"value": 9}, 1),  # saved since
    ("damaged", "j-1/0", {"found": "x", "is_told": True}, 1),
    (
        "saved_search",
        "owner/more than once",
        {"filter": "q=mine&mine=twins&state=kept", "name": "more than once"},
        1,
    ),
    ("rss_feed", "f-1", {"filter": "mine=twins&tag=twins", "id": "u-1", "fetched_at": None}, 1),
    ("api_token", "k-1", {"user": "jane", "scope_of_user": "read"}, 1),
    ("web_session", "w-1", {"begun_at": "a", "seen_at": "b"}, 1),
]
LEFT = {"setting", "damaged", "saved_search", "rss_feed", "api_token", "web_session"}
OLD_MARKS = [
    ("twin", ""),
    ("twin/j-2", "93"),
    ("tag/twin", "twin"),
    ("twin-like", ""),
    ("source/s-1", ""),
]
MARKS = [
    ("duplicate", ""),
    ("duplicate/j-2", "93"),
    ("tag/twin", "twin"),
    ("twin-like", ""),
    ("source/s-1", ""),
]
# A queued job that a source brought, and a completed one that a user asked for.
OLD_ROWS = """
INSERT INTO {s}jobs (id, trace_id, post_url, canonical_url, platform, created_at, updated_at, max_attempts, priority, items,
                     status, account_key, metadata)
 VALUES ('j-1', '', '', 'https://s.example/1', 'generic', 1, 1, 5, 2, '[]', 'queued', NULL, '{{}}'),
        ('j-2', '', '', 'https://s.example/2', 'generic', {at}, 1, 5, 1, '{items}', 'completed', 'generic/jane', '{dated}');
INSERT INTO {s}history (job, at, attempt, stage, outcome, rung) SELECT seq, 1, 1, 'download', 'ok', 'plain' FROM {s}jobs;
INSERT INTO {s}gates (platform, strikes, reason, next_turn_at, offered_until, closed_until) VALUES ('x', 2, 'slow', 7, 8, 9);
INSERT INTO {s}library_accounts (key, platform, slug, jobs, kept, bytes, duration_ms)
 VALUES ('generic/jane', 'generic', 'jane', 2, 1, 9, 1000);
INSERT INTO {s}library_totals (platform, kept, bytes, duration_ms) VALUES ('generic', 1, 9, 1000);
"""  # noqa: E501
PUBLISHED = datetime(2019, 5, 4, 12, tzinfo=UTC)
DATED = json.dumps({"published_at": PUBLISHED.isoformat()})
VALUES = {"items": OLD_ITEMS, "dated": DATED, "at": to_micros(AT)}
LIMIT = SiteLimit(
    "x",
    closed_until=from_micros(9),
    failures=2,
    reason="slow",
    next_permit_at=from_micros(7),
    reserved_until=from_micros(8),
)


def row(source: str, post: str, value: Mapping[str, Any], **columns: int | None) -> TableRow:
    none = {"place": None, "listed_at": None, "unlisted_at": None}
    return TableRow(
        {"source": source, "post": post, "state": value["state"], **none, **columns}, value
    )


ENTRIES = [
    row("s-1", "gone", UNLISTED, unlisted_at=to_micros(AT)),
    row("s-1", "passed", SKIPPED),
    row("s-1", "taken", SAVED, listed_at=7),
    row("s-2", "wait-0", WAITS[0], place=101),
    row("s-2", "wait-1", WAITS[1], place=100),
    row("s-2", "wait-2", WAITS[2], place=0),  # a kill had come between its place and its state
]
IN_TRASH = [
    TableRow(
        {"id": "j-7", "deleted_at": to_micros(AT), "batch": "b-1", "bytes": 9, "unmoved": None},
        POST,
    ),
    TableRow(
        {"id": "j-8", "deleted_at": to_micros(AT), "batch": "b-1", "bytes": 9, "unmoved": 1}, POST
    ),
    TableRow(
        {"id": "j-9", "deleted_at": to_micros(AT), "batch": "b-1", "bytes": 0, "unmoved": None},
        {**POST, "files": {}},
    ),
]
WORDS = [TableRow({"id": "j-8"}, {"subtitles": " blue sea"})]
WORK = [TableRow({"work": "comments", "job": "j-1", "due_at": to_micros(AT)}, SCHEDULED)]
FOLLOWED = [
    TableRow({"id": str(one["id"]), "url": str(one["url"])}, one) for one in (SOURCE, NEVER_CHECKED)
]
STATES = [
    TableRow({"id": "s-1", "due_at": 0, "waiting": 3}, STATE),
    TableRow({"id": "s-2", "due_at": 0, "waiting": 0}, {}),
]


@dataclass
class Engine:
    """A database of one engine in ``folder``. ``store`` returns today's store at it."""

    folder: Path

    def store(self) -> Store:
        raise NotImplementedError

    async def make_old(self, version: int | None = None) -> None:
        """Create the vault of an older release, which says that its schema has this version."""
        raise NotImplementedError

    async def take_dates(self) -> None:
        """Make today's vault that of the release before jobs had what sorts them."""
        raise NotImplementedError

    async def kinds(self) -> set[str]:
        """Return which kinds of records the vault has."""
        raise NotImplementedError

    async def shape(self) -> Mapping[str, object]:
        """Return what the engine says about the schema: tables, columns, types, defaults,
        checks and indexes.
        """
        raise NotImplementedError


class Sqlite(Engine):
    @property
    def path(self) -> Path:
        return self.folder / "jobs.db"

    def store(self) -> Store:
        return SqliteJobStore(self.path, FakeClock())

    async def make_old(self, version: int | None = None) -> None:
        sqlite_schema.create_file(self.path)
        db = connect_to_write(self.path)
        db.execute((OLD_SCHEMAS / "sqlite.sql").read_text("utf-8"))
        for kind, key, value, at in OLD:
            db.execute(
                "INSERT INTO records VALUES (?, ?, ?, ?, NULL)", (kind, key, json.dumps(value), at)
            )
        db.execute(OLD_ROWS.format(s="", **VALUES))
        for name, text in OLD_MARKS:
            insert = (
                "INSERT INTO marks (name, job, place, text) SELECT ?, seq, 1, ? FROM jobs WHERE id"
                " = 'j-1'"
            )
            db.execute(insert, (name, text))
        if version is not None:
            db.pragma("user_version", version)
        db.close()

    async def take_dates(self) -> None:
        db = connect_to_write(self.path)
        db.execute("DROP INDEX jobs_posted; DROP INDEX jobs_titled; DROP INDEX jobs_account")
        db.execute("ALTER TABLE jobs DROP COLUMN posted_at; ALTER TABLE jobs DROP COLUMN title_key")
        db.execute("PRAGMA user_version = 20")
        db.close()

    async def kinds(self) -> set[str]:
        db = connect_to_read(self.path)
        found = {kind for (kind,) in fetch_all(db, "SELECT kind FROM records")}
        db.close()
        return found

    async def shape(self) -> Mapping[str, object]:
        db = connect_to_read(self.path)
        tables = fetch_all(
            db,
            (
                "SELECT name, wr, strict FROM pragma_table_list WHERE schema = 'main' AND type ="
                " 'table'"
            ),
        )
        found: dict[str, object] = {
            name: (wr, strict, *_table(db, name))
            for name, wr, strict in tables
            if not name.startswith("sqlite_")
        }
        others = (
            "SELECT type, name, sql FROM sqlite_schema WHERE type = 'trigger' OR sql LIKE 'CREATE"
            " VIRTUAL%'"
        )
        found["others"] = sorted(
            (kind, name, _plain(sql)) for kind, name, sql in fetch_all(db, others)
        )
        db.close()
        return found


def _plain(sql: str | None) -> str:
    return re.sub(r"\s+", " ", re.sub(r"--.*", "", sql or ""))


def _table(db: Connection, name: str) -> tuple[object, ...]:
    columns = fetch_all(
        db,
        'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_xinfo(:name)',
        {"name": name},
    )
    [[sql]] = fetch_all(
        db, "SELECT sql FROM sqlite_schema WHERE name = :name AND type = 'table'", {"name": name}
    )
    indexes = {}
    for index, unique, origin in fetch_all(
        db, 'SELECT name, "unique", origin FROM pragma_index_list(:name)', {"name": name}
    ):
        keys = fetch_all(
            db,
            'SELECT name, "desc", coll FROM pragma_index_xinfo(:index) WHERE key',
            {"index": index},
        )
        text = fetch_all(db, "SELECT sql FROM sqlite_schema WHERE name = :index", {"index": index})
        indexes[index] = (unique, origin, keys, [_plain(sql) for (sql,) in text])
    checks = re.findall(r"CHECK \((?:[^()]|\([^()]*\))*\)", _plain(sql))
    return sorted(columns), sorted(checks), indexes


class Postgres(Engine):
    @property
    def url(self) -> str:
        return postgres.database_for(self.folder)

    def store(self) -> Store:
        return PostgresJobStore(self.url)

    async def make_old(self, version: int | None = None) -> None:
        async with opened(PostgresDatabase(self.url)) as database:
            async with database.transaction() as txn:
                await txn.script((OLD_SCHEMAS / "postgres.sql").read_text("utf-8"))
                await txn.script(OLD_ROWS.format(s="mediavault.", **VALUES))
            insert = positional(
                "INSERT INTO mediavault.records VALUES (:kind, :key, :value, :at, NULL)"
            )
            for kind, key, value, at in OLD:
                await database.rows(
                    insert, {"kind": kind, "key": key, "value": json.dumps(value), "at": at}
                )
            mark = (
                "INSERT INTO mediavault.marks SELECT :name, seq, 1, :text FROM mediavault.jobs"
                " WHERE id = 'j-1'"
            )
            for name, text in OLD_MARKS:
                await database.rows(positional(mark), {"name": name, "text": text})
            if version is not None:
                await database.rows(
                    positional("UPDATE mediavault.schema_version SET version = :n::int"),
                    {"n": version},
                )

    async def take_dates(self) -> None:
        await self._rows("ALTER TABLE mediavault.jobs DROP COLUMN posted_at")
        await self._rows("ALTER TABLE mediavault.jobs DROP COLUMN title_key")
        await self._rows("UPDATE mediavault.schema_version SET version = 20, oldest_code = 20")

    async def kinds(self) -> set[str]:
        return {kind for (kind,) in await self._rows("SELECT kind FROM mediavault.records")}

    async def shape(self) -> Mapping[str, object]:
        return {
            "tables": await self._rows(
                "SELECT relname, relkind, reloptions FROM pg_class WHERE relnamespace ="
                " 'mediavault'::regnamespace"
                " AND relkind IN ('r', 'v') ORDER BY 1"
            ),
            "columns": await self._rows(
                "SELECT table_name, column_name, data_type, collation_name, is_nullable,"
                " column_default, is_identity"
                " FROM information_schema.columns WHERE table_schema = 'mediavault' ORDER BY 1, 2"
            ),
            "indexes": await self._rows(
                "SELECT indexdef FROM pg_indexes WHERE schemaname = 'mediavault' ORDER BY 1"
            ),
            "constraints": await self._rows(
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM"
                " pg_constraint"
                " WHERE connamespace = 'mediavault'::regnamespace AND contype <> 'n' ORDER BY 1, 2"
            ),
            "view": await self._rows("SELECT pg_get_viewdef('mediavault.readable_jobs')"),
            "version": await self._rows(
                "SELECT version, oldest_code FROM mediavault.schema_version"
            ),
        }

    async def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        async with opened(PostgresDatabase(self.url)) as database:
            return [tuple(row) for row in await database.rows(positional(sql), {})]


FORMER_QUEUE = ["status", "platform", "needs_session", "priority", "created_at", "_id"]
OLD_INDEXES = [
    Index(JOBS, "post", [("canonical_url", 1), ("version", 1)], unique=True),
    Index(JOBS, "turns", [(name, 1) for name in FORMER_QUEUE], where={"status": "queued"}),
    Index(JOBS, "due", [("retry_at", 1)], where={"status": "failed"}),
    Index(JOBS, "running", [("claimed_by", 1)], where={"status": "running"}),
    Index(JOBS, "created", [("created_at", 1), ("_id", 1)]),
    Index(JOBS, "by_status", [("status", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "updated", [("updated_at", 1)]),
    Index(
        JOBS,
        "not_understood",
        [("failed_at", 1), ("platform", 1)],
        where={"status": "failed", "error_code": "EXTRACTOR_BROKEN"},
    ),
    Index(JOBS, "words", [("words", 1)]),
    Index(JOBS, "of_platform", [("platform", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "of_account", [("account_key", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "longest", [("duration_s", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "largest", [("bytes", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "marks", [("marks.n", 1), ("marks.p", 1)]),
    Index("history", "job", [("job", 1), ("first", 1)]),
    Index(RECORDS, "kind", [("kind", 1), ("key", 1)]),
    Index(RECORDS, "expiring", [("expires_at", 1)]),
]


class Mongo(Engine):
    @property
    def url(self) -> str:
        return mongo.database_for(self.folder)

    def store(self) -> Store:
        return MongoJobStore(self.url)

    async def make_old(self, version: int | None = None) -> None:
        async with opened(MongoDatabase(self.url)) as database:
            for index in OLD_INDEXES:
                documents = database.documents(index.collection)
                await documents.index(
                    index.name, index.keys, unique=index.unique, where=index.where
                )
            flags = {"version": version or 9, "oldest_code": 5, "indexed_until": None}
            await database.documents(SCHEMA).insert([{**OURS, **flags}])
            await database.documents(RECORDS).insert(
                [
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
            )
            limit = {
                "closed_until": 9,
                "probing_until": None,
                "strikes": 2,
                "code": None,
                "reason": "slow",
            }
            limit |= {
                "next_turn_at": 7,
                "offered_until": 8,
                "account_posts": "[]",
                "account_cap": None,
                "version": 3,
            }
            await database.documents("gates").insert([{"_id": "x", **limit}])
            marks = [{"n": name, "p": 1, "t": text} for name, text in OLD_MARKS]
            saved = replace(
                job_of(2), status=JobStatus.COMPLETED, bytes=9, duration_s=1.0, account=JANE
            )
            jobs = [
                document_of(replace(job_of(1), status=JobStatus.QUEUED, priority=Priority.LATER)),
                document_of(saved, [STEP]),
            ]
            for document, job_id, items in zip(
                jobs, ("j-1", "j-2"), ("[]", OLD_ITEMS), strict=True
            ):
                document |= {"_id": job_id, "items": items}
                for added in ("listed_by", "posted_at", "title_key"):
                    del document[added]
            jobs[0]["created_at"], jobs[1]["created_at"] = 1, to_micros(AT)
            jobs[1]["metadata"] = DATED
            jobs[0]["marks"] = marks
            await database.documents(JOBS).insert(jobs)

    async def take_dates(self) -> None:
        async with opened(MongoDatabase(self.url)) as database:
            await database.documents(JOBS).drop_index("posted")
            await database.documents(JOBS).drop_index("titled")
            added = {"posted_at": "", "title_key": ""}
            await database.documents(JOBS).change_all({}, {"$unset": added})
            former = {"$set": {"version": 20, "oldest_code": 20}}
            await database.documents(SCHEMA).change_all(OURS, former)

    async def kinds(self) -> set[str]:
        async with opened(MongoDatabase(self.url)) as database:
            return set(await database.documents(RECORDS).distinct("kind", {}))

    async def shape(self) -> Mapping[str, object]:
        async with opened(MongoDatabase(self.url)) as database:
            collections = await database._opened().list_collection_names()
            found: dict[str, object] = {"schema": await database.documents(SCHEMA).find({})}
            for name in sorted(collections):
                indexes = await database._opened()[name].index_information()
                # a collection without indexes is made when the first document is
                if len(indexes) > 1:
                    found[name] = {
                        index: {**facts, "key": list(facts["key"])}
                        for index, facts in indexes.items()
                    }
            found["of an older release"] = [name for name in collections if name.endswith(".gates")]
            return found


ENGINES: Mapping[str, type[Engine]] = {"sqlite": Sqlite, "postgres": Postgres, "mongodb": Mongo}


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Database]:
    await database.open()
    try:
        yield database
    finally:
        await database.close()


class Killed(Exception):
    """The process ends here."""


STEPS: Mapping[type, Sequence[str]] = {
    sql_tables.OldRecords: ("page", "add", "change", "rename", "remove"),
    Transaction: ("script",),
    Documents: ("insert", "change_all", "delete", "drop"),
}


def kill_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Raise Killed at this step of the upgrade; returns what counts the steps."""
    steps = 0
    for kind, names in STEPS.items():
        for name in names:
            plain: Any = getattr(kind, name)

            async def counted(*args: Any, plain: Any = plain, **options: Any) -> Any:
                nonlocal steps
                steps += 1
                if steps == step:
                    raise Killed
                return await plain(*args, **options)

            monkeypatch.setattr(kind, name, counted)
    return lambda: steps


@pytest.mark.parametrize("engine", ENGINES)
async def test_an_old_vault_has_its_values_under_the_names_of_today_after_a_kill_at_any_step(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_tables, "PAGE", 2)
    monkeypatch.setattr("mediavault.store.mongodb.upgrade.PAGE", 2)
    step, finished = 0, False
    while not finished:
        step += 1
        (folder := tmp_path / str(step)).mkdir()
        vault = ENGINES[engine](folder)
        await vault.make_old()
        with monkeypatch.context() as killing:
            steps, store = kill_at(step, killing), vault.store()
            with suppress(Killed):
                await store.open()
                await store.close()
            finished = steps() < step
        async with opened(vault.store()) as store:
            await _compare(store)
        assert await vault.kinds() == LEFT, step
    assert step > 20


async def _compare(store: Store) -> None:
    assert await store.tables.select(SOURCE_ENTRIES, {}) == ENTRIES
    assert await store.tables.select(DEFERRED_WORK, {}) == WORK
    assert await store.tables.select(SOURCES, {}) == FOLLOWED
    assert await store.tables.select(TRASH, {}) == IN_TRASH
    assert await store.tables.select(TRASHED_WORDS, {}) == WORDS
    assert await store.tables.select(SOURCE_STATES, {}) == STATES
    brought, saved = JobId("j-1"), JobId("j-2")
    marks = (await store.marks.of_jobs([brought]))[brought]
    assert sorted((mark.name, mark.text) for mark in marks) == sorted(MARKS)
    [search] = await saved_searches(store.records, "owner")
    assert (search.name, search.filter) == ("more than once", "q=mine&mine=duplicates&state=saved")
    [feed] = await store.records.all(RecordKind.RSS_FEED)
    assert feed.value == {"filter": "mine=duplicates&tag=twins", "uid": "u-1", "used_at": None}
    [token] = await store.records.all(RecordKind.API_TOKEN)
    assert token.value == {"user": "jane", "scope": "read"}
    [session] = await store.records.all(RecordKind.WEB_SESSION)
    assert session.value == {"made_at": "a", "used_at": "b"}
    settings = {
        record.key: record.value.get("value")
        for record in await store.records.all(RecordKind.SETTING)
    }
    assert (settings["profile"], settings["retention_days"]) == ("small", 9)
    [damaged] = await store.records.all(RecordKind.DAMAGED)
    assert damaged.value == {"found": "x", "is_reported": True}
    assert [(await store.catalogue.get(job)).listed_by for job in (brought, saved)] == ["", None]
    [item] = (await store.catalogue.get(saved)).items
    file = SavedFile("a/1.mp4", None, 9, "ab", None, None, None)
    assert (item.status, item.saved, item.item.label) == (
        ItemStatus.SAVED,
        file,
        '"status":"kept","kept":{',
    )
    [step] = await store.catalogue.history(saved)
    assert step.strategy is StrategyName.PLAIN
    assert await store.site_limits.all_limits() == [LIMIT]
    newest = await store.catalogue.jobs(JobQuery(order=JobOrder.PUBLISHED))
    assert [job.id for job in newest.jobs] == [saved, brought]
    after = JobQuery(order=JobOrder.PUBLISHED, cursor=cursor_at(PUBLISHED, JobOrder.PUBLISHED))
    assert [job.id for job in (await store.catalogue.jobs(after)).jobs] == [brought]
    assert (await store.catalogue.library_totals()).saved == 1
    [jane] = (await store.catalogue.accounts(AccountQuery())).accounts
    assert (jane.saved, jane.bytes) == (1, 9)


@pytest.mark.parametrize("engine", ENGINES)
async def test_posts_of_an_older_vault_are_sorted_by_publication_and_title(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_tables, "PAGE", 7)
    monkeypatch.setattr("mediavault.store.mongodb.upgrade.PAGE", 7)
    vault, jobs = ENGINES[engine](tmp_path), some_library(40)
    async with opened(vault.store()) as store:
        await adopt(store, jobs)
    shape = await vault.shape()
    await vault.take_dates()

    async with opened(vault.store()) as store:
        for query in (JobQuery(), JobQuery(account="x/x-jane"), JobQuery(text="fox")):
            for order in (JobOrder.PUBLISHED, JobOrder.TITLE):
                asked = replace(query, order=order, limit=3)
                assert await all_pages(store, asked) == browsing.in_order(jobs, asked)
    assert await vault.shape() == shape


@pytest.mark.parametrize("engine", ENGINES)
async def test_an_upgraded_vault_has_the_schema_of_a_new_one(engine: str, tmp_path: Path) -> None:
    shapes = []
    for name in ("new", "old"):
        (folder := tmp_path / name).mkdir()
        vault = ENGINES[engine](folder)
        if name == "old":
            await vault.make_old()
        async with opened(vault.store()):
            pass
        shapes.append(await vault.shape())

    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("version", [1, 19])
@pytest.mark.parametrize("engine", ENGINES)
async def test_a_vault_from_which_there_is_no_upgrade_is_refused_and_left_as_it_is(
    engine: str, version: int, tmp_path: Path
) -> None:
    vault = ENGINES[engine](tmp_path)
    await vault.make_old(version)
    before = await vault.shape(), await vault.kinds()

    with pytest.raises(SchemaTooOld, match=f"has schema {version}, from which"):
        await vault.store().open()

    assert (await vault.shape(), await vault.kinds()) == before


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_the_last_migration_leads_to_the_schema(engine: str) -> None:
    migrations = load_migrations(engine)

    assert migrations[-1].version == SCHEMA_VERSION
    assert [after.before for after in migrations[1:]] == [
        migration.version for migration in migrations[:-1]
    ]


def test_each_declared_table_has_its_columns_on_sqlite(tmp_path: Path) -> None:
    db = sqlite_schema.open_database(tmp_path / "jobs.db")
    for table in TABLES:
        columns = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table.name})")]
        assert columns == [*table.names, "value"]
    db.close()
