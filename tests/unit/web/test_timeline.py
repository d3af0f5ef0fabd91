"""A job's history as its page shows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.job import (
    HistoryRecord,
    Job,
    JobId,
    JobStatus,
    Stage,
    StepOutcome,
    StrategyName,
)
from mediavault.presentation.labels import format_span
from mediavault.web.timeline import AttemptView, timeline

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
OK, FAILED, SKIPPED = StepOutcome.OK, StepOutcome.FAILED, StepOutcome.SKIPPED


def job(status: JobStatus = JobStatus.COMPLETED, **facts: Any) -> Job:
    return Job(
        JobId("1"), "t", "https://a.example/1", "https://a.example/1", "x", status, AT, AT, **facts
    )


def record(
    attempt: int,
    stage: Stage,
    outcome: StepOutcome = OK,
    strategy: StrategyName | None = None,
    **facts: Any,
) -> HistoryRecord:
    after = facts.pop("after", 0)
    return HistoryRecord(AT + timedelta(seconds=after), attempt, stage, outcome, strategy, **facts)


def attempts(of: Job, *history: HistoryRecord) -> list[AttemptView]:
    return list(timeline(of, history).attempts)


def test_attempts_are_separate_with_the_users_requests_between_them() -> None:
    views = attempts(
        job(),
        record(1, Stage.CLAIM),
        record(1, Stage.FAIL, FAILED, error_code=ErrorCode.NETWORK, detail="no route"),
        record(0, Stage.RETRY, detail="asked"),
        record(2, Stage.CLAIM, after=60),
        record(2, Stage.COMPLETE, after=72),
    )

    assert [(view.number, view.tone, view.word) for view in views] == [
        (1, "bad", "Failed"),
        (0, "quiet", "Retry requested"),
        (2, "good", "Saved"),
    ]
    assert views[2].took == "12.0 s"
    assert [step.title for step in views[0].steps] == ["End of the attempt"]


def test_a_late_record_of_a_stale_attempt_is_shown_with_that_attempt() -> None:
    views = attempts(
        job(), record(1, Stage.CLAIM), record(2, Stage.CLAIM), record(1, Stage.DOWNLOAD, FAILED)
    )

    assert [(view.number, len(view.steps)) for view in views] == [(1, 1), (2, 0)]


def test_all_four_strategies_are_shown_once_one_was_tried() -> None:
    views = attempts(
        job(),
        record(1, Stage.DOWNLOAD, FAILED, StrategyName.PLAIN),
        record(1, Stage.DOWNLOAD, OK, StrategyName.SESSION),
        record(1, Stage.VALIDATE, FAILED, StrategyName.SESSION),
        record(1, Stage.DOWNLOAD, SKIPPED, StrategyName.NAVIGATION),
        record(1, Stage.DOWNLOAD, OK, StrategyName.FRESH),
        record(1, Stage.VALIDATE, OK, StrategyName.FRESH),
        record(1, Stage.COMPLETE),
    )

    assert [(strategy.tone, strategy.word) for strategy in views[0].strategies] == [
        ("bad", "Failed"),
        ("bad", "Failed"),
        ("quiet", "Skipped"),
        ("good", "Succeeded"),
    ]


def test_a_strategy_that_was_not_tried_is_shown_as_not_needed() -> None:
    views = attempts(
        job(), record(1, Stage.DOWNLOAD, OK, StrategyName.PLAIN), record(1, Stage.COMPLETE)
    )

    assert [strategy.word for strategy in views[0].strategies] == [
        "Succeeded",
        "Not needed",
        "Not needed",
        "Not needed",
    ]
    assert attempts(job(), record(1, Stage.FAIL, FAILED))[0].strategies == []


@pytest.mark.parametrize(
    ("status", "facts", "last", "tone", "word"),
    [
        (JobStatus.RUNNING, {"attempt_count": 1}, record(1, Stage.EXTRACT), "busy", "In progress"),
        (JobStatus.QUEUED, {}, record(1, Stage.RELEASE), "quiet", "Returned to the queue"),
        (JobStatus.FAILED, {}, record(1, Stage.RECOVER, FAILED), "bad", "Interrupted by a restart"),
        (JobStatus.CANCELLED, {}, record(1, Stage.CANCEL), "quiet", "Cancelled"),
        (
            JobStatus.FAILED,
            {},
            record(1, Stage.FAIL, FAILED, error_code=ErrorCode.PARTIAL),
            "bad",
            "Partly saved",
        ),
        (
            JobStatus.FAILED,
            {},
            record(1, Stage.FAIL, FAILED, error_code=ErrorCode.AMBIGUOUS),
            "busy",
            "Choose the video",
        ),
        (JobStatus.FAILED, {}, record(1, Stage.EXTRACT), "quiet", "Interrupted"),
    ],
)
def test_an_attempts_end_has_a_label(
    status: JobStatus, facts: dict[str, Any], last: HistoryRecord, tone: str, word: str
) -> None:
    view = attempts(job(status, **facts), record(1, Stage.CLAIM), last)[0]

    assert (view.tone, view.word) == (tone, word)
    assert (
        view.icon == {"good": "check", "bad": "cross", "quiet": "skip", "busy": "hand"}[tone]
        or word == "In progress"
    )


@pytest.mark.parametrize(
    ("status", "facts", "word"),
    [
        (JobStatus.QUEUED, {}, "Waiting for its turn"),
        (JobStatus.FAILED, {"retry_at": AT, "error_code": ErrorCode.NETWORK}, "Next attempt"),
        (JobStatus.FAILED, {"error_code": ErrorCode.DELETED}, "Stopped retrying"),
        # and resumes afterwards
        (JobStatus.FAILED, {"error_code": ErrorCode.LOGIN_REQUIRED}, "Waiting for you"),
        (JobStatus.COMPLETED, {}, None),
        (JobStatus.CANCELLED, {}, None),
        (JobStatus.RUNNING, {}, None),
    ],
)
def test_what_comes_next_is_shown_at_the_end(
    status: JobStatus, facts: dict[str, Any], word: str | None
) -> None:
    ending = timeline(job(status, **facts), []).ending

    assert (ending.word if ending else None) == word
    assert ending is None or ending.at == facts.get("retry_at")


def test_a_step_shows_its_duration_bytes_and_time_and_keeps_its_raw_record() -> None:
    download = record(
        1,
        Stage.DOWNLOAD,
        FAILED,
        StrategyName.PLAIN,
        bytes=5,
        duration_ms=1_300,
        after=2,
        detail="4\u202e03\nno",
    )
    step = attempts(job(), record(1, Stage.CLAIM), download)[0].steps[0]

    assert (step.strategy, step.took, step.bytes, step.after, step.message) == (
        "plain request",
        "1.3 s",
        5,
        "2.0 s",
        "4 03 no",
    )
    assert (
        "strategy: plain\noutcome: failed\nbytes: 5\nduration_ms: 1300\ndetail: 4 03 no" in step.raw
    )


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1.0 s"),
        (59_960, "1 min"),
        (125_000, "2 min 5 s"),
        (4_800_000, "1 h 20 min"),
        (7_200_000, "2 h"),
    ],
)
def test_spans_are_shown_in_the_unit_that_fits(milliseconds: float, words: str) -> None:
    assert format_span(milliseconds) == words
