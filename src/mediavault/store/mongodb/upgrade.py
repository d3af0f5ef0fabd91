"""Fills the tables of a vault that an older release wrote, from its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mediavault.store import codec
from mediavault.store.mongodb.engine import MongoDatabase
from mediavault.store.mongodb.rows import table_document
from mediavault.store.mongodb.schema import OURS, RECORDS, SCHEMA
from mediavault.store.tables import Table, TableRow
from mediavault.store.upgrade import PAGE, fill_tables


@dataclass(frozen=True, slots=True)
class OldDocuments:
    """What ``store.upgrade`` needs. Rows that are there already stay: another process may have begun to change them."""

    database: MongoDatabase

    async def page(self, kind: str, after: str) -> Sequence[tuple[str, Mapping[str, Any], int]]:
        where = {"kind": kind, "key": {"$gt": after}}
        found = await self.database.documents(RECORDS).find(where, sort=[("key", 1)], limit=PAGE)
        return [(each["key"], codec.record_from_json(each["value"]), int(each["updated_at"])) for each in found]

    async def add(self, table: Table, rows: Sequence[TableRow]) -> None:
        if rows:
            await self.database.documents(table.name).insert([table_document(row, table) for row in rows])

    async def remove(self, kind: str) -> None:
        await self.database.documents(RECORDS).delete({"kind": kind})


async def fill(database: MongoDatabase) -> None:
    """Fill the tables of a vault that an older release wrote, unless that was done before."""
    schema = database.documents(SCHEMA)
    if not (await schema.one(OURS) or {}).get("has_tables"):
        await fill_tables(OldDocuments(database))
        await schema.change_all(OURS, {"$set": {"has_tables": True}})
