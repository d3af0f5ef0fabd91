"""The writing operations on MongoDB. Each move is one change of one document: nothing else is
atomic.

A fenced change that matches no document means LeaseLost.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from mediavault.core.clock import from_micros, micros_in, to_micros
from mediavault.core.failures import ErrorCode, StoreError
from mediavault.core.job import (
    ClaimedJob,
    HistoryRecord,
    Job,
    JobId,
    JobItem,
    JobStatus,
    NewJob,
    Priority,
    Stage,
    StepOutcome,
    WorkerHeartbeat,
    WorkerId,
)
from mediavault.core.media import SavedFile
from mediavault.core.messages import Message, to_json
from mediavault.core.site_limits import SiteLimit
from mediavault.store import codec, transitions
from mediavault.store.codec import items_to_json
from mediavault.store.mongodb import marks
from mediavault.store.mongodb.engine import FIRST_MOMENT, LEFT_OUT, Document, Filter, MongoDatabase
from mediavault.store.mongodb.history import (
    append,
    appended,
    literal,
    make_room,
    new_record,
    write_page,
)
from mediavault.store.mongodb.reads import FAILED, QUEUED, get
from mediavault.store.mongodb.rows import (
    PAGE,
    SPILL_AT,
    cut,
    document_of,
    further_values,
    job_from,
    limit_document,
    put_further,
    record_row,
    with_further,
    words_values,
)
from mediavault.store.mongodb.schema import AGREED, HISTORY, JOBS, SITE_LIMITS, WORKERS
from mediavault.store.mongodb.server import MongoServer
from mediavault.store.port import Checkpoint, Enqueued, Recovered, RecoveredJob, StoredJob
from mediavault.store.rows import beat_values, checkpoint_values
from mediavault.store.search_words import WordSource

ENQUEUE_TIMEOUT_S = 1.5  # a user waits: without an answer they get an error within two seconds
# tries against others that move the same job, or store a version of the same post, at the same
# moment
RACES = 50
SERVERS_TIME = {"$multiply": [{"$toLong": "$$NOW"}, 1000]}  # in microseconds, to the millisecond
NOT_RUNNING = {"claimed_by": None, "lease_expires_at": None}
RUNNING = JobStatus.RUNNING.value


def moment_of(now: int | None) -> Any:
    """Return the time of a change, as an expression that the server evaluates."""
    return SERVERS_TIME if now is None else now


def literals(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: literal(value) for name, value in values.items()}


# --- submissions ----------------------------------------------------------------------------------


async def enqueue(
    server: MongoServer, jobs: Sequence[NewJob], *, force: bool = False
) -> list[Enqueued]:
    """Store the jobs. An interrupted call leaves those it has stored:
    another caller may already have seen them.
    """
    if not jobs:
        return []
    database, now = server.database, server.now
    first = {job.canonical_url: job for job in reversed(jobs)}
    distinct = [job for job in jobs if first[job.canonical_url] is job]
    at = await database.now(within_s=ENQUEUE_TIMEOUT_S) if now is None else now
    created, known = await _store_all(database, distinct, at, force=force)
    answers = []
    for job in jobs:
        url = job.canonical_url
        if url in created:
            answers.append(Enqueued(created[url], created=first[url] is job))
        else:
            answers.append(Enqueued(known[url], created=False))
    if created:
        server.wake()
    return answers


async def _store_all(
    database: MongoDatabase, jobs: Sequence[NewJob], at: int, *, force: bool
) -> tuple[dict[str, Job], dict[str, Job]]:
    """Return the stored jobs, and the newest job of each post that was already known,
    by canonical_url.
    """
    # so that they are claimed in the order given
    times = {job.id: at + index for index, job in enumerate(jobs)}
    created: dict[str, Job] = {}
    known: dict[str, Job] = {}
    left = list(jobs)
    for _ in range(RACES):
        newest = await _newest(database, left)
        if not force:
            known |= await _adopted(database, newest, left, at)
            left = [job for job in left if job.canonical_url not in known]
        if not left:
            return created, known
        new = [_new_job(job, times[job.id], newest.get(job.canonical_url)) for job in left]
        refused = await database.documents(JOBS).insert([document_of(job) for job in new])
        created |= {job.canonical_url: job for index, job in enumerate(new) if index not in refused}
        if twice := [new[index].id for index, same_id in refused.items() if same_id]:
            raise StoreError(Message("The job %(job)s is stored already.", job=twice[0]))
        left = [left[index] for index in sorted(refused)]
        if not left:
            return created, known
    raise StoreError(
        Message(
            "Others keep storing versions of %(canonical_url)s.",
            canonical_url=left[0].canonical_url,
        ),
        help="Try again.",
    )


async def _adopted(
    database: MongoDatabase, found: Mapping[str, Job], asked: Sequence[NewJob], at: int
) -> dict[str, Job]:
    """Return the jobs that were found, with those that become a user's as they are then;
    one that has changed is left out.
    """
    adopted = dict(found)
    for new in asked:
        job = adopted.get(new.canonical_url)
        if job is None or not transitions.adopts(new, job):
            continue
        change = {"$set": {"listed_by": None, "post_url": new.post_url, "updated_at": at}}
        changed = await database.documents(JOBS).change(
            {"_id": job.id, "listed_by": job.listed_by}, change
        )
        if changed is None:
            del adopted[new.canonical_url]
        else:
            adopted[new.canonical_url] = job_from(changed)
    return adopted


async def _newest(database: MongoDatabase, jobs: Sequence[NewJob]) -> dict[str, Job]:
    """Return the newest version of each post that has one, as a majority has it: the caller will
    see it.

    Raises StoreError for an id that another post has.
    """
    of_urls = {job.canonical_url: job.id for job in jobs}
    where = {
        "$or": [{"canonical_url": {"$in": list(of_urls)}}, {"_id": {"$in": list(of_urls.values())}}]
    }
    documents = await database.documents(JOBS).find(where, fields=LEFT_OUT, sort=[("version", 1)])
    if conflicting := [
        document["_id"] for document in documents if document["canonical_url"] not in of_urls
    ]:
        raise StoreError(Message("The job %(job)s is stored already.", job=conflicting[0]))
    return {document["canonical_url"]: job_from(document) for document in documents}


def _new_job(new: NewJob, at: int, newest: Job | None) -> Job:
    moment = from_micros(at)
    return Job(
        id=new.id,
        trace_id=new.trace_id,
        post_url=new.post_url,
        canonical_url=new.canonical_url,
        platform=new.platform,
        status=JobStatus.QUEUED,
        created_at=moment,
        updated_at=moment,
        version=newest.version + 1 if newest else 1,
        max_attempts=new.max_attempts,
        profile=new.profile,
        priority=new.priority,
        listed_by=new.listed_by,
        metadata=new.metadata,
    )


# --- what an attempt writes -----------------------------------------------------------------------


async def renew(
    server: MongoServer, worker: WorkerId, held: Collection[ClaimedJob], *, lease: timedelta
) -> set[JobId]:
    database, now = server.database, server.now
    if not held:
        return set()
    jobs = database.documents(JOBS)
    named = [{"_id": claim.id, "attempt_count": claim.fence} for claim in held]
    where = {"$or": named, "status": RUNNING, "claimed_by": worker}
    until = {"$add": [moment_of(now), micros_in(lease)]}
    renewed = await jobs.change_all(where, [{"$set": {"lease_expires_at": until}}])
    if renewed == len({claim.id for claim in held}):
        return {claim.id for claim in held}
    # A fence is never reused, so what is still held after the renewal was renewed.
    return {JobId(document["_id"]) for document in await jobs.find(where, fields={"_id": 1})}


async def _fenced(
    database: MongoDatabase, claim: ClaimedJob, changes: Mapping[str, Any], now: int | None
) -> Document:
    """Change the running attempt's document once; ``changes`` are expressions of the server.
    Raises LeaseLost.
    """
    where = {"_id": claim.id, "status": RUNNING, "attempt_count": claim.fence}
    changed = await database.documents(JOBS).change(
        where, [{"$set": {"updated_at": moment_of(now), **changes}}]
    )
    if changed is None:
        raise transitions.lease_lost(claim.id, claim.fence)
    await make_room(database, changed)
    return changed


async def checkpoint(server: MongoServer, claim: ClaimedJob, found: Checkpoint) -> None:
    database, now = server.database, server.now
    record = new_record(moment_of(now), Stage.CHECKPOINT, attempt=claim.fence)
    job = claim.job
    values = {"stage": Stage.CHECKPOINT.value, **checkpoint_values(job, found)}
    values |= words_values(job.post_url, job.canonical_url, values["account"], values["metadata"])
    await _fenced(
        database, claim, {**literals(values), **with_further(values), **appended(record)}, now
    )


async def progress(
    server: MongoServer,
    claim: ClaimedJob,
    *,
    stage: Stage,
    progress_pct: int,
    bytes_done: int = 0,
    bytes_total: int | None = None,
    duration_s: float | None = None,
) -> None:
    values = transitions.progress_values(stage, progress_pct, bytes_done, bytes_total)
    values |= {"duration_s": duration_s} if duration_s is not None else {}
    await _fenced(server.database, claim, literals(values), server.now)


async def record(server: MongoServer, claim: ClaimedJob, record: HistoryRecord) -> None:
    await append(server.database, claim.id, record)


async def save_items(server: MongoServer, claim: ClaimedJob, items: Sequence[JobItem]) -> None:
    await _fenced(server.database, claim, literals({"items": items_to_json(items)}), server.now)


async def begin_commit(
    server: MongoServer, claim: ClaimedJob, saved: SavedFile, items: Sequence[JobItem] = ()
) -> None:
    database, now = server.database, server.now
    record = new_record(
        moment_of(now),
        Stage.COMMITTING,
        attempt=claim.fence,
        detail=saved.output_path,
        size=saved.bytes,
    )
    values = {
        "stage": Stage.COMMITTING.value,
        **transitions.saved_values(saved),
        **_if_given(items),
    }
    await _fenced(database, claim, {**literals(values), **appended(record)}, now)


async def complete(
    server: MongoServer, claim: ClaimedJob, saved: SavedFile, items: Sequence[JobItem] = ()
) -> None:
    database, now = server.database, server.now
    at = moment_of(now)
    record = new_record(
        at,
        Stage.COMPLETE,
        attempt=claim.fence,
        size=saved.bytes,
        duration_ms=_milliseconds_since_start(at),
    )
    values = {
        **NOT_RUNNING,
        "status": JobStatus.COMPLETED.value,
        "stage": Stage.COMPLETE.value,
        "progress_pct": 100,
        "bytes_done": saved.bytes,
        "bytes_total": saved.bytes,
        **transitions.saved_values(saved),
        **_if_given(items),
    }
    await _fenced(
        database, claim, {**literals(values), "completed_at": at, **appended(record)}, now
    )


async def fail(
    server: MongoServer,
    claim: ClaimedJob,
    *,
    error_code: ErrorCode,
    error: str,
    retry_in: timedelta | None,
    uses_attempt: bool = True,
) -> Job:
    database, now = server.database, server.now
    at, error = moment_of(now), cut(codec.storable(error))
    record = new_record(
        at,
        Stage.FAIL,
        attempt=claim.fence,
        outcome=StepOutcome.FAILED,
        error_code=error_code,
        detail=error,
        duration_ms=_milliseconds_since_start(at),
    )
    values = {
        **NOT_RUNNING,
        "status": FAILED,
        "error_code": error_code.value,
        "error": error,
        "error_params": to_json(error),
    }
    changes = {
        **literals(values),
        "failed_at": at,
        "retry_at": None if retry_in is None else {"$add": [at, micros_in(retry_in)]},
        "max_attempts": {"$add": ["$max_attempts", int(not uses_attempt)]},
        **appended(record),
    }
    return job_from(await _fenced(database, claim, changes, now))


async def failed_before(
    server: MongoServer,
    claim: ClaimedJob,
    *,
    error_code: ErrorCode,
    error: str,
    retry_in: timedelta | None,  # noqa: ARG001 - the arguments of ``fail``
    uses_attempt: bool = True,  # noqa: ARG001
) -> Job | None:
    """Return the job as this failure left it if only the response was lost, else None."""
    job = await get(server, claim.id)
    return (
        job
        if transitions.is_failed_by(job, claim, error_code, cut(codec.storable(error)))
        else None
    )


async def release(server: MongoServer, claim: ClaimedJob, *, needs_session: bool = False) -> None:
    database, now = server.database, server.now
    record = new_record(moment_of(now), Stage.RELEASE, attempt=claim.fence)
    values = {**NOT_RUNNING, "status": QUEUED}
    more: dict[str, Any] = {"max_attempts": {"$add": ["$max_attempts", 1]}}
    if needs_session:
        more["needs_session"] = literal(1)
    await _fenced(database, claim, {**literals(values), **more, **appended(record)}, now)
    server.wake()


def _if_given(items: Sequence[JobItem]) -> Mapping[str, str]:
    return {"items": items_to_json(items)} if items else {}


def _milliseconds_since_start(at: Any) -> Mapping[str, Any]:
    """Return the expression of the milliseconds; never negative,
    even if the clock was set back in the meantime.
    """
    return {
        "$max": [
            0,
            {"$toLong": {"$floor": {"$divide": [{"$subtract": [at, "$started_at"]}, 1000]}}},
        ]
    }


# --- leases and retries ---------------------------------------------------------------------------


async def recover_stale_jobs(server: MongoServer, *, retry_in: timedelta) -> Recovered:
    """Fail the stale jobs, one at a time; one whose lease was renewed since it was read is left
    alone.
    """
    database, now = server.database, server.now
    jobs = database.documents(JOBS)
    ended_before = await database.now() if now is None else now
    stale = {"status": RUNNING, "lease_expires_at": {"$lte": ended_before}}
    recovered: list[RecoveredJob] = []
    for document in await jobs.find(stale, fields={"attempt_count": 1, "lease_expires_at": 1}):
        changed = await jobs.change(
            {**document, "status": RUNNING}, [{"$set": _recovered(retry_in, now)}]
        )
        if changed is not None:
            await make_room(database, changed)
            again = changed["retry_at"] is not None
            recovered.append(RecoveredJob(JobId(changed["_id"]), changed["trace_id"], again))
    return Recovered(tuple(recovered))


def _recovered(retry_in: timedelta, now: int | None) -> Mapping[str, Any]:
    at = moment_of(now)
    record = new_record(
        at,
        Stage.RECOVER,
        attempt="$attempt_count",
        outcome=StepOutcome.FAILED,
        error_code=ErrorCode.RECOVERED_FROM_RESTART,
        detail=transitions.RECOVERED_ERROR,
    )
    one_more = {"$cond": [{"$eq": ["$stage", literal(Stage.COMMITTING.value)]}, 1, 0]}
    has_tries = {"$lt": ["$attempt_count", {"$add": ["$max_attempts", one_more]}]}
    values = {
        **NOT_RUNNING,
        "status": FAILED,
        "error_code": ErrorCode.RECOVERED_FROM_RESTART.value,
        "error": transitions.RECOVERED_ERROR,
    }
    return {
        **literals(values),
        "updated_at": at,
        "failed_at": at,
        "retry_at": {"$cond": [has_tries, {"$add": [at, micros_in(retry_in)]}, None]},
        **appended(record),
    }


async def expire_leases(server: MongoServer, workers: Collection[WorkerId]) -> int:
    database = server.database
    if not workers:
        return 0
    theirs = {"status": RUNNING, "claimed_by": {"$in": list(workers)}}
    return await database.documents(JOBS).change_all(
        theirs, {"$set": {"lease_expires_at": FIRST_MOMENT}}
    )


async def promote_due(server: MongoServer, *, limit: int = 500) -> int:
    database, now = server.database, server.now
    jobs = database.documents(JOBS)
    until = await database.now() if now is None else now
    due = {"status": FAILED, "retry_at": {"$gt": FIRST_MOMENT, "$lte": until}}
    documents = await jobs.find(due, fields={"retry_at": 1}, sort=[("retry_at", 1)], limit=limit)
    ids = [document["_id"] for document in documents]
    if not ids:
        return 0
    at = moment_of(now)
    changes = {"status": literal(QUEUED), "retry_at": None, "updated_at": at}
    record = new_record(at, Stage.RETRY, detail=transitions.DUE_AGAIN)
    promoted = await jobs.change_all(
        {**due, "_id": {"$in": ids}}, [{"$set": {**changes, **appended(record)}}]
    )
    if promoted:
        server.wake()
    return promoted


async def release_session_jobs(
    server: MongoServer, held: Collection[str], *, waiting_for: timedelta
) -> int:
    database, now = server.database, server.now
    before = (await database.now() if now is None else now) - micros_in(waiting_for)
    where = {
        "status": QUEUED,
        "needs_session": 1,
        "platform": {"$nin": list(held)},
        "updated_at": {"$lte": before},
    }
    changes = {"needs_session": literal(0), "updated_at": moment_of(now)}
    freed = await database.documents(JOBS).change_all(where, [{"$set": changes}])
    if freed:
        server.wake()
    return freed


# --- users' requests ------------------------------------------------------------------------------


async def cancel(server: MongoServer, job_id: JobId) -> Job:
    database, now = server.database, server.now
    for _ in range(RACES):
        job = await _current(database, job_id)
        if not transitions.must_cancel(job):
            return job
        attempt = job.attempt_count if job.status is JobStatus.RUNNING else 0
        values = {**NOT_RUNNING, "status": JobStatus.CANCELLED.value, "retry_at": None}
        record = new_record(moment_of(now), Stage.CANCEL, attempt=attempt)
        if changed := await _move(database, job, {**literals(values), **appended(record)}, now):
            server.stop(job_id)
            return changed
    raise _contention_error(job_id)


async def retry(
    server: MongoServer,
    job_id: JobId,
    *,
    chosen_urls: Sequence[str] = (),
    profile: str | None = None,
) -> Job:
    database, now = server.database, server.now
    for _ in range(RACES):
        job = await _current(database, job_id)
        if not transitions.check_requeue(job):
            return job
        values: dict[str, Any] = {"status": QUEUED, "retry_at": None, "needs_session": 0}
        if chosen_urls:
            values["chosen_url"] = codec.chosen_to_text(chosen_urls)
        if profile:
            values["profile"] = profile
        tries = {"$max": ["$max_attempts", {"$add": ["$attempt_count", 1]}]}
        record = new_record(moment_of(now), Stage.RETRY, detail=transitions.RETRIED_BY_USER)
        if changed := await _move(
            database, job, {**literals(values), "max_attempts": tries, **appended(record)}, now
        ):
            server.wake()
            return changed
    raise _contention_error(job_id)


async def set_priority(server: MongoServer, job_id: JobId, priority: Priority) -> Job:
    database, now = server.database, server.now
    for _ in range(RACES):
        job = await _current(database, job_id)
        transitions.check_priority(job)
        if changed := await _move(database, job, {"priority": literal(priority.rank)}, now):
            return changed
    raise _contention_error(job_id)


async def remove(server: MongoServer, job_id: JobId, *, as_of: datetime | None = None) -> Job:
    database = server.database
    unchanged: Filter = {} if as_of is None else {"updated_at": to_micros(as_of)}
    removed = await database.documents(JOBS).take({"_id": job_id, **unchanged})
    if removed is None:
        raise transitions.job_not_found(job_id)
    if removed["history_from"]:
        await database.documents(HISTORY).delete({"job": job_id})
    server.stop(job_id)
    return job_from(removed)


async def relocate(server: MongoServer, job: Job) -> bool:
    where: Filter = {
        "_id": job.id,
        "status": JobStatus.COMPLETED.value,
        "updated_at": to_micros(job.updated_at),
    }
    changes = {**literals(transitions.place_values(job)), "updated_at": moment_of(server.now)}
    return await server.database.documents(JOBS).change(where, [{"$set": changes}]) is not None


async def put_words(server: MongoServer, job_id: JobId, source: WordSource, line: str) -> bool:
    return await put_further(server.database, job_id, source, line)


async def _current(database: MongoDatabase, job_id: JobId) -> Job:
    document = await database.documents(JOBS).latest({"_id": job_id}, fields=LEFT_OUT)
    if document is None:
        raise transitions.job_not_found(job_id)
    return job_from(document)


async def _move(
    database: MongoDatabase, judged: Job, changes: Mapping[str, Any], now: int | None
) -> Job | None:
    """Apply a move; returns None when the job has moved since it was judged."""
    where: Filter = {
        "_id": judged.id,
        "status": judged.status.value,
        "attempt_count": judged.attempt_count,
    }
    changed = await database.documents(JOBS).change(
        where, [{"$set": {**changes, "updated_at": moment_of(now)}}]
    )
    if changed is None:
        return None
    await make_room(database, changed)
    return job_from(changed)


def _contention_error(job_id: JobId) -> StoreError:
    return StoreError(
        Message("Other processes keep changing job %(job_id)s.", job_id=job_id), help="Try again."
    )


# --- moving from one store to another -------------------------------------------------------------


async def import_jobs(server: MongoServer, jobs: Sequence[StoredJob]) -> int:
    new = 0
    for stored in jobs:
        new += await _import_one(server, stored)
    if new:
        server.wake()
    return new


async def _import_one(server: MongoServer, stored: StoredJob) -> bool:
    database, documents = server.database, server.database.documents(JOBS)
    job, history = transitions.as_imported(stored.job), stored.history
    same = {"$or": [{"_id": job.id}, {"canonical_url": job.canonical_url, "version": job.version}]}
    if await documents.latest(same, fields={"_id": 1}) is not None:
        return False
    moved = max(0, len(history) - SPILL_AT + PAGE) // PAGE * PAGE
    for first in range(0, moved, PAGE):
        await write_page(
            database, job.id, first, [record_row(entry) for entry in history[first : first + PAGE]]
        )
    document = document_of(job, history[moved:], moved=moved)
    if stored.marks:
        document["marks"] = await marks.documents_of(server, stored.marks)
    if stored.words:
        document |= further_values(document, stored.words)
    return not await documents.insert([document])


async def import_limits(server: MongoServer, limits: Sequence[SiteLimit]) -> int:
    database = server.database
    if not limits:
        return 0
    refused = await database.documents(SITE_LIMITS).insert(
        [limit_document(site_limit) for site_limit in limits]
    )
    return len(limits) - len(refused)


async def set_once(server: MongoServer, name: str, value: str) -> str:
    database = server.database
    stored = await database.documents(AGREED).put({"_id": name}, {"$setOnInsert": {"value": value}})
    return str(stored["value"])


# --- workers --------------------------------------------------------------------------------------


async def heartbeat(server: MongoServer, beat: WorkerHeartbeat) -> bool:
    """Store a heartbeat with the server's time, which also reads it:
    the clocks of hosts disagree.
    """
    database, now = server.database, server.now
    values = beat_values(beat)
    worker = values.pop("worker")
    seen = {**literals(values), "last_seen_at": moment_of(now)}
    stored = await database.documents(WORKERS).put({"_id": worker}, [{"$set": seen}])
    return bool(stored.get("leaving"))


async def request_drain(server: MongoServer, workers: Collection[WorkerId]) -> int:
    database = server.database
    count = await database.documents(WORKERS).change_all(
        {"_id": {"$in": list(workers)}}, {"$set": {"leaving": 1}}
    )
    for worker in workers:
        server.stop(worker)
    return count


async def forget_worker(server: MongoServer, worker: WorkerId) -> None:
    database = server.database
    await database.documents(WORKERS).delete({"_id": worker})
