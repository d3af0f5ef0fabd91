"""The fixed statements of the PostgreSQL store, by name, ready to be sent."""

from __future__ import annotations

from collections.abc import Mapping

from mediavault.store.library_index import ACCOUNT_COLUMNS, ENTRY_COLUMNS
from mediavault.store.postgres.engine import Statement, positional
from mediavault.store.rows import JOB_COLUMNS, LIMIT_COLUMNS, STORED_COLUMNS
from mediavault.store.schema import load_statements

MOMENT = "t AS MATERIALIZED (SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) AS now)"
SQL: Mapping[str, Statement] = {
    name: positional(sql)
    for name, sql in load_statements(
        "postgres",
        columns={
            "t": MOMENT,
            "job": JOB_COLUMNS,
            "gate": LIMIT_COLUMNS,
            "stored": STORED_COLUMNS,
            "entry": ENTRY_COLUMNS,
            "account": ACCOUNT_COLUMNS,
            "stored_values": ", ".join(f":{name}" for name in STORED_COLUMNS.split(", ")),
        },
    ).items()
}
