"""Converts between rows of the SQL stores and records. A time is an integer of microseconds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from mediavault.core.clock import from_micros, to_micros
from mediavault.core.failures import ErrorCode
from mediavault.core.job import (
    HistoryRecord,
    Job,
    JobId,
    JobStatus,
    Priority,
    Stage,
    StepOutcome,
    StrategyName,
    WorkerHeartbeat,
    WorkerId,
)
from mediavault.core.marks import Mark
from mediavault.core.media import Account, SourceType, key_of
from mediavault.core.messages import from_json, to_json
from mediavault.core.site_limits import SiteLimit
from mediavault.store import codec
from mediavault.store.port import Checkpoint
from mediavault.store.queries import posted_at, title_key
from mediavault.store.search_words import FurtherWords, further_words

LAST_PLACE = 2**62  # of a mark
LIMIT_COLUMNS = (
    "closed_until, probing_until, failures, code, reason, next_permit_at, reserved_until,"
    " account_posts, account_cap"
)


def moment(micros: int | None) -> datetime | None:
    """Return a column of microseconds since 1970 as a time in UTC,
    as :func:`from_micros` reads it; None for NULL.
    """
    return None if micros is None else from_micros(micros)


def end_of(prefix: str) -> str:
    """Return a text that comes after all texts with this prefix, by their code points."""
    return f"{prefix}\U0010ffff"


def micros_or_none(at: datetime | None) -> int | None:
    """Return the microseconds since 1970 for a column; None for NULL."""
    return None if at is None else to_micros(at)


# How a column becomes the field of the same name; other columns are used unchanged.
_DECODERS: Mapping[str, Callable[[Any], Any]] = {
    "status": JobStatus,
    "created_at": from_micros,
    "updated_at": from_micros,
    "started_at": from_micros,
    "completed_at": from_micros,
    "failed_at": from_micros,
    "lease_expires_at": from_micros,
    "retry_at": from_micros,
    "extracted_url_expires_at": from_micros,
    "priority": tuple(Priority).__getitem__,
    "needs_session": bool,
    "stage": Stage,
    "error_code": ErrorCode,
    "source_type": SourceType,
    "candidates": codec.candidates_from_json,
    "image_urls": codec.texts_from_json,
    "metadata": codec.metadata_from_json,
    "account": codec.account_from_json,
    "items": codec.items_from_json,
}
# fields whose column has another name
_COLUMN_OF: Mapping[str, str] = {"chosen_urls": "chosen_url"}
JOB_FIELDS = tuple(_COLUMN_OF.get(field.name, field.name) for field in fields(Job))
_PARAMS = "error_params"  # the values in ``error``, see core.messages
JOB_COLUMNS = ", ".join((*JOB_FIELDS, _PARAMS, "seq"))  # the internal key comes last
# of :func:`stored_values`
STORED_COLUMNS = ", ".join((*JOB_FIELDS, _PARAMS, "account_key", "posted_at", "title_key"))
# What a move returns of each job, after other columns: the attempt, its start, the moment of the
# move, the internal key.
MOVED_COLUMNS = (
    "attempt_count AS of_attempt, started_at AS began_at, updated_at AS moved_at, seq AS moved_seq"
)
SEQ = -1


@codec.decodes
def job_from(values: Mapping[str, Any]) -> Job:
    """Return the job of these columns by name; others may be among them."""
    return _job({name: values[name] for name in (*JOB_FIELDS, _PARAMS)})


@codec.decodes
def job_from_row(row: Sequence[Any]) -> Job:
    """Return the job of a row of JOB_COLUMNS."""
    return _job(dict(zip((*JOB_FIELDS, _PARAMS), row, strict=False)))


def _job(columns: dict[str, Any]) -> Job:
    params = columns.pop(_PARAMS)
    for name, decode in _DECODERS.items():
        if columns[name] is not None:
            columns[name] = decode(columns[name])
    if columns["error"] is not None:
        columns["error"] = from_json(columns["error"], params)
    chosen_urls = codec.chosen_from_text(columns.pop("chosen_url"))
    return Job(**columns, chosen_urls=chosen_urls)


def checkpoint_values(job: Job, checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the values of what extraction found about a job."""
    return {
        "progress_pct": checkpoint.progress_pct,
        "source_type": checkpoint.source_type.value,
        "extracted_url": codec.storable_or_none(checkpoint.extracted_url),
        "extracted_url_expires_at": micros_or_none(checkpoint.extracted_url_expires_at),
        "candidates": codec.candidates_to_json(checkpoint.candidates),
        "image_urls": codec.texts_to_json(checkpoint.image_urls),
        **_account_values(checkpoint.account),
        "thumbnail_url": codec.storable_or_none(checkpoint.thumbnail_url),
        "metadata": codec.metadata_to_json(checkpoint.metadata),
        "posted_at": to_micros(posted_at(job.created_at, checkpoint.metadata)),
        "title_key": title_key(checkpoint.metadata),
        "items": codec.items_to_json(checkpoint.items),
    }


