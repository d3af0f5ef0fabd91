"""Wake-ups and stops between processes and machines: a change stream, if the server has them.

They are hints: a worker polls too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from mediavault.core.job import JobStatus
from mediavault.store.mongodb.engine import APPLICATION, MongoDatabase
from mediavault.store.mongodb.schema import GATES, JOBS, WORKERS

CANCELLED = JobStatus.CANCELLED.value
OF_JOBS, OF_GATES, OF_WORKERS = ({"ns.coll": f"{APPLICATION}.{name}"} for name in (JOBS, GATES, WORKERS))

# A job that became claimable or was taken away, a platform that was opened, a worker that was asked to drain. Only the
# change is sent, never the document. The stream does not say whether a job was running: workers ignore the jobs that
# they do not hold.
STAGES: Sequence[Mapping[str, Any]] = [
    {
        "$match": {
            "$or": [
                {**OF_JOBS, "operationType": {"$in": ["insert", "delete"]}},
                {**OF_JOBS, "updateDescription.updatedFields.status": {"$in": [JobStatus.QUEUED.value, CANCELLED]}},
                {**OF_JOBS, "operationType": "replace"},  # how a large change is reported
                {**OF_GATES, "updateDescription.updatedFields.strikes": 0},
                {**OF_WORKERS, "updateDescription.updatedFields.leaving": 1},
            ]
        }
    },
    {
        "$project": {
            "operationType": 1,
            "documentKey": 1,
            "status": {"$ifNull": ["$updateDescription.updatedFields.status", "$fullDocument.status"]},
            "leaving": "$updateDescription.updatedFields.leaving",
        }
    },
]


async def until_lost(database: MongoDatabase, on_wake: Callable[[], None], on_stop: Callable[[str], None]) -> None:
    """Call ``on_wake`` at once, for missed changes, then either callback at every change until the stream ends."""
    async with aclosing(database.changes(STAGES, on_begin=on_wake)) as changes:
        async for change in changes:
            if change["operationType"] == "delete" or change.get("status") == CANCELLED or change.get("leaving"):
                on_stop(str(change["documentKey"]["_id"]))
            else:
                on_wake()
