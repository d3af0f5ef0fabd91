"""Which jobs a filter means, whatever it was read from."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest

from mediavault.core import marks
from mediavault.core.failures import BadInput
from mediavault.features.jobs.model import MAX_TAGS, JobFilter, read_moment

BERLIN = ZoneInfo("Europe/Berlin")  # summer time begins on 2026-03-29


@pytest.mark.parametrize(
    ("text", "zone", "last", "expected"),
    [
        ("2026-11-24", UTC, False, datetime(2026, 11, 24, tzinfo=UTC)),
        ("2026-11-24", UTC, True, datetime(2026, 11, 25, tzinfo=UTC)),
        ("20261124", UTC, True, datetime(2026, 11, 25, tzinfo=UTC)),
        ("2026-03-29", BERLIN, False, datetime(2026, 3, 28, 23, tzinfo=UTC)),
        ("2026-03-29", BERLIN, True, datetime(2026, 3, 29, 22, tzinfo=UTC)),
        ("2026-11-24T18:30", UTC, True, datetime(2026, 11, 24, 18, 30, tzinfo=UTC)),
        ("2026-11-24T18:30+01:00", BERLIN, False, datetime(2026, 11, 24, 17, 30, tzinfo=UTC)),
        ("9999-12-31", UTC, True, datetime(9999, 12, 31, tzinfo=UTC)),
        ("0001-01-01T00:00+14:00", UTC, False, datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_date_means_the_whole_day(
    text: str, zone: tzinfo, last: bool, expected: datetime
) -> None:
    assert read_moment("until", text, zone=zone, last=last) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "1700000000", "24.11.2026"])
def test_what_is_no_date_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(BadInput, match=r"Invalid filter: since\.") as refused:
        read_moment("since", text)

    assert "2026-11-24" in refused.value.help


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("q", "x" * 201),
        ("platform", "x" * 65),
        ("account", "x" * 201),
        ("collection", "x" * 1_001),
        ("tag", ("x",) * (MAX_TAGS + 1)),
        ("shortest_s", -1.0),
        ("longest_s", float("nan")),
        ("longest_s", float("inf")),
    ],
)
def test_a_value_that_no_job_can_have_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(BadInput, match=rf"Invalid filter: {name}\."):
        JobFilter(**{name: value})  # type: ignore[arg-type]


def test_marks_are_those_of_the_user_and_words_may_ask_for_tags() -> None:
    query = JobFilter(
        q="tag:trains steam", tag=("blue",), favourite=True, watched=False, duplicates=False
    ).query("ann", cursor="1.a", limit=7)

    assert (query.text, query.cursor, query.limit) == ("steam", "1.a", 7)
    assert query.marks == (marks.tag("trains"), marks.tag("blue"), marks.favourite("ann"))
    assert query.without == (marks.watched("ann"), marks.MarkKind.DUPLICATE)
