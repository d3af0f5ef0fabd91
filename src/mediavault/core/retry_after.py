"""How long a server asks us to wait, read from the header fields of a refusal. Pure.

``Retry-After`` (RFC 9110, 10.2.3) is seconds or a date. Sites have their own fields in addition,
which name the end of a window of counted requests: X ``x-rate-limit-reset`` and Bluesky
``ratelimit-reset`` (seconds since 1970), Mastodon ``x-ratelimit-reset`` (an ISO 8601 time), reddit
``x-ratelimit-reset`` and Tumblr ``x-ratelimit-perhour-reset`` and ``-perday-reset`` (seconds from
now).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST = timedelta(days=1)  # a site that names a longer time is asked again after this
# worth reading
FIELDS = re.compile(r"retry-after|(?:x-)?rate-?limit(?:-\w+)?-(?:reset|remaining)", re.IGNORECASE)
_RESET = re.compile(r"((?:x-)?rate-?limit(?:-\w+)?)-reset")
# a number of this size is a moment, years 2001 to 5138; any other is a span
_EPOCH_S = range(10**9, 10**11)


def parse_retry_after(
    headers: Mapping[str, str], *, now: datetime | None = None
) -> timedelta | None:
    """Return how long to wait: at most ``LONGEST``, never negative; None where the headers say
    nothing usable.

    Names of ``headers`` are lower case. Times are compared with the response's own ``Date``, so
    that a wrong clock, theirs or ours, does not matter; without a ``Date``, with ``now``.
    ``Retry-After`` wins where it can be read. Of several windows the latest end counts, among the
    exhausted ones where the site says which are.
    """
    since = http_date(headers.get("date")) or now
    wait = _span(headers.get("retry-after"), since)
    if wait is None:
        wait = max(_windows(headers, since), default=None)
    return None if wait is None else min(max(wait, timedelta()), LONGEST)


def http_date(value: str | None) -> datetime | None:
    """Return the date in UTC; None for a value that is not a date (RFC 9110, 5.6.7)."""
    try:
        moment = parsedate_to_datetime((value or "").strip())
    except (ValueError, TypeError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _windows(headers: Mapping[str, str], since: datetime | None) -> list[timedelta]:
    ends: list[timedelta] = []
    for name, value in headers.items():
        match = _RESET.fullmatch(name)
        remaining = headers.get(f"{match[1]}-remaining", "0").strip() if match else ""
        if match and not remaining.strip("0."):  # reddit counts in tenths
            span = _span(value, since)
            ends += [] if span is None else [span]
    return ends


def _span(value: str | None, since: datetime | None) -> timedelta | None:
    text = (value or "").strip()
    if re.fullmatch(r"\d+(?:\.\d+)?", text, re.ASCII):
        number = float(text[:20])
        if int(number) not in _EPOCH_S:
            return timedelta(seconds=min(number, LONGEST.total_seconds()))
        return None if since is None else timedelta(seconds=number - since.timestamp())
    moment = http_date(text) or _iso_time(text)
    return None if moment is None or since is None else moment - since


def _iso_time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
