from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.failures import (
    AccountDayUsed,
    Ambiguous,
    BrowserUnavailable,
    Deleted,
    Drm,
    ErrorCode,
    ExtractorBroken,
    Failure,
    Incomplete,
    IpBlocked,
    LoginRequired,
    NetworkFailure,
    NoSpace,
    PageUnreadable,
    Private,
    RateLimited,
    SeemsDeleted,
    ToolMissing,
    Upcoming,
)
from mediavault.core.media import LiveNow
from mediavault.worker.retry import FIRST_WAIT, MAX_DELAY, MAX_WAITS, GiveUp, RetryIn, decide
from tests.fakes import START

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def verdict(
    failure: Failure,
    *,
    attempt: int = 1,
    max_attempts: int = 5,
    jitter: float = 0.5,
    former: Sequence[ErrorCode] = (),
) -> RetryIn | GiveUp:
    return decide(
        failure,
        attempt=attempt,
        max_attempts=max_attempts,
        base=MINUTE,
        jitter=jitter,
        now=START,
        former=former,
    )


def test_waits_grow_fivefold_with_each_attempt() -> None:
    waits = [verdict(NetworkFailure("no route"), attempt=n) for n in (1, 2, 3, 4)]

    assert waits == [
        RetryIn(MINUTE),
        RetryIn(5 * MINUTE),
        RetryIn(25 * MINUTE),
        RetryIn(125 * MINUTE),
    ]


