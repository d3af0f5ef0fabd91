"""The limits of one site, for all workers together: pauses while it wants to be left alone,
and permits otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mediavault.core.failures import ErrorCode
from mediavault.core.job import JobId

# a worker's slot waits for a permit this near; for a later one the job is given back
SOON = timedelta(seconds=2)
DAY = timedelta(days=1)  # the rolling window in which an account's posts are counted
UNPARSED_WINDOW = timedelta(days=7)  # window for counting the posts that no extractor understands
# one name for many sites: they have no circuit breaker and no pace
MANY_SITES = frozenset({"generic", "mastodon"})
# Longer than any interval: a permit even later was given before the clock was set back.
MAX_PLAUSIBLE_WAIT = timedelta(minutes=10)
MAX_CLOSED = timedelta(days=1)
_MAX_DOUBLINGS = 8


def closing_time(first: timedelta, failures: int) -> timedelta:
    """Return for how long a site is closed: ``first``,
    doubled for each of its ``failures`` so far, up to a day.
    """
    return min(first * (1 << min(failures, _MAX_DOUBLINGS)), max(MAX_CLOSED, first))


class SiteState(StrEnum):
    """Whether a site may be asked. OPEN means yes, unlike in a circuit breaker's usual terms."""

    OPEN = "open"
    CLOSED = "closed"
    # the time has passed, and one job probes whether the site lets us in again
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class AccountPost:
    """A job's post that was read with the account at time ``at``; if that is in the future,
    it is reserved for then.
    """

    job: JobId
    at: datetime


@dataclass(frozen=True, slots=True)
class SiteLimit:
    """What the store knows about a platform's limits. ``failures`` counts closings since a job last
    succeeded.

    Once ``closed_until`` has passed with ``failures`` left, the site is half open: one job may
    probe, and the others wait for the result.
    """

    platform: str
    closed_until: datetime | None = None
    probing_until: datetime | None = None  # a job is probing whether the site lets us in again
    failures: int = 0
    code: ErrorCode | None = None
    reason: str = ""
    next_permit_at: datetime | None = None
    # a claim has returned a job for the next permit, not yet taken
    reserved_until: datetime | None = None
    account_posts: tuple[AccountPost, ...] = ()  # oldest first; stored only with ``account_cap``
    account_cap: int | None = None  # as the last request with the account named it

    @property
    def blocked_until(self) -> datetime | None:
        """The later of ``closed_until`` and ``probing_until``;
        no job of the platform is claimed before it.
        """
        return max(
            (at for at in (self.closed_until, self.probing_until) if at is not None), default=None
        )

    def is_closed(self, now: datetime) -> bool:
        return self.blocked_until is not None and self.blocked_until > now

    def state(self, now: datetime) -> SiteState:
        if self.closed_until is not None and self.closed_until > now:
            return SiteState.CLOSED
        return SiteState.HALF_OPEN if self.failures else SiteState.OPEN

    def permit_after(self, now: datetime) -> datetime:
        """Return the earliest time that the site's pace allows."""
        at = self.next_permit_at
        return now if at is None or at <= now or at - now > MAX_PLAUSIBLE_WAIT else at

    def is_reserved(self, now: datetime) -> bool:
        at = self.reserved_until
        return at is not None and now < at <= now + MAX_PLAUSIBLE_WAIT

    def posts_within_day(self, now: datetime) -> int:
        """Return how many posts were read with the account in the last 24 hours."""
        return sum(now - DAY < post.at <= now for post in self.account_posts)


@dataclass(frozen=True, slots=True)
class PermitRequest:
    """A job's request for a permit at its site. The next permit after it is ``interval`` later.

    The permit is at least ``pause`` from now; one further away than ``max_wait`` is not taken. A
    half-open site is closed to all others for ``probe_within``. With ``account_cap`` the post is
    read with the account, and counts as one of the ``account_cap`` posts that this may read within
    24 hours. ``is_prober``: the job is already the one that probes.
    """

    job: JobId
    platform: str
    interval: timedelta
    probe_within: timedelta
    max_wait: timedelta = SOON
    pause: timedelta = timedelta()
    account_cap: int | None = None
    is_prober: bool = False


class PermitRefusal(StrEnum):
    """Why a permit is refused."""

    CLOSED = "closed"
    LATER = "later"  # others go first
    ACCOUNT_DAY = "account_day"  # as many posts were read with the account as a day allows


@dataclass(frozen=True, slots=True)
class Permit:
    """When a job may access its site: at ``at``; or, when ``refused``, not before ``at``."""

    at: datetime
    refused: PermitRefusal | None = None
    is_probe: bool = False
