"""Jobs that wait for a sign-in, and how they resume."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.job import ClaimedJob, Job, JobId, JobStatus, WorkerId
from mediavault.core.media import SavedFile
from mediavault.core.platform import Platform, SignIn
from mediavault.core.records import RecordKind
from mediavault.core.sessions import BrowserTask, SessionState
from mediavault.core.submission import Submission
from mediavault.platforms.registry import identify
from mediavault.store.waiting_jobs import (
    PAGE,
    JobNotWaiting,
    browser_task_for,
    continue_after_sign_ins,
    resume_after_sign_in,
    resume_after_window,
    resume_waiting,
    still_asking,
    waiting_jobs,
    wall_since,
)
from tests.fakes import START, FakeClock
from tests.memory_store import MemoryJobStore
from tests.stubs import new_job

WORKER = WorkerId("w-1")
LEASE = timedelta(seconds=90)
SAVED = SavedFile("a/b.mp4", None, 10, "ab" * 32, 1.0, 2, 2)
WAITS = [
    ErrorCode.LOGIN_REQUIRED,
    ErrorCode.SESSION_EXPIRED,
    ErrorCode.AGE_RESTRICTED,
    ErrorCode.CHALLENGE,
]


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
        return await self.store.queue.fail(
            claim, error_code=code, error="It failed.", retry_in=None
        )

    async def claimed(self) -> ClaimedJob:
        """Claim the only queued job."""
        self.clock.advance(1)
        (claim,) = await self.store.queue.claim(WORKER, limit=10, lease=LEASE)
        return claim

    async def fails(
        self, claim: ClaimedJob, code: ErrorCode, *, retry_in: timedelta | None = None
    ) -> None:
        self.clock.advance(1)
        await self.store.queue.fail(claim, error_code=code, error="It failed.", retry_in=retry_in)
        self.clock.advance(1)

    async def succeeds(self, claim: ClaimedJob) -> None:
        self.clock.advance(1)
        await self.store.queue.complete(claim, SAVED)
        self.clock.advance(1)

    async def window_closed(self, job: Job, signed_in: bool | None = None) -> None:
        """Close a window on the post of a job whose site has no sign-in of its own."""
        self.clock.advance(1)
        await resume_after_window(
            state(signed_in), BrowserTask(MANY, job.post_url, job.id), self.store
        )

    async def queued(self, jobs: list[Job]) -> int:
        return [await self.status(job) for job in jobs].count(JobStatus.QUEUED)

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


@pytest.mark.parametrize(
    "code", [ErrorCode.DELETED, ErrorCode.AMBIGUOUS, ErrorCode.NETWORK, ErrorCode.ACCOUNT_WARNING]
)
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
    await resume_after_window(
        state(signed_in), BrowserTask(SITE, answered.post_url, answered.id), queue.store
    )

    assert await queue.status(answered) is JobStatus.QUEUED
    assert (await queue.status(other) is JobStatus.QUEUED) is resumes


async def test_an_answer_to_one_site_resumes_no_job_of_another() -> None:
    queue = Queue()
    answered, other = [
        await queue.failed(ErrorCode.CHALLENGE, host=host) for host in ("a.test", "b.test")
    ]
    await resume_after_window(
        state(None), BrowserTask(MANY, answered.post_url, answered.id), queue.store
    )

    assert await queue.status(answered) is JobStatus.QUEUED
    assert await queue.status(other) is JobStatus.FAILED


async def test_a_window_opens_on_the_jobs_own_post_and_never_on_a_mirror() -> None:
    queue, checked = Queue(), list[str]()
    job = await queue.failed(ErrorCode.CHALLENGE, url="https://vxtwitter.com/jane/status/12")
    task = browser_task_for(
        job, Submission(identify, lambda url, _: checked.append(url.host), queue.clock, 5)
    )

    assert (task.platform.name, task.url, task.job_id) == (
        "x",
        "https://x.com/jane/status/12",
        job.id,
    )
    assert checked == ["x.com"]


@pytest.mark.parametrize("code", [ErrorCode.DELETED, ErrorCode.NETWORK, ErrorCode.ACCOUNT_WARNING])
async def test_no_window_opens_for_a_job_that_does_not_wait_for_the_user(code: ErrorCode) -> None:
    queue = Queue()
    with pytest.raises(JobNotWaiting):
        browser_task_for(
            await queue.failed(code), Submission(identify, lambda *_: None, queue.clock, 5)
        )


# --- a sign-in of which only the next attempt shows whether it helped -----------------------------


async def waiting_posts(queue: Queue, count: int = 4, **options: str) -> tuple[Job, list[Job]]:
    """Return a job on whose post the window is opened, and the others of its host."""
    first, *others = [await queue.failed(ErrorCode.LOGIN_REQUIRED, **options) for _ in range(count)]
    return first, others


async def asking(queue: Queue) -> list[str]:
    return [trial.host for trial in await still_asking(queue.store, "x")]


async def test_after_a_sign_in_the_first_saved_post_lets_its_host_continue() -> None:
    queue = Queue()
    first, others = await waiting_posts(queue)
    await queue.window_closed(first)
    assert await queue.queued([first, *others]) == 1
    assert await continue_after_sign_ins(queue.store) == 0

    await queue.succeeds(await queue.claimed())
    assert await continue_after_sign_ins(queue.store) == len(others)
    assert await queue.queued(others) == len(others)
    assert await continue_after_sign_ins(queue.store) == 0
    assert await asking(queue) == []


async def test_when_the_first_post_meets_the_wall_the_others_wait_and_the_host_is_named() -> None:
    queue = Queue()
    first, others = await waiting_posts(queue)
    await queue.window_closed(first)
    assert await asking(queue) == []
    await queue.fails(await queue.claimed(), ErrorCode.LOGIN_REQUIRED)

    assert await continue_after_sign_ins(queue.store) == 0
    assert await queue.queued([first, *others]) == 0
    assert await asking(queue) == ["p.test"]
    assert await still_asking(queue.store, "another") == []


async def test_a_later_sign_in_takes_the_place_of_one_that_did_not_help() -> None:
    queue = Queue()
    first, (second, *others) = await waiting_posts(queue)
    await queue.window_closed(first)
    await queue.fails(await queue.claimed(), ErrorCode.LOGIN_REQUIRED)
    await queue.window_closed(second)
    assert await asking(queue) == []

    await queue.succeeds(await queue.claimed())
    await continue_after_sign_ins(queue.store)
    assert await queue.queued([first, *others]) == 3
    assert await asking(queue) == []


async def test_the_user_may_sign_in_twice_on_the_same_post() -> None:
    queue = Queue()
    first, others = await waiting_posts(queue)
    for _ in range(2):
        await queue.window_closed(first)
        await queue.fails(await queue.claimed(), ErrorCode.LOGIN_REQUIRED)
        await continue_after_sign_ins(queue.store)
    await queue.window_closed(first)
    await queue.succeeds(await queue.claimed())

    assert await continue_after_sign_ins(queue.store) == len(others)


async def test_a_post_that_is_saved_by_a_later_retry_shows_that_the_sign_in_helped() -> None:
    queue = Queue()
    first, others = await waiting_posts(queue)
    await queue.window_closed(first)
    await queue.fails(await queue.claimed(), ErrorCode.LOGIN_REQUIRED)
    await continue_after_sign_ins(queue.store)
    await queue.store.queue.retry(first.id)
    await queue.succeeds(await queue.claimed())

    assert await continue_after_sign_ins(queue.store) == len(others)


@pytest.mark.parametrize(
    "code", [ErrorCode.DELETED, ErrorCode.NETWORK, ErrorCode.CHALLENGE, ErrorCode.AGE_RESTRICTED]
)
async def test_when_the_first_post_fails_otherwise_the_others_continue(code: ErrorCode) -> None:
    queue = Queue()
    first, others = await waiting_posts(queue)
    await queue.window_closed(first)
    await queue.fails(await queue.claimed(), code)

    assert await continue_after_sign_ins(queue.store) == len(others)
    assert await queue.status(first) is JobStatus.FAILED
    assert await continue_after_sign_ins(queue.store) == 0


async def test_a_failure_of_this_machine_says_nothing_about_the_sign_in() -> None:
    queue = Queue()
    first, others = await waiting_posts(queue)
    await queue.window_closed(first)
    await queue.fails(
        await queue.claimed(), ErrorCode.BROWSER_UNAVAILABLE, retry_in=timedelta(minutes=5)
    )
    assert await continue_after_sign_ins(queue.store) == 0

    queue.clock.advance(timedelta(minutes=6))
    await queue.store.queue.promote_due()
    await queue.fails(await queue.claimed(), ErrorCode.LOGIN_REQUIRED)
    assert await continue_after_sign_ins(queue.store) == 0
    assert await queue.queued([first, *others]) == 0


async def test_a_sign_in_at_one_host_resumes_no_job_of_another() -> None:
    queue = Queue()
    first, others = await waiting_posts(queue, host="a.test")
    second, elsewhere = await waiting_posts(queue, host="b.test")
    await queue.window_closed(first)
    await queue.succeeds(await queue.claimed())
    await continue_after_sign_ins(queue.store)
    assert (await queue.queued(others), await queue.queued(elsewhere)) == (3, 0)

    for claim in await queue.store.queue.claim(WORKER, limit=10, lease=LEASE):
        await queue.succeeds(claim)
    await queue.window_closed(second)
    await queue.fails(await queue.claimed(), ErrorCode.LOGIN_REQUIRED)
    assert await continue_after_sign_ins(queue.store) == 0
    assert await asking(queue) == ["b.test"]


async def test_jobs_that_met_a_challenge_continue_at_once_and_not_a_second_time() -> None:
    queue = Queue()
    first, others = await waiting_posts(queue)
    challenged = await queue.failed(ErrorCode.CHALLENGE)
    await queue.window_closed(first)
    assert await queue.status(challenged) is JobStatus.QUEUED

    for claim in await queue.store.queue.claim(WORKER, limit=2, lease=LEASE):
        await (
            queue.succeeds(claim)
            if claim.id == first.id
            else queue.fails(claim, ErrorCode.CHALLENGE)
        )
    assert await continue_after_sign_ins(queue.store) == len(others)
    assert await queue.status(challenged) is JobStatus.FAILED


async def test_an_answered_challenge_says_nothing_about_jobs_that_wait_for_a_sign_in() -> None:
    queue = Queue()
    first, others = (
        await queue.failed(ErrorCode.CHALLENGE),
        [await queue.failed(ErrorCode.LOGIN_REQUIRED)],
    )
    await queue.window_closed(first)
    await queue.succeeds(await queue.claimed())

    assert await continue_after_sign_ins(queue.store) == 0
    assert await queue.queued(others) == 0


async def test_a_site_with_unknown_session_cookies_continues_on_all_of_its_hosts() -> None:
    queue = Queue()
    first, other = [
        await queue.failed(ErrorCode.LOGIN_REQUIRED, host=host) for host in ("a.test", "b.test")
    ]
    await resume_after_window(state(None), BrowserTask(SITE, first.post_url, first.id), queue.store)
    await queue.succeeds(await queue.claimed())

    assert await continue_after_sign_ins(queue.store) == 1
    assert await queue.status(other) is JobStatus.QUEUED


@pytest.mark.parametrize("is_removed", [True, False])
async def test_when_the_first_job_goes_the_next_one_shows_whether_the_sign_in_helped(
    is_removed: bool,
) -> None:
    queue = Queue()
    first, (second, *others) = await waiting_posts(queue)
    await queue.window_closed(first)
    await (
        queue.store.catalogue.remove(first.id) if is_removed else queue.store.queue.cancel(first.id)
    )
    await continue_after_sign_ins(queue.store)
    assert (await queue.status(second), await queue.queued(others)) == (JobStatus.QUEUED, 0)

    await queue.succeeds(await queue.claimed())
    assert await continue_after_sign_ins(queue.store) == len(others)


async def test_a_kill_after_done_and_before_the_first_job_is_queued_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue = Queue()
    first, others = await waiting_posts(queue)

    async def killed(_: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(queue.store.site_limits, "reopen_site", killed)
        with pytest.raises(KeyboardInterrupt):
            await queue.window_closed(first)
    assert await queue.queued([first, *others]) == 0

    await continue_after_sign_ins(queue.store)
    assert await queue.status(first) is JobStatus.QUEUED
    await queue.succeeds(await queue.claimed())
    assert await continue_after_sign_ins(queue.store) == len(others)


async def test_a_kill_in_the_middle_of_the_first_job_loses_nothing() -> None:
    queue = Queue()
    first, others = await waiting_posts(queue)
    await queue.window_closed(first)
    await queue.claimed()
    queue.clock.advance(LEASE + timedelta(seconds=1))
    await queue.store.queue.recover_stale_jobs(retry_in=timedelta())
    assert await continue_after_sign_ins(queue.store) == 0

    await queue.store.queue.promote_due()
    await queue.succeeds(await queue.claimed())
    assert await continue_after_sign_ins(queue.store) == len(others)


async def test_a_kill_while_the_others_are_queued_loses_none_and_tries_none_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue = Queue()
    first, others = await waiting_posts(queue)
    await queue.window_closed(first)
    await queue.succeeds(await queue.claimed())
    retry, done = queue.store.queue.retry, list[str]()

    async def one_only(job_id: JobId) -> Job:
        if done:
            raise KeyboardInterrupt
        done.append(job_id)
        return await retry(job_id)

    with monkeypatch.context() as patched:
        patched.setattr(queue.store.queue, "retry", one_only)
        with pytest.raises(KeyboardInterrupt):
            await continue_after_sign_ins(queue.store)
    # this post needs another account
    await queue.fails(await queue.claimed(), ErrorCode.LOGIN_REQUIRED)

    assert await continue_after_sign_ins(queue.store) == len(others) - 1
    assert await queue.status(others[0]) is JobStatus.FAILED


async def test_two_workers_queue_the_others_once() -> None:
    queue = Queue()
    first, others = await waiting_posts(queue)
    await queue.window_closed(first)
    await queue.succeeds(await queue.claimed())
    await asyncio.gather(*[continue_after_sign_ins(queue.store) for _ in range(2)])
    claims = await queue.store.queue.claim(WORKER, limit=10, lease=LEASE)

    assert sorted(claim.id for claim in claims) == sorted(job.id for job in others)
    assert {claim.fence for claim in claims} == {2}
    assert await queue.store.records.all(RecordKind.SIGN_IN_TRIAL) == []


async def test_a_pause_that_began_after_the_sign_in_stays() -> None:
    """The first job was told to ask less often: that holds for the others too."""
    queue = Queue()
    first, _ = await waiting_posts(queue)
    await queue.window_closed(first)
    claim = await queue.claimed()
    await queue.store.site_limits.pause_site(
        "x", duration=timedelta(hours=1), code=ErrorCode.RATE_LIMITED, reason="slower"
    )
    await queue.fails(claim, ErrorCode.RATE_LIMITED)
    await continue_after_sign_ins(queue.store)

    assert await queue.store.queue.claim(WORKER, limit=10, lease=LEASE) == []
