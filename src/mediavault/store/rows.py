"""Rows of the SQL stores and the records they stand for. A time is an integer of microseconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from mediavault.core.clock import to_micros
from mediavault.core.errors import ErrorCode
from mediavault.core.job import HistoryRecord, Job, JobStatus, Outcome, RungName, Stage, WorkerBeat, WorkerId
from mediavault.core.media import KeptFile, SourceType
from mediavault.store import codec
from mediavault.store.port import Checkpoint

# In the order of Job's fields, then the internal key.
JOB_COLUMNS = (
    "id, trace_id, post_url, canonical_url, platform, status, created_at, updated_at, version, attempt_count,"
    " max_attempts, started_at, completed_at, failed_at, claimed_by, lease_expires_at, retry_at, progress_pct, stage,"
    " bytes_done, bytes_total, source_type, extracted_url, extracted_url_expires_at, candidates, image_urls, metadata,"
    " account, output_path, thumbnail_url, thumbnail_path, bytes, sha256, duration_s, width, height, error_code, error,"
    " seq"
)
CREATED_AT = 6  # places in a row of JOB_COLUMNS
STARTED_AT = 11
SEQ = -1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATUS: Mapping[str, JobStatus] = {status.value: status for status in JobStatus}
_STAGE: Mapping[str | None, Stage | None] = {None: None, **{stage.value: stage for stage in Stage}}
_SOURCE: Mapping[str, SourceType] = {source.value: source for source in SourceType}
_ERROR: Mapping[str | None, ErrorCode | None] = {None: None, **{code.value: code for code in ErrorCode}}
_RUNG: Mapping[str | None, RungName | None] = {None: None, **{rung.value: rung for rung in RungName}}


def moment(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + timedelta(0, 0, micros)


def micros_or_none(at: datetime | None) -> int | None:
    return None if at is None else to_micros(at)


class _Draft:
    """A Job that is being filled in. It has the same slots, so it can become one by changing its class.

    A frozen dataclass sets each of its fields through ``object.__setattr__``: 5 us a job, against 0.8 this way, and
    every job that is worked on is read twice.
    """

    __slots__ = Job.__slots__


def job_from_row(row: tuple[Any, ...]) -> Job:
    """``row`` has JOB_COLUMNS."""
    draft: Any = _Draft()
    # fmt: off
    (
        draft.id, draft.trace_id, draft.post_url, draft.canonical_url, draft.platform, status, created_at, updated_at,
        draft.version, draft.attempt_count, draft.max_attempts, started_at, completed_at, failed_at, draft.claimed_by,
        lease_expires_at, retry_at, draft.progress_pct, stage, draft.bytes_done, draft.bytes_total, source_type,
        draft.extracted_url, url_expires_at, candidates, image_urls, metadata, account, draft.output_path,
        draft.thumbnail_url, draft.thumbnail_path, draft.bytes, draft.sha256, draft.duration_s, draft.width,
        draft.height, error_code, draft.error, _,
    ) = row
    # fmt: on
    draft.status = _STATUS[status]
    draft.created_at = _EPOCH + timedelta(0, 0, created_at)
    draft.updated_at = changed = _EPOCH + timedelta(0, 0, updated_at)
    draft.started_at = changed if started_at == updated_at else moment(started_at)  # just claimed
    draft.completed_at = changed if completed_at == updated_at else moment(completed_at)
    draft.failed_at = changed if failed_at == updated_at else moment(failed_at)
    draft.lease_expires_at = None if lease_expires_at is None else moment(lease_expires_at)
    draft.retry_at = None if retry_at is None else moment(retry_at)
    draft.stage = _STAGE[stage]
    draft.source_type = _SOURCE[source_type]
    draft.extracted_url_expires_at = None if url_expires_at is None else moment(url_expires_at)
    draft.candidates = () if candidates == "[]" else codec.candidates_from_json(candidates)
    draft.image_urls = () if image_urls == "[]" else codec.texts_from_json(image_urls)
    draft.metadata = {} if metadata == "{}" else codec.metadata_from_json(metadata)
    draft.account = None if account is None else codec.account_from_json(account)
    draft.error_code = None if error_code is None else ErrorCode(error_code)
    draft.__class__ = Job
    job: Job = draft
    return job


def checkpoint_values(post_url: str, found: Checkpoint) -> dict[str, Any]:
    return {
        "progress_pct": found.progress_pct,
        "source_type": found.source_type.value,
        "extracted_url": codec.storable_or_none(found.extracted_url),
        "extracted_url_expires_at": micros_or_none(found.extracted_url_expires_at),
        "candidates": codec.candidates_to_json(found.candidates),
        "image_urls": codec.texts_to_json(found.image_urls),
        "account": codec.account_to_json(found.account),
        "thumbnail_url": codec.storable_or_none(found.thumbnail_url),
        "metadata": codec.metadata_to_json(found.metadata),
        "search_text": codec.search_text(post_url, found.account, found.metadata),
    }


def kept_values(kept: KeptFile) -> dict[str, Any]:
    return {
        "output_path": kept.output_path,
        "thumbnail_path": kept.thumbnail_path,
        "bytes": kept.bytes,
        "sha256": kept.sha256,
        "duration_s": kept.duration_s,
        "width": kept.width,
        "height": kept.height,
    }


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
    )


def history_from_row(row: tuple[Any, ...]) -> HistoryRecord:
    at, attempt, stage, outcome, rung, error_code, detail, size, duration_ms = row
    return HistoryRecord(
        _EPOCH + timedelta(0, 0, at),
        attempt,
        Stage(stage),
        Outcome(outcome),
        _RUNG[rung],
        _ERROR[error_code],
        detail,
        size,
        duration_ms,
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
    }


def beat_from_row(row: tuple[Any, ...]) -> WorkerBeat:
    worker, host, pid, version, started_at, last_seen_at, running_jobs, skipped_ticks, missed_beats, draining = row
    return WorkerBeat(
        WorkerId(worker),
        host,
        pid,
        version,
        _EPOCH + timedelta(0, 0, started_at),
        _EPOCH + timedelta(0, 0, last_seen_at),
        running_jobs,
        skipped_ticks,
        missed_beats,
        bool(draining),
    )
