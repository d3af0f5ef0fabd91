"""The reading operations on MongoDB."""

from __future__ import annotations

from datetime import datetime, timedelta

from mediavault.core.clock import micros_in, to_micros
from mediavault.core.failures import ErrorCode
from mediavault.core.gates import Gate
from mediavault.core.job import Job, JobId, JobStatus, WorkerBeat
from mediavault.store import moves
from mediavault.store.mongodb.engine import FIRST_MOMENT, Database
from mediavault.store.mongodb.ops import FAILED, QUEUED
from mediavault.store.mongodb.rows import beat_from, gate_from, job_from
from mediavault.store.mongodb.schema import AGREED, GATES, JOBS, WORKERS
from mediavault.store.rows import moment

NO_HISTORY = {"history": 0}
DUE = {"status": FAILED, "retry_at": {"$gt": FIRST_MOMENT}}


async def get(database: Database, job_id: JobId) -> Job:
    document = await database.documents(JOBS).one({"_id": job_id}, fields=NO_HISTORY)
    if document is None:
        raise moves.job_not_found(job_id)
    return job_from(document)


async def changed_since(database: Database, at: datetime, limit: int) -> list[Job]:
    found = await database.documents(JOBS).find(
        {"updated_at": {"$gte": to_micros(at)}}, fields=NO_HISTORY, sort=[("updated_at", 1)], limit=limit
    )
    return [job_from(document) for document in found]


async def next_due(database: Database) -> datetime | None:
    found = await database.documents(JOBS).find(DUE, fields={"retry_at": 1}, sort=[("retry_at", 1)], limit=1)
    return moment(found[0]["retry_at"]) if found else None


async def agreed(database: Database) -> dict[str, str]:
    return {one["_id"]: one["value"] for one in await database.documents(AGREED).find({})}


async def gates(database: Database) -> list[Gate]:
    return [gate_from(document) for document in await database.documents(GATES).find({}, sort=[("_id", 1)])]


async def workers(database: Database, seen_within: timedelta, now: int | None) -> list[WorkerBeat]:
    since = (await database.now() if now is None else now) - micros_in(seen_within)
    found = await database.documents(WORKERS).find(
        {"last_seen_at": {"$gte": since}}, sort=[("last_seen_at", -1), ("_id", 1)]
    )
    return [beat_from(document) for document in found]


async def not_understood(database: Database, within: timedelta, now: int | None) -> dict[str, int]:
    since = (await database.now() if now is None else now) - micros_in(within)
    broken = {"status": FAILED, "error_code": ErrorCode.EXTRACTOR_BROKEN.value, "failed_at": {"$gte": since}}
    return await database.documents(JOBS).count_by("platform", broken)


async def counts(database: Database) -> dict[JobStatus, int]:
    documents = database.documents(JOBS)
    return {status: await documents.count({"status": status.value}) for status in JobStatus}


async def oldest_queued(database: Database) -> datetime | None:
    found = await database.documents(JOBS).find(
        {"status": QUEUED}, fields={"created_at": 1}, sort=[("created_at", 1), ("_id", 1)], limit=1
    )
    return moment(found[0]["created_at"]) if found else None


async def waiting(database: Database) -> dict[str, int]:
    return await database.documents(JOBS).count_by("platform", {"$or": [{"status": QUEUED}, DUE]})
