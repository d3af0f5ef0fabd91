"""Brings a MongoDB database to this version's collections and indexes, or refuses it and leaves it
untouched.

Everything can be repeated, so processes that start at once, and one that was killed in the middle,
do no harm: the version is written last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mediavault.core.failures import StoreError
from mediavault.core.job import Priority
from mediavault.core.marks import MarkKind
from mediavault.core.messages import Message
from mediavault.store import codec
from mediavault.store.mongodb.engine import Filter, MongoDatabase, Update
from mediavault.store.mongodb.facts import OLDEST_VERSION
from mediavault.store.mongodb.rows import record_id, table_document
from mediavault.store.mongodb.schema import (
    INDEXES,
    JOBS,
    OURS,
    RECORDS,
    SCHEMA,
    SITE_LIMITS,
    WORKERS,
)
from mediavault.store.schema import SCHEMA_VERSION, too_new, too_old
from mediavault.store.tables import Table, TableRow
from mediavault.store.upgrade import (
    ADDED_TO_JOBS,
    ITEM_NAMES,
    PAGE,
    sort_values,
    upgrade_values,
)

NAMELESS = 9  # the versions that can be upgraded
UNSORTED = 20
_GATES = "gates"  # what it called SITE_LIMITS
_LIMIT_NAMES = {
    "strikes": "failures",
    "next_turn_at": "next_permit_at",
    "offered_until": "reserved_until",
}
_FORMER_INDEX = "turns"  # ``claimable``
_FORMER_FLAGS = {"indexed_until": ""}

# Of posts that sources have brought the list is not known.
_BROUGHT: Filter = {
    "priority": Priority.LATER.rank,
    "marks.n": {"$regex": f"^{MarkKind.SOURCE}/"},
    "listed_by": {"$exists": False},
}
_TWINS = {"$regex": "^twin(/|$)"}
_IS_TWIN = {"$regexMatch": {"input": "$$mark.n", "regex": _TWINS["$regex"]}}
_DUPLICATE = {"$replaceOne": {"input": "$$mark.n", "find": "twin", "replacement": "duplicate"}}
_RENAMED = {"$cond": [_IS_TWIN, {"$mergeObjects": ["$$mark", {"n": _DUPLICATE}]}, "$$mark"]}


def _items() -> Mapping[str, Any]:
    """Return the expression of a job's items with the names of today."""
    items: Any = "$items"
    for old, new in ITEM_NAMES:
        items = {"$replaceAll": {"input": items, "find": old, "replacement": new}}
    return {"items": items}


# of which collection, of which documents, and the change
_CHANGES: Sequence[tuple[str, Filter, Update]] = [
    (JOBS, _BROUGHT, {"$set": {"listed_by": ""}}),
    *(
        (JOBS, {name: {"$exists": False}}, {"$set": {name: value}})
        for name, value in ADDED_TO_JOBS.items()
    ),
    (JOBS, {"items": {"$regex": '"kept"'}}, [{"$set": _items()}]),
    (
        JOBS,
        {"marks.n": _TWINS},
        [{"$set": {"marks": {"$map": {"input": "$marks", "as": "mark", "in": _RENAMED}}}}],
    ),
    (WORKERS, {"tally": {"$exists": False}}, {"$set": {"tally": ""}}),
]


