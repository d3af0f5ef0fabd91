"""A worker process of a later release that does not exist yet: this code with one more migration.

``python -m tests.faults.next_release`` takes the same arguments as ``tests.faults.worker_process``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from mediavault.store import schema
from mediavault.store.schema import Migration

SQL: Mapping[str, str] = {
    "sqlite": "ALTER TABLE jobs ADD COLUMN next_release TEXT;",
    "postgres": "ALTER TABLE mediavault.jobs ADD COLUMN next_release text;",
}
_of_this_release = schema.load_migrations


def _one_more(engine: str) -> tuple[Migration, ...]:
    known = _of_this_release(engine)
    return (*known, Migration(known[-1].version + 1, "9999_next_release.sql", SQL[engine]))


def main() -> None:
    schema.load_migrations = _one_more
    # the stores read their migrations when they are imported
    from tests.faults import worker_process

    asyncio.run(worker_process.main(worker_process.read_orders()))


if __name__ == "__main__":
    main()
