"""A closed site is left alone by all its jobs, and one job finds out when it is open again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.core.cookies import Cookie
from mediavault.core.failures import (
    AccountWarning,
    Challenge,
    Deleted,
    ErrorCode,
    Failure,
    IpBlocked,
    LoginRequired,
    NetworkFailure,
    Partial,
    RateLimited,
)
from mediavault.core.job import ItemStatus, Job, JobId, JobStatus, NewJob, WorkerId
from mediavault.core.media import Extraction, Item, Post
from mediavault.core.platform import Platform
from mediavault.core.site_limits import Permit
from mediavault.platforms.bluesky import BLUESKY
from mediavault.platforms.facebook import FACEBOOK
from mediavault.platforms.generic import GENERIC
from mediavault.platforms.instagram import INSTAGRAM
from mediavault.platforms.x import X
from mediavault.store.port import Store
from mediavault.worker import site_limits
from mediavault.worker.context import WorkerContext
from mediavault.worker.pipeline import process_one_cycle
from mediavault.worker.site_limits import NotAllowedYet, closing, report_outcome
from mediavault.worker.stages.extract import is_signed_in_at
from mediavault.worker.stages.route import Route
from tests.fakes import START, FakeClock
from tests.stubs import (
    VIDEO,
    StubBrowser,
    StubDownloader,
    StubExtractor,
    candidate,
    extraction,
    make_context,
    new_job,
    worked,
)
from tests.unit.worker.conftest import LEASE

W = WorkerId("w-1")


@pytest.fixture
def context(store: Store, clock: FakeClock, tmp_path: Path) -> WorkerContext:
    return make_context(store, clock, tmp_path)


async def acquire(
    platform: Platform, context: WorkerContext, *, before: Permit | None = None
) -> Permit | None:
    return await site_limits.acquire_permit(JobId("a-job"), platform, context, before=before)


EARLIER_PERMIT = Permit(START)


async def test_a_permit_that_was_granted_before_the_site_closed_is_not_used_afterwards(
    context: WorkerContext, store: Store, clock: FakeClock
) -> None:
    """A job waits up to two seconds for its permit, with the account for minutes;
    another's 429 may come first.
    """

    class WhileItWaits(FakeClock):
        async def sleep(self, seconds: float) -> None:
            await store.site_limits.pause_site(
                "bluesky", duration=timedelta(minutes=7), code=ErrorCode.RATE_LIMITED, reason="429"
            )

    await acquire(BLUESKY, context)
    with pytest.raises(NotAllowedYet) as sent_away:
        await acquire(BLUESKY, replace(context, clock=WhileItWaits()))

    assert sent_away.value.at == clock.now() + timedelta(minutes=7)


def x_job(clock: FakeClock, number: int) -> NewJob:
    return new_job(f"https://x.com/jane/status/{number}", clock=clock, platform="x")


@pytest.mark.parametrize(
    ("failure", "for_"),
    [
        (RateLimited("429", retry_after=timedelta(minutes=7)), timedelta(minutes=7)),
        (RateLimited("429"), timedelta(seconds=X.pace.cooldown_s)),
        (AccountWarning("locked"), timedelta(days=1)),
        (IpBlocked("no"), timedelta(hours=6)),
        (Challenge("human?"), timedelta(hours=1)),
        (Deleted("gone"), None),
        (NetworkFailure("reset"), None),
    ],
)
def test_which_failures_close_a_site_and_for_how_long(
    failure: Failure, for_: timedelta | None
) -> None:
    assert closing(failure, X) == for_


def test_a_login_wall_closes_the_site_only_where_walls_hide_the_media() -> None:
    assert closing(LoginRequired("wall"), FACEBOOK) is not None
    assert closing(LoginRequired("wall"), X) is None or X.walls.blocks_media


async def test_permits_of_one_site_are_an_interval_apart(
    context: WorkerContext, clock: FakeClock
) -> None:
    shortest, longest = X.pace.interval_s
    began = clock.now()
    for _ in range(3):
        await acquire(X, context, before=EARLIER_PERMIT)

    # jitter is a half
    assert (clock.now() - began).total_seconds() == pytest.approx(shortest + longest)


async def test_pages_of_unknown_sites_have_no_site_limits(
    context: WorkerContext, store: Store
) -> None:
    assert await acquire(GENERIC, context) is None
    await report_outcome(GENERIC, None, RateLimited("429"), context)

    assert await store.site_limits.all_limits() == []


async def test_each_failure_closes_the_site_for_twice_as_long_until_a_job_gets_through(
    context: WorkerContext, store: Store, clock: FakeClock
) -> None:
    for minutes in (7, 14, 28):
        await report_outcome(X, None, RateLimited("429", retry_after=timedelta(minutes=7)), context)
        (limit,) = await store.site_limits.all_limits()
        assert limit.closed_until == clock.now() + timedelta(minutes=minutes)
        clock.advance(timedelta(minutes=minutes, seconds=1))

    permit = await acquire(X, context)
    with pytest.raises(NotAllowedYet):
        await acquire(X, context)  # one probe at a time
    await report_outcome(X, permit, None, context)
    assert (await acquire(X, context, before=EARLIER_PERMIT)) is not None

    (limit,) = await store.site_limits.all_limits()
    assert (limit.failures, limit.closed_until) == (0, None)


async def test_a_network_failure_tells_a_probe_nothing(
    context: WorkerContext, store: Store, clock: FakeClock
) -> None:
    await report_outcome(X, None, RateLimited("429", retry_after=timedelta(minutes=7)), context)
    clock.advance(timedelta(minutes=8))
    permit = await acquire(X, context)
    await report_outcome(X, permit, NetworkFailure("reset"), context)

    (limit,) = await store.site_limits.all_limits()
    assert limit.failures == 1


async def test_a_429_of_one_job_holds_back_the_others_of_its_site_and_no_job_of_another(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    await store.queue.enqueue(
        [x_job(clock, 1), x_job(clock, 2), new_job("https://other.example/p", clock=clock)]
    )
    (claim,) = await store.queue.claim(W, limit=1, lease=LEASE)
    refused = StubExtractor(RateLimited("429", retry_after=timedelta(minutes=7)))
    await process_one_cycle(claim, make_context(store, clock, tmp_path, extractor=refused))

    assert [c.job.platform for c in await store.queue.claim(W, limit=9, lease=LEASE)] == ["generic"]
    clock.advance(timedelta(minutes=8))
    assert [c.job.platform for c in await store.queue.claim(W, limit=9, lease=LEASE)] == ["x"]


async def test_a_job_of_a_closed_site_goes_back_into_the_queue_without_using_up_an_attempt(
    store: Store, clock: FakeClock, context: WorkerContext
) -> None:
    await store.queue.enqueue([x_job(clock, 1)])
    (claim,) = await store.queue.claim(W, limit=1, lease=LEASE)
    await store.site_limits.pause_site(
        "x", duration=timedelta(hours=1), code=ErrorCode.CHALLENGE, reason="a person is asked for"
    )
    job = await worked(claim, context)

    assert (job.status, job.max_attempts - job.attempt_count) == (
        JobStatus.QUEUED,
        claim.job.max_attempts,
    )


async def test_a_rate_limit_within_a_carousel_closes_the_site_and_delays_the_job(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    await store.queue.enqueue([x_job(clock, 1)])
    (claim,) = await store.queue.claim(W, limit=1, lease=LEASE)
    items = tuple(
        Item((candidate(f"https://cdn.example/{n}.mp4"),), media_id=str(n)) for n in range(3)
    )
    context = make_context(
        store,
        clock,
        tmp_path,
        extractor=StubExtractor(replace(extraction(), items=items)),
        downloader=StubDownloader(VIDEO, RateLimited("429", retry_after=timedelta(hours=2))),
        jitter=lambda: 0.0,
    )
    job = await worked(claim, context)

    (limit,) = await store.site_limits.all_limits()
    assert (job.error_code, job.retry_at) == (ErrorCode.PARTIAL, clock.now() + timedelta(hours=2))
    assert (limit.code, limit.closed_until) == (ErrorCode.RATE_LIMITED, job.retry_at)
    assert [item.status for item in job.items] == [
        ItemStatus.SAVED,
        ItemStatus.FAILED,
        ItemStatus.WAITING,
    ]


@pytest.mark.parametrize(
    "cause", [RateLimited("429"), AccountWarning("locked"), Challenge("human?"), IpBlocked("no")]
)
async def test_the_strongest_cause_of_a_summarising_failure_closes_the_site(
    context: WorkerContext, store: Store, clock: FakeClock, cause: Failure
) -> None:
    summed_up = Partial("2 of 4 videos are kept.")
    summed_up.causes = (RateLimited("429", retry_after=timedelta(seconds=5)), cause)
    closed_for = await report_outcome(X, None, summed_up, context)

    (limit,) = await store.site_limits.all_limits()
    assert (limit.code, closed_for) == (cause.code, closing(cause, X))
    assert limit.closed_until == clock.now() + (closed_for or timedelta())


async def test_a_job_of_a_site_that_blocks_our_ip_is_retried_after_six_hours(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    await store.queue.enqueue([x_job(clock, 1)])
    (claim,) = await store.queue.claim(W, limit=1, lease=LEASE)
    refused = make_context(
        store, clock, tmp_path, extractor=StubExtractor(IpBlocked("no")), jitter=lambda: 0.0
    )

    assert (await worked(claim, refused)).retry_at == clock.now() + timedelta(hours=6)


# --- the account ----------------------------------------------------------------------------------


class Profile(StubBrowser):
    """``is_signed_in_at``: signed in to Instagram."""

    def __init__(self, *, is_signed_in_at: bool) -> None:
        self.is_signed_in_at = is_signed_in_at
        names = INSTAGRAM.sign_in.session_cookies if is_signed_in_at else ()
        super().__init__(cookies=[Cookie(name, "secret", "instagram.com") for name in names])


class SignedInExtractor(StubExtractor):
    name = "browser_cookies"
    signed_in = True


def insta_context(store: Store, clock: FakeClock, root: Path, browser: Profile) -> WorkerContext:
    """Signed-out visits meet a wall if ``browser`` is signed in, and see the post if it is not."""
    signed_out = StubExtractor(*(LoginRequired("wall"),) * browser.is_signed_in_at)
    context = make_context(store, clock, root, browser=browser)
    return replace(
        context, extractors={"browser": signed_out, "browser_cookies": SignedInExtractor()}
    )


async def insta(
    store: Store, clock: FakeClock, root: Path, number: int, browser: Profile
) -> tuple[Job, float]:
    """Claim and extract one post; return the job and how many seconds the next one has to wait."""
    url = f"https://www.instagram.com/p/ABCDEFG{number:03}/"
    await store.queue.enqueue([new_job(url, clock=clock, platform="instagram")])
    (claim,) = await store.queue.claim(W, limit=1, lease=LEASE)
    job = await worked(claim, insta_context(store, clock, root, browser))
    (limit,) = await store.site_limits.all_limits()
    return job, (limit.permit_after(clock.now()) - clock.now()).total_seconds()


async def test_a_signed_in_extraction_keeps_the_accounts_interval_and_a_signed_out_one_the_sites(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    _, anonymous = await insta(store, clock, tmp_path, 1, Profile(is_signed_in_at=False))
    clock.advance(60)
    _, signed_in = await insta(store, clock, tmp_path, 2, Profile(is_signed_in_at=True))

    assert (anonymous, signed_in) == (9, 30)  # the middles of 6 to 12 and of 20 to 40 seconds
    (limit,) = await store.site_limits.all_limits()
    assert (limit.posts_within_day(clock.now()), limit.account_cap) == (1, 60)


async def test_a_job_beyond_the_daily_limit_waits_with_a_message_and_uses_no_attempt(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    browser = Profile(is_signed_in_at=True)
    for number in range(60):
        job, _ = await insta(store, clock, tmp_path, number, browser)
        assert job.status is JobStatus.COMPLETED
        clock.advance(60)
    job, _ = await insta(store, clock, tmp_path, 60, browser)

    assert (job.status, job.error_code, job.retry_at) == (
        JobStatus.FAILED,
        ErrorCode.ACCOUNT_DAY_USED,
        START + timedelta(days=1),
    )
    assert (
        job.error
        == "Daily limit reached for your Instagram account: 60 posts; next at 2026-11-25 12:00 UTC."
    )
    assert job.max_attempts - job.attempt_count == 5
    clock.advance(60)
    # others go on
    signed_out, _ = await insta(store, clock, tmp_path, 61, Profile(is_signed_in_at=False))
    assert signed_out.status is JobStatus.COMPLETED
    clock.advance(START + timedelta(days=1) - clock.now())
    await store.queue.promote_due()
    (again,) = await store.queue.claim(W, limit=1, lease=LEASE)
    context = insta_context(store, clock, tmp_path, browser)
    assert (await worked(again, context)).status is JobStatus.COMPLETED


class Slow(StubExtractor):
    """A signed-out extraction that takes a while before it meets the wall."""

    def __init__(self, clock: FakeClock, *, takes_s: float) -> None:
        super().__init__(LoginRequired("wall"))
        self.clock, self.takes_s = clock, takes_s

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        self.clock.advance(self.takes_s)
        return await super().extract(post, platform, within_s=within_s)


@pytest.mark.parametrize("takes_s", [0, 3, 25])
async def test_the_accounts_interval_passes_between_the_signed_out_and_the_signed_in_extraction(
    store: Store, clock: FakeClock, tmp_path: Path, takes_s: float
) -> None:
    """Counted from the end of the signed-out extraction, which sends requests until then."""
    browser = Profile(is_signed_in_at=True)
    context = insta_context(store, clock, tmp_path, browser)
    slow = replace(
        context, extractors={**context.extractors, "browser": Slow(clock, takes_s=takes_s)}
    )
    url = "https://www.instagram.com/p/ABCDEFGHIJ/"
    await store.queue.enqueue([new_job(url, clock=clock, platform="instagram")])
    (claim,) = await store.queue.claim(W, limit=1, lease=LEASE)
    job = await worked(claim, slow)

    assert (job.status, clock.slept) == (JobStatus.COMPLETED, [30])


async def test_an_account_without_its_own_pace_keeps_the_sites(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    context = make_context(store, clock, tmp_path)
    await site_limits.acquire_permit(JobId("a-job"), X, context)
    clock.advance(20)
    await site_limits.acquire_permit(
        JobId("a-job"), X, context, with_account=True, before=EARLIER_PERMIT
    )

    assert clock.slept == [sum(X.pace.interval_s) / 2]


async def test_a_probe_may_continue_signed_in(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    await store.site_limits.pause_site(
        "instagram", duration=timedelta(hours=1), code=ErrorCode.LOGIN_REQUIRED, reason="wall"
    )
    clock.advance(timedelta(hours=2))
    job, _ = await insta(store, clock, tmp_path, 1, Profile(is_signed_in_at=True))

    (limit,) = await store.site_limits.all_limits()
    assert (job.status, limit.failures) == (JobStatus.COMPLETED, 0)


async def test_an_account_is_used_only_where_the_profile_is_signed_in_to_the_posts_site(
    context: WorkerContext,
) -> None:
    post = Post(
        "https://www.instagram.com/p/ABCDEFGH/",
        "https://www.instagram.com/p/ABCDEFGH/",
        "instagram",
    )
    for is_signed_in in (True, False):
        with_profile = replace(context, browser=Profile(is_signed_in_at=is_signed_in))
        assert await is_signed_in_at(Route(post, INSTAGRAM, ()), with_profile) is is_signed_in
        assert not await is_signed_in_at(Route(post, GENERIC, ()), with_profile)
