"""A guard for stores whose only clock is the host's: leases must not end because somebody set the clock."""

from __future__ import annotations

from datetime import datetime, timedelta

MAX_DRIFT_S = 5.0  # between two looks; NTP slews at most 0.5 ms a second, a step or a resume from sleep is larger
DEFAULT_LEASE = timedelta(seconds=90)  # DESIGN: until the store has seen what leases are given


class ClockGuard:
    """Says whether an elapsed lease may be believed.

    When wall clock and monotonic time have moved apart since the last look, the clock was set or the machine slept.
    Every lease then looks elapsed (or endless), so nothing is reaped by time for one lease: live workers renew in
    that while. Leases that were ended on purpose are not concerned.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._blocked_until = float("-inf")
        self._lease_s = DEFAULT_LEASE.total_seconds()

    def lease_given(self, lease: timedelta, now: datetime, monotonic: float) -> None:
        """A look at both times, too: a lease that is given while the clock is wrong ends at a wrong time."""
        self._lease_s = max(self._lease_s, lease.total_seconds())
        self.may_reap(now, monotonic)

    def may_reap(self, now: datetime, monotonic: float) -> bool:
        """Look at both times; False for one lease after they moved apart by more than ``MAX_DRIFT_S``."""
        offset = now.timestamp() - monotonic
        if self._offset is not None and abs(offset - self._offset) > MAX_DRIFT_S:
            self._blocked_until = monotonic + self._lease_s
        self._offset = offset
        return monotonic >= self._blocked_until
