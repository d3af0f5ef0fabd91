"""Brings a MongoDB database to this version's collections and indexes, or refuses it and leaves it untouched.

Every step can be repeated, so processes that start at once, and one that was killed in the middle, do no harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mediavault.core.failures import SchemaTooNew, StoreError
from mediavault.core.job import Priority
from mediavault.core.marks import MarkKind
from mediavault.core.messages import Message
from mediavault.store.mongodb.engine import Filter, MongoDatabase, Sort, Update
from mediavault.store.mongodb.facts import OLDEST_VERSION

SCHEMA, JOBS, HISTORY, GATES, WORKERS, AGREED = "schema", "jobs", "history", "gates", "workers", "agreed"
RECORDS = "records"
OURS = {"_id": "schema"}


@dataclass(frozen=True, slots=True)
class Index:
    collection: str
    name: str
    keys: Sort
    unique: bool = False
    where: Filter | None = None


@dataclass(frozen=True, slots=True)
class MigrationStep:
    """One step.

    ``version`` is the schema's version once the indexes exist; ``oldest_code`` as in ``schema.Migration``. Jobs that lack a
    field of ``job_fields`` get it, jobs that match ``where`` alone; and of indexes that others replace the names are in
    ``replaced``. ``changes`` are further ones: of which collection, of which documents, and the update.
    """

    version: int
    oldest_code: int
    indexes: Sequence[Index]
    job_fields: Mapping[str, Any] = field(default_factory=dict)
    replaced: Sequence[str] = ()
    where: Filter = field(default_factory=dict)
    changes: Sequence[tuple[str, Filter, Update]] = ()


_FIRST = [
    Index(JOBS, "post", [("canonical_url", 1), ("version", 1)], unique=True),
    # The queue. The status comes first although it is the same in all of the index: only then can the platforms of
    # queued jobs be found without reading every entry.
    Index(
        JOBS,
        "ready",
        [("status", 1), ("platform", 1), ("needs_session", 1), ("created_at", 1), ("_id", 1)],
        where={"status": "queued"},
    ),
    Index(JOBS, "due", [("retry_at", 1)], where={"status": "failed"}),
    Index(JOBS, "running", [("claimed_by", 1)], where={"status": "running"}),
    Index(JOBS, "created", [("created_at", 1), ("_id", 1)]),
    Index(JOBS, "by_status", [("status", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "updated", [("updated_at", 1)]),
    Index(HISTORY, "job", [("job", 1), ("first", 1)]),
]
_UNPARSED = Index(
    JOBS,
    "not_understood",
    [("failed_at", 1), ("platform", 1)],
    where={"status": "failed", "error_code": "EXTRACTOR_BROKEN"},
)
_RECORDS = [
    Index(RECORDS, "kind", [("kind", 1), ("key", 1)]),
    Index(RECORDS, "expiring", [("expires_at", 1)]),
]
# For the library's pages. A claim changes none of these fields; a completion writes the same values to them as
# begin_commit did, which changes no index entry either.
_LIBRARY = [
    Index(JOBS, "words", [("words", 1)]),
    Index(JOBS, "of_platform", [("platform", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "of_account", [("account_key", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "longest", [("duration_s", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "largest", [("bytes", 1), ("created_at", 1), ("_id", 1)]),
]
# In the place of ``ready``. Jobs of older code have no priority and are claimed first.
_TURNS = Index(
    JOBS,
    "turns",
    [("status", 1), ("platform", 1), ("needs_session", 1), ("priority", 1), ("created_at", 1), ("_id", 1)],
    where={"status": "queued"},
)
# Posts that sources brought before jobs had a ``listed_by``: the list is not known.
_BROUGHT: Filter = {"priority": Priority.LATER.rank, "marks.n": {"$regex": f"^{MarkKind.SOURCE}/"}}
_MARKS = [Index(JOBS, "marks", [("marks.n", 1), ("marks.p", 1)])]
_TABLES = [
    Index("sources", "url", [("url", 1)]),
    Index("source_states", "due", [("due_at", 1), ("_id", 1)]),
    Index("source_states", "waiting", [("waiting", 1), ("_id", 1)]),
    Index("source_entries", "waiting", [("source", 1), ("place", 1), ("_id", 1)]),
    Index("source_entries", "listed", [("source", 1), ("listed_at", 1)]),
    Index("source_entries", "gone", [("source", 1), ("gone_at", 1), ("_id", 1)]),
    Index("deferred_work", "due", [("work", 1), ("due_at", 1), ("_id", 1)]),
    Index("trash", "deleted", [("deleted_at", 1), ("_id", 1), ("bytes", 1)]),
    Index("trash", "batch", [("batch", 1), ("deleted_at", 1), ("_id", 1)]),
    Index("trash", "unmoved", [("unmoved", 1), ("_id", 1)]),
]
# The marks that name duplicates, and the filters of saved searches and RSS feeds, said twin.
_TWINS = {"$regex": "^twin(/|$)"}
_NO_TWIN = {"$replaceOne": {"input": "$$mark.n", "find": "twin", "replacement": "duplicate"}}
_NAMED = {"$regexMatch": {"input": "$$mark.n", "regex": _TWINS["$regex"]}}
_RENAMED = {"$cond": [_NAMED, {"$mergeObjects": ["$$mark", {"n": _NO_TWIN}]}, "$$mark"]}
_MARKED = {"$map": {"input": "$marks", "as": "mark", "in": _RENAMED}}
_FILTERS: Filter = {"kind": {"$in": ["saved_search", "rss_feed"]}, "value": {"$regex": "mine=twins"}}
_NEW_FILTER = {"$replaceAll": {"input": "$value", "find": "mine=twins", "replacement": "mine=duplicates"}}
_DUPLICATES: Sequence[tuple[str, Filter, Update]] = [
    (JOBS, {"marks.n": _TWINS}, [{"$set": {"marks": _MARKED}}]),
    (RECORDS, _FILTERS, [{"$set": {"value": _NEW_FILTER}}]),
]
# Step 5: words.py gives every document its words, and records of the history end with the values of their message.
# Older code writes neither. Step 11: what was in records is in collections, which tables.py fills.
STEPS = (
    MigrationStep(1, 1, _FIRST),
    MigrationStep(2, 1, [_UNPARSED]),
    MigrationStep(3, 1, _RECORDS),
    MigrationStep(4, 1, _LIBRARY),
    MigrationStep(5, 5, []),
    MigrationStep(6, 5, _MARKS),
    MigrationStep(7, 5, []),  # documents have a profile
    MigrationStep(8, 5, []),  # documents may have further words
    MigrationStep(9, 5, [_TURNS], {"priority": Priority.NORMAL.rank}, ["ready"]),
    MigrationStep(10, 5, [], {"listed_by": ""}, where=_BROUGHT),
    MigrationStep(11, 11, _TABLES),
    MigrationStep(12, 12, [], changes=_DUPLICATES),
)


async def migrate(database: MongoDatabase, *, steps: Sequence[MigrationStep] = STEPS) -> int:
    """Create what is missing and return the schema's version.

    A newer schema is accepted if it says that this code still works with it. Raises SchemaTooNew, and StoreError for
    collections that another program created or a server that is too old.
    """
    if database.facts.numbers < OLDEST_VERSION:
        raise StoreError(
            Message("MongoDB %(version)s is too old.", version=database.facts.version), help="Use MongoDB 5.0 or newer."
        )
    schema = database.documents(SCHEMA)
    stored = await schema.one(OURS)
    if stored is None and await database.has_any([JOBS, GATES, WORKERS]):
        stored = await schema.latest(OURS)  # another process may be creating them right now
        if stored is None:
            raise StoreError(
                "The collections named `mediavault.…` belong to another program.",
                help="Name another database in MEDIAVAULT_DATABASE_URL.",
            )
    if stored is None:
        stored = await schema.put(OURS, {"$setOnInsert": {"version": 0, "oldest_code": 0}})
    if stored["oldest_code"] > len(steps):
        raise SchemaTooNew(
            Message(
                "The database has schema %(standing)s; this mediavault knows up to %(steps)s.",
                standing=stored["version"],
                steps=len(steps),
            )
        )
    for step in steps[stored["version"] :]:
        for index in step.indexes:
            collection = database.documents(index.collection)
            await collection.index(index.name, index.keys, unique=index.unique, where=index.where)
        jobs = database.documents(JOBS)
        for name, value in step.job_fields.items():
            await jobs.change_all({**step.where, name: {"$exists": False}}, {"$set": {name: value}})
        for name in step.replaced:
            await jobs.drop_index(name)
        for name, where, update in step.changes:
            await database.documents(name).change_all(where, update)
        reached = {"version": step.version, "oldest_code": step.oldest_code}
        await schema.change_all({**OURS, "version": {"$lt": step.version}}, {"$set": reached})
    return max(int(stored["version"]), len(steps))
