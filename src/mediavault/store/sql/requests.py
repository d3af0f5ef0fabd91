"""What users ask of jobs, and jobs that another store had."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from mediavault.core.clock import moment_or_none
from mediavault.core.failures import StoreError
from mediavault.core.job import Job, JobId, JobStatus, NewJob, Priority, Stage
from mediavault.store import codec, search_words, transitions
from mediavault.store.library_index import entry_from_row, entry_of
from mediavault.store.port import Enqueued, StoredJob
from mediavault.store.queries import title_key
from mediavault.store.rows import SEQ, job_from_row, micros_or_none, stored_values
from mediavault.store.sql import library, marks, reads
from mediavault.store.sql.txn import SqlTxn
from mediavault.store.transitions import MoveNote

RACES = 20  # tries against others that store or remove the same posts at the same moment


async def enqueue(txn: SqlTxn, jobs: Sequence[NewJob], *, force: bool = False) -> list[Enqueued]:
    first: dict[str, NewJob] = {}
    for job in jobs:
        first.setdefault(job.canonical_url, job)
    created: dict[str, Job] = {}
    known: dict[str, Job] = {}
    rest = list(enumerate(first.values()))
    tries = 0
    while rest and tries < RACES:
        created |= await _store(txn, rest, force=force)
        rest = [(place, job) for place, job in rest if job.canonical_url not in created]
        if rest and not force:
            known |= await _adopted(
                txn, await reads.of_posts(txn, [job.canonical_url for _, job in rest]), first
            )
            rest = [(place, job) for place, job in rest if job.canonical_url not in known]
        tries += 1
    if rest:
        raise StoreError("Other processes keep storing or removing these posts.", help="Try again.")
    if created:
        await txn.wake()
    return [
        Enqueued(created[job.canonical_url], created=first[job.canonical_url] is job)
        if job.canonical_url in created
        else Enqueued(known[job.canonical_url], created=False)
        for job in jobs
    ]


async def _store(txn: SqlTxn, jobs: Iterable[tuple[int, NewJob]], *, force: bool) -> dict[str, Job]:
    """Return the jobs that were stored, by canonical_url;
    ``jobs`` come with their places among those of the call.
    """
    asked = [
        {
            "id": job.id,
            "trace_id": job.trace_id,
            "post_url": job.post_url,
            "canonical_url": job.canonical_url,
            "platform": job.platform,
            "place": place,
            "max_attempts": job.max_attempts,
            "profile": job.profile,
            "priority": job.priority.rank,
            "listed_by": job.listed_by,
            "metadata": codec.metadata_to_json(job.metadata),
            "published_at": micros_or_none(moment_or_none(job.metadata.get("published_at"))),
            "title_key": title_key(job.metadata),
        }
        for place, job in jobs
    ]
    rows = await txn.rows("enqueue", {"jobs": json.dumps(asked), "force": force})
    stored = [(row[SEQ], job_from_row(row)) for row in rows]
    lines = [
        (seq, search_words.job_line(job.post_url, job.canonical_url, None, {}))
        for seq, job in stored
    ]
    await txn.many("put_words", [{"seq": seq, "line": txn.words(line)} for seq, line in lines])
    return {job.canonical_url: job for _, job in stored}


async def _adopted(
    txn: SqlTxn, existing: Mapping[str, Job], asked: Mapping[str, NewJob]
) -> dict[str, Job]:
    """Return the known jobs, those that become a user's as they are then,
    without one that was changed in between.
    """
    found = dict(existing)
    for url in sorted(existing):  # two calls lock them in the same order
        if transitions.adopts(asked[url], existing[url]):
            del found[url]
            for row in await txn.rows(
                "adopt", {"id": existing[url].id, "post_url": asked[url].post_url}
            ):
                found[url] = job_from_row(row)
    return found


async def cancel(txn: SqlTxn, job_id: JobId) -> Job:
    job = await _locked(txn, job_id)
    if not transitions.must_cancel(job):
        return job
    is_running = job.status is JobStatus.RUNNING
    [row] = await txn.move("cancel", {"id": job_id}, MoveNote(Stage.CANCEL, of_attempt=is_running))
    if is_running:
        await txn.stop(job_id)
    return job_from_row(row)


async def retry(
    txn: SqlTxn, job_id: JobId, *, chosen_urls: Sequence[str] = (), profile: str | None = None
) -> Job:
    job = await _locked(txn, job_id)
    if not transitions.check_requeue(job):
        return job
    values = {"id": job_id, "chosen_url": codec.chosen_to_text(chosen_urls), "profile": profile}
    note = MoveNote(Stage.RETRY, transitions.RETRIED_BY_USER, of_attempt=False)
    [row] = await txn.move("retry", values, note, wake=True)
    return job_from_row(row)


async def set_priority(txn: SqlTxn, job_id: JobId, priority: Priority) -> Job:
    transitions.check_priority(await _locked(txn, job_id))
    [row] = await txn.rows("set_priority", {"id": job_id, "priority": priority.rank})
    return job_from_row(row)


async def remove(txn: SqlTxn, job_id: JobId, *, as_of: datetime | None = None) -> Job:
    await txn.settle()  # the history and the sums that are removed below may be among it
    rows = await txn.rows("remove", {"id": job_id, "as_of": micros_or_none(as_of)})
    if not rows:
        raise transitions.job_not_found(job_id)
    seq, job = rows[0][SEQ], job_from_row(rows[0])
    await txn.rows("remove_history", {"seq": seq})
    await txn.rows("remove_marks_of_job", {"seq": seq})
    await library.remove(txn, entry_of(seq, stored_values(job)))
    if job.status is JobStatus.RUNNING:
        await txn.stop(job_id)
    return job


async def relocate(txn: SqlTxn, job: Job) -> bool:
    values = {
        **transitions.place_values(job),
        "id": job.id,
        "as_of": micros_or_none(job.updated_at),
    }
    return bool(await txn.rows("relocate", values))


async def put_words(txn: SqlTxn, job_id: JobId, source: search_words.WordSource, line: str) -> bool:
    rows = await txn.rows("entry", {"id": job_id})
    for row in rows:
        await library.change_further(txn, entry_from_row(row), source, line)
    return bool(rows)


async def import_jobs(txn: SqlTxn, jobs: Sequence[StoredJob]) -> int:
    entries = []
    for stored in jobs:
        values = stored_values(transitions.as_imported(stored.job))
        for (seq,) in await txn.rows("import_job", values):
            for source, line in stored.words.items():
                await library.store_further(txn, seq, source, line)
            await txn.append(seq, stored.history)
            await marks.put(txn, stored.marks)
            entries.append(entry_of(seq, values))
    if entries:
        await library.add(txn, entries)
        await txn.wake()
    return len(entries)


async def _locked(txn: SqlTxn, job_id: JobId) -> Job:
    """Return the job, which nobody else changes until the transaction ends."""
    rows = await txn.rows("locked", {"id": job_id})
    if not rows:
        raise transitions.job_not_found(job_id)
    return job_from_row(rows[0])
