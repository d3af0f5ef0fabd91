"""A bandwidth limit is read as users write it, with exceptions by the hour."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.bandwidth import LOWEST_BYTES_PER_S, parse_bandwidth, rate_in_words

MB = 1_000_000


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(hour: int) -> datetime:
    return datetime(2026, 1, 15, hour - 1, tzinfo=UTC)  # Berlin's winter time


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("2 MB/s", 2 * MB),
        ("2mb/s", 2 * MB),
        ("1,5 MB/s", 1_500_000),
        ("500 KB/s", 500_000),
        ("16 Mbit/s", 2 * MB),
        ("1 Gbit/s", 125 * MB),
        ("unlimited", None),
        ("", None),
    ],
)
def test_a_speed_is_read_in_every_usual_unit(written: str, rate: int | None) -> None:
    assert parse_bandwidth(written).at(at(12)) == rate


def test_the_first_hours_that_contain_the_moment_count() -> None:
    limit = parse_bandwidth("20 MB/s; 08:00-23:00 2 MB/s; 22:00-01:00 unlimited")

    assert [limit.at(at(hour)) for hour in (7, 8, 22, 23, 24, 2)] == [
        20 * MB,
        2 * MB,
        2 * MB,
        None,
        None,
        20 * MB,
    ]


def test_without_a_usual_speed_there_is_no_limit_at_other_times() -> None:
    limit = parse_bandwidth("8:00-23:00 2 MB/s")

    assert (limit.at(at(12)), limit.at(at(2))) == (2 * MB, None)
    assert limit.changes_at(at(12)) == at(23)
    assert parse_bandwidth("2 MB/s").changes_at(at(12)) is None


def test_a_limit_for_whole_days_is_read_again_as_it_is_written() -> None:
    for text in ("mon-sun 2 MB/s", "sat-sun 2 MB/s", "20 MB/s; 00:00-24:00 2 MB/s"):
        limit = parse_bandwidth(text)
        assert parse_bandwidth(str(limit)) == limit


def test_hours_may_be_those_of_some_days() -> None:
    limit = parse_bandwidth(
        "20 MB/s; Mon-Fri 08:00-23:00 2 MB/s; sat-sun 5 MB/s; fri 22:00-06:00 unlimited"
    )
    days = [datetime(2026, 1, 15 + day, 12, tzinfo=UTC) for day in range(5)]  # from a Thursday on

    assert [limit.at(day) for day in days] == [2 * MB, 2 * MB, 5 * MB, 5 * MB, 2 * MB]
    assert limit.at(datetime(2026, 1, 16, 22, 30, tzinfo=UTC)) is None
    assert parse_bandwidth("sat-sun 5 MB/s").changes_at(days[0]) == datetime(
        2026, 1, 16, 23, tzinfo=UTC
    )
    assert str(limit) == (
        "20 MB/s; mon-fri 08:00-23:00 2 MB/s; sat-sun 00:00-24:00 5 MB/s; fri 22:00-06:00 unlimited"
    )
    assert parse_bandwidth(str(limit)) == limit


def test_a_limit_is_written_in_one_form() -> None:
    assert (
        str(parse_bandwidth(" 08:00 - 23:00  2mb/s;20000 KB/s ")) == "20 MB/s; 08:00-23:00 2 MB/s"
    )
    assert str(parse_bandwidth("unlimited")) == ""


@given(st.integers(LOWEST_BYTES_PER_S, 999_999_999))
def test_a_speed_survives_being_written_within_a_thousandth(rate: int) -> None:
    read = parse_bandwidth(rate_in_words(rate)).usual

    assert read is not None
    assert abs(read - rate) <= rate / 1_000


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("2", "'2' is not a valid speed: use 2 MB/s, 500 KB/s, 16 Mbit/s or unlimited"),
        ("fast", "'fast' is not a valid speed"),
        ("-2 MB/s", "'-2 MB/s' is not a valid speed"),
        ("0 MB/s", "'0 MB/s' is too slow: downloads need at least 10 KB/s"),
        ("2 MB/s; 3 MB/s", "only one speed can be given without hours"),
        ("08:00-23 2 MB/s", "'08:00-23' is not a valid time range"),
        ("08:00-23:00", "'08:00-23:00' is not a valid speed"),
        ("x" * 1_000, "'x{40}' is not a valid speed"),
    ],
)
def test_what_is_wrong_with_a_limit_is_said(written: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_bandwidth(written)
