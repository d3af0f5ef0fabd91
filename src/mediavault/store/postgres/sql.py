"""The statements of the PostgreSQL store, by name, ready to be sent."""

from __future__ import annotations

from collections.abc import Mapping

from mediavault.store.postgres.engine import Statement, positional
from mediavault.store.sql.dialects import statements_of

MOMENT = "t AS MATERIALIZED (SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) AS now)"
SQL: Mapping[str, Statement] = {name: positional(sql) for name, sql in statements_of("postgres", {"t": MOMENT}).items()}
