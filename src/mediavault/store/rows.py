"""Rows of the SQL stores and the records they stand for. A time is an integer of microseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mediavault.core.accounts import key_of
from mediavault.core.clock import from_micros, to_micros
from mediavault.core.failures import ErrorCode
from mediavault.core.gates import Gate
from mediavault.core.job import HistoryRecord, Job, JobStatus, Outcome, RungName, Stage, WorkerBeat, WorkerId
from mediavault.core.media import Account, SourceType
from mediavault.core.messages import from_json, to_json
from mediavault.store import codec
from mediavault.store.port import Checkpoint

# What never changes while an attempt holds the job, what its extraction found, what it keeps.
_IDENTITY = (
    "id, trace_id, post_url, canonical_url, platform, created_at, version, attempt_count, max_attempts, needs_session"
)
_FOUND = (
    "source_type, extracted_url, extracted_url_expires_at, candidates, image_urls, metadata, account, thumbnail_url,"
    " items, chosen_url"
)
_KEPT = "output_path, thumbnail_path, bytes, sha256, duration_s, width, height"
_STATE = (
    "status, updated_at, started_at, completed_at, failed_at, claimed_by, lease_expires_at, retry_at,"
    " progress_pct, stage, bytes_done, bytes_total, error_code, error, error_params"
)

# Every kind of row ends with the internal key. Reading a column costs 0.2 us, so what the statement itself has set,
# and what the claim holds already, is not read back.
JOB_COLUMNS = f"{_IDENTITY}, {_STATE}, {_FOUND}, {_KEPT}, seq"
CLAIMED_COLUMNS = f"{_IDENTITY}, {_KEPT}, {_FOUND}, seq"
GATE_COLUMNS = (
    "closed_until, probing_until, strikes, code, reason, next_turn_at, offered_until, account_posts, account_cap"
)
STORED_COLUMNS = f"{_IDENTITY}, {_STATE}, {_FOUND}, {_KEPT}, account_key"  # of :func:`stored_values`
SEQ = -1
ID, PLATFORM, CREATED_AT, ATTEMPT = 0, 4, 5, 7  # places in rows of JOB_COLUMNS and CLAIMED_COLUMNS

_STATUS: Mapping[str, JobStatus] = {status.value: status for status in JobStatus}
_SOURCE: Mapping[str, SourceType] = {source.value: source for source in SourceType}


def moment(micros: int | None) -> datetime | None:
    """A column of microseconds since 1970 as a time in UTC, as :func:`from_micros` reads it; None for NULL."""
    return None if micros is None else from_micros(micros)


def micros_or_none(at: datetime | None) -> int | None:
    """The column's microseconds since 1970; None for NULL."""
    return None if at is None else to_micros(at)


class _Draft:
    """A Job that is being filled in. It has the same slots, so it can become one by changing its class.

    A frozen dataclass sets each of its fields through ``object.__setattr__``: 5 us a job, against 0.8 this way, and
    every job that is worked on is read twice.
    """

    __slots__ = Job.__slots__


def job_from_row(row: Sequence[Any]) -> Job:
    """``row`` has JOB_COLUMNS."""
    draft: Any = _Draft()
    # fmt: off
    (
        draft.id, draft.trace_id, draft.post_url, draft.canonical_url, draft.platform, created_at, draft.version,
        draft.attempt_count, draft.max_attempts, needs_session,
        status, updated_at, started_at, completed_at, failed_at, draft.claimed_by, lease_expires_at, retry_at,
        draft.progress_pct, stage, draft.bytes_done, draft.bytes_total, error_code, error, error_params,
        source_type, draft.extracted_url, url_expires_at, candidates, image_urls, metadata, account,
        draft.thumbnail_url, items, draft.chosen_url,
        draft.output_path, draft.thumbnail_path, draft.bytes, draft.sha256, draft.duration_s, draft.width,
        draft.height,
        _,
    ) = row
    # fmt: on
    draft.status = _STATUS[status]
    draft.needs_session = bool(needs_session)
    draft.created_at = moment(created_at)
    draft.updated_at = moment(updated_at)
    draft.started_at = moment(started_at)
    draft.completed_at = moment(completed_at)
    draft.failed_at = moment(failed_at)
    draft.lease_expires_at = moment(lease_expires_at)
    draft.retry_at = moment(retry_at)
    draft.stage = stage and Stage(stage)
    draft.error_code = error_code and ErrorCode(error_code)
    draft.error = error and from_json(error, error_params)
    _fill_found(draft, source_type, url_expires_at, candidates, image_urls, metadata, account, items)
    return _finished(draft)


def claimed_job(row: Sequence[Any], worker: WorkerId, at: datetime, lease_expires_at: datetime) -> Job:
    """The job that the claim statement has just made of a queued one; ``row`` has CLAIMED_COLUMNS."""
    draft: Any = _Draft()
    # fmt: off
    (
        draft.id, draft.trace_id, draft.post_url, draft.canonical_url, draft.platform, created_at, draft.version,
        draft.attempt_count, draft.max_attempts, needs_session,
        draft.output_path, draft.thumbnail_path, draft.bytes, draft.sha256, draft.duration_s, draft.width,
        draft.height,
        source_type, draft.extracted_url, url_expires_at, candidates, image_urls, metadata, account,
        draft.thumbnail_url, items, draft.chosen_url,
        _,
    ) = row
    # fmt: on
    draft.status = JobStatus.RUNNING
    draft.needs_session = bool(needs_session)
    draft.created_at = moment(created_at)
    draft.updated_at = draft.started_at = at
    draft.claimed_by = worker
    draft.lease_expires_at = lease_expires_at
    draft.stage = Stage.CLAIM
    draft.progress_pct = draft.bytes_done = 0
    draft.completed_at = draft.failed_at = draft.retry_at = None
    draft.bytes_total = draft.error_code = draft.error = None
    _fill_found(draft, source_type, url_expires_at, candidates, image_urls, metadata, account, items)
    return _finished(draft)


