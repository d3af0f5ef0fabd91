"""What is known of a recording, as people read it and as it is stored."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

import pytest

from mediavault.core.recordings import (
    Recording,
    RecordingEnd,
    began_at,
    clock_time,
    from_json,
    in_words,
)

WHOLE = Recording(3723.0, 10_000, gaps=2, missing_s=14.0, offset_s=750.0, end=RecordingEnd.STOPPED)


def test_a_recording_is_described_with_its_place_its_gaps_and_its_end() -> None:
    assert in_words(WHOLE) == (
        "Recorded live: 01:02:03 from 00:12:30 of the stream; 2 gaps, about 00:00:14 missing; it"
        " was stopped"
    )
    assert in_words(Recording(9.6)) == "Recorded live: 00:00:10"


@pytest.mark.parametrize("end", RecordingEnd)
def test_every_end_has_words(end: RecordingEnd) -> None:
    assert "; " in in_words(Recording(end=end))


def test_a_recording_is_read_as_it_was_written() -> None:
    assert from_json(asdict(WHOLE)) == WHOLE
    assert from_json(asdict(Recording())) == Recording()


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "text",
        {"gaps": "2"},
        {"recorded_s": -1},
        {"bytes": 1e300},
        {"offset_s": float("nan")},
    ],
)
def test_what_somebody_has_edited_is_no_recording(value: object) -> None:
    assert from_json(value) is None


@pytest.mark.parametrize("end", ["nonsense", [], {}, 7])
def test_an_unknown_end_is_left_out(end: object) -> None:
    assert from_json({"recorded_s": 1.0, "end": end}) == Recording(1.0)


def test_hours_have_as_many_digits_as_they_need() -> None:
    assert [clock_time(seconds) for seconds in (0, 59.6, 360_000)] == [
        "00:00:00",
        "00:01:00",
        "100:00:00",
    ]


@pytest.mark.parametrize(
    "text", [None, "", "yesterday", "2026-11-24T12:00:00", "9999-01-01T00:00:00+00:00"]
)
def test_a_beginning_that_cannot_be_used_is_unknown(text: object) -> None:
    assert began_at({"live_began_at": text}) is None


def test_the_beginning_is_read_with_its_zone() -> None:
    assert began_at({"live_began_at": "2026-11-24T12:00:00+00:00"}) == datetime(
        2026, 11, 24, 12, tzinfo=UTC
    )
