"""The history of a job, in the job's document, so that a move and its record are one change.

A document is limited to 16 MB, so the oldest records of a long history are moved to separate pages:
first the page is written, always with the same ``PAGE`` records for the same position, then they
are removed from the document. A process that stops in between, or does it at the same moment, does
no harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mediavault.core.failures import ErrorCode
from mediavault.core.job import HistoryRecord, JobId, Stage, StepOutcome
from mediavault.core.messages import to_json
from mediavault.store import transitions
from mediavault.store.mongodb.engine import Document, MongoDatabase
from mediavault.store.mongodb.rows import PAGE, SPILL_AT, record_row, records_from
from mediavault.store.mongodb.schema import HISTORY, JOBS
from mediavault.store.mongodb.server import MongoServer


def new_record(
    now: Any,
    stage: Stage,
    *,
    attempt: Any = 0,
    outcome: StepOutcome = StepOutcome.OK,
    error_code: ErrorCode | None = None,
    detail: str = "",
    size: int = 0,
    duration_ms: Any = 0,
) -> list[Any]:
    """Return a history row that the server completes; ``now``, ``attempt``,
    ``duration_ms`` may be its expressions.
    """
    return [
        now,
        attempt,
        literal(stage.value),
        literal(outcome.value),
        None,
        literal(error_code and error_code.value),
        literal(detail),
        size,
        duration_ms,
        literal(to_json(detail)),
    ]


def appended(record: Sequence[Any]) -> Mapping[str, Any]:
    """Return the changes of a move that append ``record``."""
    return {
        "history": {"$concatArrays": ["$history", [record]]},
        "history_count": {"$add": ["$history_count", 1]},
    }


def literal(value: Any) -> Mapping[str, Any]:
    """Return an expression for the value as it is:
    elsewhere a text that begins with ``$`` names a field.
    """
    return {"$literal": value}


async def append(database: MongoDatabase, job_id: JobId, record: HistoryRecord) -> None:
    """Append to the history of a job in any state; unknown jobs are ignored."""
    update = {"$push": {"history": record_row(record)}, "$inc": {"history_count": 1}}
    changed = await database.documents(JOBS).change({"_id": job_id}, update)
    if changed is not None:
        await make_room(database, changed)


async def make_room(database: MongoDatabase, changed: Document) -> None:
    """Move the oldest records of a long history to a page.
    ``changed`` is the job as a move left it.
    """
    moved = changed["history_from"]
    if changed["history_count"] - moved < SPILL_AT:
        return
    jobs = database.documents(JOBS)
    current = {"_id": changed["_id"], "history_from": moved}
    document = await jobs.latest(current, fields={"history": 1})
    if document is None:
        return  # another process does it, or the job is gone
    await write_page(database, changed["_id"], moved, document["history"][:PAGE])
    rest = {"$slice": ["$history", {"$subtract": [PAGE, {"$size": "$history"}]}]}
    await jobs.change(current, [{"$set": {"history": rest, "history_from": moved + PAGE}}])


async def write_page(
    database: MongoDatabase, job_id: str, first: int, page: Sequence[Sequence[Any]]
) -> None:
    document = {"job": job_id, "first": first, "records": list(page)}
    await database.documents(HISTORY).put({"_id": f"{job_id}/{first}"}, {"$set": document})


async def read(server: MongoServer, job_id: JobId) -> list[HistoryRecord]:
    database = server.database
    document = await database.documents(JOBS).one(
        {"_id": job_id}, fields={"history": 1, "history_from": 1}
    )
    if document is None:
        raise transitions.job_not_found(job_id)
    moved = document["history_from"]
    older = {"job": job_id, "first": {"$lt": moved}}
    pages = await database.documents(HISTORY).find(older, sort=[("first", 1)]) if moved else []
    return records_from([row for page in pages for row in page["records"]] + document["history"])
