"""What an HTTP status says of a post, whoever asked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from mediavault.core.errors import (
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

MAX_PAUSE_S = 86_400
_EPOCH_S = 1_000_000_000  # a reset above this is a moment, one below it a number of seconds


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


def told_pause(headers: Mapping[str, str]) -> timedelta | None:
    """How long a site asks to be left alone, at most a day; None where it does not say. Names are in lower case.

    ``Retry-After`` (seconds or a date), else the reset of its rate limit: a moment (X) or seconds (reddit). Moments are
    held against the answer's own ``Date``.
    """
    told = headers.get("retry-after", "").strip()
    if _is_number(told):
        return _pause(float(told[:12]))
    answered = _date(headers.get("date", ""))
    if (until := _date(told)) is not None and answered is not None:
        return _pause((until - answered).total_seconds())
    resets = [_until(headers.get(name, "").strip(), answered) for name in _RESETS]
    return next(filter(None, resets), None)


_RESETS = ("x-rate-limit-reset", "x-ratelimit-reset", "ratelimit-reset")


def _until(reset: str, answered: datetime | None) -> timedelta | None:
    if not _is_number(reset):
        return None
    seconds = float(reset[:20])
    if seconds < _EPOCH_S:
        return _pause(seconds)
    return _pause(seconds - answered.timestamp()) if answered is not None else None


def _pause(seconds: float) -> timedelta | None:
    return timedelta(seconds=min(seconds, MAX_PAUSE_S)) if seconds > 0 else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.replace(".", "", 1).isdigit()


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError):
        return None


def site_name(platform: Platform) -> str:
    """As a sentence begins with it."""
    return "The site" if platform.name == "generic" else platform.title
