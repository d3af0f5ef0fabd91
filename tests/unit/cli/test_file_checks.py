"""The doctor's check of the saved files."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mediavault.app.doctor.file_checks import check_files
from mediavault.maintenance.scheduled_checks import ReadingPosition
from mediavault.presentation.doctor_report import DoctorVerdict
from tests.fakes import START

DAYS = 90


@pytest.mark.parametrize(
    ("damaged", "passed", "age_days", "days", "verdict", "fact"),
    [
        (2, 7, 1, DAYS, DoctorVerdict.WARNING, "2 posts have damaged files"),
        (0, 0, 1, DAYS, DoctorVerdict.OK, "each is to be verified within 90 days"),
        (0, 7, 30, DAYS, DoctorVerdict.OK, "each is to be verified within 90 days; 7 posts since 2026-11-24"),
        (0, 7, 120, DAYS, DoctorVerdict.WARNING, "each is to be verified within 90 days; 7 posts since 2026-11-24"),
        (0, 7, -3, DAYS, DoctorVerdict.OK, "each is to be verified within 90 days"),
        (0, 7, 30, 0, DoctorVerdict.OK, "not verified on a schedule"),
    ],
)
def test_it_says_what_was_found_and_how_far_the_reading_is(
    damaged: int, passed: int, age_days: int, days: int, verdict: DoctorVerdict, fact: str
) -> None:
    position = ReadingPosition(began_at=START, at=START, passed=passed)
    check = check_files(damaged, position, undecoded=0, days=days, now=START + timedelta(days=age_days))

    assert (check.verdict, check.detail) == (verdict, fact)
    assert bool(check.help) is (verdict is DoctorVerdict.WARNING)


def test_before_the_first_reading_there_is_only_the_plan() -> None:
    assert check_files(0, None, undecoded=0, days=DAYS, now=START).detail == "each is to be verified within 90 days"


def test_it_says_how_many_posts_are_still_to_be_decoded() -> None:
    check = check_files(0, None, undecoded=1_200, days=0, now=START)

    assert check.detail == "not verified on a schedule; 1,200 posts are still to be decoded in the background"
