"""Whether and when a failed job is tried again: a pure function of the failure and of the attempts
so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from mediavault.core.failures import (
    FAILURES,
    ErrorCode,
    Failure,
    NotYet,
    Retry,
    Retryable,
    SeemsDeleted,
)

# 1, 5, 25 minutes, 2 and 10 hours with the default base: short outages, then long ones
BACKOFF_FACTOR = 5
MAX_DELAY = timedelta(days=1)
ENVIRONMENT_DELAY = timedelta(minutes=5)
# for a post that seems to be gone; the second time it is believed
SECOND_CHECK_DELAY = timedelta(hours=1)
# as long as the site is closed; blocked again, a user has to help
BLOCKED_DELAY = timedelta(hours=6)
RETRY_AFTER_SPREAD = 0.1  # spreads jobs that a site asked to come back at the same time

# For a post that is live or announced: half an hour, then longer and longer.
FIRST_WAIT = timedelta(minutes=30)
LONGEST_WAIT = timedelta(hours=6)
# an announced start may be moved: the post is checked once a week
LONGEST_TO_START = timedelta(days=7)
MAX_WAITS = 60  # in a row: two weeks of waits that grow to six hours; then the job fails

# after the attempts, when the site's answer is not understood: an upgrade may read it
DAILY = timedelta(days=1)
MAX_DAILY = 14


@dataclass(frozen=True, slots=True)
class RetryIn:
    """Try again after ``delay``; ``uses_attempt`` is False while the job waits for something that
    is not there yet.
    """

    delay: timedelta
    uses_attempt: bool = True


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not try again automatically; ``reason`` is for the log."""

    reason: str


def decide(
    failure: Failure,
    *,
    attempt: int,
    max_attempts: int,
    base: timedelta,
    jitter: float,
    now: datetime,
    former: Sequence[ErrorCode | None] = (),
    closed_for: timedelta | None = None,
) -> RetryIn | GiveUp:
    """Decide whether and when a failed job is tried again.

    ``attempt`` counts finished attempts, so it is 1 after the first failure; ``jitter`` is a random
    number in [0, 1). ``former`` are the error codes of the earlier attempts, oldest first; only
    read if ``needs_history``. ``closed_for``: the site stays closed for that long, so coming back
    earlier is useless.
    """
    retry = failure.spec.retry
    if retry is Retry.ACCOUNT_DAY and failure.retry_after is not None:
        # without jitter: a permit is reserved for that moment
        return RetryIn(failure.retry_after, uses_attempt=False)
    # A problem of this machine uses up no attempt, or a full disk would fail the whole queue.
    if retry is Retry.MACHINE and max_attempts > 1:
        return RetryIn(ENVIRONMENT_DELAY * (0.75 + jitter / 2), uses_attempt=False)
    if isinstance(failure, NotYet) and max_attempts > 1:
        return _wait_until_available(
            failure, waits=_in_a_row(former, Retry.NOT_YET), now=now, jitter=jitter
        )
    if not isinstance(failure, Retryable):
        return GiveUp("trying again cannot help")
    if attempt >= max_attempts:
        return _retry_daily(failure, former, max_attempts, jitter) or GiveUp(
            f"{attempt} of {max_attempts} attempts used up"
        )
    if needs_confirmation(failure) and former and failure.code is former[-1]:
        return GiveUp("it came to the same twice")
    prescribed = max(
        (span for span in (_prescribed_wait(failure), closed_for) if span is not None), default=None
    )
    if prescribed is not None:
        return RetryIn(prescribed * (1 + RETRY_AFTER_SPREAD * jitter))
    return RetryIn(backoff(attempt, base=base, jitter=jitter))


def needs_history(failure: Failure) -> bool:
    """Whether :func:`decide` needs the error codes of the earlier attempts."""
    return failure.spec.retry in (Retry.NOT_YET, Retry.DAILY) or needs_confirmation(failure)


def needs_confirmation(failure: Failure) -> bool:
    """Whether the job gives up when this failure comes twice in a row."""
    return isinstance(failure, SeemsDeleted) or failure.spec.retry is Retry.CONFIRM


def _wait_until_available(
    failure: NotYet, *, waits: int, now: datetime, jitter: float
) -> RetryIn | GiveUp:
    """Wait until the announced start, or longer each time when none is announced."""
    if waits >= MAX_WAITS:
        return GiveUp(f"it was not there after {waits} waits")
    ahead = failure.starts_at - now if failure.starts_at is not None else failure.retry_after
    if ahead is not None and ahead > timedelta():
        spread = min(ahead * RETRY_AFTER_SPREAD, FIRST_WAIT)
        return RetryIn(min(ahead + spread * jitter, LONGEST_TO_START), uses_attempt=False)
    wait = min(FIRST_WAIT * 2 ** min(waits, 8), LONGEST_WAIT)
    return RetryIn(wait * (1 + RETRY_AFTER_SPREAD * jitter), uses_attempt=False)


def _retry_daily(
    failure: Failure, former: Sequence[ErrorCode | None], max_attempts: int, jitter: float
) -> RetryIn | None:
    """Retry once a day for a while when the site's answer is not understood;
    None when that does not help.
    """
    if failure.spec.retry is not Retry.DAILY or max_attempts == 1:
        return None
    if _in_a_row(former, Retry.DAILY) >= MAX_DAILY:
        return None
    return RetryIn(DAILY * (1 + RETRY_AFTER_SPREAD * jitter), uses_attempt=False)


def _in_a_row(former: Sequence[ErrorCode | None], retry: Retry) -> int:
    """How many attempts in a row have just failed by this rule."""
    return sum(
        1
        for _ in takewhile(
            lambda code: code is not None and FAILURES[code].retry is retry, reversed(former)
        )
    )


def _prescribed_wait(failure: Failure) -> timedelta | None:
    """The wait that the site asked for, or that belongs to this kind of failure;
    None without one.
    """
    if isinstance(failure, SeemsDeleted):
        return SECOND_CHECK_DELAY
    return BLOCKED_DELAY if failure.code is ErrorCode.IP_BLOCKED else failure.retry_after


def backoff(attempt: int, *, base: timedelta, jitter: float) -> timedelta:
    """Return ``base * 5^(attempt-1)``, at most a day, spread over 75 to 125 %."""
    exponent = min(attempt - 1, 10)
    growth: int = BACKOFF_FACTOR**exponent
    return min(base * growth, MAX_DELAY) * (0.75 + jitter / 2)
