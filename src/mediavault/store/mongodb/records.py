"""The small records on MongoDB: one document each, its value as JSON text, so that a name in it is
never an operator.

Expired records are deleted before a write.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from mediavault.core.clock import from_micros, to_micros
from mediavault.core.records import Record, RecordKind
from mediavault.store import codec
from mediavault.store.mongodb.engine import Document, Documents, Filter, MongoDatabase
from mediavault.store.mongodb.rows import record_id
from mediavault.store.mongodb.schema import RECORDS
from mediavault.store.mongodb.server import MongoServer
from mediavault.store.rows import end_of

# In microseconds. A number, since servers that are only compatible with MongoDB disagree whether
# null is less than one.
NEVER = 2**62


async def put(
    server: MongoServer,
    kind: RecordKind,
    key: str,
    value: Mapping[str, Any],
    *,
    expires_at: datetime | None = None,
) -> None:
    database, now = server.database, server.now
    documents, at = await _pruned(database, now)
    document = _document(kind, key, value, expires_at, at)
    await documents.put({"_id": document.pop("_id")}, {"$set": document})


async def replace(
    server: MongoServer,
    kind: RecordKind,
    key: str,
    value: Mapping[str, Any],
    *,
    if_value: Mapping[str, Any] | None,
    expires_at: datetime | None = None,
) -> bool:
    database, now = server.database, server.now
    documents, at = await _pruned(database, now)
    document = _document(kind, key, value, expires_at, at)
    if if_value is None:
        return not await documents.insert([document])
    where = {"_id": document.pop("_id"), "value": codec.record_to_json(if_value), **_unexpired(at)}
    return await documents.change(where, {"$set": document}) is not None


async def get(server: MongoServer, kind: RecordKind, key: str) -> Record | None:
    database, now = server.database, server.now
    at = await _at(database, now)
    document = await database.documents(RECORDS).one(
        {"_id": record_id(kind, key), **_unexpired(at)}
    )
    return _record(document) if document else None


async def all_of(server: MongoServer, kind: RecordKind) -> list[Record]:
    database, now = server.database, server.now
    at = await _at(database, now)
    documents = await database.documents(RECORDS).find(
        {"kind": kind.value, **_unexpired(at)}, sort=[("key", 1)]
    )
    return [_record(document) for document in documents]


async def put_all(
    server: MongoServer,
    kind: RecordKind,
    values: Mapping[str, Mapping[str, Any]],
    *,
    remove: Collection[str] = (),
) -> None:
    documents, at = await _pruned(server.database, server.now)
    stored = [_document(kind, key, value, None, at) for key, value in values.items()]
    # Removed by expiring: deletions would be a second command, before which the vault may be
    # killed.
    expired = [_document(kind, key, {}, from_micros(at), at) for key in remove]
    await documents.put_all([*stored, *expired])


async def some(server: MongoServer, kind: RecordKind, keys: Collection[str]) -> dict[str, Record]:
    database, at = server.database, await _at(server.database, server.now)
    where = {"_id": {"$in": [record_id(kind, key) for key in keys]}, **_unexpired(at)}
    found = map(_record, await database.documents(RECORDS).find(where))
    return {record.key: record for record in found}


async def under(
    server: MongoServer, kind: RecordKind, prefix: str, *, after: str = "", limit: int | None = None
) -> list[Record]:
    if limit == 0:
        return []
    database, at = server.database, await _at(server.database, server.now)
    where = {"kind": kind.value, "key": {**_range(prefix), "$gt": after}, **_unexpired(at)}
    found = await database.documents(RECORDS).find(where, sort=[("key", 1)], limit=limit or 0)
    return [_record(document) for document in found]


async def count_under(server: MongoServer, kind: RecordKind, prefix: str) -> int:
    database, at = server.database, await _at(server.database, server.now)
    return await database.documents(RECORDS).count(
        {"kind": kind.value, "key": _range(prefix), **_unexpired(at)}
    )


async def remove_under(server: MongoServer, kind: RecordKind, prefix: str) -> int:
    documents, _ = await _pruned(server.database, server.now)
    return await documents.delete({"kind": kind.value, "key": _range(prefix)})


def _range(prefix: str) -> Filter:
    return {"$gte": prefix, "$lt": end_of(prefix)}


async def remove(server: MongoServer, kind: RecordKind, key: str) -> bool:
    database, now = server.database, server.now
    documents, _ = await _pruned(database, now)
    return await documents.delete({"_id": record_id(kind, key)}) > 0


async def remove_all(server: MongoServer, kind: RecordKind, *, keep: Collection[str] = ()) -> int:
    database, now = server.database, server.now
    documents, _ = await _pruned(database, now)
    return await documents.delete({"kind": kind.value, "key": {"$nin": list(keep)}})


async def _pruned(database: MongoDatabase, now: int | None) -> tuple[Documents, int]:
    at, documents = await _at(database, now), database.documents(RECORDS)
    await documents.delete({"expires_at": {"$lte": at}})
    return documents, at


async def _at(database: MongoDatabase, now: int | None) -> int:
    return await database.now() if now is None else now


def _unexpired(at: int) -> Filter:
    return {"expires_at": {"$gt": at}}


def _document(
    kind: RecordKind, key: str, value: Mapping[str, Any], expires_at: datetime | None, at: int
) -> Document:
    return {
        "_id": record_id(kind, key),
        "kind": kind.value,
        "key": key,
        "value": codec.record_to_json(value),
        "updated_at": at,
        "expires_at": NEVER if expires_at is None else to_micros(expires_at),
    }


def _record(document: Document) -> Record:
    ends = None if document["expires_at"] >= NEVER else document["expires_at"]
    return codec.record_from_row(
        [*(document[name] for name in ("kind", "key", "value", "updated_at")), ends]
    )
