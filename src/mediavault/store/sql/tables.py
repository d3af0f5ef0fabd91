"""The tables: statements are built from the names that each declares."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mediavault.store import codec
from mediavault.store.rows import end_of
from mediavault.store.sql.txn import Row, SqlTxn
from mediavault.store.tables import Range, Table, TableRow, Where
from mediavault.store.upgrade import NAMES, ORDERS, PAGE, sort_values, upgrade_values


async def put(txn: SqlTxn, table: Table, rows: Sequence[TableRow]) -> None:
    if not rows:
        return
    changed = ", ".join(
        f"{name} = excluded.{name}" for name in [*rows[0].columns, "value"] if name not in table.key
    )
    sql = f"{_insert(table, rows[0])} ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {changed}"
    # two calls lock rows in the same order
    ordered = sorted(rows, key=lambda row: row.key_in(table))
    await txn.query_many(sql, [_values(row) for row in ordered])


async def replace(
    txn: SqlTxn, table: Table, row: TableRow, *, if_value: Mapping[str, Any] | None
) -> bool:
    if if_value is None:
        sql = f"{_insert(table, row)} ON CONFLICT DO NOTHING RETURNING {table.key[0]}"
        return bool(await txn.query(sql, _values(row)))
    changed = [name for name in [*row.columns, "value"] if name not in table.key]
    sql = f"{_update(table, changed)} AND value = :if_value RETURNING {table.key[0]}"
    return bool(await txn.query(sql, {**_values(row), "if_value": codec.record_to_json(if_value)}))


async def update(
    txn: SqlTxn,
    table: Table,
    keys: Collection[Sequence[str]],
    columns: Mapping[str, str | int | None],
) -> None:
    ordered = sorted(set(map(tuple, keys)))  # as in put
    await txn.query_many(
        _update(table, columns),
        [{**columns, **dict(zip(table.key, each, strict=True))} for each in ordered],
    )


async def some(txn: SqlTxn, table: Table, keys: Collection[Sequence[str]]) -> list[TableRow]:
    columns = ", ".join(f"{table.name}.{name}" for name in [*table.names, "value"])
    key = " AND ".join(
        f"{table.name}.{name} = given.value ->> {place}" for place, name in enumerate(table.key)
    )
    sql = f"SELECT {columns} FROM {{objects[keys]}} CROSS JOIN {{s}}{table.name} WHERE {key}"  # noqa: S608
    return [
        _row(table, row)
        for row in await txn.query(sql, {"keys": json.dumps(sorted(set(map(tuple, keys))))})
    ]


async def select(
    txn: SqlTxn,
    table: Table,
    where: Where,
    *,
    order: Sequence[str] = (),
    descending: bool = False,
    after: Sequence[str] = (),
    limit: int | None = None,
) -> list[TableRow]:
    conditions, values = _where(where, dict(zip(table.key, after, strict=False)))
    direction = " DESC" if descending else ""
    sorted_by = ", ".join(f"{name}{direction}" for name in [*order, *table.key])
    sql = (
        f"SELECT {', '.join(table.names)}, value FROM {{s}}{table.name} {conditions} ORDER BY"  # noqa: S608
        f" {sorted_by}"
    )
    if limit is not None:
        sql, values["limit"] = f"{sql} LIMIT :limit", limit
    return [_row(table, row) for row in await txn.query(sql, values)]


async def keys(txn: SqlTxn, table: Table, where: Where) -> set[tuple[str, ...]]:
    conditions, values = _where(where)
    rows = await txn.query(
        f"SELECT {', '.join(table.key)} FROM {{s}}{table.name} {conditions}",  # noqa: S608
        values,
    )
    return {tuple(row) for row in rows}


async def count(txn: SqlTxn, table: Table, where: Where) -> int:
    conditions, values = _where(where)
    [[number]] = await txn.query(f"SELECT count(*) FROM {{s}}{table.name} {conditions}", values)  # noqa: S608
    return int(number)


async def total(txn: SqlTxn, table: Table, column: str) -> int:
    [[number]] = await txn.query(f"SELECT coalesce(sum({column}), 0) FROM {{s}}{table.name}", {})  # noqa: S608
    return int(number)


async def remove(txn: SqlTxn, table: Table, where: Where) -> int:
    conditions, values = _where(where)
    sql = f"DELETE FROM {{s}}{table.name} {conditions} RETURNING {table.key[0]}"  # noqa: S608
    return len(await txn.query(sql, values))


def _update(table: Table, names: Collection[str]) -> str:
    """Return what sets these columns of the row with a key."""
    changed = ", ".join(f"{name} = :{name}" for name in names)
    return (
        f"UPDATE {{s}}{table.name} SET {changed} WHERE"  # noqa: S608
        f" {' AND '.join(f'{name} = :{name}' for name in table.key)}"
    )


def _insert(table: Table, row: TableRow) -> str:
    names = [*row.columns, "value"]
    return (
        f"INSERT INTO {{s}}{table.name} ({', '.join(names)}) VALUES"  # noqa: S608
        f" ({', '.join(f':{name}' for name in names)})"
    )


def _where(where: Where, after: Mapping[str, str] | None = None) -> tuple[str, dict[str, Any]]:
    clauses, values = list[str](), dict[str, Any]()
    if after:
        clauses.append(f"({', '.join(after)}) > ({', '.join(f':after_{name}' for name in after)})")
        values |= {f"after_{name}": value for name, value in after.items()}
    for name, wanted in where.items():
        limits = (
            {">=": wanted.at_least, "<=": wanted.at_most}
            if isinstance(wanted, Range)
            else {"=": wanted}
        )
        for number, (sign, value) in enumerate(limits.items()):
            if value is not None:
                clauses.append(f"{name} {sign} :{name}_{number}")
                values[f"{name}_{number}"] = value
            elif sign == "=":
                clauses.append(f"{name} IS NULL")
        if wanted == Range():
            clauses.append(f"{name} IS NOT NULL")
    return (f"WHERE {' AND '.join(clauses)}" if clauses else ""), values


def _values(row: TableRow) -> dict[str, Any]:
    return {**row.columns, "value": codec.record_to_json(row.value)}


def _row(table: Table, row: Row) -> TableRow:
    *columns, value = row
    return TableRow(dict(zip(table.names, columns, strict=True)), codec.record_from_json(value))


@dataclass(frozen=True, slots=True)
class OldRecords:
    """What ``store.upgrade`` needs, in the transaction of a migration."""

    txn: SqlTxn

    async def page(self, kind: str, after: str) -> Sequence[tuple[str, Mapping[str, Any], int]]:
        asked = {"kind": kind, "from": "", "to": end_of(""), "after": after, "limit": PAGE}
        rows = await self.txn.rows("records_under", asked)
        return [
            (key, codec.record_from_json(value), changed_at)
            for _, key, value, changed_at, _ in rows
        ]

    async def add(self, table: Table, rows: Sequence[TableRow]) -> None:
        await put(self.txn, table, rows)

    async def change(self, kind: str, key: str, value: Mapping[str, Any]) -> None:
        values = {"kind": kind, "key": key, "value": codec.record_to_json(value)}
        await self.txn.query(
            "UPDATE {s}records SET value = :value WHERE kind = :kind AND key = :key", values
        )

    async def rename(self, kind: str, key: str, to: str) -> None:
        await self.txn.query(
            "UPDATE {s}records SET key = :to WHERE kind = :kind AND key = :key"
            " AND NOT EXISTS (SELECT 1 FROM {s}records WHERE kind = :kind AND key = :to)",
            {"kind": kind, "key": key, "to": to},
        )

    async def remove(self, kind: str) -> None:
        await self.txn.rows("remove_records", {"kind": kind, "keep": []})


async def fill(txn: SqlTxn, reached: Collection[int]) -> None:
    """Fill what these versions of the schema have added to a vault that an older release wrote."""
    if NAMES in reached:
        await upgrade_values(OldRecords(txn))
    if ORDERS in reached:
        await _sort(txn)


async def _sort(txn: SqlTxn) -> None:
    after = -1
    while rows := await txn.rows("unsorted", {"after": after, "limit": PAGE}):
        found = [(seq, *sort_values(created_at, text)) for seq, created_at, text in rows]
        await txn.rows("put_sort_values", {"found": json.dumps(found)})
        after = rows[-1][0]