def stored_values(job: Job) -> dict[str, Any]:
    """Return the whole row of a job by STORED_COLUMNS: what :func:`job_from_row` reads, its
    account's key, and what the library sorts it by.
    """
    return {
        "id": job.id,
        "trace_id": job.trace_id,
        "post_url": job.post_url,
        "canonical_url": job.canonical_url,
        "platform": job.platform,
        "created_at": to_micros(job.created_at),
        "version": job.version,
        "attempt_count": job.attempt_count,
        "max_attempts": job.max_attempts,
        "profile": job.profile,
        "priority": job.priority.rank,
        "listed_by": job.listed_by,
        "needs_session": int(job.needs_session),
        "status": job.status.value,
        "updated_at": to_micros(job.updated_at),
        "started_at": micros_or_none(job.started_at),
        "completed_at": micros_or_none(job.completed_at),
        "failed_at": micros_or_none(job.failed_at),
        "claimed_by": job.claimed_by,
        "lease_expires_at": micros_or_none(job.lease_expires_at),
        "retry_at": micros_or_none(job.retry_at),
        "progress_pct": job.progress_pct,
        "stage": job.stage and job.stage.value,
        "bytes_done": job.bytes_done,
        "bytes_total": job.bytes_total,
        "error_code": job.error_code and job.error_code.value,
        "error": job.error,
        "error_params": job.error and to_json(job.error),
        "source_type": job.source_type.value,
        "extracted_url": job.extracted_url,
        "extracted_url_expires_at": micros_or_none(job.extracted_url_expires_at),
        "candidates": codec.candidates_to_json(job.candidates),
        "image_urls": codec.texts_to_json(job.image_urls),
        "metadata": codec.metadata_to_json(job.metadata),
        "posted_at": to_micros(posted_at(job.created_at, job.metadata)),
        "title_key": title_key(job.metadata),
        **_account_values(job.account),
        "thumbnail_url": job.thumbnail_url,
        "items": codec.items_to_json(job.items),
        "chosen_url": codec.chosen_to_text(job.chosen_urls),
        "output_path": job.output_path,
        "thumbnail_path": job.thumbnail_path,
        "bytes": job.bytes,
        "sha256": job.sha256,
        "duration_s": job.duration_s,
        "width": job.width,
        "height": job.height,
    }


def _account_values(account: Account | None) -> dict[str, str | None]:
    stored = codec.account_to_json(account)
    known = codec.account_from_json(stored)
    return {"account": stored, "account_key": None if known is None else key_of(known)}


def history_row(seq: int, record: HistoryRecord) -> tuple[Any, ...]:
    """Return a row of ``seq``, then the columns that :func:`history_from_row` reads."""
    return (
        seq,
        to_micros(record.at),
        record.attempt,
        record.stage.value,
        record.outcome.value,
        record.strategy and record.strategy.value,
        record.error_code and record.error_code.value,
        codec.storable(record.detail),
        record.bytes,
        record.duration_ms,
        to_json(record.detail),
    )


@codec.decodes
def history_from_row(row: Sequence[Any]) -> HistoryRecord:
    at, attempt, stage, outcome, strategy, error_code, detail, size, duration_ms, detail_params = (
        row
    )
    return HistoryRecord(
        from_micros(at),
        attempt,
        Stage(stage),
        StepOutcome(outcome),
        StrategyName(strategy) if strategy else None,
        ErrorCode(error_code) if error_code else None,
        from_json(detail, detail_params) if detail else "",
        size,
        duration_ms,
    )


def further_words_by_job(rows: Iterable[Sequence[Any]]) -> dict[JobId, FurtherWords]:
    """Return the further words of each job from rows of id, source and line."""
    by_job: dict[JobId, list[tuple[str, str]]] = defaultdict(list)
    for job_id, source, line in rows:
        by_job[JobId(job_id)].append((source, line))
    return {job_id: words for job_id, lines in by_job.items() if (words := further_words(lines))}


def limit_values(site_limit: SiteLimit) -> dict[str, Any]:
    return {
        "platform": site_limit.platform,
        "closed_until": micros_or_none(site_limit.closed_until),
        "probing_until": micros_or_none(site_limit.probing_until),
        "failures": site_limit.failures,
        "code": site_limit.code and site_limit.code.value,
        "reason": site_limit.reason,
        "next_permit_at": micros_or_none(site_limit.next_permit_at),
        "reserved_until": micros_or_none(site_limit.reserved_until),
        "account_posts": codec.account_posts_to_json(site_limit.account_posts),
        "account_cap": site_limit.account_cap,
    }


