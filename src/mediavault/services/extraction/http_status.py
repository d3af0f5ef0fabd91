"""What an HTTP status says about a post, for every client. Pure."""

from __future__ import annotations

from datetime import timedelta

from mediavault.core.failures import (
    Deleted,
    Failure,
    HttpError,
    IpBlocked,
    LoginRequired,
    RateLimited,
    RegionLocked,
    SeemsDeleted,
)
from mediavault.core.platform import Platform


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
    """None below 400 and without a status. ``refused``: the status means this machine, which was refused ``what``.

    ``sure``: something else says too that the post is gone. Of a site that we do not know the status alone is believed;
    the known ones also answer 404 to whom they take for a program. ``closed``: who answers is an interface that may be
    closed to strangers, which says nothing of the post.
    """
    if status is None or status < 400:
        return None
    site = site_name(platform)
    if status in (404, 410):
        kind = Deleted if sure or platform.name == "generic" else SeemsDeleted
        return kind(f"{site} answers that there is no such page (HTTP {status}).", http_status=status)
    if status == 401 and not closed:
        return LoginRequired(f"{site} wants a sign-in (HTTP 401).", http_status=status)
    if status == 429:
        return RateLimited(f"{site} asked us to slow down.", http_status=status, retry_after=retry_after)
    if status == 451 and not closed:
        return RegionLocked(f"{site} withholds the post for legal reasons (HTTP 451).", http_status=status)
    if refused:
        return IpBlocked(f"{site} refused {what} (HTTP {status}).", http_status=status)
    return HttpError(f"{site} answered with HTTP {status}.", http_status=status)


def site_name(platform: Platform) -> str:
    """As a sentence begins with it."""
    return "The site" if platform.name == "generic" else platform.title
