"""When sources are checked, and how fast their earlier posts are saved."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.listings import LONGEST_INTERVAL
from mediavault.features.following.decisions import (
    ACCOUNT_INTERVAL,
    FIRST_CHECK_APART,
    FIRST_CHECKS_WITHIN,
    fill_interval,
    fill_takes,
    first_checks,
    interval,
    jittered,
    usual_gap,
)
from mediavault.features.following.model import SHORTEST_INTERVAL, Source

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SOURCE = Source("s1", "https://www.youtube.com/channel/UC1", "youtube", followed_at=NOW - 10 * DAY)


@given(
    gap=st.none() | st.timedeltas(timedelta(0), timedelta(days=400)),
    quiet_for=st.none() | st.timedeltas(timedelta(0), timedelta(days=4000)),
    failures=st.integers(0, 100),
    fresh_for=st.none() | st.timedeltas(timedelta(0), timedelta(days=2)),
    uses_account=st.booleans(),
    share=st.floats(0, 1),
)
def test_looks_are_never_more_frequent_than_allowed(
    gap: timedelta | None,
    quiet_for: timedelta | None,
    failures: int,
    fresh_for: timedelta | None,
    uses_account: bool,
    share: float,
) -> None:
    span = interval(
        SOURCE,
        gap=gap,
        quiet_for=quiet_for,
        failures=failures,
        fresh_for=fresh_for,
        uses_account=uses_account,
    )

    assert span >= max(
        SHORTEST_INTERVAL,
        ACCOUNT_INTERVAL if uses_account else SHORTEST_INTERVAL,
        fresh_for or SHORTEST_INTERVAL,
    )
    assert span <= max(LONGEST_INTERVAL, fresh_for or LONGEST_INTERVAL)
    assert abs(jittered(span, share) - span) <= span * 0.1 + timedelta(microseconds=1)


def test_a_source_that_posts_often_is_looked_at_often_and_a_silent_one_is_not() -> None:
    hourly = interval(SOURCE, gap=timedelta(hours=1), quiet_for=timedelta(minutes=20))
    weekly = interval(SOURCE, gap=timedelta(days=7), quiet_for=timedelta(days=1))
    silent = interval(SOURCE, gap=timedelta(hours=1), quiet_for=timedelta(days=60))

    assert (hourly, weekly, silent) == (SHORTEST_INTERVAL, LONGEST_INTERVAL, LONGEST_INTERVAL)


def test_a_users_interval_is_kept_until_looks_fail() -> None:
    mine = replace(SOURCE, interval_minutes=30)

    assert interval(mine, gap=DAY, quiet_for=None) == timedelta(minutes=30)
    assert interval(mine, gap=DAY, quiet_for=None, failures=2) == timedelta(hours=2)
    assert interval(mine, gap=DAY, quiet_for=None, failures=50) == timedelta(minutes=30 * 32)


def test_the_usual_gap_needs_three_posts() -> None:
    assert usual_gap([NOW, NOW + DAY]) is None
    assert usual_gap([NOW + 9 * DAY, NOW, NOW + DAY, NOW + 2 * DAY]) == DAY


def test_first_looks_of_one_group_are_apart_and_within_an_hour() -> None:
    crowd = first_checks(["a"] * 400, NOW)

    assert first_checks(["a", "b", "a"], NOW) == [NOW, NOW, NOW + FIRST_CHECK_APART]
    assert crowd == sorted(set(crowd))
    assert crowd[-1] < NOW + FIRST_CHECKS_WITHIN
    assert first_checks([], NOW) == []


def test_a_day_has_room_for_half_of_what_an_account_may_read() -> None:
    slow = replace(SOURCE, per_day=10)

    assert fill_interval(None) == timedelta(minutes=10)
    assert fill_interval(100) == timedelta(days=1) / 50
    assert fill_interval(1) == timedelta(days=1)
    assert fill_takes(SOURCE, 144, None, sharing=1) == timedelta(days=1)
    assert fill_takes(SOURCE, 144, None, sharing=3) == timedelta(days=3)
    assert fill_takes(slow, 30, None, sharing=3) == timedelta(days=3)
