from __future__ import annotations

import pytest

from mediavault.core.failures import FAILURES, ErrorCode
from mediavault.core.job import JobStatus, Stage, StrategyName
from mediavault.presentation.labels import (
    STAGE_LABELS,
    STATUS_LABELS,
    STRATEGY_LABELS,
    format_duration,
    format_progress,
    format_size,
    help_for,
    one_line,
)


def test_every_status_stage_and_strategy_has_a_label() -> None:
    assert set(STATUS_LABELS) == set(JobStatus)
    assert set(STAGE_LABELS) == set(Stage)
    assert set(STRATEGY_LABELS) == set(StrategyName)


def test_help_comes_from_the_failures_own_class() -> None:
    assert help_for(ErrorCode.TOO_LARGE) == FAILURES[ErrorCode.TOO_LARGE].hint
    assert help_for(None) == ""


@pytest.mark.parametrize(
    "code", [ErrorCode.RECOVERED_FROM_RESTART, ErrorCode.SESSION_EXPIRED, ErrorCode.STORY_EXPIRED]
)
def test_codes_without_a_class_have_help_too(code: ErrorCode) -> None:
    assert help_for(code)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (None, ""),
        (0, "0 B"),
        (999, "999 B"),
        (1_500, "1.5 kB"),
        (999_960, "1.0 MB"),
        (2 * 10**15, "2000.0 TB"),
    ],
)
def test_sizes_are_short(count: int | None, words: str) -> None:
    assert format_size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, ""), (7.4, "0:07"), (59.6, "1:00"), (3_723, "1:02:03")]
)
def test_durations_read_like_a_players(seconds: float | None, words: str) -> None:
    assert format_duration(seconds) == words


def test_progress_shows_only_what_is_known() -> None:
    assert format_progress(3_100_000, 8_000_000) == "3.1 MB of 8.0 MB"
    assert format_progress(3_100_000, None) == "3.1 MB"


def test_untrusted_text_loses_escapes_and_overrides() -> None:
    assert one_line("a\x1b[2Jb\n\u202ec\u2066 \x9bd") == "a [2Jb c d"
