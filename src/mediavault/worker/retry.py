"""Whether and when a failed job is tried again: a pure function of the failure and the count of attempts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from mediavault.core.errors import ErrorCode, Failure, Retryable, SeemsDeleted

BACKOFF_FACTOR = 5  # 1, 5, 25 minutes, 2 and 10 hours with the default base: short outages, then long ones
MAX_DELAY = timedelta(days=1)
ENVIRONMENT_DELAY = timedelta(minutes=5)
LIVE_DELAY = timedelta(minutes=30)
SECOND_LOOK_DELAY = timedelta(hours=1)  # at what seems to be gone; the second time it is believed
BLOCKED_DELAY = timedelta(hours=6)  # as long as the site's gate is closed; blocked again, a person has to help
RETRY_AFTER_SPREAD = 0.1  # jobs that were told the same time do not come back in one crowd

# What is wrong with this machine, not with the post: it uses up no attempt, or a full disk would fail the whole queue.
ENVIRONMENT = frozenset({ErrorCode.NO_SPACE, ErrorCode.STORAGE, ErrorCode.BROWSER_UNAVAILABLE, ErrorCode.TOOL_MISSING})


@dataclass(frozen=True, slots=True)
class RetryIn:
    delay: timedelta
    uses_attempt: bool = True


@dataclass(frozen=True, slots=True)
class GiveUp:
    reason: str


def decide(
    failure: Failure,
    *,
    attempt: int,
    max_attempts: int,
    base: timedelta,
    jitter: float,
    before: ErrorCode | None = None,
    closed_for: timedelta | None = None,
) -> RetryIn | GiveUp:
    """``attempt`` counts finished tries, so it is 1 after the first failure; ``jitter`` is a random number in [0, 1).

    ``before`` is how the attempt before this one ended: what is believed, or left to a person, when it comes twice.
    ``closed_for``: the site's gate stays closed for that long, so that there is no use in coming back earlier.
    """
    if failure.code is ErrorCode.ACCOUNT_DAY_USED and failure.retry_after is not None:
        return RetryIn(failure.retry_after, uses_attempt=False)  # a place of its own, promised for that very moment
    if failure.code in ENVIRONMENT and max_attempts > 1:
        return RetryIn(ENVIRONMENT_DELAY * (0.75 + jitter / 2), uses_attempt=False)
    if not isinstance(failure, Retryable):
        return GiveUp("trying again cannot help")
    if attempt >= max_attempts:
        return GiveUp(f"{attempt} of {max_attempts} attempts are used up")
    if wants_second_look(failure) and failure.code is before:
        return GiveUp("it came to the same twice")
    named = max((span for span in (_named(failure), closed_for) if span is not None), default=None)
    if named is not None:
        return RetryIn(named * (1 + RETRY_AFTER_SPREAD * jitter))
    if failure.code is ErrorCode.LIVE_NOW:
        return RetryIn(LIVE_DELAY)
    return RetryIn(backoff(attempt, base=base, jitter=jitter))


def _named(failure: Failure) -> timedelta | None:
    """The wait that the site has named, or that belongs to the failure's kind."""
    if isinstance(failure, SeemsDeleted):
        return SECOND_LOOK_DELAY
    return BLOCKED_DELAY if failure.code is ErrorCode.IP_BLOCKED else failure.retry_after


def wants_second_look(failure: Failure) -> bool:
    """Whether it counts that the attempt before ended in the same way."""
    return isinstance(failure, SeemsDeleted) or failure.code is ErrorCode.IP_BLOCKED


def backoff(attempt: int, *, base: timedelta, jitter: float) -> timedelta:
    """``base * 5^(attempt-1)``, at most a day, spread over 75 to 125 %."""
    exponent = min(attempt - 1, 10)
    growth: int = BACKOFF_FACTOR**exponent
    return min(base * growth, MAX_DELAY) * (0.75 + jitter / 2)
