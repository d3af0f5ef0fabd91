"""The doctor's look at sites whose posts are not understood any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from mediavault.commands.verdicts import Check, Verdict
from mediavault.core.errors import ErrorCode
from mediavault.core.job import Job, JobStatus
from mediavault.store.port import JobQuery, JobStore

WITHIN = timedelta(days=7)
ENOUGH = 3  # posts of one site: one or two may be odd themselves
PAGE, MAX_LOOKED_AT = 200, 2_000  # failed jobs, newest first
UPGRADE = "Run `mediavault doctor --upgrade-ytdlp`, and upgrade mediavault. These posts are tried again daily."


async def failed_jobs(store: JobStore) -> list[Job]:
    """The newest ones of those that stand as failed."""
    found: list[Job] = []
    cursor: str | None = None
    while len(found) < MAX_LOOKED_AT:
        page = await store.jobs(JobQuery(statuses=(JobStatus.FAILED,), cursor=cursor, limit=PAGE))
        found += page.jobs
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


def not_understood(jobs: Iterable[Job], *, now: datetime) -> Mapping[str, int]:
    """How many posts of each platform failed lately because what the site sent was of an unknown form."""
    return Counter(
        job.platform
        for job in jobs
        if job.error_code is ErrorCode.EXTRACTOR_BROKEN and job.failed_at is not None and job.failed_at > now - WITHIN
    )


def check_sites(counts: Mapping[str, int]) -> Check:
    """``counts`` as ``not_understood`` answers."""
    many = sorted((name, count) for name, count in counts.items() if count >= ENOUGH)
    if not many:
        return Check("Sites", Verdict.OK, "none has changed so that several posts could not be read")
    named = ", ".join(f"{name} ({count} posts)" for name, count in many)
    return Check("Sites", Verdict.WARNING, f"posts that could not be read within {WITHIN.days} days: {named}", UPGRADE)
