"""Brings a MongoDB database to this version's collections and indexes, or refuses it and leaves it untouched.

Every step can be repeated, so processes that start at once, and one that was killed in the middle, do no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mediavault.core.failures import SchemaTooNew, StoreError
from mediavault.core.messages import Message
from mediavault.store.mongodb.engine import Filter, MongoDatabase, Sort
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
    """``version`` is the schema's number once the indexes stand; ``oldest_code`` as of ``schema.Migration``."""

    version: int
    oldest_code: int
    indexes: Sequence[Index]


_FIRST = [
    Index(JOBS, "post", [("canonical_url", 1), ("version", 1)], unique=True),
    # The queue. The status comes first although it is the same in all of the index: only so are the platforms of queued
    # jobs found without reading every entry.
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
_NOT_UNDERSTOOD = Index(
    JOBS,
    "not_understood",
    [("failed_at", 1), ("platform", 1)],
    where={"status": "failed", "error_code": "EXTRACTOR_BROKEN"},
)
_RECORDS = [
    Index(RECORDS, "kind", [("kind", 1), ("key", 1)]),
    Index(RECORDS, "expiring", [("expires_at", 1)]),
]
# For the library's pages. A claim changes none of these; of the values a completion writes those that begin_commit wrote
# already, which changes no entry of an index either.
_LIBRARY = [
    Index(JOBS, "words", [("words", 1)]),
    Index(JOBS, "of_platform", [("platform", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "of_account", [("account_key", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "longest", [("duration_s", 1), ("created_at", 1), ("_id", 1)]),
    Index(JOBS, "largest", [("bytes", 1), ("created_at", 1), ("_id", 1)]),
]
# Step 5: words.py gives every document its words, and records of the history end with the values of their message. Older
# code writes neither.
STEPS = (
    MigrationStep(1, 1, _FIRST),
    MigrationStep(2, 1, [_NOT_UNDERSTOOD]),
    MigrationStep(3, 1, _RECORDS),
    MigrationStep(4, 1, _LIBRARY),
    MigrationStep(5, 5, []),
)


async def migrate(database: MongoDatabase, *, steps: Sequence[MigrationStep] = STEPS) -> int:
    """Make what is missing; the schema's version.

    A newer schema is taken as it is when it says that this code still works on it. Raises SchemaTooNew, StoreError for
    collections that another program made or a server that is too old.
    """
    if database.facts.numbers < OLDEST_VERSION:
        raise StoreError(
            Message("MongoDB %(version)s is too old.", version=database.facts.version), help="Use MongoDB 5.0 or newer."
        )
    schema = database.documents(SCHEMA)
    standing = await schema.one(OURS)
    if standing is None and await database.has_any([JOBS, GATES, WORKERS]):
        standing = await schema.latest(OURS)  # another process may be making them just now
        if standing is None:
            raise StoreError(
                "The collections named `mediavault.…` belong to another program.",
                help="Name another database in MEDIAVAULT_DATABASE_URL.",
            )
    if standing is None:
        standing = await schema.put(OURS, {"$setOnInsert": {"version": 0, "oldest_code": 0}})
    if standing["oldest_code"] > len(steps):
        raise SchemaTooNew(
            Message(
                "The database has schema %(standing)s; this mediavault knows up to %(steps)s.",
                standing=standing["version"],
                steps=len(steps),
            )
        )
    for step in steps[standing["version"] :]:
        for index in step.indexes:
            made = database.documents(index.collection)
            await made.index(index.name, index.keys, unique=index.unique, where=index.where)
        reached = {"version": step.version, "oldest_code": step.oldest_code}
        await schema.change_all({**OURS, "version": {"$lt": step.version}}, {"$set": reached})
    return max(int(standing["version"]), len(steps))
