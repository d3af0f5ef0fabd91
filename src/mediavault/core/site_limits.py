"""A site's gate: closed while the site wants to be left alone, for every worker of the fleet; and turns at an open one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mediavault.core.failures import ErrorCode
from mediavault.core.job import JobId

SOON = timedelta(
    seconds=2
)  # a turn that is nearer is worth a slot of a worker; for one further away the job is given back
DAY = timedelta(days=1)  # in which an account's posts are counted; it rolls
NOT_UNDERSTOOD_WITHIN = timedelta(days=7)  # in which the posts are counted that no extractor understands
MANY_SITES = frozenset({"generic", "mastodon"})  # one name for many sites: they have no gate, and no pace
OUT_OF_SIGHT = timedelta(minutes=10)  # longer than any interval: a turn beyond was given before the clock was set back


class GateState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    HALF_OPEN = "half_open"  # the time is over, and one job finds out whether the site lets us in again


@dataclass(frozen=True, slots=True)
class AccountPost:
    """A job's post that was looked at with the account ``at`` that time, or, in the future, is promised a place then."""

    job: JobId
    at: datetime


@dataclass(frozen=True, slots=True)
class SiteLimit:
    """What the store knows of a platform's gate. ``strikes`` counts closings since a job last got through.

    Once ``closed_until`` has passed with strikes left the gate is half open: one job may probe, and the others wait
    for what comes of it.
    """

    platform: str
    closed_until: datetime | None = None
    probing_until: datetime | None = None  # a job is finding out whether the site lets us in again
    failures: int = 0
    code: ErrorCode | None = None
    reason: str = ""
    next_turn_at: datetime | None = None
    offered_until: datetime | None = None  # a claim has handed out a job for the next turn, which has not taken it yet
    account_posts: tuple[AccountPost, ...] = ()  # oldest first; kept only where ``account_cap`` is given
    account_cap: int | None = None  # as the last look with the account named it

    @property
    def blocked_until(self) -> datetime | None:
        """The later of the two; jobs of the platform are not claimed before."""
        return max((at for at in (self.closed_until, self.probing_until) if at is not None), default=None)

    def is_closed(self, now: datetime) -> bool:
        return self.blocked_until is not None and self.blocked_until > now

    def state(self, now: datetime) -> GateState:
        if self.closed_until is not None and self.closed_until > now:
            return GateState.CLOSED
        return GateState.HALF_OPEN if self.failures else GateState.OPEN

    def permit_after(self, now: datetime) -> datetime:
        """The site's next free moment, as far as the pace goes."""
        at = self.next_turn_at
        return now if at is None or at <= now or at - now > OUT_OF_SIGHT else at

    def is_offered(self, now: datetime) -> bool:
        at = self.offered_until
        return at is not None and now < at <= now + OUT_OF_SIGHT

    def posts_within_day(self, now: datetime) -> int:
        """How many posts the account has looked at in the last 24 hours."""
        return sum(now - DAY < post.at <= now for post in self.account_posts)


@dataclass(frozen=True, slots=True)
class PermitRequest:
    """What a job asks of its site's gate. The next turn after its own lies ``interval`` later.

    Its own lies ``pause`` from now at least. A turn that is further away than ``patience`` is not taken. A half-open gate is closed for all others for
    ``probe_within``. With ``account_cap`` the post is looked at with the account, and counts as one of the ``account_cap``
    that it may look at within 24 hours. ``is_prober``: the job is the one that probes already.
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
    """Why there is no turn now."""

    CLOSED = "closed"
    LATER = "later"  # others go first
    ACCOUNT_DAY = "account_day"  # the account has looked at as many posts as a day allows


@dataclass(frozen=True, slots=True)
class Permit:
    """When a job may reach out to its site: at ``at``; or, when ``refused``, not before ``at``."""

    at: datetime
    refused: PermitRefusal | None = None
    is_probe: bool = False
