"""The small records on PostgreSQL, each move one statement. ``now`` is None for the database's clock."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from mediavault.core.records import Record, RecordKind
from mediavault.store import codec
from mediavault.store.postgres.engine import Database
from mediavault.store.postgres.sql import SQL
from mediavault.store.rows import micros_or_none


async def put(
    database: Database, kind: RecordKind, key: str, value: str, expires_at: datetime | None, now: int | None
) -> None:
    await database.rows(SQL["put_record"], _values(kind, key, value, expires_at, now))
    await _prune(database, now)


async def replace(
    database: Database,
    kind: RecordKind,
    key: str,
    value: str,
    if_value: str | None,
    expires_at: datetime | None,
    now: int | None,
) -> bool:
    values = _values(kind, key, value, expires_at, now)
    if if_value is None:
        done = await database.rows(SQL["add_record"], values)
    else:
        done = await database.rows(SQL["replace_record"], {**values, "if_value": if_value})
    await _prune(database, now)
    return bool(done)


async def get(database: Database, kind: RecordKind, key: str, now: int | None) -> Record | None:
    rows = await database.rows(SQL["get_record"], {"kind": kind.value, "key": key, "now": now})
    return codec.record_from_row(rows[0]) if rows else None


async def all_of(database: Database, kind: RecordKind, now: int | None) -> list[Record]:
    rows = await database.rows(SQL["records"], {"kind": kind.value, "now": now})
    return [codec.record_from_row(row) for row in rows]


async def remove(database: Database, kind: RecordKind, key: str, now: int | None) -> bool:
    rows = await database.rows(SQL["remove_record"], {"kind": kind.value, "key": key, "now": now})
    return any(was_there for (was_there,) in rows)


async def remove_all(database: Database, kind: RecordKind, keep: Collection[str], now: int | None) -> int:
    rows = await database.rows(SQL["remove_records"], {"kind": kind.value, "keep": list(keep), "now": now})
    return sum(was_there for (was_there,) in rows)


async def _prune(database: Database, now: int | None) -> None:
    await database.rows(SQL["prune_records"], {"now": now})


def _values(kind: RecordKind, key: str, value: str, expires_at: datetime | None, now: int | None) -> Mapping[str, Any]:
    ends = micros_or_none(expires_at)
    return {"kind": kind.value, "key": key, "value": value, "expires_at": ends, "now": now}
