"""How pages and APIs write the length of a video."""

from __future__ import annotations

import pytest

from mediavault.extraction.page_data import values


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (60, 60), (62.5, 62.5), ("60", 60), ("60.0", 60), (" 62 ", 62),
        ("PT1M", 60), ("PT1M2.5S", 62.5), ("PT1M2,5S", 62.5), ("pt1h", 3_600), ("P0DT0H1M0S", 60),
        ("P1DT1S", 86_401), ("P0Y0M0DT0H1M2S", 62), ("PT00H01M02S", 62), ("P0W", None),
        ("00:01:00", 60), ("1:02", 62), ("62:03", 3_723), ("1:02:03", 3_723), ("0:00:04.5", 4.5),
        ("00:01:02,250", 62.25), ("60 s", 60), ("60s", 60), ("60 sec.", 60), ("1 min 2 s", 62),
        ("1m2s", 62), ("1h 2m", 3_720), ("90 seconds", 90),
        ("1 hour, 2 minutes and 3 seconds", 3_723), ("1.5 min", 90), ("62000 ms", 62),
        ("62000ms", 62),
    ],
)  # fmt: skip
def test_the_usual_forms_of_a_length_are_read(written: object, seconds: float | None) -> None:
    assert values.duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        None, True, "", " ", "live", "0", 0, -5, "-PT1M", "PT", "P", "PT0S", "00:00", "00:00:00",
        "1:75", "1:99:03", ":30", "1:2:3:4", "12/11/2026", "2026-11-30", "2026-11-30T10:00:00",
        "HD", "1080p", "60 fps", "s", "min", "60 s 1 min 5", "nan", "inf", "1e400",
        "PT1M" + "0" * 80 + "S", "1 m 2 m", ["PT1M"], {"value": 60}, b"60",
    ],
)  # fmt: skip
def test_what_is_not_a_length_is_unknown(written: object) -> None:
    assert values.duration(written) is None


def test_a_field_of_milliseconds_is_read_as_seconds() -> None:
    assert [values.milliseconds(written) for written in (62_000, "62000", "500", None, 0, "x")] == [
        62,
        62,
        0.5,
    ] + [None] * 3
