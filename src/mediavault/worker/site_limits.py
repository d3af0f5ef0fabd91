"""A site's limits, shared by all workers: a job asks for a permit before it makes a request, and
reports the outcome.

A 429, a login wall, a challenge or an account warning closes a site for a while; other sites are
not affected. After that one job probes the site, and its outcome opens the site or closes it for
longer. The platform ``generic``, which covers many sites, has no limits: one of them must not stop
the others.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from mediavault.core.failures import AccountDayUsed, ErrorCode, Failure, FailureScope, RateLimited
from mediavault.core.job import JobId
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.core.site_limits import (
    MANY_SITES,
    SOON,
    Permit,
    PermitRefusal,
    PermitRequest,
    closing_time,
)
from mediavault.worker.context import WorkerContext

# a probe without an outcome by then counts as lost; another job may probe
PROBE_WITHIN = timedelta(minutes=10)
# they do not show whether the site serves us again
_NOT_ABOUT_SITE = (FailureScope.MACHINE, FailureScope.ACCOUNT)

log = get_logger(__name__)


class NotAllowedYet(Exception):
    """The site's limits do not allow the job now: it is released, and the queue skips its site
    until they do.

    ``at`` is the earliest time at which a permit may be granted.
    """

    def __init__(self, message: str, at: datetime) -> None:
        super().__init__(message)
        self.at = at


class SiteBusy(RateLimited):
    """Like NotAllowedYet, for a site other than the job's own.
    The delay is our own and does not close the site.
    """


async def acquire_permit(
    job: JobId,
    platform: Platform,
    context: WorkerContext,
    *,
    with_account: bool = False,
    before: Permit | None = None,
) -> Permit | None:
    """Take the site's next permit, and wait for it if it is soon; None for a platform without
    limits.

    ``with_account``: the post is requested with the signed-in account, at the account's own pace.
    ``before`` is a permit that this attempt has already used: then the whole interval is waited for
    here, because a released job would have to start over. A request with the account also waits for
    one interval of the account after that request, which has just ended. Raises NotAllowedYet, and
    AccountDayUsed when the account's daily limit is reached.
    """
    if platform.name in MANY_SITES:
        return None
    slower = context.pace.get(platform.name, 1.0)
    request = _request(
        job, platform, context.retry.jitter, slower=slower, with_account=with_account, before=before
    )
    permit = await context.store.site_limits.acquire_permit(request)
    wait = permit.at - context.clock.now()
    if permit.refused is PermitRefusal.ACCOUNT_DAY:
        raise AccountDayUsed(
            Message(
                (
                    "Daily limit reached for your %(site)s account: %(account_daily_cap)s posts;"
                    " next at %(at)s UTC."
                ),
                site=platform.title,
                account_daily_cap=platform.pace.account_daily_cap,
                at=f"{permit.at:%Y-%m-%d %H:%M}",
            ),
            retry_after=max(wait, timedelta()),
        )
    if permit.refused is not None:
        raise _not_allowed_yet(platform, permit.at, permit.refused)
    if wait > timedelta():
        await context.clock.sleep(wait.total_seconds())
        await _check_still_open(platform, context)
    return permit


def _request(
    job: JobId,
    platform: Platform,
    jitter: Callable[[], float],
    *,
    slower: float,
    with_account: bool,
    before: Permit | None,
) -> PermitRequest:
    pace = platform.pace
    shortest, longest = (with_account and pace.account_interval_s) or pace.interval_s

    def interval() -> timedelta:
        return timedelta(seconds=slower * (shortest + (longest - shortest) * jitter()))

    return PermitRequest(
        job=job,
        platform=platform.name,
        interval=interval(),
        probe_within=PROBE_WITHIN,
        max_wait=timedelta(seconds=slower * max(longest, pace.interval_s[1])) if before else SOON,
        pause=interval() if before and with_account else timedelta(),
        is_prober=before is not None and before.is_probe,
        account_cap=pace.account_daily_cap if with_account else None,
    )


async def _check_still_open(platform: Platform, context: WorkerContext) -> None:
    """Check again after the wait: another job may have closed the site since the permit was
    granted. Raises NotAllowedYet.
    """
    limit = next(
        (
            limit
            for limit in await context.store.site_limits.all_limits()
            if limit.platform == platform.name
        ),
        None,
    )
    if (
        limit is not None
        and limit.closed_until is not None
        and limit.closed_until > context.clock.now()
    ):
        raise _not_allowed_yet(platform, limit.closed_until, PermitRefusal.CLOSED)


def _not_allowed_yet(platform: Platform, at: datetime, why: PermitRefusal) -> NotAllowedYet:
    return NotAllowedYet(
        Message(
            "%(site)s allows no request before %(at)s UTC (%(reason)s).",
            site=platform.title,
            at=f"{at:%H:%M:%S}",
            reason=why,
        ),
        at,
    )


async def report_outcome(
    platform: Platform, permit: Permit | None, failure: Failure | None, context: WorkerContext
) -> timedelta | None:
    """Report the outcome of a job's request, None for success;
    return for how long the site is closed now, if it is.
    """
    if platform.name in MANY_SITES:
        return None
    if failure is not None and (worst := strongest(failure, platform)) is not None:
        cause, closed = worst
        failures = next(
            (
                g.failures
                for g in await context.store.site_limits.all_limits()
                if g.platform == platform.name
            ),
            0,
        )
        duration = closing_time(closed, failures)
        limit = await context.store.site_limits.pause_site(
            platform.name, duration=duration, code=cause.code, reason=cause.message
        )
        log.warning(
            "site_closed",
            platform=platform.name,
            error_code=cause.code,
            for_s=duration.total_seconds(),
        )
        return (limit.closed_until or context.clock.now()) - context.clock.now()
    if (
        permit is not None
        and permit.is_probe
        and (failure is None or failure.spec.scope not in _NOT_ABOUT_SITE)
    ):
        await context.store.site_limits.reopen_site(platform.name)
        log.info("site_opened", platform=platform.name)
    return None


def strongest(failure: Failure, platform: Platform) -> tuple[Failure, timedelta] | None:
    """The failure among ``failure`` and its causes that closes the site for longest;
    None when none does.
    """
    durations = [(cause, closing(cause, platform)) for cause in (failure, *failure.causes)]
    closed = [(cause, duration) for cause, duration in durations if duration is not None]
    return max(closed, key=lambda pair: pair[1], default=None)


def closing(failure: Failure, platform: Platform) -> timedelta | None:
    """For how long a failure closes its site the first time; None when it does not."""
    if isinstance(failure, SiteBusy):
        return None
    if isinstance(failure, RateLimited):
        return failure.retry_after or timedelta(seconds=platform.pace.cooldown_s)
    if failure.code is ErrorCode.LOGIN_REQUIRED and not platform.walls.blocks_media:
        return None
    return failure.spec.closes_site_for
