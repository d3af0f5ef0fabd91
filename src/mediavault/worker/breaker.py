"""A circuit breaker: a disk that failed one job would fail the next ones, so no more are claimed for a while (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from mediavault.core.errors import ErrorCode

TRIPPED_BY = frozenset({ErrorCode.NO_SPACE, ErrorCode.STORAGE})
FIRST_PAUSE_POLLS = 10  # of the worker's polls: ten seconds with the usual one
LONGEST_PAUSE_POLLS = 300


@dataclass(slots=True)
class Breaker:
    """Times are monotonic seconds. Attempts that run at the same time fail together: they trip it once.

    When a pause is over, the disk has to prove itself; then one job at a time goes ahead until one has been kept.
    """

    poll_interval_s: float
    trips: int = 0
    until: float = float("-inf")

    def trip(self, now: float) -> float | None:
        """An attempt met the disk's fault; the pause that begins with it, None where one is under way."""
        if now < self.until:
            return None
        pause_s = self.poll_interval_s * min(FIRST_PAUSE_POLLS << self.trips, LONGEST_PAUSE_POLLS)
        self.trips += 1
        self.until = now + pause_s
        return pause_s

    def reset(self) -> bool:
        """A video was kept; whether that is news."""
        was_tripped = self.trips > 0
        self.trips, self.until = 0, float("-inf")
        return was_tripped

    def is_open(self, now: float) -> bool:
        """Whether nothing may be claimed."""
        return now < self.until

    def wants_proof(self, now: float) -> bool:
        return self.trips > 0 and not self.is_open(now)

    def allows(self, free: int, running: int) -> int:
        """How many jobs may be claimed."""
        return free if not self.trips else min(free, max(0, 1 - running))
