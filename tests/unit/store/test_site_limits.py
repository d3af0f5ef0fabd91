"""The state changes of a site limit, as pure functions: an account's cap holds on random days."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.job import JobId
from mediavault.core.site_limits import (
    DAY,
    SOON,
    AccountPost,
    PermitRefusal,
    PermitRequest,
    SiteLimit,
    SiteState,
)
from mediavault.store.site_limits import account_free_at, acquire_permit, capacity, close
from tests.fakes import START

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def request_of(job: int, cap: int) -> PermitRequest:
    return PermitRequest(
        JobId(f"j{job}"), "x", interval=timedelta(0), probe_within=HOUR, account_cap=cap
    )


@given(
    cap=st.integers(1, 4),
    asks=st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from([0, 1, 300, 700, 1440])), max_size=60
    ),
)
def test_an_account_visits_no_more_posts_than_its_cap_within_any_24_hours(
    cap: int, asks: list[tuple[int, int]]
) -> None:
    """Jobs ask at any time, early, late or never again;
    the list of stored posts stays short all the while.
    """
    limit, now = SiteLimit("x"), START
    visited: list[tuple[int, timedelta]] = []
    for job, minutes in asks:
        now += timedelta(minutes=minutes)
        permit, limit = acquire_permit(limit, request_of(job, cap), now)
        if permit.refused is None:
            visited.append((job, now - START))
        else:
            assert permit.refused is PermitRefusal.ACCOUNT_DAY
            assert now < permit.at
        within = {job for job, at in visited if now - START - DAY < at}
        assert len(within) <= cap
        assert len(limit.account_posts) <= 3 * cap


@given(cap=st.integers(1, 3), count=st.integers(1, 6))
def test_a_job_that_comes_at_its_promised_time_is_let_in(cap: int, count: int) -> None:
    """A time is promised to ``cap`` jobs; later ones only learn when to ask again."""
    limit, promised = SiteLimit("x"), {}
    for job in range(min(count, 2 * cap)):
        permit, limit = acquire_permit(limit, request_of(job, cap), START + timedelta(minutes=job))
        if permit.refused:
            promised[job] = permit.at

    for job, at in sorted(promised.items(), key=lambda pair: pair[1]):
        permit, limit = acquire_permit(limit, request_of(job, cap), at)
        assert permit.refused is None


def test_a_promise_does_not_count_as_a_post_before_its_time() -> None:
    limit = SiteLimit(
        "x", account_posts=(AccountPost(JobId("a"), START), AccountPost(JobId("b"), START + HOUR))
    )

    assert limit.posts_within_day(START) == 1
    assert account_free_at(limit, JobId("c"), START, cap=2) == START + DAY


@pytest.mark.parametrize(
    ("next_permit", "at"),
    [(None, MINUTE), (START + 2 * MINUTE, 2 * MINUTE), (START + MINUTE / 2, MINUTE)],
)
def test_a_permit_with_a_pause_comes_no_sooner_and_the_next_one_follows_it(
    next_permit: datetime | None, at: timedelta
) -> None:
    request = replace(request_of(1, 9), pause=MINUTE, max_wait=3 * MINUTE, interval=MINUTE)
    permit, after = acquire_permit(SiteLimit("x", next_permit_at=next_permit), request, START)

    assert (permit.refused, permit.at) == (None, START + at)
    assert after.next_permit_at == START + at + MINUTE


@pytest.mark.parametrize(
    ("limit", "count"),
    [
        (SiteLimit("x"), 5),
        (SiteLimit("x", next_permit_at=START), 1),
        (SiteLimit("x", next_permit_at=START + SOON), 1),
        (SiteLimit("x", next_permit_at=START + 2 * SOON), None),
        (SiteLimit("x", closed_until=START + HOUR, failures=1), None),
        (SiteLimit("x", closed_until=START, failures=1), 1),
        (SiteLimit("x", closed_until=START, failures=1, probing_until=START + HOUR), None),
        (SiteLimit("x", next_permit_at=START, reserved_until=START + SOON), None),
        # the clock was set back since
        (SiteLimit("x", next_permit_at=START + DAY, reserved_until=START + DAY), 1),
    ],
)
def test_how_many_jobs_of_a_site_may_be_handed_out(limit: SiteLimit, count: int | None) -> None:
    assert capacity([limit], START, limit=5).get("x") == count


def test_a_site_is_half_open_from_the_end_of_its_closure_until_a_job_gets_through() -> None:
    limit = close(SiteLimit("x"), START, duration=HOUR, code=None, reason="")  # type: ignore[arg-type]

    assert [limit.state(START + n * HOUR) for n in (0, 1, 2)] == [
        SiteState.CLOSED,
        SiteState.HALF_OPEN,
        SiteState.HALF_OPEN,
    ]
    assert SiteLimit("x").state(START) is SiteState.OPEN
