"""Restores a job from its sidecars. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mediavault.core.failures import ErrorCode
from mediavault.core.job import (
    DEFAULT_MAX_ATTEMPTS,
    HistoryRecord,
    ItemStatus,
    Job,
    JobItem,
    JobStatus,
    Stage,
    StepOutcome,
)
from mediavault.core.messages import Message
from mediavault.core.redaction import redact_distinctly
from mediavault.library.sidecars import Sidecar
from mediavault.store.port import StoredJob
from mediavault.store.transitions import saved_values

REBUILT = Message("rebuilt from the files next to the videos in the library")


def is_whole(sidecars: Sequence[Sidecar]) -> bool:
    """Whether every video of the post that was to be saved has a sidecar."""
    return all(item.status in (ItemStatus.SAVED, ItemStatus.SKIPPED) for item in items_of(sidecars))


def items_of(sidecars: Sequence[Sidecar]) -> tuple[JobItem, ...]:
    """Return the post's items as in the newest sidecar; those with a sidecar,
    found by id or index, are saved.
    """
    newest = max(sidecars, key=lambda sidecar: sidecar.saved_at)
    items = list(newest.items)
    for sidecar in sorted(sidecars, key=lambda sidecar: sidecar.saved_at):
        items[_index_of(sidecar, items)] = replace(
            sidecar.items[sidecar.item], status=ItemStatus.SAVED, saved=sidecar.saved
        )
    return tuple(items)


def _index_of(sidecar: Sidecar, items: Sequence[JobItem]) -> int:
    """The index of a sidecar's item: an earlier attempt may have had the items in another order."""
    media_id = sidecar.items[sidecar.item].item.media_id
    by_id = (index for index, item in enumerate(items) if item.item.media_id == media_id)
    index = next(by_id, sidecar.item) if media_id is not None else sidecar.item
    return min(index, len(items) - 1)


def stored_job(sidecars: Sequence[Sidecar]) -> StoredJob:
    """Return the row of a job from its sidecars, completed if none is missing.

    A job that lacks a video is failed with PARTIAL, so that a user can retry it. A sidecar does not
    contain the candidates, the history, or the start of the last attempt; the completion time is
    that of the last saved file.
    """
    newest = max(sidecars, key=lambda sidecar: sidecar.saved_at)
    items = items_of(sidecars)
    first = next(item.saved for item in items if item.saved is not None)
    attempt = max(sidecar.attempt for sidecar in sidecars)
    job = Job(
        id=newest.id,
        trace_id=newest.trace_id,
        post_url=newest.post_url,
        canonical_url=newest.canonical_url,
        platform=newest.platform,
        profile=newest.profile,
        status=JobStatus.COMPLETED,
        created_at=newest.created_at,
        updated_at=newest.saved_at,
        version=newest.version,
        attempt_count=attempt,
        max_attempts=max(attempt, DEFAULT_MAX_ATTEMPTS),
        completed_at=newest.saved_at,
        progress_pct=100,
        stage=Stage.COMPLETE,
        bytes_done=first.bytes,
        bytes_total=first.bytes,
        items=items,
        metadata=newest.metadata,
        account=newest.account,
        **saved_values(first),
    )
    if is_whole(sidecars):
        return StoredJob(job, (_record(newest.saved_at, job),), newest.marks)
    return replace(_partial(job, items), marks=newest.marks)


def _partial(job: Job, items: Sequence[JobItem]) -> StoredJob:
    saved = sum(item.status is ItemStatus.SAVED for item in items)
    wanted = sum(item.status is not ItemStatus.SKIPPED for item in items)
    failed = replace(
        job,
        status=JobStatus.FAILED,
        completed_at=None,
        failed_at=job.updated_at,
        error_code=ErrorCode.PARTIAL,
        error=Message(
            "%(saved)d of %(wanted)d files saved; the rest were not in the library when it was"
            " rebuilt.",
            saved=saved,
            wanted=wanted,
        ),
    )
    return StoredJob(
        failed, (replace(_record(job.updated_at, failed), outcome=StepOutcome.FAILED),)
    )


def _record(at: datetime, job: Job) -> HistoryRecord:
    return HistoryRecord(
        at,
        job.attempt_count,
        Stage.COMPLETE,
        StepOutcome.OK,
        error_code=job.error_code,
        detail=REBUILT,
        bytes=job.bytes or 0,
    )


def takes_the_place_of(rebuilt: StoredJob, existing: StoredJob) -> bool:
    """Whether the store's row may be replaced: it is not completed, not running,
    and has no later attempt.
    """
    at_rest = existing.job.status in (JobStatus.QUEUED, JobStatus.FAILED, JobStatus.CANCELLED)
    completes = rebuilt.job.status is JobStatus.COMPLETED
    same_post = rebuilt.job.canonical_url in (
        existing.job.canonical_url,
        redact_distinctly(existing.job.canonical_url),
    )
    return at_rest and completes and same_post and existing.job.version == rebuilt.job.version


def with_history_of(rebuilt: StoredJob, existing: StoredJob) -> StoredJob:
    """Return the rebuilt job with the store's addresses, history, marks and words, and a fence that
    never decreases.

    A sidecar's addresses lack their secrets.
    """
    attempt = max(rebuilt.job.attempt_count, existing.job.attempt_count)
    job = replace(
        rebuilt.job,
        post_url=existing.job.post_url,
        canonical_url=existing.job.canonical_url,
        attempt_count=attempt,
        max_attempts=max(attempt, existing.job.max_attempts),
    )
    return StoredJob(
        job, (*existing.history, *rebuilt.history), existing.marks or rebuilt.marks, existing.words
    )