def _fill_found(
    draft: Any,
    source_type: str,
    url_expires_at: int | None,
    candidates: str,
    image_urls: str,
    metadata: str,
    account: str | None,
    items: str,
) -> None:
    draft.items = codec.items_from_json(items)
    draft.source_type = _SOURCE[source_type]
    draft.extracted_url_expires_at = moment(url_expires_at)
    draft.candidates = codec.candidates_from_json(candidates)
    draft.image_urls = codec.texts_from_json(image_urls)
    draft.metadata = codec.metadata_from_json(metadata)
    draft.account = codec.account_from_json(account)


def _finished(draft: Any) -> Job:
    draft.__class__ = Job
    job: Job = draft
    return job


def checkpoint_values(found: Checkpoint) -> dict[str, Any]:
    return {
        "progress_pct": found.progress_pct,
        "source_type": found.source_type.value,
        "extracted_url": codec.storable_or_none(found.extracted_url),
        "extracted_url_expires_at": micros_or_none(found.extracted_url_expires_at),
        "candidates": codec.candidates_to_json(found.candidates),
        "image_urls": codec.texts_to_json(found.image_urls),
        **_account_values(found.account),
        "thumbnail_url": codec.storable_or_none(found.thumbnail_url),
        "metadata": codec.metadata_to_json(found.metadata),
        "items": codec.items_to_json(found.items),
    }


def stored_values(job: Job) -> dict[str, Any]:
    """The whole row of a job, by STORED_COLUMNS: what :func:`job_from_row` reads, and its account's key."""
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
        **_account_values(job.account),
        "thumbnail_url": job.thumbnail_url,
        "items": codec.items_to_json(job.items),
        "chosen_url": job.chosen_url,
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
    """``seq``, then the columns that :func:`history_from_row` reads."""
    return (
        seq,
        to_micros(record.at),
        record.attempt,
        record.stage.value,
        record.outcome.value,
        record.rung and record.rung.value,
        record.error_code and record.error_code.value,
        codec.storable(record.detail),
        record.bytes,
        record.duration_ms,
        to_json(record.detail),
    )


def history_from_row(row: Sequence[Any]) -> HistoryRecord:
    at, attempt, stage, outcome, rung, error_code, detail, size, duration_ms, detail_params = row
    return HistoryRecord(
        from_micros(at),
        attempt,
        Stage(stage),
        Outcome(outcome),
        RungName(rung) if rung else None,
        ErrorCode(error_code) if error_code else None,
        from_json(detail, detail_params) if detail else "",
        size,
        duration_ms,
    )


def gate_values(gate: Gate) -> dict[str, Any]:
    return {
        "platform": gate.platform,
        "closed_until": micros_or_none(gate.closed_until),
        "probing_until": micros_or_none(gate.probing_until),
        "strikes": gate.strikes,
        "code": gate.code and gate.code.value,
        "reason": gate.reason,
        "next_turn_at": micros_or_none(gate.next_turn_at),
        "offered_until": micros_or_none(gate.offered_until),
        "account_posts": codec.account_posts_to_json(gate.account_posts),
        "account_cap": gate.account_cap,
    }


def gate_from_row(row: Sequence[Any]) -> Gate:
    """``row`` is a platform and GATE_COLUMNS; these are all NULL where the platform has no gate yet."""
    # fmt: off
    (
        platform, closed_until, probing_until, strikes, code, reason, next_turn_at, offered_until, account_posts,
        account_cap,
    ) = row
    # fmt: on
    if strikes is None:
        return Gate(platform)
    return Gate(
        platform,
        moment(closed_until),
        moment(probing_until),
        strikes,
        ErrorCode(code) if code else None,
        reason,
        moment(next_turn_at),
        moment(offered_until),
        codec.account_posts_from_json(account_posts),
        account_cap,
    )


def beat_values(beat: WorkerBeat) -> dict[str, Any]:
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


def counts_from_row(row: Sequence[int]) -> dict[JobStatus, int]:
    """Of the jobs that are queued, running, failed, cancelled, and of all: what is left is completed."""
    queued, running, failed, cancelled, total = row
    return {
        JobStatus.QUEUED: queued,
        JobStatus.RUNNING: running,
        JobStatus.COMPLETED: total - queued - running - failed - cancelled,
        JobStatus.FAILED: failed,
        JobStatus.CANCELLED: cancelled,
    }


def beat_from_row(row: Sequence[Any]) -> WorkerBeat:
    # fmt: off
    (
        worker, host, pid, version, started_at, last_seen_at, running_jobs, skipped_ticks, missed_beats, draining,
        platforms, signed_in, tally,
    ) = row
    # fmt: on
    return WorkerBeat(
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
        {name: int(count) for name, _, count in (one.rpartition("=") for one in tally.split())},
    )
