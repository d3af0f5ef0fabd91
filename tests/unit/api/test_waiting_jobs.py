"""Jobs that wait for a sign-in, and how they resume."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobStatus, WorkerId
from mediavault.core.platform import Platform, SignIn
from mediavault.core.sessions import BrowserTask, SessionState
from mediavault.core.submission import Submission
from mediavault.platforms.registry import identify
from mediavault.store.memory.store import MemoryJobStore
from mediavault.store.waiting_jobs import (
    PAGE,
    JobNotWaiting,
    browser_task_for,
    resume_after_sign_in,
    resume_after_window,
    resume_waiting,
    waiting_jobs,
    wall_since,
)
from tests.fakes import START, FakeClock
from tests.stubs import new_job

WORKER = WorkerId("w-1")
LEASE = timedelta(seconds=90)
WAITS = [ErrorCode.LOGIN_REQUIRED, ErrorCode.SESSION_EXPIRED, ErrorCode.AGE_RESTRICTED, ErrorCode.CHALLENGE]


class Queue:
    """A store, and jobs that failed in it a minute apart."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryJobStore(self.clock)
        self._count = 0

    async def failed(
        self, code: ErrorCode, *, platform: str = "x", host: str = "p.test", url: str | None = None
    ) -> Job:
        self._count += 1
        self.clock.advance(60)
        url = url or f"https://{host}/{self._count}"
        await self.store.queue.enqueue([new_job(url, clock=self.clock, platform=platform)])
        (claim,) = await self.store.queue.claim(WORKER, limit=1, lease=LEASE)
        return await self.store.queue.fail(claim, error_code=code, error="It failed.", retry_in=None)

    async def status(self, job: Job) -> JobStatus:
        return (await self.store.catalogue.get(job.id)).status


def state(signed_in: bool | None) -> SessionState:
    return SessionState("x", "X", "https://x.test/in", (), signed_in, 1, None, START)


@pytest.mark.parametrize("code", WAITS)
async def test_a_job_that_needs_a_sign_in_resumes_after_one(code: ErrorCode) -> None:
    queue = Queue()
    job = await queue.failed(code)

    assert await resume_waiting(queue.store, "x") == 1
    assert await queue.status(job) is JobStatus.QUEUED


@pytest.mark.parametrize("code", [ErrorCode.DELETED, ErrorCode.AMBIGUOUS, ErrorCode.NETWORK, ErrorCode.ACCOUNT_WARNING])
async def test_a_job_that_failed_for_another_reason_stays_failed(code: ErrorCode) -> None:
    queue = Queue()
    job = await queue.failed(code)

    assert await resume_waiting(queue.store, "x") == 0
    assert await queue.status(job) is JobStatus.FAILED


async def test_jobs_of_other_sites_keep_waiting() -> None:
    queue = Queue()
    job = await queue.failed(ErrorCode.LOGIN_REQUIRED, platform="instagram")

    assert await resume_waiting(queue.store, "x") == 0
    assert await queue.status(job) is JobStatus.FAILED


async def test_the_site_is_resumed_so_that_its_jobs_are_claimed_at_once() -> None:
    queue = Queue()
    await queue.failed(ErrorCode.LOGIN_REQUIRED)
    await queue.store.site_limits.pause_site(
        "x", duration=timedelta(hours=1), code=ErrorCode.LOGIN_REQUIRED, reason="wall"
    )
    await resume_waiting(queue.store, "x")

    assert len(await queue.store.queue.claim(WORKER, limit=1, lease=LEASE)) == 1


async def test_more_waiting_jobs_than_a_page_holds_all_resume() -> None:
    queue = Queue()
    for _ in range(PAGE + 5):
        await queue.failed(ErrorCode.LOGIN_REQUIRED)

    assert await resume_waiting(queue.store, "x") == PAGE + 5


async def test_a_wall_is_dated_from_the_first_job_that_met_it() -> None:
    queue = Queue()
    first = await queue.failed(ErrorCode.LOGIN_REQUIRED)
    await queue.failed(ErrorCode.SESSION_EXPIRED)
    waiting = await waiting_jobs(queue.store.catalogue, "x")

    assert len(waiting) == 2
    assert wall_since(waiting) == first.failed_at
    assert wall_since([]) is None


@pytest.mark.parametrize(("signed_in", "resumed"), [(True, 1), (None, 1), (False, 0)])
async def test_an_unsuccessful_sign_in_resumes_no_job(signed_in: bool | None, resumed: int) -> None:
    queue = Queue()
    await queue.failed(ErrorCode.LOGIN_REQUIRED)

    assert await resume_after_sign_in(state(signed_in), queue.store) == resumed


SITE = Platform(name="x", title="X", sign_in=SignIn(url="https://x.test/in"))
MANY = Platform(name="x", title="Any")  # one name for many sites: it has no sign-in


@pytest.mark.parametrize(
    ("signed_in", "code", "resumes"),
    [
        (False, ErrorCode.CHALLENGE, True),
        (True, ErrorCode.LOGIN_REQUIRED, True),
        (False, ErrorCode.LOGIN_REQUIRED, False),
        (None, ErrorCode.LOGIN_REQUIRED, False),
    ],
)
async def test_after_a_window_on_a_post_its_job_and_those_that_it_helps_resume(
    signed_in: bool | None, code: ErrorCode, resumes: bool
) -> None:
    queue = Queue()
    answered, other = await queue.failed(ErrorCode.LOGIN_REQUIRED), await queue.failed(code)
    await resume_after_window(state(signed_in), BrowserTask(SITE, answered.post_url, answered.id), queue.store)

    assert await queue.status(answered) is JobStatus.QUEUED
    assert (await queue.status(other) is JobStatus.QUEUED) is resumes


async def test_an_answer_to_one_site_resumes_no_job_of_another() -> None:
    queue = Queue()
    answered, other = [await queue.failed(ErrorCode.CHALLENGE, host=host) for host in ("a.test", "b.test")]
    await resume_after_window(state(None), BrowserTask(MANY, answered.post_url, answered.id), queue.store)

    assert await queue.status(answered) is JobStatus.QUEUED
    assert await queue.status(other) is JobStatus.FAILED


async def test_a_window_opens_on_the_jobs_own_post_and_never_on_a_mirror() -> None:
    queue, checked = Queue(), list[str]()
    job = await queue.failed(ErrorCode.CHALLENGE, url="https://vxtwitter.com/jane/status/12")
    task = browser_task_for(job, Submission(identify, lambda url: checked.append(str(url.host)), queue.clock, 5))

    assert (task.platform.name, task.url, task.job_id) == ("x", "https://x.com/jane/status/12", job.id)
    assert checked == ["x.com"]


@pytest.mark.parametrize("code", [ErrorCode.DELETED, ErrorCode.NETWORK, ErrorCode.ACCOUNT_WARNING])
async def test_no_window_opens_for_a_job_that_does_not_wait_for_the_user(code: ErrorCode) -> None:
    queue = Queue()
    with pytest.raises(JobNotWaiting):
        browser_task_for(await queue.failed(code), Submission(identify, lambda _: None, queue.clock, 5))
