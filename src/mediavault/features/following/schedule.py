"""When sources are checked, and how fast their earlier posts are saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import count, pairwise
from statistics import median

from mediavault.core.listings import LONGEST_INTERVAL
from mediavault.features.following.model import SHORTEST_INTERVAL, Source

FIRST_INTERVAL = timedelta(hours=1)  # until it is known how often a source posts
ACCOUNT_INTERVAL = timedelta(hours=6)  # the shortest where each check uses the signed-in account
FIRST_LOOK_APART, FIRST_LOOKS_WITHIN = timedelta(seconds=12), timedelta(hours=1)  # of sources added together
LOOKS_PER_POST = 4  # so that a post is seen after an eighth of the usual gap, on average
BACK_OFFS = 5  # doublings of the interval while checks fail
FILL_A_DAY = 144  # earlier posts of one site or host that are saved at most: one every ten minutes


def usual_gap(times: Iterable[datetime]) -> timedelta | None:
    """Return the median time between two posts in a row; None for fewer than three posts."""
    ordered = sorted(times)
    gaps = [(after - before).total_seconds() for before, after in pairwise(ordered)]
    return timedelta(seconds=median(gaps)) if len(gaps) >= 2 else None


def interval(
    source: Source,
    *,
    gap: timedelta | None,
    quiet_for: timedelta | None,
    failures: int = 0,
    fresh_for: timedelta | None = None,
    uses_account: bool = False,
) -> timedelta:
    """Return the time until the next check, before jitter.

    ``gap`` is the usual time between two posts, ``quiet_for`` the time since the newest one: a source that has stopped
    posting is checked less often. Each of the ``failures`` in a row doubles the time. ``fresh_for`` is how long the site
    asks to wait. The interval that a user has set is kept, unless checks fail, the site asks to wait longer, or checks use
    the signed-in account.
    """
    expected = max(filter(None, (gap, quiet_for / 2 if quiet_for else None)), default=LOOKS_PER_POST * FIRST_INTERVAL)
    usual = source.interval or min(max(expected / LOOKS_PER_POST, SHORTEST_INTERVAL), LONGEST_INTERVAL)
    if uses_account:
        usual = max(usual, ACCOUNT_INTERVAL)
    if failures:
        usual = max(usual, min(usual * 2 ** min(failures, BACK_OFFS), LONGEST_INTERVAL))
    return max(usual, fresh_for or timedelta())


def jittered(span: timedelta, share: float) -> timedelta:
    """Return the span, longer or shorter by up to a tenth. ``share`` is a random number from 0 to 1."""
    return span * (0.9 + 0.2 * share)


def first_looks(groups: Sequence[str], now: datetime) -> list[datetime]:
    """Return when each of many new sources is first checked, spread over at most an hour within each group.

    ``groups`` names for each source what serves its list, such as the feed's host. A site's limits space checks out
    too, but feeds at hosts of unknown sites have none. Spreading the checks also leaves room for downloads.
    """
    apart = {group: min(FIRST_LOOK_APART, FIRST_LOOKS_WITHIN / size) for group, size in Counter(groups).items()}
    numbers = {group: count() for group in apart}
    return [now + apart[group] * next(numbers[group]) for group in groups]


def fill_interval(daily_cap: int | None) -> timedelta:
    """Return the time between two earlier posts that are saved from one site.

    ``daily_cap`` is how many posts the site's account may read in a day, None for no limit; half of it is left to users.
    """
    return timedelta(days=1) / min(FILL_A_DAY, max(1, daily_cap // 2) if daily_cap else FILL_A_DAY)


def fill_takes(source: Source, waiting: int, daily_cap: int | None, *, sharing: int) -> timedelta:
    """Return about how long it takes until a source's waiting posts are taken, if nothing else holds them back.

    ``daily_cap`` is as in ``fill_interval``. ``sharing`` is how many sources of the site or host have posts waiting:
    they take turns.
    """
    own = timedelta(days=1) / source.per_day if source.per_day else timedelta()
    return waiting * max(fill_interval(daily_cap) * max(1, sharing), own)
