"""A schedule that is picked in rows of selects and its stored text are the same thing."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.bandwidth import UNLIMITED, Bandwidth, parse_bandwidth
from mediavault.core.hours import (
    DAYS,
    MINUTES,
    ONLY,
    Hours,
    QuietHours,
    minute_of,
    parse_quiet_hours,
)
from mediavault.web.schedules import (
    Schedule,
    day_choices,
    minute_of_day,
    picked,
    schedules_of,
    speed_choices,
    speeds_today,
    starts_today,
    time_choices,
)

NOW = datetime(2026, 1, 15, 12, 34, tzinfo=UTC)


def days_from(first: int, count: int) -> frozenset[int]:
    return frozenset((first + number) % len(DAYS) for number in range(count))


minutes = st.integers(0, MINUTES - 1)
some_hours = st.one_of(
    st.builds(Hours, minutes, minutes, st.builds(days_from, st.integers(0, 6), st.integers(1, 7))),
    st.builds(lambda days: Hours(0, 0, days), st.builds(days_from, st.integers(0, 6), st.just(2))),
    st.just(Hours(0, 0)),
).filter(lambda hours: hours.begin != hours.end or hours.begin == 0)
rates = st.one_of(st.none(), st.integers(10, 99_999).map(lambda tens: tens * 1_000))
bandwidths = st.builds(
    Bandwidth, rates, st.lists(st.tuples(some_hours, rates), max_size=5).map(tuple)
)


def is_possible(quiet: QuietHours) -> bool:
    try:
        return parse_quiet_hours(str(quiet)) == quiet
    except ValueError:  # they leave no time
        return False


quiets = st.builds(
    QuietHours, st.lists(some_hours, min_size=1, max_size=3).map(tuple), st.booleans()
).filter(is_possible)


def form_of(name: str, schedule: Schedule) -> dict[str, list[str]]:
    """Return the fields of a form in which this schedule is picked."""
    rules = schedule.rules
    fields = {
        f"{name}_days": [rule.days for rule in rules],
        f"{name}_begin": [rule.begin for rule in rules],
        f"{name}_end": [rule.end for rule in rules],
    }
    if name == "bandwidth":
        return fields | {
            "bandwidth_speed": [rule.speed for rule in rules],
            "bandwidth_otherwise": [schedule.otherwise],
        }
    return fields | {f"{name}_only": [ONLY if schedule.only else ""]}


@given(bandwidths)
def test_a_stored_speed_limit_is_picked_and_stored_again_as_it_was(limit: Bandwidth) -> None:
    stored = str(limit)
    schedule = schedules_of(stored, "")["bandwidth"]

    assert parse_bandwidth(picked(form_of("bandwidth", schedule))["bandwidth"]) == limit
    assert str(parse_bandwidth(stored)) == stored
    assert is_offered(schedule)


@given(quiets)
def test_stored_quiet_hours_are_picked_and_stored_again_as_they_were(quiet: QuietHours) -> None:
    schedule = schedules_of("", str(quiet))["quiet_hours"]

    assert parse_quiet_hours(picked(form_of("quiet_hours", schedule))["quiet_hours"]) == quiet
    assert is_offered(schedule)


def is_offered(schedule: Schedule) -> bool:
    """Whether every select has the value that it shows."""
    return all(
        rule.days in day_choices(rule.days)
        and rule.begin in time_choices(rule.begin, is_end=False)
        and rule.end in time_choices(rule.end, is_end=True)
        and rule.speed in {*speed_choices(rule.speed), ""}
        for rule in schedule.rules
    )


@given(bandwidths, quiets)
def test_the_bar_of_today_has_every_minute_with_what_applies_in_it(
    limit: Bandwidth, quiet: QuietHours
) -> None:
    midnight = minute_of(NOW) - minute_of_day(NOW)
    today = range(midnight, midnight + MINUTES)
    for stretches, is_free in (
        (speeds_today(limit, NOW), [limit.in_minute(minute) is None for minute in today]),
        (starts_today(quiet, NOW), [not quiet.contain(minute) for minute in today]),
    ):
        shown = [one.is_free for one in stretches for _ in range(one.begin, one.end)]
        assert not stretches or shown == is_free


def test_no_row_means_no_limit_and_no_quiet_hours() -> None:
    sent = {"bandwidth_otherwise": [UNLIMITED], "quiet_hours_only": ["only"]}

    assert str(parse_bandwidth(picked(sent)["bandwidth"])) == ""
    assert picked(sent)["quiet_hours"] == ""
    assert picked({}) == {}


@given(
    st.dictionaries(
        st.sampled_from([*form_of("bandwidth", Schedule()), *form_of("quiet_hours", Schedule())]),
        st.lists(st.text(max_size=20), min_size=1, max_size=3),
    )
)
def test_whatever_is_sent_becomes_a_text_for_the_parser(sent: dict[str, list[str]]) -> None:
    assert all(isinstance(text, str) for text in picked(sent).values())


def test_days_and_times_that_are_not_offered_are_named_as_they_are_stored() -> None:
    assert day_choices("tue-thu")["tue-thu"] == "Tuesday – Thursday"
    assert "08:15" in time_choices("08:15", is_end=False)
    assert speed_choices("7 MB/s")["7 MB/s"] == "7 MB/s"
