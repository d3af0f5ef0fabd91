"""The small records on PostgreSQL, each move one statement."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from mediavault.core.records import Record, RecordKind
from mediavault.store import codec
from mediavault.store.postgres.server import PostgresServer
from mediavault.store.postgres.sql import SQL
from mediavault.store.rows import micros_or_none


async def put(
    server: PostgresServer, kind: RecordKind, key: str, value: Mapping[str, Any], *, expires_at: datetime | None = None
) -> None:
    await server.database.rows(SQL["put_record"], _values(server, kind, key, value, expires_at))
    await _prune(server)


async def replace(
    server: PostgresServer,
    kind: RecordKind,
    key: str,
    value: Mapping[str, Any],
    *,
    if_value: Mapping[str, Any] | None,
    expires_at: datetime | None = None,
) -> bool:
    values = _values(server, kind, key, value, expires_at)
    if if_value is None:
        done = await server.database.rows(SQL["add_record"], values)
    else:
        done = await server.database.rows(SQL["replace_record"], {**values, "if_value": codec.record_to_json(if_value)})
    await _prune(server)
    return bool(done)


async def get(server: PostgresServer, kind: RecordKind, key: str) -> Record | None:
    rows = await server.database.rows(SQL["get_record"], {"kind": kind.value, "key": key, "now": server.now})
    return codec.record_from_row(rows[0]) if rows else None


async def all_of(server: PostgresServer, kind: RecordKind) -> list[Record]:
    rows = await server.database.rows(SQL["records"], {"kind": kind.value, "now": server.now})
    return [codec.record_from_row(row) for row in rows]


async def remove(server: PostgresServer, kind: RecordKind, key: str) -> bool:
    rows = await server.database.rows(SQL["remove_record"], {"kind": kind.value, "key": key, "now": server.now})
    return any(was_there for (was_there,) in rows)


async def remove_all(server: PostgresServer, kind: RecordKind, *, keep: Collection[str] = ()) -> int:
    rows = await server.database.rows(
        SQL["remove_records"], {"kind": kind.value, "keep": list(keep), "now": server.now}
    )
    return sum(was_there for (was_there,) in rows)


async def _prune(server: PostgresServer) -> None:
    await server.database.rows(SQL["prune_records"], {"now": server.now})


def _values(
    server: PostgresServer, kind: RecordKind, key: str, value: Mapping[str, Any], expires_at: datetime | None
) -> Mapping[str, Any]:
    ends = micros_or_none(expires_at)
    return {"kind": kind.value, "key": key, "value": codec.record_to_json(value), "expires_at": ends, "now": server.now}