@given(attempt=st.integers(1, 1000), jitter=st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_longer_than_a_day_and_a_quarter(attempt: int, jitter: float) -> None:
    answer = verdict(NetworkFailure("no route"), attempt=attempt, max_attempts=2000, jitter=jitter)

    assert isinstance(answer, RetryIn)
    assert timedelta(0) < answer.delay <= MAX_DELAY * 1.25


def test_jitter_spreads_the_waits_over_half_their_length() -> None:
    assert verdict(NetworkFailure("x"), jitter=0.0) == RetryIn(0.75 * MINUTE)
    assert verdict(NetworkFailure("x"), jitter=0.999) == RetryIn(MINUTE * (0.75 + 0.999 / 2))


@pytest.mark.parametrize("failure", [Deleted("gone"), Private("private"), Drm("locked")])
def test_a_final_failure_is_never_tried_again(failure: Failure) -> None:
    assert isinstance(verdict(failure), GiveUp)


@pytest.mark.parametrize(
    ("failure", "wait"),
    [(SeemsDeleted("404"), timedelta(hours=1)), (IpBlocked("no"), timedelta(hours=6))],
)
def test_a_failure_that_may_be_temporary_is_retried_once_and_then_final(
    failure: Failure, wait: timedelta
) -> None:
    assert verdict(failure, jitter=0.0) == RetryIn(wait)
    assert verdict(
        failure, attempt=3, jitter=0.0, former=[failure.code, ErrorCode.NETWORK]
    ) == RetryIn(wait)
    assert isinstance(verdict(failure, attempt=2, former=[failure.code]), GiveUp)


def test_a_page_that_took_too_long_to_read_is_read_once_more_and_then_given_up() -> None:
    """It takes as long the next time, unless it was the machine."""
    failure = PageUnreadable("The page was not read in time.")

    assert isinstance(verdict(failure), RetryIn)
    assert isinstance(verdict(failure, attempt=2, former=[failure.code]), GiveUp)


@pytest.mark.parametrize("failure", [LoginRequired("wall"), Ambiguous("two videos")])
def test_a_job_that_waits_for_the_user_is_not_retried_automatically(failure: Failure) -> None:
    assert isinstance(verdict(failure), GiveUp)


def test_the_last_attempt_is_the_last() -> None:
    assert isinstance(verdict(NetworkFailure("x"), attempt=4), RetryIn)
    assert isinstance(verdict(NetworkFailure("x"), attempt=5), GiveUp)


def test_with_one_attempt_allowed_every_failure_is_final() -> None:
    assert isinstance(verdict(Incomplete("cut"), max_attempts=1), GiveUp)
    assert isinstance(verdict(NoSpace("full"), max_attempts=1), GiveUp)
    assert isinstance(verdict(LiveNow("live"), max_attempts=1), GiveUp)
    assert isinstance(verdict(ExtractorBroken("new"), max_attempts=1), GiveUp)


def test_the_sites_retry_after_takes_precedence_and_is_never_undercut() -> None:
    wait = timedelta(seconds=90)
    answers = [verdict(RateLimited("slow down", retry_after=wait), jitter=j) for j in (0.0, 0.99)]

    assert answers[0] == RetryIn(wait)
    assert isinstance(answers[1], RetryIn)
    assert wait < answers[1].delay <= wait * 1.1


@pytest.mark.parametrize(
    "failure", [NoSpace("full"), BrowserUnavailable("crashed"), ToolMissing("no browser")]
)
def test_a_fault_of_this_machine_uses_up_no_attempt(failure: Failure) -> None:
    assert isinstance(verdict(failure, attempt=50), RetryIn)


def test_a_live_broadcast_is_waited_for_longer_each_time_and_uses_up_no_attempt() -> None:
    decisions = [
        verdict(
            LiveNow("live"),
            attempt=n + 5,
            jitter=0.0,
            former=[ErrorCode.NETWORK] + [ErrorCode.LIVE_NOW] * n,
        )
        for n in (0, 1, 2, 3, 4, 59)
    ]

    assert decisions == [
        RetryIn(hours * HOUR, uses_attempt=False) for hours in (0.5, 1, 2, 4, 6, 6)
    ]


def test_an_announced_broadcast_is_tried_when_it_begins_and_not_a_tenth_of_the_time_later() -> None:
    at_once, last = (
        verdict(Upcoming("soon", starts_at=START + 48 * HOUR), attempt=5, jitter=jitter)
        for jitter in (0.0, 0.999)
    )

    assert at_once == RetryIn(48 * HOUR, uses_attempt=False)
    assert isinstance(last, RetryIn)
    assert last.delay < 48.5 * HOUR


def test_a_start_given_as_a_duration_is_waited_for_as_well() -> None:
    assert verdict(Upcoming("soon", retry_after=3 * HOUR), jitter=0.0) == RetryIn(
        3 * HOUR, uses_attempt=False
    )


def test_a_start_that_is_far_off_is_checked_once_a_week_since_it_may_be_moved() -> None:
    far = Upcoming("next year", starts_at=START + timedelta(days=400))

    assert verdict(far) == RetryIn(timedelta(days=7), uses_attempt=False)


def test_a_start_in_the_past_is_ignored() -> None:
    late = Upcoming("late", starts_at=START - HOUR)

    assert verdict(late, jitter=0.0) == RetryIn(FIRST_WAIT, uses_attempt=False)


@pytest.mark.parametrize("failure", [LiveNow("live"), Upcoming("soon", starts_at=START + HOUR)])
def test_every_wait_has_an_end(failure: Failure) -> None:
    both = [ErrorCode.LIVE_NOW, ErrorCode.UPCOMING] * (MAX_WAITS // 2)

    assert isinstance(verdict(failure, former=both[1:]), RetryIn)
    assert isinstance(verdict(failure, former=both), GiveUp)


def test_a_post_that_is_not_understood_is_tried_daily_when_its_attempts_are_used_up() -> None:
    broken = ExtractorBroken("a new form")
    decisions = [
        verdict(
            broken, attempt=n + 1, max_attempts=max(5, n + 1), jitter=0.0, former=[broken.code] * n
        )
        for n in (3, 4, 13, 14)
    ]

    assert decisions[0] == RetryIn(125 * MINUTE * 0.75)
    assert decisions[1:3] == [RetryIn(timedelta(days=1), uses_attempt=False)] * 2
    assert isinstance(decisions[3], GiveUp)


def test_a_job_is_not_retried_before_its_site_reopens() -> None:
    for failure in (
        NetworkFailure("x"),
        RateLimited("429"),
        RateLimited("429", retry_after=MINUTE),
    ):
        answer = decide(
            failure,
            attempt=1,
            max_attempts=5,
            base=MINUTE,
            jitter=0.0,
            now=START,
            closed_for=6 * HOUR,
        )
        assert answer == RetryIn(6 * HOUR)


def test_a_job_beyond_the_daily_limit_is_retried_on_time_and_keeps_its_last_attempt() -> None:
    full = AccountDayUsed("60 posts", retry_after=5 * HOUR)

    assert verdict(full, attempt=5, jitter=0.9) == RetryIn(5 * HOUR, uses_attempt=False)
