"""The small records on PostgreSQL, each move one statement."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from mediavault.core.records import Record, RecordKind
from mediavault.store import codec
from mediavault.store.postgres.server import PostgresServer
from mediavault.store.postgres.sql import SQL
from mediavault.store.rows import end_of, micros_or_none


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


async def put_all(
    server: PostgresServer, kind: RecordKind, values: Mapping[str, Mapping[str, Any]], *, remove: Collection[str] = ()
) -> None:
    texts = [codec.record_to_json(value) for value in values.values()]
    await server.database.rows(
        SQL["put_records"],
        {"kind": kind.value, "keys": list(values), "values": texts, "remove": list(remove), "now": server.now},
    )
    await _prune(server)


async def some(server: PostgresServer, kind: RecordKind, keys: Collection[str]) -> dict[str, Record]:
    values = {"kind": kind.value, "keys": list(keys), "now": server.now}
    found = map(codec.record_from_row, await server.database.rows(SQL["some_records"], values))
    return {record.key: record for record in found}


async def under(
    server: PostgresServer, kind: RecordKind, prefix: str, *, after: str = "", limit: int | None = None
) -> list[Record]:
    values = {**_range(server, kind, prefix), "after": after, "limit": limit}
    return [codec.record_from_row(row) for row in await server.database.rows(SQL["records_under"], values)]


async def count_under(server: PostgresServer, kind: RecordKind, prefix: str) -> int:
    ((count,),) = await server.database.rows(SQL["count_records_under"], _range(server, kind, prefix))
    return int(count)


async def remove_under(server: PostgresServer, kind: RecordKind, prefix: str) -> int:
    rows = await server.database.rows(SQL["remove_records_under"], _range(server, kind, prefix))
    return sum(was_there for (was_there,) in rows)


def _range(server: PostgresServer, kind: RecordKind, prefix: str) -> Mapping[str, Any]:
    return {"kind": kind.value, "from": prefix, "to": end_of(prefix), "now": server.now}


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
