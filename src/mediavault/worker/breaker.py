"""A circuit breaker for the disk: after a disk error no more jobs are claimed for a while. Pure."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_PAUSE_POLLS = 10  # in polls of the worker: ten seconds with the default interval
LONGEST_PAUSE_POLLS = 300


@dataclass(slots=True)
class Breaker:
    """The breaker's state; times are in monotonic seconds. Attempts that fail at the same time trip it once.

    When a pause is over, the disk is tested; then one job at a time is claimed until one has been saved.
    """

    poll_interval_s: float
    trips: int = 0
    until: float = float("-inf")

    def trip(self, now: float) -> float | None:
        """Begin a pause after a disk error; return its length in seconds, None when one is running already."""
        if now < self.until:
            return None
        pause_s = self.poll_interval_s * min(FIRST_PAUSE_POLLS << self.trips, LONGEST_PAUSE_POLLS)
        self.trips += 1
        self.until = now + pause_s
        return pause_s

    def reset(self) -> bool:
        """Close the breaker because a video was saved; return whether it had been tripped."""
        was_tripped = self.trips > 0
        self.trips, self.until = 0, float("-inf")
        return was_tripped

    def end_pause(self) -> None:
        """End a pause that is running, since what caused it has changed."""
        self.until = float("-inf")

    def is_open(self, now: float) -> bool:
        """Whether a pause is running, so that nothing may be claimed."""
        return now < self.until

    def wants_proof(self, now: float) -> bool:
        return self.trips > 0 and not self.is_open(now)

    def allows(self, free: int, running: int) -> int:
        """How many jobs may be claimed with ``free`` slots while ``running`` jobs run."""
        return free if not self.trips else min(free, max(0, 1 - running))
