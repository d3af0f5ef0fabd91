"""The reading operations on MongoDB."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from mediavault.core.clock import from_micros, micros_in, to_micros
from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobId, JobStatus, WorkerHeartbeat
from mediavault.core.site_limits import SiteLimit
from mediavault.store import transitions
from mediavault.store.mongodb.engine import FIRST_MOMENT, LEFT_OUT, MongoDatabase, options_of
from mediavault.store.mongodb.facts import concerns
from mediavault.store.mongodb.rows import beat_from, further_of, job_from, limit_from
from mediavault.store.mongodb.schema import AGREED, JOBS, SITE_LIMITS, WORKERS
from mediavault.store.mongodb.server import MongoServer
from mediavault.store.port import StoreReport
from mediavault.store.rows import moment as moment_or_none
from mediavault.store.search_words import FurtherWords

QUEUED, FAILED = JobStatus.QUEUED.value, JobStatus.FAILED.value
IN_ORDER = [("priority", 1), ("created_at", 1), ("_id", 1)]  # of the queue
DUE = {"status": FAILED, "retry_at": {"$gt": FIRST_MOMENT}}


async def get(server: MongoServer, job_id: JobId) -> Job:
    database = server.database
    document = await database.documents(JOBS).one({"_id": job_id}, fields=LEFT_OUT)
    if document is None:
        raise transitions.job_not_found(job_id)
    return job_from(document)


async def words_of(server: MongoServer, job_ids: Collection[JobId]) -> Mapping[JobId, FurtherWords]:
    return await further_of(server.database, job_ids)


async def of_posts(server: MongoServer, canonical_urls: Collection[str]) -> dict[str, Job]:
    documents = await server.database.documents(JOBS).find(
        {"canonical_url": {"$in": list(canonical_urls)}},
        fields=LEFT_OUT,
        sort=[("canonical_url", 1), ("version", 1)],
    )
    return {document["canonical_url"]: job_from(document) for document in documents}


async def ids_beginning(
    server: MongoServer, beginnings: Collection[str], *, limit: int
) -> list[JobId]:
    if not beginnings:
        return []
    # "~" comes after every character of an id
    ranges = [{"_id": {"$gte": text, "$lt": f"{text}~"}} for text in beginnings]
    documents = await server.database.documents(JOBS).find(
        {"$or": ranges}, fields={"_id": 1}, sort=[("_id", 1)], limit=limit
    )
    return [JobId(document["_id"]) for document in documents]


async def changed_since(server: MongoServer, moment: datetime, *, limit: int = 500) -> list[Job]:
    database = server.database
    documents = await database.documents(JOBS).find(
        {"updated_at": {"$gte": to_micros(moment)}},
        fields=LEFT_OUT,
        sort=[("updated_at", 1)],
        limit=limit,
    )
    return [job_from(document) for document in documents]


async def next_due(server: MongoServer) -> datetime | None:
    database = server.database
    documents = await database.documents(JOBS).find(
        DUE, fields={"retry_at": 1}, sort=[("retry_at", 1)], limit=1
    )
    return moment_or_none(documents[0]["retry_at"]) if documents else None


async def constants(server: MongoServer) -> dict[str, str]:
    database = server.database
    return {
        document["_id"]: document["value"] for document in await database.documents(AGREED).find({})
    }


async def all_limits(server: MongoServer) -> list[SiteLimit]:
    database = server.database
    return [
        limit_from(document)
        for document in await database.documents(SITE_LIMITS).find({}, sort=[("_id", 1)])
    ]


async def workers_alive(server: MongoServer, *, seen_within: timedelta) -> list[WorkerHeartbeat]:
    database, now = server.database, server.now
    since = (await database.now() if now is None else now) - micros_in(seen_within)
    documents = await database.documents(WORKERS).find(
        {"last_seen_at": {"$gte": since}}, sort=[("last_seen_at", -1), ("_id", 1)]
    )
    return [beat_from(document) for document in documents]


async def count_unparsed(server: MongoServer, *, within: timedelta) -> dict[str, int]:
    database, now = server.database, server.now
    since = (await database.now() if now is None else now) - micros_in(within)
    broken = {
        "status": FAILED,
        "error_code": ErrorCode.EXTRACTOR_BROKEN.value,
        "failed_at": {"$gte": since},
    }
    return await database.documents(JOBS).count_by("platform", broken)


async def _counts(database: MongoDatabase) -> dict[JobStatus, int]:
    documents = database.documents(JOBS)
    return {status: await documents.count({"status": status.value}) for status in JobStatus}


async def next_queued(server: MongoServer, *, limit: int) -> list[Job]:
    documents = server.database.documents(JOBS)
    platforms = await documents.distinct("platform", {"status": QUEUED})
    # each platform, with and without a session, is one range of the index
    where = {"status": QUEUED, "platform": {"$in": platforms}, "needs_session": {"$in": [0, 1]}}
    return [
        job_from(document)
        for document in await documents.find(where, fields=LEFT_OUT, sort=IN_ORDER, limit=limit)
    ]


async def _oldest_queued(database: MongoDatabase) -> datetime | None:
    documents = await database.documents(JOBS).find(
        {"status": QUEUED}, fields={"created_at": 1}, sort=[("created_at", 1), ("_id", 1)], limit=1
    )
    return moment_or_none(documents[0]["created_at"]) if documents else None


async def _waiting(database: MongoDatabase) -> dict[str, int]:
    return await database.documents(JOBS).count_by("platform", {"$or": [{"status": QUEUED}, DUE]})


async def report(server: MongoServer) -> StoreReport:
    database = server.database
    now = await database.now() if server.now is None else server.now
    return StoreReport(
        engine=str(database.facts),
        schema_version=server.schema_version,
        at=from_micros(now),
        counts=await _counts(database),
        waiting=await _waiting(database),
        concerns=concerns(database.facts, options_of(database.url)),
        oldest_queued_at=await _oldest_queued(database),
    )
