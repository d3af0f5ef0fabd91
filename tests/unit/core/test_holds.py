"""What holds jobs back, and which of several holds is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mediavault.core.clock import local
from mediavault.core.holds import Hold, HoldReason, download_pauses, hold_of
from mediavault.core.job import Job, JobId, JobStatus, Priority
from mediavault.core.settings import ChangeableSettings

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
QUIET = Hold(HoldReason.QUIET_HOURS, until=NOW + timedelta(hours=1))
USED_UP = Hold(HoldReason.DAILY_VOLUME, until=NOW + timedelta(hours=12))
PAUSED, SITE_PAUSED = Hold(HoldReason.PAUSED), Hold(HoldReason.PAUSED, "x")
JOB = Job(JobId("1"), "t", "https://x.com/1", "https://x.com/1", "x", JobStatus.QUEUED, NOW, NOW)


@pytest.mark.parametrize(
    ("holds", "named"),
    [
        ([], None),
        ([SITE_PAUSED, QUIET], QUIET),
        ([QUIET, USED_UP], USED_UP),
        ([QUIET, USED_UP, PAUSED], PAUSED),
        ([Hold(HoldReason.PAUSED, "youtube")], None),
    ],
)
def test_the_hold_of_the_whole_queue_that_lasts_longest_is_named(
    holds: list[Hold], named: Hold | None
) -> None:
    assert hold_of(JOB, holds) == named


def test_what_a_user_moved_to_the_front_is_held_by_pauses_only() -> None:
    urgent = replace(JOB, priority=Priority.NOW)

    assert [hold.covers(urgent) for hold in (QUIET, USED_UP, PAUSED, SITE_PAUSED)] == [
        False,
        False,
        True,
        True,
    ]


def test_what_runs_is_never_held() -> None:
    running = replace(JOB, status=JobStatus.RUNNING)

    assert not any(hold.covers(running) for hold in (QUIET, USED_UP, PAUSED, SITE_PAUSED))


def test_holds_follow_from_the_clock_and_from_the_volume() -> None:
    hour = local(NOW).hour
    settings = ChangeableSettings(
        quiet_hours=f"{hour:02}:00-{(hour + 1) % 24:02}:00", daily_volume_gb=1
    )
    midnight = local(NOW).replace(hour=0) + timedelta(days=1)

    assert download_pauses(settings, NOW, volume=999_999_999) == (QUIET,)
    assert download_pauses(settings, NOW, volume=1_000_000_000) == (
        QUIET,
        replace(USED_UP, until=midnight),
    )
    assert download_pauses(ChangeableSettings(), NOW, volume=10**15) == ()
