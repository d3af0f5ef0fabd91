"""Jobs that wait for the user: to sign in, to answer a challenge, to choose; and trying them again
afterwards.

Where a site's session cookies are not known, only a post that is read again shows whether a sign-in
helped. After a window on a post such a site's other jobs wait for that job's next attempt: a
record, made before the job is queued, names it, and workers look at these records
(``continue_after_sign_ins``). The record stays while the site still asks for a sign-in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from urllib.parse import urlsplit

from mediavault.core.failures import (
    FAILURES,
    BadInput,
    ErrorCode,
    FailureScope,
    JobNotFound,
    Remedy,
)
from mediavault.core.job import ItemStatus, Job, JobId, JobStatus
from mediavault.core.logs import get_logger
from mediavault.core.post_urls import page_to_visit
from mediavault.core.records import RecordKind
from mediavault.core.sessions import BrowserTask, SessionState, can_be_signed_in_to
from mediavault.core.submission import Submission
from mediavault.core.typed_records import from_named_json, to_named_json
from mediavault.core.urls import parse_http_url
from mediavault.store.bulk import iter_jobs, retry_each, retry_failed
from mediavault.store.port import JobCatalogue, JobOrder, JobQuery, Records, Store

_KIND = RecordKind.ACCEPTED
# the reason for which a damaged file, of which some plays, is saved
DAMAGE = ErrorCode.DAMAGED.value


async def retry_job(
    store: Store,
    job_id: JobId,
    *,
    chosen_urls: Sequence[str] = (),
    profile: str | None = None,
    as_it_is: bool = False,
) -> Job:
    """Queue a job again. With ``as_it_is`` its files are saved although they are not what the post
    announced, or damaged.

    That is true of exactly the question that the last attempt asked: another length is asked about
    again. Of damage only that there is some, since each copy may be damaged elsewhere. Raises
    JobNotFound, IllegalMove, and BadInput when there is nothing to save as it is.
    """
    if as_it_is:
        job = await store.catalogue.get(job_id)
        asked = questions(job)
        if not asked:
            raise BadInput(
                "This post has no file that waits to be saved as it is.",
                help="Reload the post: it may have changed.",
            )
        # First the answer: if the vault stops in between, the job is not queued, and the answer
        # holds when it is.
        known = await accepted_reasons(store.records, job_id)
        await store.records.put(_KIND, job_id, {"reasons": sorted(known | asked)})
    return await store.queue.retry(job_id, chosen_urls=chosen_urls, profile=profile)


def questions(job: Job) -> frozenset[str]:
    """Return why files of a job wait for the user's answer: in English, or ``DAMAGE``."""
    failed = [item for item in job.items if item.status is ItemStatus.FAILED]
    lengths = {
        str(item.error)
        for item in failed
        if item.error_code is ErrorCode.NOT_AS_ANNOUNCED and item.error
    }
    return frozenset(lengths | {DAMAGE for item in failed if item.error_code is ErrorCode.DAMAGED})


async def accepted_reasons(records: Records, job_id: JobId) -> frozenset[str]:
    """Return the reasons for which a user wants the job's files to be saved as they are."""
    record = await records.get(_KIND, job_id)
    return (
        frozenset(map(str, record.value.get("reasons", ()))) if record is not None else frozenset()
    )


PAGE = 200
MAX_COUNTED = 5_000  # failed jobs of one site that a page counts, newest first
ROUND_S = 2.0  # a user waits for it

log = get_logger(__name__)


class JobNotWaiting(BadInput):
    """A window was requested for the post of a job that does not wait for one."""

    code = ErrorCode.ILLEGAL_MOVE
    help = "A window can only be opened for a job that waits for a sign-in or a challenge."


async def waiting_jobs(catalogue: JobCatalogue, platform: str) -> list[Job]:
    """Return the platform's jobs that a sign-in may help, newest first."""
    failed = iter_jobs(
        catalogue, JobQuery((JobStatus.FAILED,), platform, limit=PAGE), at_most=MAX_COUNTED
    )
    return [job async for job in failed if waits_for_sign_in(job)]


