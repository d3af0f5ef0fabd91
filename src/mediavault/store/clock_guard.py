"""A guard for stores that use the host's clock: leases must not expire because that clock was set."""

from __future__ import annotations

from datetime import datetime, timedelta

MAX_DRIFT_S = 5.0  # between two readings; NTP slews at most 0.5 ms a second, a step or a resume from sleep is larger
DEFAULT_LEASE = timedelta(seconds=90)  # until the store has seen a longer one


class ClockGuard:
    """Decides whether an expired lease can be trusted.

    When wall clock and monotonic time have drifted apart since the last reading, the clock was set or the machine
    slept. Every lease then looks expired (or endless), so for the length of one lease no job is recovered because of
    the time: live workers renew their leases in that period. Leases that were ended on purpose are not affected.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._blocked_until = float("-inf")
        self._lease_s = DEFAULT_LEASE.total_seconds()

    def lease_given(self, lease: timedelta, now: datetime, monotonic: float) -> None:
        """Note a lease's length, and compare the clocks: a lease given by a wrong clock ends at a wrong time."""
        self._lease_s = max(self._lease_s, lease.total_seconds())
        self.may_reap(now, monotonic)

    def may_reap(self, now: datetime, monotonic: float) -> bool:
        """Compare the clocks; False for the length of one lease after a drift of more than ``MAX_DRIFT_S``."""
        offset = now.timestamp() - monotonic
        if self._offset is not None and abs(offset - self._offset) > MAX_DRIFT_S:
            self._blocked_until = monotonic + self._lease_s
        self._offset = offset
        return monotonic >= self._blocked_until