@codec.decodes
def limit_from_row(row: Sequence[Any]) -> SiteLimit:
    """Return the limit of a row of platform and LIMIT_COLUMNS;
    these are all NULL if the platform has no limit yet.
    """
    # fmt: off
    (
        platform, closed_until, probing_until, failures, code, reason, next_permit_at,
        reserved_until, account_posts,
        account_cap,
    ) = row
    # fmt: on
    if failures is None:
        return SiteLimit(platform)
    return SiteLimit(
        platform,
        moment(closed_until),
        moment(probing_until),
        failures,
        ErrorCode(code) if code else None,
        reason,
        moment(next_permit_at),
        moment(reserved_until),
        codec.account_posts_from_json(account_posts),
        account_cap,
    )


def beat_values(beat: WorkerHeartbeat) -> dict[str, Any]:
    return {
        "worker": beat.worker,
        "host": beat.host,
        "pid": beat.pid,
        "version": beat.version,
        "started_at": to_micros(beat.started_at),
        "last_seen_at": to_micros(beat.last_seen_at),
        "running_jobs": beat.running_jobs,
        "skipped_ticks": beat.skipped_ticks,
        "missed_beats": beat.missed_beats,
        "draining": int(beat.draining),
        "platforms": " ".join(beat.platforms),
        "signed_in": " ".join(beat.signed_in),
        "tally": " ".join(f"{name}={count}" for name, count in beat.tally.items()),
    }


def mark_values(mark: Mark, number: int) -> dict[str, Any]:
    """Return the values of a mark; ``number`` is the place of a new one that asks for none."""
    text = codec.storable(mark.text)
    return {
        "id": mark.job_id,
        "name": mark_name(mark.name),
        "text": text,
        "place": mark.place,
        "number": number,
    }


def mark_name(name: str) -> str:
    """Return a name as it is stored."""
    return codec.storable(name)


def distinct_marks(marks: Iterable[Mark]) -> list[Mark]:
    """Return the marks, of several with the same name at the same job the last one,
    where the first one was.
    """
    return list({(mark_name(mark.name), mark.job_id): mark for mark in marks}.values())


@codec.decodes
def mark_from_row(row: Sequence[Any]) -> Mark:
    """Return the mark of a row of job id, name, text and place."""
    job_id, name, text, place = row
    return Mark(JobId(job_id), name, text, int(place))


def marks_by_job(found: Iterable[Sequence[Any]]) -> dict[JobId, tuple[Mark, ...]]:
    """Return the marks of such rows by job; the rows of a job are sorted by name."""
    by_job = defaultdict[JobId, tuple[Mark, ...]](tuple)
    for mark in map(mark_from_row, found):
        by_job[mark.job_id] += (mark,)
    return dict(by_job)


def mark_start(after: Mark | None, *, newest_first: bool) -> dict[str, Any]:
    """Return the place and the job id that come before the first mark of a page."""
    if after is None:
        return {"place": LAST_PLACE if newest_first else -LAST_PLACE, "id": ""}
    return {"place": after.place or 0, "id": after.job_id}


def after_prefix(prefix: str) -> str:
    """Return the first text after all that begin with ``prefix``,
    which ends in an ASCII character.
    """
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


@codec.decodes
def counts_from_row(row: Sequence[int]) -> dict[JobStatus, int]:
    """Return the counts of a row of queued, running, failed, cancelled and all jobs:
    the rest is completed.
    """
    queued, running, failed, cancelled, total = row
    return {
        JobStatus.QUEUED: queued,
        JobStatus.RUNNING: running,
        JobStatus.COMPLETED: total - queued - running - failed - cancelled,
        JobStatus.FAILED: failed,
        JobStatus.CANCELLED: cancelled,
    }


@codec.decodes
def counts_by_name(rows: Iterable[Sequence[Any]]) -> dict[str, int]:
    """Return the counts of rows of ``(name, count)``.
    A damaged index gives names that nobody stored, even NULL.
    """
    counts = {name: int(count) for name, count in rows}
    if not all(isinstance(name, str) for name in counts):
        raise TypeError("a name is a text")
    return counts


@codec.decodes
def beat_from_row(row: Sequence[Any]) -> WorkerHeartbeat:
    # fmt: off
    (
        worker, host, pid, version, started_at, last_seen_at, running_jobs, skipped_ticks,
        missed_beats, draining, platforms, signed_in, tally,
    ) = row
    # fmt: on
    return WorkerHeartbeat(
        WorkerId(worker),
        host,
        pid,
        version,
        from_micros(started_at),
        from_micros(last_seen_at),
        running_jobs,
        skipped_ticks,
        missed_beats,
        bool(draining),
        tuple(platforms.split()),
        tuple(signed_in.split()),
        {name: int(count) for name, _, count in (entry.rpartition("=") for entry in tally.split())},
    )
