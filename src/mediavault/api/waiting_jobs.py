"""Jobs that wait for a person to sign in, and their going on once somebody has."""

from __future__ import annotations

from datetime import datetime

from mediavault.core.errors import IllegalMove, JobNotFound
from mediavault.core.job import Job, JobStatus
from mediavault.core.logs import get_logger
from mediavault.core.sessions import WAITS_FOR_SIGN_IN, SessionState
from mediavault.store.port import JobQuery, JobStore

PAGE = 200
MAX_LOOKED_AT = 5_000  # failed jobs of one site, newest first

log = get_logger(__name__)


async def waiting_jobs(store: JobStore, platform: str) -> list[Job]:
    """The platform's jobs that a sign-in may help, newest first."""
    waiting: list[Job] = []
    cursor: str | None = None
    for _ in range(MAX_LOOKED_AT // PAGE):
        query = JobQuery(statuses=(JobStatus.FAILED,), platform=platform, cursor=cursor, limit=PAGE)
        page = await store.jobs(query)
        waiting += [job for job in page.jobs if waits_for_sign_in(job)]
        cursor = page.next_cursor
        if cursor is None:
            break
    return waiting


async def go_on_after(state: SessionState, store: JobStore) -> int:
    """A sign-in was tried: let the site's jobs go on unless it came to nothing; how many were queued again.

    Where nobody knows a site's cookies a person's word counts; jobs that meet the wall again wait again.
    """
    return 0 if state.signed_in is False else await resume_waiting(store, state.platform)


async def resume_waiting(store: JobStore, platform: str) -> int:
    """Somebody has signed in: open the platform's gate and queue its waiting jobs again; how many."""
    await store.open_gate(platform)
    resumed = 0
    for job in reversed(await waiting_jobs(store, platform)):  # oldest first
        try:
            await store.retry(job.id)
        except (JobNotFound, IllegalMove):  # removed, or done, in the meantime
            continue
        resumed += 1
    log.info("jobs_resumed", platform=platform, count=resumed)
    return resumed


def waits_for_sign_in(job: Job) -> bool:
    return job.status is JobStatus.FAILED and job.error_code in WAITS_FOR_SIGN_IN


def wall_since(jobs: list[Job]) -> datetime | None:
    """Since when the site has been asking for a sign-in, as far as the waiting jobs know."""
    return min((job.failed_at for job in jobs if job.failed_at is not None), default=None)