async def resume_after_sign_in(state: SessionState, store: Store) -> int:
    """Resume the site's waiting jobs after a sign-in, unless it failed; returns how many were
    queued again.

    Where a site's session cookies are unknown the user's word counts; jobs that meet the wall again
    wait again.
    """
    return 0 if state.signed_in is False else await resume_waiting(store, state.platform)


async def resume_after_window(state: SessionState, task: BrowserTask, store: Store) -> int:
    """Resume the jobs that a window may have helped after it was closed; returns how many were
    queued again.

    These are the job on whose post it was open, all that met a challenge, since an answer is valid
    for the whole site, and after a sign-in the others too: at once, or after that job where it is
    not known whether the user is signed in. For a platform that covers many sites only jobs of the
    same host are resumed.
    """
    if task.job_id is None:
        return await resume_after_sign_in(state, store)
    if (
        state.signed_in is None
        and (job := await _job(store, task.job_id)) is not None
        and _needs_sign_in(job)
    ):
        host = "" if can_be_signed_in_to(task.platform) else _host(task.url)
        await _begin_trial(job, host, store)
    return await resume_waiting(store, state.platform, lambda job: _may_resume(job, state, task))


def _may_resume(job: Job, state: SessionState, task: BrowserTask) -> bool:
    if job.id == task.job_id:
        return True
    if not can_be_signed_in_to(task.platform) and _host(job.post_url) != _host(task.url):
        return False
    return job.error_code is ErrorCode.CHALLENGE or bool(state.signed_in)


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


# --- sign-ins that only the next attempt can judge ------------------------------------------------


@dataclass(frozen=True, slots=True)
class SignInTrial:
    """A sign-in after which the jobs of a site wait for the next attempt of one of them.

    ``host`` is the host whose jobs wait, "" for all jobs of the platform. ``attempt`` and ``code``
    are those of the job's last attempt before the sign-in.
    """

    job_id: JobId
    attempt: int
    code: ErrorCode
    platform: str
    host: str

    @property
    def key(self) -> str:
        """The key of its record, which no later sign-in has."""
        return f"{self.job_id}/{self.attempt}"

    def covers(self, job: Job) -> bool:
        """Whether the job is one of those that wait for it."""
        return (
            job.platform == self.platform
            and self.host in ("", _host(job.post_url))
            and _needs_sign_in(job)
        )


class _TrialState(Enum):
    NOT_QUEUED = auto()  # a kill came first
    WAITING = auto()
    STILL_ASKED = auto()
    HELPED = auto()  # or it failed for another reason: the others find out for themselves
    GONE = auto()  # the user wants it no more


def _state_of(trial: SignInTrial, job: Job | None) -> _TrialState:
    if job is None or job.status is JobStatus.CANCELLED:
        return _TrialState.GONE
    if job.status in (JobStatus.QUEUED, JobStatus.RUNNING):
        return _TrialState.WAITING
    if job.error_code is None:
        return _TrialState.HELPED
    if job.attempt_count == trial.attempt:
        return _TrialState.NOT_QUEUED
    if job.error_code is trial.code:
        return _TrialState.STILL_ASKED
    # such a failure is of this machine, and says nothing about the site
    is_retried = job.retry_at is not None and FAILURES[job.error_code].scope is FailureScope.MACHINE
    return _TrialState.WAITING if is_retried else _TrialState.HELPED


async def continue_after_sign_ins(store: Store) -> int:
    """Queue the jobs whose wait for the first job after a sign-in is over; returns how many.

    May be called by many workers at once, and after a kill at any point. Raises StoreError.
    """
    count = 0
    for trial in await _trials(store):
        job = await _job(store, trial.job_id)
        match _state_of(trial, job):
            case _TrialState.NOT_QUEUED:
                await store.site_limits.reopen_site(trial.platform)
                await store.queue.retry(trial.job_id)
            case _TrialState.HELPED if job is not None:
                count += await _queue_others(trial, job, store)
                await store.records.remove(RecordKind.SIGN_IN_TRIAL, trial.key)
            case _TrialState.GONE:
                if (following := await anext(_waiting_for(trial, store), None)) is not None:
                    await _begin_trial(following, trial.host, store)
                    await store.queue.retry(following.id)
                await store.records.remove(RecordKind.SIGN_IN_TRIAL, trial.key)
            case _:
                pass
    return count


