"""Wake-ups among processes and machines: a change stream, where the server has them. A hint; the poll makes sure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from mediavault.store.mongodb_engine import APPLICATION, Database
from mediavault.store.mongodb_ops import QUEUED
from mediavault.store.mongodb_schema import GATES, JOBS

# A job that became claimable, or a gate that opened. Only the change is sent, never the document.
STAGES: Sequence[Mapping[str, Any]] = [
    {
        "$match": {
            "$or": [
                {"ns.coll": f"{APPLICATION}.{JOBS}", "operationType": "insert"},
                {"ns.coll": f"{APPLICATION}.{JOBS}", "updateDescription.updatedFields.status": QUEUED},
                {"ns.coll": f"{APPLICATION}.{JOBS}", "operationType": "replace"},  # how a large change is told
                {"ns.coll": f"{APPLICATION}.{GATES}", "updateDescription.updatedFields.strikes": 0},
            ]
        }
    },
    {"$project": {"_id": 1}},
]


async def until_lost(database: Database, on_wake: Callable[[], None]) -> None:
    """Call ``on_wake`` at once, for what came while nobody listened, and at every change until the stream ends."""
    async with aclosing(database.changes(STAGES, on_begin=on_wake)) as changes:
        async for _ in changes:
            on_wake()
