"""How long a server asks us to wait, in each form that sites use."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mediavault.core.retry_after import LONGEST, parse_retry_after
from tests.fakes import START

NOON = "Tue, 24 Nov 2026 12:00:00 GMT"  # START
EPOCH = int(START.timestamp())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30),
        (" 0 ", 0),
        ("1.5", 1.5),
        ("99999999999999999999", 86_400),
        ("Tue, 24 Nov 2026 12:01:00 GMT", 60),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0),
        ("Wed, 25 Nov 2026 11:59:00 GMT", 86_340),
        ("Fri, 27 Nov 2026 12:00:00 GMT", 86_400),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_a_day_at_most(
    value: str, seconds: float | None
) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)

    assert parse_retry_after({"retry-after": value}, now=START) == expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-rate-limit-reset": str(EPOCH + 900), "x-rate-limit-remaining": "0"}, 900),  # X
        ({"ratelimit-reset": str(EPOCH + 300), "ratelimit-remaining": "0"}, 300),  # Bluesky
        # Mastodon
        (
            {"x-ratelimit-reset": "2026-11-24T12:04:00.123456Z", "x-ratelimit-remaining": "0"},
            240.123456,
        ),
        # reddit
        (
            {"x-ratelimit-reset": "480", "x-ratelimit-remaining": "0.0", "x-ratelimit-used": "100"},
            480,
        ),
        (
            {  # Tumblr
                "x-ratelimit-perhour-reset": "1200",
                "x-ratelimit-perhour-remaining": "0",
                "x-ratelimit-perday-reset": "40000",
                "x-ratelimit-perday-remaining": "3000",
            },
            1200,
        ),
        # a different limit was reached
        ({"x-ratelimit-reset": "60", "x-ratelimit-remaining": "12"}, None),
        ({"x-rate-limit-reset": "when I say so"}, None),
        ({"x-ratelimit-reset": "60", "retry-after": "5"}, 5),
        ({"x-ratelimit-reset": "60", "retry-after": "soon"}, 60),
        ({}, None),
    ],
)
def test_the_reset_time_of_a_rate_limit_is_read_in_each_sites_form(
    headers: dict[str, str], seconds: float | None
) -> None:
    wait = parse_retry_after({**headers, "date": NOON})

    assert wait == (None if seconds is None else timedelta(seconds=seconds))


def test_an_absolute_time_is_compared_with_the_servers_clock_or_else_with_ours() -> None:
    moment = {"x-rate-limit-reset": str(EPOCH + 60)}
    ours = START - timedelta(hours=3)

    assert parse_retry_after({**moment, "date": NOON}, now=ours) == timedelta(minutes=1)
    assert parse_retry_after(moment, now=START) == timedelta(minutes=1)
    assert parse_retry_after(moment) is None


@pytest.mark.parametrize(
    "value", ["1" * 400, "9" * 12 + ".0", "2026-99-99T00:00:00Z", "\x00", "Mon, 99 Foo 2026"]
)
def test_an_invalid_value_is_never_more_than_a_day(value: str) -> None:
    for name in ("retry-after", "x-rate-limit-reset"):
        wait = parse_retry_after({name: value, "date": NOON})
        assert wait is None or timedelta() <= wait <= LONGEST
