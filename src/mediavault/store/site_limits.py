"""How a platform's limits change: pure functions that every store runs inside one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mediavault.core.failures import ErrorCode
from mediavault.core.job import JobId, Priority
from mediavault.core.site_limits import (
    DAY,
    SOON,
    AccountPost,
    Permit,
    PermitRefusal,
    PermitRequest,
    SiteLimit,
)


@dataclass(frozen=True, slots=True)
class ClaimFilter:
    """Which jobs a claim may take: of which platforms (empty: of all),
    where its machine is signed in, and how urgent.
    """

    platforms: frozenset[str] = frozenset()
    sessions: frozenset[str] = frozenset()
    at_least: Priority = Priority.LATER


# a job that was handed out asks for its permit long before, or needs none
RESERVATION = timedelta(seconds=10)


def capacity(limits: Iterable[SiteLimit], now: datetime, *, limit: int) -> Mapping[str, int]:
    """Return how many jobs of each of these platforms may be handed out now; platforms without any
    are left out.

    It is one where permits are used, and none while the next permit is not soon or is reserved for
    another job: a job that is handed out and gets no permit would only have to be released.
    """
    ready = (
        site_limit
        for site_limit in limits
        if not site_limit.is_closed(now) and site_limit.permit_after(now) - now <= SOON
    )
    return {
        site_limit.platform: 1 if uses_permits(site_limit) else limit
        for site_limit in ready
        if not site_limit.is_reserved(now)
    }


def uses_permits(site_limit: SiteLimit) -> bool:
    return site_limit.next_permit_at is not None or site_limit.failures > 0


def reserve(site_limit: SiteLimit, now: datetime) -> SiteLimit:
    """Return the limit after a job was handed out that is expected to take the next permit."""
    return replace(site_limit, reserved_until=now + RESERVATION)


def acquire_permit(
    site_limit: SiteLimit, request: PermitRequest, now: datetime
) -> tuple[Permit, SiteLimit]:
    """Return the answer, and the limit as it is then."""
    site_limit = replace(
        site_limit,
        reserved_until=None,
        probing_until=None if request.is_prober else site_limit.probing_until,
    )
    if site_limit.is_closed(now):
        return Permit(site_limit.blocked_until or now, PermitRefusal.CLOSED), site_limit
    counted = site_limit
    if request.account_cap is not None:
        counted = replace(site_limit, account_cap=request.account_cap)
        free_at = account_free_at(counted, request.job, now, cap=request.account_cap)
        counted = _with_post(counted, request.job, max(free_at, now), now, cap=request.account_cap)
        if free_at > now:
            return Permit(free_at, PermitRefusal.ACCOUNT_DAY), counted
    at = max(site_limit.permit_after(now), now + request.pause)
    if at - now > request.max_wait:
        return Permit(at, PermitRefusal.LATER), site_limit
    after = replace(counted, next_permit_at=at + request.interval)
    if site_limit.failures:
        return Permit(at, is_probe=True), replace(after, probing_until=now + request.probe_within)
    return Permit(at), after


def account_free_at(site_limit: SiteLimit, job: JobId, now: datetime, *, cap: int) -> datetime:
    """Return when the account may visit the job's post: it visits at most ``cap`` posts in any 24
    hours.

    A job that was refused has a reservation: jobs that ask after it do not overtake it. One whose
    post is already counted may visit it again.
    """
    others = [
        post.at for post in site_limit.account_posts if post.job != job and post.at > now - DAY
    ]
    known = next((post.at for post in site_limit.account_posts if post.job == job), None)
    if known is not None and known <= now and sum(at <= now for at in others) < cap:
        return now
    ahead = [at for at in others if known is None or known <= now or at <= known]
    return ahead[-cap] + DAY if len(ahead) >= cap else now


def _with_post(
    site_limit: SiteLimit, job: JobId, at: datetime, now: datetime, *, cap: int
) -> SiteLimit:
    """Count the post, or reserve a visit for it. There are at most ``cap`` reservations; later jobs
    ask again then.

    A post that is already counted still counts from its first visit when it is refused another.
    """
    recent = [post for post in site_limit.account_posts if post.at > now - DAY]
    others = [post for post in recent if post.job != job]
    if at > now and (
        sum(post.at > now for post in others) >= cap
        or any(p.job == job and p.at <= now for p in recent)
    ):
        return replace(site_limit, account_posts=tuple(recent))
    return replace(
        site_limit,
        account_posts=tuple(sorted([*others, AccountPost(job, at)], key=lambda post: post.at)),
    )


def close(
    site_limit: SiteLimit, now: datetime, *, duration: timedelta, code: ErrorCode, reason: str
) -> SiteLimit:
    """Return the closed limit. A longer closing that is in force keeps its end and its reason."""
    until, failures = now + duration, site_limit.failures + 1
    if site_limit.closed_until is not None and site_limit.closed_until >= until:
        return replace(site_limit, failures=failures, probing_until=None)
    return replace(
        site_limit,
        closed_until=until,
        probing_until=None,
        failures=failures,
        code=code,
        reason=reason,
    )


def open_(site_limit: SiteLimit) -> SiteLimit:
    return replace(
        site_limit, closed_until=None, probing_until=None, failures=0, code=None, reason=""
    )
