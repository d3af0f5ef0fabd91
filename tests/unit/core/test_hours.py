"""Hours of the day are read as users write them, and mean the machine's local time,
also when the clocks change.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.hours import (
    DAYS,
    MINUTES,
    QuietHours,
    minute_of,
    next_midnight,
    parse_hours,
    parse_quiet_hours,
)

WINTER = datetime(2026, 1, 15, tzinfo=UTC)
CLOCKS_GO_FORWARD = datetime(2026, 3, 29, tzinfo=UTC)  # in Berlin at 01:00 UTC, from 02:00 to 03:00


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", ""),
        ("23:00-07:00", "23:00-07:00"),
        (" 8:00 – 12:00 ,14:00-24:00", "08:00-12:00, 14:00-00:00"),
        ("Only 23:00-07:00", "only 23:00-07:00"),
        ("Mon – Fri 8:00-18:00, sat 10:00-12:00", "mon-fri 08:00-18:00, sat 10:00-12:00"),
        ("sat-sun", "sat-sun 00:00-24:00"),
        ("fri-mon 22:00-06:00", "fri-mon 22:00-06:00"),
        ("mon-sun 22:00-06:00", "22:00-06:00"),
        ("only sun", "only sun 00:00-24:00"),
        ("only mon-sun", "only 00:00-24:00"),
    ],
)
def test_hours_are_read_and_written_in_one_form(written: str, read: str) -> None:
    assert str(parse_quiet_hours(written)) == read
    assert parse_quiet_hours(read) == parse_quiet_hours(written)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("at night", "'at night' is not a valid time range: use 23:00-07:00"),
        ("23:00", "'23:00' is not a valid time range"),
        ("8-12", "'8-12' is not a valid time range"),
        ("25:00-07:00", "'25:00-07:00' is not a time of day"),
        ("08:00-12:60", "'08:00-12:60' is not a time of day"),
        ("08:00-08:00", "'08:00-08:00' begins and ends at the same time"),
        ("00:00-00:00", "begins and ends at the same time"),
        ("00:00-24:00", "leave no time"),
        ("08:00-20:00, 20:00-08:00", "leave no time"),
        ("only", "'only' is not a valid time range"),
        ("mon-sun", "leave no time"),
        ("mon-fri 00:00-12:00, mon-fri 12:00-24:00, sat-sun", "leave no time"),
        ("mo 08:00-12:00", "'mo 08:00-12:00' is not a valid time range"),
        ("mon-fri 8", "'mon-fri 8' is not a valid time range"),
        ("mon-fri08:00-12:00", "is not a valid time range"),
        ("mon-fri 08:00-08:00", "begins and ends at the same time"),
        (",".join(["08:00-09:00"] * 25), "there are more than 24 time ranges"),
    ],
)
def test_what_is_wrong_with_hours_is_said(written: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_quiet_hours(written)


@pytest.mark.parametrize(
    ("quiet", "at", "ends"),
    [
        ("08:00-23:00", "2026-01-15T12:00+01:00", "2026-01-15T23:00+01:00"),
        ("08:00-23:00", "2026-01-15T08:00+01:00", "2026-01-15T23:00+01:00"),
        ("08:00-23:00", "2026-01-15T07:59+01:00", None),
        ("08:00-23:00", "2026-01-15T23:00+01:00", None),
        ("22:00-06:00", "2026-01-15T23:30+01:00", "2026-01-16T06:00+01:00"),
        ("22:00-06:00", "2026-01-15T03:00+01:00", "2026-01-15T06:00+01:00"),
        ("only 23:00-07:00", "2026-01-15T12:00+01:00", "2026-01-15T23:00+01:00"),
        ("only 23:00-07:00", "2026-01-15T01:00+01:00", None),
        ("08:00-12:00, 12:00-14:00", "2026-01-15T09:00+01:00", "2026-01-15T14:00+01:00"),
        # an hour earlier than on other days
        ("22:00-06:00", "2026-03-28T23:30+01:00", "2026-03-29T06:00+02:00"),
        ("22:00-06:00", "2026-10-24T23:30+02:00", "2026-10-25T06:00+01:00"),
        # at two the clocks are set to three: the first minute of "02:01-00:00" that there is
        ("only 02:01-00:00", "2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00"),
        ("", "2026-01-15T12:00+01:00", None),
        # 15 January 2026 is a Thursday
        ("mon-fri 08:00-18:00", "2026-01-15T12:00+01:00", "2026-01-15T18:00+01:00"),
        ("mon-fri 08:00-18:00", "2026-01-17T12:00+01:00", None),
        ("fri 22:00-06:00", "2026-01-17T05:59+01:00", "2026-01-17T06:00+01:00"),
        ("fri 22:00-06:00", "2026-01-16T05:00+01:00", None),
        ("sun 22:00-06:00", "2026-01-19T01:00+01:00", "2026-01-19T06:00+01:00"),
        ("thu-fri, sat 00:00-10:00", "2026-01-15T12:00+01:00", "2026-01-17T10:00+01:00"),
        ("only sat-sun", "2026-01-19T00:00+01:00", "2026-01-24T00:00+01:00"),
        # a day of 23 hours among them
        ("sat-sun", "2026-03-28T12:00+01:00", "2026-03-30T00:00+02:00"),
        # on this Sunday the clocks pass over these hours: a minute is shown that is not within
        # them, a week later one is
        ("only sun 02:10-02:50", "2026-03-23T12:00+01:00", "2026-04-05T02:10+02:00"),
        ("only sun 02:10-03:10", "2026-03-23T12:00+01:00", "2026-03-29T03:00+02:00"),
        # the hour comes twice
        ("only sun 02:10-02:50", "2026-10-25T02:50+02:00", "2026-10-25T02:10+01:00"),
    ],
)
def test_quiet_hours_end_by_the_clock_on_the_wall(quiet: str, at: str, ends: str | None) -> None:
    found = parse_quiet_hours(quiet).end_after(datetime.fromisoformat(at))

    assert found == (datetime.fromisoformat(ends) if ends else None)


times = st.integers(0, MINUTES - 1).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
hours = st.tuples(times, times).filter(lambda pair: pair[0] != pair[1]).map("-".join)
on_days = st.sampled_from(["", *(f"{day} " for day in DAYS), "mon-fri ", "sat-sun ", "fri-mon "])


@given(
    st.lists(st.builds("".join, st.tuples(on_days, hours)), min_size=1, max_size=4),
    st.sampled_from(["", "only "]),
    st.sampled_from([WINTER, CLOCKS_GO_FORWARD]),
    st.integers(-MINUTES, MINUTES),
)
def test_quiet_hours_end_at_the_first_minute_that_is_not_within_them(
    some: list[str], only: str, day: datetime, minute: int
) -> None:
    try:
        quiet = parse_quiet_hours(only + ", ".join(some))
    except ValueError:
        return  # they leave no time
    now = day + timedelta(minutes=minute)
    end = quiet.end_after(now)

    moments = (now + timedelta(minutes=number) for number in range(15 * MINUTES))
    assert (end or now) == next(at for at in moments if not quiet.contain(minute_of(at)))


def test_a_day_ends_at_local_midnight() -> None:
    assert next_midnight(datetime(2026, 1, 15, 22, 59, tzinfo=UTC)) == datetime(
        2026, 1, 15, 23, tzinfo=UTC
    )
    assert next_midnight(datetime(2026, 1, 15, 23, tzinfo=UTC)) == datetime(
        2026, 1, 16, 23, tzinfo=UTC
    )


def test_no_hours_are_never_quiet() -> None:
    assert not QuietHours().contain(0)
    assert not QuietHours(only=True).contain(0)


def test_hours_past_midnight_contain_both_of_its_sides() -> None:
    night = parse_hours("23:00-01:00")

    assert [night.contain(minute) for minute in (22 * 60, 23 * 60, 0, 60)] == [
        False,
        True,
        True,
        False,
    ]