async def still_asking(store: Store, platform: str) -> list[SignInTrial]:
    """Return the platform's last sign-ins after which the site asked for one again, by host.
    Raises StoreError.
    """
    trials = [trial for trial in await _trials(store) if trial.platform == platform]
    states = [_state_of(trial, await _job(store, trial.job_id)) for trial in trials]
    asking = zip(trials, states, strict=True)
    return sorted(
        (trial for trial, state in asking if state is _TrialState.STILL_ASKED),
        key=lambda trial: trial.host,
    )


async def _begin_trial(job: Job, host: str, store: Store) -> None:
    """Let the jobs of the host wait for this one; the host's earlier trials end."""
    assert job.error_code is not None
    trial = SignInTrial(job.id, job.attempt_count, job.error_code, job.platform, host)
    await store.records.put(RecordKind.SIGN_IN_TRIAL, trial.key, to_named_json(trial))
    for earlier in await _trials(store):
        if (earlier.platform, earlier.host) == (
            trial.platform,
            trial.host,
        ) and earlier.key != trial.key:
            await store.records.remove(RecordKind.SIGN_IN_TRIAL, earlier.key)


async def _trials(store: Store) -> list[SignInTrial]:
    records = await store.records.all(RecordKind.SIGN_IN_TRIAL)
    return [from_named_json(SignInTrial, record.value) for record in records]


async def _queue_others(trial: SignInTrial, first: Job, store: Store) -> int:
    """Queue the jobs that waited for the first one.
    Those that have been tried since it ended are left alone.
    """
    ended = first.completed_at or first.failed_at or first.updated_at
    count = await retry_each(
        store,
        (
            job
            async for job in _waiting_for(trial, store)
            if job.started_at is None or job.started_at <= ended
        ),
    )
    log.info("jobs_resumed", platform=trial.platform, count=count)
    return count


async def _waiting_for(trial: SignInTrial, store: Store) -> AsyncIterator[Job]:
    failed = JobQuery((JobStatus.FAILED,), trial.platform, limit=PAGE, order=JobOrder.OLDEST)
    async for job in iter_jobs(store.catalogue, failed):
        if job.id != trial.job_id and trial.covers(job):
            yield job


async def _job(store: Store, job_id: JobId) -> Job | None:
    try:
        return await store.catalogue.get(job_id)
    except JobNotFound:
        return None


def browser_task_for(job: Job, submission: Submission) -> BrowserTask:
    """Return the task of a window on the job's post.

    Raises JobNotWaiting, AddressRefused, and as URL parsing does.
    """
    if not waits_for_sign_in(job):
        raise JobNotWaiting("This job is not waiting for a sign-in or a challenge.")
    post, platform = submission.identify(parse_http_url(job.post_url))
    url = page_to_visit(post, platform)
    submission.check_url(parse_http_url(url), job.listed_by)
    return BrowserTask(platform, url, job.id, job.listed_by)


async def resume_waiting(
    store: Store, platform: str, is_meant: Callable[[Job], bool] = lambda _: True
) -> int:
    """Open the platform after a user's action and queue its waiting jobs again;
    returns how many.
    """
    await store.site_limits.reopen_site(platform)
    resumed = await retry_failed(
        store, lambda job: waits_for_sign_in(job) and is_meant(job), platform=platform
    )
    log.info("jobs_resumed", platform=platform, count=resumed)
    return resumed


def _needs_sign_in(job: Job) -> bool:
    return (
        waits_for_sign_in(job)
        and job.error_code is not None
        and FAILURES[job.error_code].remedy is Remedy.SIGN_IN
    )


def waits_for_sign_in(job: Job) -> bool:
    if job.status is not JobStatus.FAILED or job.error_code is None:
        return False
    return FAILURES[job.error_code].waits_for_window


def wall_since(jobs: list[Job]) -> datetime | None:
    """Return since when the site has been asking for a sign-in, as far as the waiting jobs tell."""
    return min((job.failed_at for job in jobs if job.failed_at is not None), default=None)
