"""The tables on MongoDB: a collection each, its values as JSON text,
so that a name in one is never an operator.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mediavault.store import codec
from mediavault.store.mongodb.engine import Filter
from mediavault.store.mongodb.rows import KEY_PARTS, table_document, table_row
from mediavault.store.mongodb.server import MongoServer
from mediavault.store.tables import Range, Table, TableRow, Where


async def put(server: MongoServer, table: Table, rows: Sequence[TableRow]) -> None:
    changes = {}
    for row in rows:
        new = dict.fromkeys(name for name in table.names if name not in row.columns)
        document = table_document(row, table)
        changes[document.pop("_id")] = {"$set": document, **({"$setOnInsert": new} if new else {})}
    await server.database.documents(table.name).change_each(changes, insert=True)


async def update(
    server: MongoServer,
    table: Table,
    keys: Collection[Sequence[str]],
    columns: Mapping[str, str | int | None],
) -> None:
    changes = {KEY_PARTS.join(key): {"$set": dict(columns)} for key in keys}
    await server.database.documents(table.name).change_each(changes, insert=False)


async def replace(
    server: MongoServer, table: Table, row: TableRow, *, if_value: Mapping[str, Any] | None
) -> bool:
    documents, document = server.database.documents(table.name), table_document(row, table)
    if if_value is None:
        return not await documents.insert([document])
    where = {"_id": document.pop("_id"), "value": codec.record_to_json(if_value)}
    return await documents.change(where, {"$set": document}) is not None


async def some(
    server: MongoServer, table: Table, keys: Collection[Sequence[str]]
) -> list[TableRow]:
    where = {"_id": {"$in": [KEY_PARTS.join(key) for key in keys]}}
    return [
        table_row(table, document)
        for document in await server.database.documents(table.name).find(where)
    ]


async def select(
    server: MongoServer,
    table: Table,
    where: Where,
    *,
    order: Sequence[str] = (),
    descending: bool = False,
    after: Sequence[str] = (),
    limit: int | None = None,
) -> list[TableRow]:
    if limit == 0:
        return []
    sort = [(name, -1 if descending else 1) for name in [*order, "_id"]]
    wanted = {**_filter(where), **({"_id": {"$gt": KEY_PARTS.join(after)}} if after else {})}
    found = await server.database.documents(table.name).find(wanted, sort=sort, limit=limit or 0)
    return [table_row(table, document) for document in found]


async def keys(server: MongoServer, table: Table, where: Where) -> set[tuple[str, ...]]:
    fields = dict.fromkeys(table.key, 1)
    found = await server.database.documents(table.name).find(_filter(where), fields=fields)
    return {tuple(document[name] for name in table.key) for document in found}


async def count(server: MongoServer, table: Table, where: Where) -> int:
    return await server.database.documents(table.name).count(_filter(where))


async def total(server: MongoServer, table: Table, column: str) -> int:
    summed = {"$group": {"_id": None, "sum": {"$sum": f"${column}"}}}
    return sum(
        [int(row["sum"]) for row in await server.database.documents(table.name).aggregate([summed])]
    )


async def remove(server: MongoServer, table: Table, where: Where) -> int:
    return await server.database.documents(table.name).delete(_filter(where))


def _filter(where: Where) -> Filter:
    return {name: _condition(wanted) for name, wanted in where.items()}


def _condition(wanted: str | int | Range | None) -> Any:
    if not isinstance(wanted, Range):
        return {"$eq": wanted}
    limits = {"$gte": wanted.at_least, "$lte": wanted.at_most}
    return {sign: value for sign, value in limits.items() if value is not None} or {"$ne": None}
