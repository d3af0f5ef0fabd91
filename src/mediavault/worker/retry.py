"""Whether and when a failed job is tried again: a pure function of the failure and of the attempts so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from mediavault.core.errors import ErrorCode, ExtractorBroken, Failure, NotYet, Retryable, SeemsDeleted, WorkerFroze
from mediavault.core.words import counted

BACKOFF_FACTOR = 5  # 1, 5, 25 minutes, 2 and 10 hours with the default base: short outages, then long ones
MAX_DELAY = timedelta(days=1)
ENVIRONMENT_DELAY = timedelta(minutes=5)
SECOND_LOOK_DELAY = timedelta(hours=1)  # at what seems to be gone; the second time it is believed
BLOCKED_DELAY = timedelta(hours=6)  # as long as the site's gate is closed; blocked again, a person has to help
RETRY_AFTER_SPREAD = 0.1  # jobs that were told the same time do not come back in one crowd

# What is not there yet: half an hour, then longer and longer, since a premiere is short and a marathon is not.
FIRST_WAIT = timedelta(minutes=30)
LONGEST_WAIT = timedelta(hours=6)
LONGEST_TO_START = timedelta(days=7)  # an announced start may be moved: it is looked at once a week
MAX_WAITS = 60  # in a row: a fortnight of waits that grow to six hours; then a person is told

DAILY = timedelta(days=1)  # after the attempts, where the site's form is not understood: an upgrade may read it
MAX_DAILY = 14

# What is wrong with this machine, not with the post: it uses up no attempt, or a full disk would fail the whole queue.
ENVIRONMENT = frozenset({ErrorCode.NO_SPACE, ErrorCode.STORAGE, ErrorCode.BROWSER_UNAVAILABLE, ErrorCode.TOOL_MISSING})
NOT_YET = frozenset({ErrorCode.LIVE_NOW, ErrorCode.UPCOMING})


@dataclass(frozen=True, slots=True)
class RetryIn:
    """Try again after ``delay``; waiting for what is not there yet uses up no attempt."""

    delay: timedelta
    uses_attempt: bool = True


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No further try by itself; ``reason`` is for the log."""

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
    """``attempt`` counts finished tries, so it is 1 after the first failure; ``jitter`` is a random number in [0, 1).

    ``former`` is how the attempts before this one failed, oldest first; only read where ``asks_for_former``.
    ``closed_for``: the site's gate stays closed for that long, so that there is no use in coming back earlier.
    """
    if failure.code is ErrorCode.ACCOUNT_DAY_USED and failure.retry_after is not None:
        return RetryIn(failure.retry_after, uses_attempt=False)  # a place of its own, promised for that very moment
    if failure.code in ENVIRONMENT and max_attempts > 1:
        return RetryIn(ENVIRONMENT_DELAY * (0.75 + jitter / 2), uses_attempt=False)
    if isinstance(failure, NotYet) and max_attempts > 1:
        return _wait_for_it(failure, waits=_in_a_row(former, NOT_YET), now=now, jitter=jitter)
    if not isinstance(failure, Retryable):
        return GiveUp("trying again cannot help")
    if attempt >= max_attempts:
        return _daily(failure, former, max_attempts, jitter) or GiveUp(
            f"{attempt} of {counted(max_attempts, 'attempt is', 'attempts are')} used up"
        )
    if is_believed_twice(failure) and former and failure.code is former[-1]:
        return GiveUp("it came to the same twice")
    named = max((span for span in (_named(failure), closed_for) if span is not None), default=None)
    if named is not None:
        return RetryIn(named * (1 + RETRY_AFTER_SPREAD * jitter))
    return RetryIn(backoff(attempt, base=base, jitter=jitter))


def asks_for_former(failure: Failure) -> bool:
    """Whether it counts how the attempts before ended."""
    return isinstance(failure, NotYet | ExtractorBroken) or is_believed_twice(failure)


def is_believed_twice(failure: Failure) -> bool:
    """Whether it is believed, or left to a person, when it comes twice in a row."""
    return isinstance(failure, SeemsDeleted | WorkerFroze) or failure.code in (
        ErrorCode.IP_BLOCKED,
        ErrorCode.PAGE_UNREADABLE,
    )


def _wait_for_it(failure: NotYet, *, waits: int, now: datetime, jitter: float) -> RetryIn | GiveUp:
    """Until the announced start; else longer each time."""
    if waits >= MAX_WAITS:
        return GiveUp(f"it was not there after {waits} waits")
    ahead = failure.starts_at - now if failure.starts_at is not None else failure.retry_after
    if ahead is not None and ahead > timedelta():
        spread = min(ahead * RETRY_AFTER_SPREAD, FIRST_WAIT)
        return RetryIn(min(ahead + spread * jitter, LONGEST_TO_START), uses_attempt=False)
    wait = min(FIRST_WAIT * 2 ** min(waits, 8), LONGEST_WAIT)
    return RetryIn(wait * (1 + RETRY_AFTER_SPREAD * jitter), uses_attempt=False)


def _daily(failure: Failure, former: Sequence[ErrorCode | None], max_attempts: int, jitter: float) -> RetryIn | None:
    """Once a day for a while, where what the site sends is not understood; None where that does not help."""
    if not isinstance(failure, ExtractorBroken) or max_attempts == 1:
        return None
    if _in_a_row(former, frozenset({failure.code})) >= MAX_DAILY:
        return None
    return RetryIn(DAILY * (1 + RETRY_AFTER_SPREAD * jitter), uses_attempt=False)


def _in_a_row(former: Sequence[ErrorCode | None], codes: frozenset[ErrorCode]) -> int:
    return sum(1 for _ in takewhile(codes.__contains__, reversed(former)))


def _named(failure: Failure) -> timedelta | None:
    """The wait that the site has named, or that belongs to the failure's kind."""
    if isinstance(failure, SeemsDeleted):
        return SECOND_LOOK_DELAY
    return BLOCKED_DELAY if failure.code is ErrorCode.IP_BLOCKED else failure.retry_after


def backoff(attempt: int, *, base: timedelta, jitter: float) -> timedelta:
    """``base * 5^(attempt-1)``, at most a day, spread over 75 to 125 %."""
    exponent = min(attempt - 1, 10)
    growth: int = BACKOFF_FACTOR**exponent
    return min(base * growth, MAX_DELAY) * (0.75 + jitter / 2)
