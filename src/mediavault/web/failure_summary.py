"""Failures grouped by cause, each with its remedy. Pure.

A cause may have several codes. Causes of a site (its sign-in, its limits) are counted for each site. Failures without a
remedy are ``lost``, those that are retried automatically ``waiting``; the others need the user.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mediavault.core.failures import CAUSES, FAILURES, Cause, ErrorCode, Remedy
from mediavault.core.job import Job
from mediavault.store.port import FailureGroup

EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class FailureSummary:
    """The failed jobs of one cause. ``platform`` is None when the cause is not specific to a site."""

    cause: Cause
    platform: str | None
    jobs: int
    next_retry_at: datetime | None  # the earliest; None where nothing is retried automatically
    examples: tuple[Job, ...]  # newest first, at most EXAMPLES


@dataclass(frozen=True, slots=True)
class FailureSummaries:
    """All failures by what happens next. In each list, the summary with the most jobs comes first."""

    needs: tuple[FailureSummary, ...] = ()
    waiting: tuple[FailureSummary, ...] = ()
    lost: tuple[FailureSummary, ...] = ()

    @property
    def needing(self) -> int:
        return sum(summary.jobs for summary in self.needs)

    @property
    def being_retried(self) -> int:
        return sum(summary.jobs for summary in self.waiting)

    @property
    def losses(self) -> int:
        return sum(summary.jobs for summary in self.lost)


def cause_of(code: ErrorCode) -> Cause:
    """Return the cause of a code; ``internal`` for a code that no job should have."""
    return FAILURES[code].cause or CAUSES["internal"]


def summarize_failures(groups: Sequence[FailureGroup]) -> FailureSummaries:
    """Group failures, which the store counted by code and platform, by cause and by what happens next."""
    waiting = _merged(group for group in groups if group.jobs > group.final)
    over = _merged((group for group in groups if group.final), is_over=True)
    return FailureSummaries(
        needs=tuple(summary for summary in over if summary.cause.remedy is not Remedy.NOTHING),
        waiting=tuple(waiting),
        lost=tuple(summary for summary in over if summary.cause.remedy is Remedy.NOTHING),
    )


def _merged(groups: Iterable[FailureGroup], *, is_over: bool = False) -> list[FailureSummary]:
    by_cause: dict[tuple[str, str | None], list[FailureGroup]] = {}
    for group in groups:
        cause = cause_of(group.error_code)
        by_cause.setdefault((cause.key, group.platform if cause.by_site else None), []).append(group)
    summaries = [_summary(CAUSES[key], platform, parts, is_over) for (key, platform), parts in by_cause.items()]
    return sorted(summaries, key=lambda summary: (-summary.jobs, summary.cause.key, summary.platform or ""))


def _summary(cause: Cause, platform: str | None, groups: Sequence[FailureGroup], is_over: bool) -> FailureSummary:
    jobs = [job for group in groups for job in group.examples if (job.retry_at is None) is is_over]
    moments = [group.next_retry_at for group in groups if group.next_retry_at is not None]
    return FailureSummary(
        cause=cause,
        platform=platform,
        jobs=sum(group.final if is_over else group.jobs - group.final for group in groups),
        next_retry_at=None if is_over else min(moments, default=None),
        examples=tuple(sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)[:EXAMPLES]),
    )
