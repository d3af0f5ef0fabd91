"""The small records. A write first deletes the expired ones."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from mediavault.core.records import Record, RecordKind
from mediavault.store import codec
from mediavault.store.rows import end_of, micros_or_none
from mediavault.store.sql.txn import SqlTxn


async def put(
    txn: SqlTxn,
    kind: RecordKind,
    key: str,
    value: Mapping[str, Any],
    *,
    expires_at: datetime | None = None,
) -> None:
    await txn.rows("prune_records")
    await txn.rows("put_record", _values(kind, key, value, expires_at))


async def put_all(
    txn: SqlTxn,
    kind: RecordKind,
    values: Mapping[str, Mapping[str, Any]],
    *,
    remove: Collection[str] = (),
) -> None:
    await txn.rows("prune_records")
    for key in sorted(remove):  # two calls lock records in the same order
        await txn.rows("remove_record", {"kind": kind.value, "key": key})
    await txn.many(
        "put_record", [_values(kind, key, value, None) for key, value in sorted(values.items())]
    )


async def replace(
    txn: SqlTxn,
    kind: RecordKind,
    key: str,
    value: Mapping[str, Any],
    *,
    if_value: Mapping[str, Any] | None,
    expires_at: datetime | None = None,
) -> bool:
    await txn.rows("prune_records")
    values = _values(kind, key, value, expires_at)
    if if_value is None:
        return bool(await txn.rows("add_record", values))
    return bool(
        await txn.rows("replace_record", {**values, "if_value": codec.record_to_json(if_value)})
    )


async def remove(txn: SqlTxn, kind: RecordKind, key: str) -> bool:
    return _were_there(await txn.rows("remove_record", {"kind": kind.value, "key": key})) > 0


async def remove_all(txn: SqlTxn, kind: RecordKind, *, keep: Collection[str] = ()) -> int:
    return _were_there(await txn.rows("remove_records", {"kind": kind.value, "keep": list(keep)}))


async def remove_under(txn: SqlTxn, kind: RecordKind, prefix: str) -> int:
    return _were_there(await txn.rows("remove_records_under", _range(kind, prefix)))


async def get(txn: SqlTxn, kind: RecordKind, key: str) -> Record | None:
    rows = await txn.rows("get_record", {"kind": kind.value, "key": key})
    return codec.record_from_row(rows[0]) if rows else None


async def all_of(txn: SqlTxn, kind: RecordKind) -> list[Record]:
    return [codec.record_from_row(row) for row in await txn.rows("records", {"kind": kind.value})]


async def some(txn: SqlTxn, kind: RecordKind, keys: Collection[str]) -> dict[str, Record]:
    rows = await txn.rows("some_records", {"kind": kind.value, "keys": list(keys)})
    return {record.key: record for record in map(codec.record_from_row, rows)}


async def under(
    txn: SqlTxn, kind: RecordKind, prefix: str, *, after: str = "", limit: int | None = None
) -> list[Record]:
    values = {
        **_range(kind, prefix),
        "after": after,
        "limit": sys.maxsize if limit is None else limit,
    }
    return [codec.record_from_row(row) for row in await txn.rows("records_under", values)]


async def count_under(txn: SqlTxn, kind: RecordKind, prefix: str) -> int:
    ((count,),) = await txn.rows("count_records_under", _range(kind, prefix))
    return int(count)


async def set_once(txn: SqlTxn, name: str, value: str) -> str:
    ((stored,),) = await txn.rows("set_once", {"name": name, "value": value})
    return str(stored)


async def constants(txn: SqlTxn) -> dict[str, str]:
    return {row[0]: row[1] for row in await txn.rows("constants")}


def _range(kind: RecordKind, prefix: str) -> Mapping[str, str]:
    return {"kind": kind.value, "from": prefix, "to": end_of(prefix)}


def _values(
    kind: RecordKind, key: str, value: Mapping[str, Any], expires_at: datetime | None
) -> Mapping[str, Any]:
    ends = micros_or_none(expires_at)
    return {
        "kind": kind.value,
        "key": key,
        "value": codec.record_to_json(value),
        "expires_at": ends,
    }


def _were_there(rows: Collection[Any]) -> int:
    """Return how many of the removed records had not expired."""
    return sum(bool(was_there) for (was_there,) in rows)