@dataclass(frozen=True, slots=True)
class OldDocuments:
    """What ``store.upgrade`` needs. Rows that are there already stay:
    another process may have begun to change them.
    """

    database: MongoDatabase

    async def page(self, kind: str, after: str) -> Sequence[tuple[str, Mapping[str, Any], int]]:
        where = {"kind": kind, "key": {"$gt": after}}
        found = await self.database.documents(RECORDS).find(where, sort=[("key", 1)], limit=PAGE)
        return [
            (each["key"], codec.record_from_json(each["value"]), int(each["updated_at"]))
            for each in found
        ]

    async def add(self, table: Table, rows: Sequence[TableRow]) -> None:
        await self.database.documents(table.name).insert(
            [table_document(row, table) for row in rows]
        )

    async def change(self, kind: str, key: str, value: Mapping[str, Any]) -> None:
        changed = {"$set": {"value": codec.record_to_json(value)}}
        await self.database.documents(RECORDS).change_all({"kind": kind, "key": key}, changed)

    async def rename(self, kind: str, key: str, to: str) -> None:
        records = self.database.documents(RECORDS)
        found = await records.find({"kind": kind, "key": key})
        await records.insert([{**each, "_id": record_id(kind, to), "key": to} for each in found])
        await records.delete({"kind": kind, "key": key})

    async def remove(self, kind: str) -> None:
        await self.database.documents(RECORDS).delete({"kind": kind})


async def migrate(database: MongoDatabase) -> int:
    """Create what is missing and return the schema's version.

    A newer schema is accepted if it says that this code still works with it. Raises SchemaTooNew,
    SchemaTooOld, and StoreError for collections that another program created or a server that is
    too old.
    """
    if database.facts.numbers < OLDEST_VERSION:
        raise StoreError(
            Message("MongoDB %(version)s is too old.", version=database.facts.version),
            help="Use MongoDB 5.0 or newer.",
        )
    schema = database.documents(SCHEMA)
    stored = await schema.one(OURS)
    if stored is None and await database.has_any([JOBS, SITE_LIMITS, WORKERS]):
        stored = await schema.latest(OURS)  # another process may be creating them right now
        if stored is None:
            raise StoreError(
                "The collections named `mediavault.…` belong to another program.",
                help="Name another database in MEDIAVAULT_DATABASE_URL.",
            )
    if stored is None:
        stored = await schema.put(OURS, {"$setOnInsert": {"version": 0, "oldest_code": 0}})
    version = int(stored["version"])
    if stored["oldest_code"] > SCHEMA_VERSION:
        raise too_new(database.name, version, SCHEMA_VERSION)
    if version >= SCHEMA_VERSION:
        return version
    if version not in (0, NAMELESS, UNSORTED):
        raise too_old(database.name, version)
    await database.documents(JOBS).drop_index(_FORMER_INDEX)
    for index in INDEXES:
        collection = database.documents(index.collection)
        await collection.index(index.name, index.keys, unique=index.unique, where=index.where)
    if version == NAMELESS:
        await _upgrade(database)
    if version:
        await _sort(database)
    reached = {"version": SCHEMA_VERSION, "oldest_code": SCHEMA_VERSION}
    await schema.change_all(
        {**OURS, "version": {"$lt": SCHEMA_VERSION}}, {"$set": reached, "$unset": _FORMER_FLAGS}
    )
    return SCHEMA_VERSION


async def _upgrade(database: MongoDatabase) -> None:
    limits = await database.documents(_GATES).find({})
    renamed = [
        {_LIMIT_NAMES.get(name, name): value for name, value in limit.items()} for limit in limits
    ]
    await database.documents(SITE_LIMITS).insert(renamed)
    await database.documents(_GATES).drop()
    for name, where, update in _CHANGES:
        await database.documents(name).change_all(where, update)
    await upgrade_values(OldDocuments(database))


async def _sort(database: MongoDatabase) -> None:
    jobs, after, fields = database.documents(JOBS), "", {"created_at": 1, "metadata": 1}
    while True:
        where = {"_id": {"$gt": after}, "title_key": {"$exists": False}}
        found = await jobs.find(where, fields=fields, sort=[("_id", 1)], limit=PAGE)
        if not found:
            return
        changes = {}
        for each in found:
            micros, key = sort_values(each["created_at"], each["metadata"])
            changes[each["_id"]] = {"$set": {"posted_at": micros, "title_key": key}}
        await jobs.change_each(changes, insert=False)
        after = found[-1]["_id"]
