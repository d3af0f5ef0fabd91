"""Jobs that wait for the user to sign in or to answer a challenge, and resuming them afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from mediavault.core.failures import FAILURES, BadInput, ErrorCode
from mediavault.core.job import Job, JobStatus
from mediavault.core.logs import get_logger
from mediavault.core.post_urls import page_to_visit
from mediavault.core.sessions import BrowserTask, SessionState, can_be_signed_in_to
from mediavault.core.submission import Submission
from mediavault.core.urls import parse_http_url
from mediavault.store.bulk import iter_jobs, retry_each
from mediavault.store.port import JobCatalogue, JobOrder, JobQuery, Store

PAGE = 200
MAX_LOOKED_AT = 5_000  # failed jobs of one site that a page counts, newest first

log = get_logger(__name__)


class JobNotWaiting(BadInput):
    """A window was requested for the post of a job that does not wait for one."""

    code = ErrorCode.ILLEGAL_MOVE
    help = "A window can only be opened for a job that waits for a sign-in or a challenge."


async def waiting_jobs(catalogue: JobCatalogue, platform: str) -> list[Job]:
    """Return the platform's jobs that a sign-in may help, newest first."""
    failed = iter_jobs(catalogue, JobQuery((JobStatus.FAILED,), platform, limit=PAGE), at_most=MAX_LOOKED_AT)
    return [job async for job in failed if waits_for_sign_in(job)]


async def resume_after_sign_in(state: SessionState, store: Store) -> int:
    """Resume the site's waiting jobs after a sign-in, unless it failed; returns how many were queued again.

    Where a site's session cookies are unknown the user's word counts; jobs that meet the wall again wait again.
    """
    return 0 if state.signed_in is False else await resume_waiting(store, state.platform)


async def resume_after_window(state: SessionState, errand: BrowserTask, store: Store) -> int:
    """Resume the jobs that a window may have helped after it was closed; returns how many were queued again.

    These are the job on whose post it was open, all that met a challenge, since an answer is valid for the whole site,
    and after a sign-in the others too. For a platform that covers many sites only jobs of the same host are resumed.
    """
    if errand.job_id is None:
        return await resume_after_sign_in(state, store)
    return await resume_waiting(store, state.platform, lambda job: _may_resume(job, state, errand))


def _may_resume(job: Job, state: SessionState, task: BrowserTask) -> bool:
    if job.id == task.job_id:
        return True
    if not can_be_signed_in_to(task.platform) and urlsplit(job.post_url).hostname != urlsplit(task.url).hostname:
        return False
    return job.error_code is ErrorCode.CHALLENGE or bool(state.signed_in)


def browser_task_for(job: Job, submission: Submission) -> BrowserTask:
    """Return the task of a window on the job's post.

    Raises JobNotWaiting, AddressRefused, and as URL parsing does.
    """
    if not waits_for_sign_in(job):
        raise JobNotWaiting("This job is not waiting for a sign-in or a challenge.")
    post, platform = submission.identify(parse_http_url(job.post_url))
    url = page_to_visit(post, platform)
    submission.check_url(parse_http_url(url))
    return BrowserTask(platform, url, job.id)


async def resume_waiting(store: Store, platform: str, is_meant: Callable[[Job], bool] = lambda _: True) -> int:
    """Open the platform after a user's action and queue its waiting jobs again; returns how many."""
    await store.site_limits.reopen_site(platform)
    failed = iter_jobs(store.catalogue, JobQuery((JobStatus.FAILED,), platform, limit=PAGE, order=JobOrder.OLDEST))
    resumed = await retry_each(store, (job async for job in failed if waits_for_sign_in(job) and is_meant(job)))
    log.info("jobs_resumed", platform=platform, count=resumed)
    return resumed


def waits_for_sign_in(job: Job) -> bool:
    if job.status is not JobStatus.FAILED or job.error_code is None:
        return False
    return FAILURES[job.error_code].waits_for_window


def wall_since(jobs: list[Job]) -> datetime | None:
    """Return since when the site has been asking for a sign-in, as far as the waiting jobs tell."""
    return min((job.failed_at for job in jobs if job.failed_at is not None), default=None)
