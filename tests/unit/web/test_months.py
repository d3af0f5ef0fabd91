"""Months of the library: which are listed, and the cursors that lead to them."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest

from mediavault.core.clock import from_micros
from mediavault.store.port import JobOrder
from mediavault.store.queries import REVERSE, decode_cursor
from mediavault.web.timeline import months_between

BERLIN = ZoneInfo("Europe/Berlin")


def day(year: int, month: int, number: int = 15) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


def test_months_are_listed_in_the_order_of_the_moments_and_both_ends_count() -> None:
    assert [span.label for span in months_between(day(2026, 2), day(2025, 11), None)] == [
        "2026-02",
        "2026-01",
        "2025-12",
        "2025-11",
    ]
    assert [span.label for span in months_between(day(2025, 12), day(2026, 1), None)] == [
        "2025-12",
        "2026-01",
    ]
    assert [span.label for span in months_between(day(2026, 1), day(2026, 1, 2), None)] == [
        "2026-01"
    ]


def test_of_more_than_three_years_only_the_years_are_listed() -> None:
    assert len(months_between(day(2026, 12), day(2024, 1), None)) == 36
    assert [span.label for span in months_between(day(2027, 1), day(2024, 1), None)] == [
        "2027",
        "2026",
        "2025",
        "2024",
    ]


@pytest.mark.parametrize(
    ("zone", "midnight"), [(None, day(2026, 3, 1)), (BERLIN, datetime(2026, 3, 1, tzinfo=BERLIN))]
)
def test_a_cursor_lies_at_the_edge_of_its_month(zone: tzinfo | None, midnight: datetime) -> None:
    [february] = months_between(day(2026, 2), day(2026, 2), zone)
    [march] = months_between(day(2026, 3), day(2026, 3), zone)

    _, newest_before, _ = decode_cursor(february.cursor(JobOrder.NEWEST), JobOrder.NEWEST)
    _, oldest_after, _ = decode_cursor(march.cursor(JobOrder.OLDEST), JobOrder.OLDEST)
    published_before, *_ = decode_cursor(february.cursor(JobOrder.PUBLISHED), JobOrder.PUBLISHED)
    published_from, *_ = decode_cursor(march.cursor(JobOrder.EARLIEST), JobOrder.EARLIEST)
    assert from_micros(int(published_before)) == from_micros(int(published_from)) == midnight
    assert from_micros(newest_before) == midnight
    assert (midnight - from_micros(oldest_after)).total_seconds() == 1e-6


@pytest.mark.parametrize("year", [1970, 2200])
def test_the_first_and_the_last_possible_month_have_cursors(year: int) -> None:
    [span] = months_between(day(year, 1, 1), day(year, 1, 1), BERLIN)

    for order in REVERSE:
        assert decode_cursor(span.cursor(order), order)
