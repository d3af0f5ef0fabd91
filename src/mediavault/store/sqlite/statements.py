"""The fixed statements of the SQLite store, by name."""

from __future__ import annotations

from mediavault.store.library_index import ACCOUNT_COLUMNS, ENTRY_COLUMNS
from mediavault.store.rows import JOB_COLUMNS, LIMIT_COLUMNS, STORED_COLUMNS
from mediavault.store.schema import load_statements

SQL = load_statements(
    "sqlite",
    columns={
        "job": JOB_COLUMNS,
        "gate": LIMIT_COLUMNS,
        "stored": STORED_COLUMNS,
        "entry": ENTRY_COLUMNS,
        "account": ACCOUNT_COLUMNS,
        "stored_values": ", ".join(f":{name}" for name in STORED_COLUMNS.split(", ")),
    },
)
