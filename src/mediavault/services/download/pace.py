"""Judgements about how a transfer goes: when to try again after a cut, and when no more."""

from __future__ import annotations

from mediavault.core.errors import Failure, RateLimited

BACKOFF_S, MAX_BACKOFF_S = 0.5, 60.0
PROGRESS_BYTES = 1_000_000  # so much more than ever before makes former cuts forgotten
OPENING_TRIES = 2  # after a connection that brought nothing at all
RATE_LIMIT_S = 5.0  # at least, for a site that asks us to slow down and names no time
LONGEST_WAIT_S = 30.0  # a site that asks for more is left alone until the next attempt


def backoff_s(failures: int) -> float:
    """Seconds before the try that follows ``failures`` cuts in a row (1 is the first)."""
    return float(min(BACKOFF_S * 2 ** max(0, failures - 1), MAX_BACKOFF_S))


def wait_s(failure: Failure, failures: int) -> float | None:
    """Seconds before the same may be asked for again after ``failures`` failures in a row; None: not in this attempt."""
    if failure.retry_after is not None:
        asked = failure.retry_after.total_seconds()
        return max(backoff_s(failures), asked) if asked <= LONGEST_WAIT_S else None
    return max(backoff_s(failures), RATE_LIMIT_S * failures if isinstance(failure, RateLimited) else 0.0)


class Cuts:
    """Counts cuts in a row. Progress is measured against the most that was ever there: a file that is started over
    again and again makes none."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._best = 0
        self.failures = 0

    def may_go_on(self, position: int, *, ever_answered: bool = True) -> bool:
        """Take note of a cut at ``position``; False when it was one too many."""
        if position - self._best >= PROGRESS_BYTES:
            self._best, self.failures = position, 0
        self.failures += 1
        return self.failures <= (self._limit if ever_answered else min(self._limit, OPENING_TRIES))
