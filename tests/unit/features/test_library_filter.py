"""The library's filter: read from a URL, written back to one,
and turned into a query of the store.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.failures import BadInput
from mediavault.core.job import JobStatus
from mediavault.features.jobs.library_filter import (
    Length,
    LibraryFilter,
    LibraryView,
    address,
    chips,
    read_filter,
    to_params,
    to_query,
)
from mediavault.store.port import JobOrder

WORDS = st.text(max_size=60).map(str.strip)
DAYS = st.none() | st.dates(date(1900, 1, 1), date(9000, 12, 30))
SECONDS = st.none() | st.integers(0, 10**6).map(lambda tenths: tenths / 10)
FILTERS = st.builds(
    LibraryFilter,
    q=WORDS,
    platform=WORDS,
    account=WORDS,
    since=DAYS,
    until=DAYS,
    length=st.none() | st.sampled_from(Length),
    shortest=SECONDS,
    longest=SECONDS,
    state=st.sampled_from(LibraryView),
    order=st.sampled_from(JobOrder),
)


def reread(link: str) -> LibraryFilter:
    return read_filter(dict(parse_qsl(urlsplit(link).query)))


@given(FILTERS)
def test_a_filter_can_be_read_back_from_its_url(library_filter: LibraryFilter) -> None:
    assert reread(address(library_filter)) == library_filter


@given(FILTERS)
def test_each_chips_url_is_the_filter_without_it(library_filter: LibraryFilter) -> None:
    for chip in chips(library_filter, account_name=""):
        assert len(to_params(reread(chip.without))) < len(to_params(library_filter))


def test_an_empty_filter_has_a_plain_url_and_shows_what_is_saved() -> None:
    plain = read_filter({"q": "", "state": "", "order": " ", "since": ""})

    assert address(plain) == "/library"
    assert to_query(plain, None, "owner", limit=48).statuses == (JobStatus.COMPLETED,)


def test_days_are_in_the_readers_time_zone_and_the_last_one_is_included() -> None:
    library_filter = LibraryFilter(since=date(2026, 11, 24), until=date(2026, 11, 25))
    query = to_query(library_filter, ZoneInfo("Asia/Tokyo"), "owner", limit=1)

    assert query.since == datetime(2026, 11, 23, 15, tzinfo=UTC)
    assert query.until == datetime(2026, 11, 25, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "length"),
    [(59.99, Length.SHORT), (60.0, Length.MEDIUM), (600.0, Length.MEDIUM), (600.01, Length.LONG)],
)
def test_every_length_is_in_exactly_one_class(seconds: float, length: Length) -> None:
    def holds(candidate: Length) -> bool:
        query = to_query(LibraryFilter(length=candidate), None, "owner", limit=1)
        return (
            (query.shortest_s or 0.0)
            <= seconds
            <= (query.longest_s if query.longest_s is not None else 1e9)
        )

    assert [candidate for candidate in Length if holds(candidate)] == [length]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("since", "2026-13-01"),
        ("until", "yesterday"),
        ("until", "9999-12-31"),
        ("shortest", "-1"),
        ("shortest", "nan"),
        ("longest", "inf"),
        ("longest", "1e999"),
        ("state", "gone"),
        ("order", "random"),
        ("length", "huge"),
        ("q", "x" * 201),
        ("account", "x" * 201),
    ],
)
def test_an_invalid_filter_is_refused_with_help(name: str, value: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_filter({name: value})

    assert name in refused.value.message
    assert refused.value.help
