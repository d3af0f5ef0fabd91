"""The statements of the SQLite store, by name."""

from __future__ import annotations

from mediavault.store.sql.dialects import statements_of

SQL = statements_of("sqlite", {})
