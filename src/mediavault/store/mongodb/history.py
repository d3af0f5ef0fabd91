"""The history of a job: in the job's document, so that a move and its record are one change.

A document ends at 16 MB, so the oldest records of a long history are moved to pages of their own: first the page is
written, always the same ``PAGE`` records for the same place, then the document lets go of them. A process that stops in
between, or does it at the same moment, changes nothing.
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
    """A row of the history that the server fills in; ``now``, ``attempt`` and ``duration_ms`` may be its expressions."""
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
    """What a move sets, so that it leaves ``record`` behind."""
    return {
        "history": {"$concatArrays": ["$history", [record]]},
        "history_count": {"$add": ["$history_count", 1]},
    }


def literal(value: Any) -> Mapping[str, Any]:
    """A value as it is: outside of this, a text that begins with ``$`` is the name of a field."""
    return {"$literal": value}


async def append(database: MongoDatabase, job_id: JobId, record: HistoryRecord) -> None:
    """To a job in any state; unknown ones are passed over."""
    update = {"$push": {"history": record_row(record)}, "$inc": {"history_count": 1}}
    changed = await database.documents(JOBS).change({"_id": job_id}, update)
    if changed is not None:
        await make_room(database, changed)


async def make_room(database: MongoDatabase, changed: Document) -> None:
    """Move the oldest records of a history that has become long. ``changed`` is the job as a move left it."""
    moved = changed["history_from"]
    if changed["history_count"] - moved < SPILL_AT:
        return
    jobs = database.documents(JOBS)
    current = {"_id": changed["_id"], "history_from": moved}
    document = await jobs.latest(current, fields={"history": 1})
    if document is None:
        return  # somebody else does it, or the job is gone
    await write_page(database, changed["_id"], moved, document["history"][:PAGE])
    rest = {"$slice": ["$history", {"$subtract": [PAGE, {"$size": "$history"}]}]}
    await jobs.change(current, [{"$set": {"history": rest, "history_from": moved + PAGE}}])


async def write_page(database: MongoDatabase, job_id: str, first: int, page: Sequence[Sequence[Any]]) -> None:
    place = {"job": job_id, "first": first, "records": list(page)}
    await database.documents(HISTORY).put({"_id": f"{job_id}/{first}"}, {"$set": place})


async def read(server: MongoServer, job_id: JobId) -> list[HistoryRecord]:
    database = server.database
    document = await database.documents(JOBS).one({"_id": job_id}, fields={"history": 1, "history_from": 1})
    if document is None:
        raise transitions.job_not_found(job_id)
    moved = document["history_from"]
    older = {"job": job_id, "first": {"$lt": moved}}
    pages = await database.documents(HISTORY).find(older, sort=[("first", 1)]) if moved else []
    return records_from([row for page in pages for row in page["records"]] + document["history"])
