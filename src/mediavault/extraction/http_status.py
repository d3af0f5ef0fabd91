"""What an HTTP status says about a post, for every client. Pure."""

from __future__ import annotations

from datetime import timedelta

from mediavault.core.failures import (
    AccessRefused,
    Deleted,
    Failure,
    HttpError,
    IpBlocked,
    LoginRequired,
    RateLimited,
    RegionLocked,
    SeemsDeleted,
    SiteClosed,
)
from mediavault.core.messages import Message
from mediavault.core.platform import Platform

_REFUSALS = frozenset({402, 403, 406, 418, 423})


def failure_of_status(
    status: int | None,
    platform: Platform,
    *,
    refused: bool,
    what: str,
    retry_after: timedelta | None,
    sure: bool = False,
    closed: bool = False,
) -> Failure | None:
    """Return the failure of an HTTP status; None below 400 and without a status.

    ``refused``: the status is about this machine, which was refused ``what``. ``sure``: something else also says that
    the post is gone. For an unknown site the status alone is believed; the known ones also answer 404 to clients that
    they take for bots. ``closed``: the response is that of an API that may be closed to anonymous clients, which says
    nothing about the post.
    """
    if status is None or status < 400:
        return None
    site = site_name(platform)
    if status in (404, 410):
        kind = Deleted if sure or platform.name == "generic" else SeemsDeleted
        return kind(
            Message("%(site)s has no such page (HTTP %(status)s).", site=site, status=status), http_status=status
        )
    if status == 401 and not closed:
        return LoginRequired(Message("%(site)s requires a sign-in (HTTP 401).", site=site), http_status=status)
    if status == 429:
        return RateLimited(
            Message("%(site)s asked us to slow down.", site=site), http_status=status, retry_after=retry_after
        )
    if status == 451 and not closed:
        return RegionLocked(
            Message("%(site)s withholds the post for legal reasons (HTTP 451).", site=site), http_status=status
        )
    if status == 503 and retry_after is not None:
        return SiteClosed(
            Message("%(site)s is closed for now.", site=site), http_status=status, retry_after=retry_after
        )
    if refused:
        return IpBlocked(
            Message("%(site)s refused %(what)s (HTTP %(status)s).", site=site, what=what, status=status),
            http_status=status,
        )
    if status in _REFUSALS and not closed:
        return AccessRefused(
            Message("%(site)s refused us (HTTP %(status)s).", site=site, status=status), http_status=status
        )
    return HttpError(Message("%(site)s answered with HTTP %(status)s.", site=site, status=status), http_status=status)


def site_name(platform: Platform) -> str:
    """Return the site's name for the beginning of a sentence."""
    return Message("The site") if platform.name == "generic" else platform.title
