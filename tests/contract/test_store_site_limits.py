"""The contract of every store for site limits: permits,
closed sites and the daily caps of accounts.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from mediavault.core.failures import ErrorCode, LeaseLost
from mediavault.core.job import ClaimedJob, JobId, JobStatus, WorkerId
from mediavault.core.site_limits import DAY, SOON, Permit, PermitRefusal, PermitRequest, SiteLimit
from mediavault.store.port import Store
from mediavault.store.site_limits import RESERVATION
from tests.contract.stores import LEASE, numbered_job
from tests.fakes import FakeClock

W1, W2 = WorkerId("w-1"), WorkerId("w-2")
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
PROBE = 10 * MINUTE
ASKED = PermitRequest(JobId("job-0"), "x", interval=SECOND, probe_within=PROBE)
RARELY = replace(ASKED, interval=MINUTE)


async def enqueue(store: Store, *platforms: str) -> None:
    """Enqueue one job of each platform, in this order."""
    known = sum((await store.catalogue.report()).counts.values())
    jobs = [
        numbered_job(n, f"https://s.example/{n}", platform=name)
        for n, name in enumerate(platforms, start=known)
    ]
    await store.queue.enqueue(jobs)


async def claim(store: Store, *, limit: int = 9) -> list[ClaimedJob]:
    return await store.queue.claim(W1, limit=limit, lease=LEASE)


async def claimed_sites(store: Store, *, limit: int = 9) -> list[str]:
    return [attempt.job.platform for attempt in await claim(store, limit=limit)]


async def close(
    store: Store, platform: str = "x", *, minutes: float = 10, reason: str = "slow down"
) -> SiteLimit:
    return await store.site_limits.pause_site(
        platform, duration=timedelta(minutes=minutes), code=ErrorCode.RATE_LIMITED, reason=reason
    )


# --- permits --------------------------------------------------------------------------------------


async def test_permits_are_an_interval_apart_and_platforms_are_independent(
    store: Store, clock: FakeClock
) -> None:
    began = clock.now()
    turns = [await store.site_limits.acquire_permit(ASKED) for _ in range(3)]
    other = await store.site_limits.acquire_permit(replace(ASKED, platform="tiktok"))

    assert turns == [Permit(began + n * SECOND) for n in range(3)]
    assert other == Permit(began)


async def test_unused_permits_do_not_accumulate(store: Store, clock: FakeClock) -> None:
    await store.site_limits.acquire_permit(ASKED)
    clock.advance(timedelta(hours=1))

    assert (await store.site_limits.acquire_permit(ASKED)).at == clock.now()


async def test_a_permit_later_than_the_callers_max_wait_is_reported_and_not_reserved(
    store: Store, clock: FakeClock
) -> None:
    await store.site_limits.acquire_permit(RARELY)
    before = await store.site_limits.all_limits()

    assert await store.site_limits.acquire_permit(RARELY) == Permit(
        clock.now() + MINUTE, PermitRefusal.LATER
    )
    assert await store.site_limits.all_limits() == before
    assert await store.site_limits.acquire_permit(replace(RARELY, max_wait=MINUTE)) == Permit(
        clock.now() + MINUTE
    )


async def test_a_permit_granted_by_a_wrong_clock_is_not_waited_for(
    store: Store, clock: FakeClock
) -> None:
    await store.site_limits.acquire_permit(RARELY)
    clock.jump(-timedelta(days=2))
    await enqueue(store, "x")

    assert await claimed_sites(store) == ["x"]
    assert (await store.site_limits.acquire_permit(RARELY)).at == clock.now()


# --- claims ---------------------------------------------------------------------------------------


async def test_jobs_whose_site_has_no_permit_soon_are_skipped_until_it_has(
    store: Store, clock: FakeClock
) -> None:
    await store.site_limits.acquire_permit(RARELY)
    await enqueue(store, *["x"] * 10, "reddit")

    assert await claimed_sites(store) == ["reddit"]
    clock.advance(MINUTE - SOON - SECOND)
    assert await claim(store) == []
    clock.advance(SECOND)
    assert await claimed_sites(store) == ["x"]


async def test_one_job_of_a_paced_site_is_handed_out_until_its_permit_is_taken(
    store: Store, clock: FakeClock
) -> None:
    await store.site_limits.acquire_permit(ASKED)
    clock.advance(MINUTE)
    await enqueue(store, "x", "x", "x", "y", "y")

    first = await claim(store)
    assert [attempt.job.platform for attempt in first] == ["x", "y", "y"]
    assert await claim(store) == []
    await store.site_limits.acquire_permit(replace(ASKED, job=first[0].id))
    assert await claimed_sites(store) == ["x"]


async def test_workers_that_claim_at_once_do_not_get_two_jobs_for_one_permit(
    store: Store, clock: FakeClock
) -> None:
    await store.site_limits.acquire_permit(RARELY)
    clock.advance(MINUTE)
    await enqueue(store, *["x"] * 4)

    claims = await asyncio.gather(
        *(store.queue.claim(worker, limit=2, lease=LEASE) for worker in (W1, W2, W1))
    )

    assert sum(map(len, claims)) == 1


async def test_a_claimed_job_that_takes_no_permit_delays_the_others_only_briefly(
    store: Store, clock: FakeClock
) -> None:
    await store.site_limits.acquire_permit(ASKED)
    clock.advance(MINUTE)
    await enqueue(store, "x", "x")
    await claim(store)
    clock.advance(RESERVATION - SECOND)
    assert await claim(store) == []
    clock.advance(SECOND)

    assert await claimed_sites(store) == ["x"]


async def test_a_job_released_for_lack_of_a_permit_is_claimed_when_one_is_due_and_loses_no_attempt(
    store: Store, clock: FakeClock
) -> None:
    await enqueue(store, "x")
    (attempt,) = await claim(store)
    await store.site_limits.acquire_permit(RARELY)
    assert (
        await store.site_limits.acquire_permit(replace(RARELY, job=attempt.id))
    ).refused is PermitRefusal.LATER
    await store.queue.release(attempt)

    assert await claim(store) == []
    clock.advance(MINUTE)
    (again,) = await claim(store)
    assert (again.fence, again.job.max_attempts) == (2, attempt.job.max_attempts + 1)
    with pytest.raises(LeaseLost):
        await store.queue.release(attempt)


# --- closed sites ---------------------------------------------------------------------------------


async def test_a_closed_site_says_until_when_and_its_jobs_are_not_claimed(
    store: Store, clock: FakeClock
) -> None:
    await enqueue(store, "x", "y")
    limit = await close(store)

    assert (limit.closed_until, limit.failures, limit.code) == (
        clock.now() + PROBE,
        1,
        ErrorCode.RATE_LIMITED,
    )
    assert await store.site_limits.acquire_permit(ASKED) == Permit(
        clock.now() + PROBE, PermitRefusal.CLOSED
    )
    assert await claimed_sites(store) == ["y"]
    clock.advance(timedelta(minutes=10))
    assert await claimed_sites(store) == ["x"]


async def test_after_the_closing_one_job_probes_and_the_others_wait_for_it(
    store: Store, clock: FakeClock
) -> None:
    await close(store)
    clock.advance(timedelta(minutes=11))
    await enqueue(store, "x", "x")
    assert await claimed_sites(store) == ["x"]

    assert await store.site_limits.acquire_permit(ASKED) == Permit(clock.now(), is_probe=True)
    assert await store.site_limits.acquire_permit(ASKED) == Permit(
        clock.now() + PROBE, PermitRefusal.CLOSED
    )
    assert await claim(store) == []
    clock.advance(timedelta(minutes=11))  # the probe never reported a result
    assert (await store.site_limits.acquire_permit(ASKED)).is_probe


async def test_a_reopened_site_has_no_failures_left(store: Store, clock: FakeClock) -> None:
    await close(store)
    await store.site_limits.reopen_site("x")

    assert await store.site_limits.acquire_permit(ASKED) == Permit(clock.now())
    (limit,) = await store.site_limits.all_limits()
    assert (limit.failures, limit.closed_until, limit.code) == (0, None, None)


async def test_a_longer_closing_keeps_its_end_and_reason(store: Store, clock: FakeClock) -> None:
    await close(store, minutes=60, reason="account warned")
    limit = await close(store, minutes=1, reason="slow down")

    assert (limit.closed_until, limit.reason, limit.failures) == (
        clock.now() + timedelta(hours=1),
        "account warned",
        2,
    )
    assert await store.site_limits.all_limits() == [limit]


async def test_site_limits_are_listed_by_name(store: Store) -> None:
    for name in ("y", "x"):
        await close(store, name)

    assert [limit.platform for limit in await store.site_limits.all_limits()] == ["x", "y"]


async def test_the_report_counts_waiting_jobs_by_site(store: Store) -> None:
    await enqueue(store, "x", "x", "x", "y", "z")
    claims = await claim(store, limit=2)
    await store.queue.fail(claims[0], error_code=ErrorCode.NETWORK, error="Later.", retry_in=MINUTE)
    await store.queue.fail(claims[1], error_code=ErrorCode.DELETED, error="Gone.", retry_in=None)

    assert (await store.catalogue.report()).waiting == {"x": 2, "y": 1, "z": 1}


# --- the account's daily cap ----------------------------------------------------------------------


def of_account(number: int, *, cap: int = 2) -> PermitRequest:
    return replace(ASKED, job=JobId(f"job-{number}"), interval=timedelta(0), account_cap=cap)


async def test_an_account_visits_no_more_posts_within_a_day_than_its_cap(
    store: Store, clock: FakeClock
) -> None:
    began = clock.now()
    assert (await store.site_limits.acquire_permit(of_account(1))).refused is None
    clock.advance(MINUTE)
    assert (await store.site_limits.acquire_permit(of_account(2))).refused is None
    clock.advance(MINUTE)

    assert await store.site_limits.acquire_permit(of_account(3)) == Permit(
        began + DAY, PermitRefusal.ACCOUNT_DAY
    )
    # a request without the account
    assert (await store.site_limits.acquire_permit(ASKED)).refused is None
    (limit,) = await store.site_limits.all_limits()
    assert (limit.posts_within_day(clock.now()), limit.account_cap) == (2, 2)


async def test_jobs_that_wait_for_the_account_get_their_times_in_the_order_of_their_requests(
    store: Store, clock: FakeClock
) -> None:
    began = clock.now()
    for number in (1, 2):
        await store.site_limits.acquire_permit(of_account(number))
        clock.advance(MINUTE)
    times = [
        (await store.site_limits.acquire_permit(of_account(number))).at for number in (3, 4, 3)
    ]

    assert times == [began + DAY, began + DAY + MINUTE, began + DAY]
    clock.advance(DAY - 2 * MINUTE)
    assert (
        await store.site_limits.acquire_permit(of_account(5))
    ).refused is PermitRefusal.ACCOUNT_DAY  # does not overtake
    assert (await store.site_limits.acquire_permit(of_account(3))).refused is None


async def test_a_post_that_is_visited_again_counts_once(store: Store, clock: FakeClock) -> None:
    for number in (1, 2, 1, 2, 1):
        assert (await store.site_limits.acquire_permit(of_account(number))).refused is None

    (limit,) = await store.site_limits.all_limits()
    assert limit.posts_within_day(clock.now()) == 2


async def test_a_refused_permit_counts_no_post_and_starts_no_probe(
    store: Store, clock: FakeClock
) -> None:
    await store.site_limits.acquire_permit(RARELY)
    assert (await store.site_limits.acquire_permit(of_account(1))).refused is PermitRefusal.LATER
    await close(store, minutes=1)
    assert (await store.site_limits.acquire_permit(of_account(1))).refused is PermitRefusal.CLOSED
    (limit,) = await store.site_limits.all_limits()
    assert limit.posts_within_day(clock.now()) == 0

    clock.advance(2 * MINUTE)
    for number in (1, 2):
        await store.site_limits.acquire_permit(of_account(number))
        await store.site_limits.reopen_site("x")
    await close(store, minutes=1)
    clock.advance(2 * MINUTE)
    assert (
        await store.site_limits.acquire_permit(of_account(3))
    ).refused is PermitRefusal.ACCOUNT_DAY
    assert (await store.site_limits.acquire_permit(ASKED)).is_probe


async def test_reopening_a_site_does_not_reset_the_accounts_daily_cap(store: Store) -> None:
    for number in (1, 2):
        await store.site_limits.acquire_permit(of_account(number))
    await close(store)
    await store.site_limits.reopen_site("x")

    assert (
        await store.site_limits.acquire_permit(of_account(3))
    ).refused is PermitRefusal.ACCOUNT_DAY


async def test_a_failure_that_is_not_the_posts_fault_uses_up_no_attempt(store: Store) -> None:
    await enqueue(store, "x")
    (attempt,) = await claim(store)
    facts = {"error_code": ErrorCode.ACCOUNT_DAY_USED, "error": "Tomorrow.", "retry_in": MINUTE}
    job = await store.queue.fail(attempt, **facts, uses_attempt=False)  # type: ignore[arg-type]

    assert (job.status, job.attempt_count, job.max_attempts) == (
        JobStatus.FAILED,
        1,
        attempt.job.max_attempts + 1,
    )
    assert await store.catalogue.get(attempt.id) == job
