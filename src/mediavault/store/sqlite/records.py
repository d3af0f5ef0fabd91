"""The small records on SQLite. A write deletes expired ones first: it holds the lock, so the others are still valid."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from mediavault.core.clock import to_micros
from mediavault.core.records import Record, RecordKind
from mediavault.store import codec
from mediavault.store.rows import end_of, micros_or_none
from mediavault.store.sqlite.engine import Snapshot, fetch_all
from mediavault.store.sqlite.statements import SQL
from mediavault.store.sqlite.writer import Txn


def put(txn: Txn, kind: RecordKind, key: str, value: Mapping[str, Any], *, expires_at: datetime | None = None) -> None:
    _prune(txn)
    txn.db.execute(SQL["put_record"], _values(txn, kind, key, value, expires_at))


def put_all(
    txn: Txn, kind: RecordKind, values: Mapping[str, Mapping[str, Any]], *, remove: Collection[str] = ()
) -> None:
    _prune(txn)
    stored = [_values(txn, kind, key, value, None) for key, value in values.items()]
    for key in remove:
        fetch_all(txn.db, SQL["remove_record"], {"kind": kind.value, "key": key})
    txn.db.executemany(SQL["put_record"], stored)


def replace(
    txn: Txn,
    kind: RecordKind,
    key: str,
    value: Mapping[str, Any],
    *,
    if_value: Mapping[str, Any] | None,
    expires_at: datetime | None = None,
) -> bool:
    _prune(txn)
    values = _values(txn, kind, key, value, expires_at)
    if if_value is None:
        return bool(fetch_all(txn.db, SQL["add_record"], values))
    return bool(fetch_all(txn.db, SQL["replace_record"], {**values, "if_value": codec.record_to_json(if_value)}))


def remove(txn: Txn, kind: RecordKind, key: str) -> bool:
    _prune(txn)
    return bool(fetch_all(txn.db, SQL["remove_record"], {"kind": kind.value, "key": key}))


def remove_all(txn: Txn, kind: RecordKind, *, keep: Collection[str] = ()) -> int:
    _prune(txn)
    return len(fetch_all(txn.db, SQL["remove_records"], {"kind": kind.value, "keep": json.dumps(list(keep))}))


def remove_under(txn: Txn, kind: RecordKind, prefix: str) -> int:
    _prune(txn)
    return len(fetch_all(txn.db, SQL["remove_records_under"], _range(kind, prefix)))


def get(snapshot: Snapshot, kind: RecordKind, key: str) -> Record | None:
    rows = fetch_all(snapshot.db, SQL["get_record"], {"kind": kind.value, "key": key, "now": to_micros(snapshot.at)})
    return codec.record_from_row(rows[0]) if rows else None


def all_of(snapshot: Snapshot, kind: RecordKind) -> list[Record]:
    rows = fetch_all(snapshot.db, SQL["records"], {"kind": kind.value, "now": to_micros(snapshot.at)})
    return [codec.record_from_row(row) for row in rows]


def some(snapshot: Snapshot, kind: RecordKind, keys: Collection[str]) -> dict[str, Record]:
    values = {"kind": kind.value, "keys": json.dumps(list(keys)), "now": to_micros(snapshot.at)}
    found = map(codec.record_from_row, fetch_all(snapshot.db, SQL["some_records"], values))
    return {record.key: record for record in found}


def under(
    snapshot: Snapshot, kind: RecordKind, prefix: str, *, after: str = "", limit: int | None = None
) -> list[Record]:
    values = {**_range(kind, prefix), "after": after, "limit": -1 if limit is None else limit}
    found = fetch_all(snapshot.db, SQL["records_under"], {**values, "now": to_micros(snapshot.at)})
    return [codec.record_from_row(row) for row in found]


def count_under(snapshot: Snapshot, kind: RecordKind, prefix: str) -> int:
    values = {**_range(kind, prefix), "now": to_micros(snapshot.at)}
    ((count,),) = fetch_all(snapshot.db, SQL["count_records_under"], values)
    return int(count)


def _range(kind: RecordKind, prefix: str) -> Mapping[str, str]:
    return {"kind": kind.value, "from": prefix, "to": end_of(prefix)}


def _prune(txn: Txn) -> None:
    txn.db.execute(SQL["prune_records"], {"now": txn.now})


def _values(
    txn: Txn, kind: RecordKind, key: str, value: Mapping[str, Any], expires_at: datetime | None
) -> Mapping[str, Any]:
    ends = micros_or_none(expires_at)
    return {"kind": kind.value, "key": key, "value": codec.record_to_json(value), "now": txn.now, "expires_at": ends}
