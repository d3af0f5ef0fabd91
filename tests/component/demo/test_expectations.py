"""The checks of a practice post's job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.job import (
    HistoryRecord,
    ItemStatus,
    Job,
    JobId,
    JobItem,
    JobStatus,
    Stage,
    StepOutcome,
    StrategyName,
)
from mediavault.core.media import Item, SavedFile, SourceType, account
from mediavault.demo.expectations import ExpectedStep, SavedVideo, check, steps
from mediavault.demo.media import Clip
from mediavault.demo.posts import BY_SLUG, PracticePost
from tests.fakes import START


def items_of(post: PracticePost) -> tuple[JobItem, ...]:
    """Return every video of the post as a saved item."""
    files = [
        SavedFile("a.mp4", None, 1, "f" * 64, float(spec.seconds), 2, 2) for spec in post.specs
    ]
    return tuple(JobItem(Item(), ItemStatus.SAVED, file) for file in files)


def job_of(post: PracticePost, **facts: Any) -> Job:
    """Return a job that ended as the post expects, with the fields in ``facts`` replaced."""
    completed: dict[str, Any] = {
        "status": JobStatus.COMPLETED,
        "attempt_count": post.attempts or 1,
        "account": account("generic", post.author.handle, post.author.name),
        "metadata": {"title": post.title},
        "items": items_of(post),
        "duration_s": float(post.specs[0].seconds) if post.specs else None,
        "source_type": SourceType.DIRECT,
    }
    failed: dict[str, Any] = {
        "status": JobStatus.FAILED,
        "error_code": post.code,
        "error": "No.",
        "attempt_count": 1,
    }
    job = Job(JobId("1"), "0" * 32, post.path, post.path, "generic", JobStatus.QUEUED, START, START)
    return replace(job, **{**(completed if post.is_saved else failed), **facts})


def record(strategy: StrategyName | None, outcome: StepOutcome, **facts: Any) -> HistoryRecord:
    return HistoryRecord(
        START,
        **{"attempt": 1, "stage": Stage.VALIDATE, **facts},
        outcome=outcome,
        strategy=strategy,
    )


def saved_on(strategy: StrategyName, *, attempt: int = 1) -> list[HistoryRecord]:
    return [
        record(strategy, StepOutcome.OK, stage=Stage.DOWNLOAD, attempt=attempt),
        record(strategy, StepOutcome.OK, attempt=attempt),
    ]


def saved_video(clip: Clip, **facts: Any) -> SavedVideo:
    video = SavedVideo(
        clip.sha256, clip.fingerprint, has_sound=True, has_thumbnail=True, has_sidecar=True
    )
    return replace(video, **facts)


@pytest.mark.parametrize("post", BY_SLUG.values(), ids=lambda post: post.slug)
def test_a_post_is_right_when_it_ended_as_expected_and_only_then(post: PracticePost) -> None:
    history = saved_on(min(post.strategies), attempt=post.attempts or 1)
    other = {"status": JobStatus.FAILED, "error_code": ErrorCode.NETWORK, "error": "Reset."}
    (problem,) = check(post, job_of(post, **other), history)

    assert check(post, job_of(post), history) == []
    assert "it should have" in problem


@pytest.mark.parametrize(
    ("slug", "facts", "problem"),
    [
        ("deleted", {"error_code": ErrorCode.NETWORK}, "it should have failed with DELETED"),
        ("deleted", {"retry_at": START}, "it was still failed"),
        ("plain", {"status": JobStatus.RUNNING}, "it was still running"),
        ("session", {}, "it was saved by the strategy plain, expected session"),
        ("limited", {"attempt_count": 1}, "it took 1 attempt, expected 2"),
        ("plain", {"account": None}, "its account is None"),
        ("plain", {"metadata": {}}, "its title is ''"),
        ("carousel", {"items": items_of(BY_SLUG["carousel"])[:2]}, "its saved videos last"),
        ("carousel", {"items": items_of(BY_SLUG["carousel"])[:2] * 2}, "its saved videos last"),
    ],
)
def test_another_end_is_one_problem(slug: str, facts: dict[str, Any], problem: str) -> None:
    post = BY_SLUG[slug]
    (found,) = check(post, job_of(post, **facts), saved_on(StrategyName.PLAIN))

    assert problem in found


def test_a_history_without_a_strategy_and_a_fault_that_was_never_met_are_wrong() -> None:
    post, failed = BY_SLUG["plain"], [record(StrategyName.PLAIN, StepOutcome.FAILED)]

    assert check(post, job_of(post), []) == ["the history names no strategy by which it was saved"]
    assert check(post, job_of(post), failed) != []
    assert check(post, job_of(post), saved_on(StrategyName.PLAIN), troubles_met=0) == [
        "its trouble was never met"
    ]


@pytest.mark.parametrize(
    ("video", "facts", "problem"),
    [
        ({}, {}, None),
        ({"sha256": "remuxed"}, {"source_type": SourceType.HLS}, None),
        ({"sha256": "remuxed"}, {}, "the file differs from the one that the site serves"),
        ({"sha256": None}, {}, "there is no file at"),
        ({}, {"sha256": "recorded"}, "the file's hash is not the recorded one"),
        ({"fingerprint": "of another"}, {}, "the file shows another video"),
        ({"has_sound": False}, {}, "the file lacks sound"),
        ({"has_thumbnail": False}, {}, "it has no thumbnail"),
        ({"has_sidecar": False}, {}, "it has no .info.json"),
        ({}, {"duration_s": 4.0}, "it lasts 4.0"),
        ({}, {"duration_s": None}, "it lasts None"),
    ],
)
def test_the_file_is_compared_with_the_clip(
    clips: Mapping[str, Clip], video: dict[str, Any], facts: dict[str, Any], problem: str | None
) -> None:
    post, clip = BY_SLUG["mse"], clips["mse"]
    saved = saved_video(clip, **video)
    job = job_of(post, **{"sha256": saved.sha256, "duration_s": clip.duration_s, **facts})
    found = check(post, job, saved_on(StrategyName.PLAIN), clip=clip, saved=saved)

    assert [each[: len(problem or "")] for each in found] == ([problem] if problem else [])


def test_the_records_of_a_strategy_are_one_step_and_the_last_one_decides() -> None:
    history = [
        record(None, StepOutcome.OK, stage=Stage.EXTRACT),
        record(StrategyName.PLAIN, StepOutcome.OK, stage=Stage.DOWNLOAD),
        record(StrategyName.PLAIN, StepOutcome.FAILED, error_code=ErrorCode.NOT_A_VIDEO),
        record(StrategyName.FRESH, StepOutcome.OK, stage=Stage.EXTRACT),
        record(StrategyName.PLAIN, StepOutcome.SKIPPED, attempt=2),
        *saved_on(StrategyName.PLAIN, attempt=2),
    ]

    assert steps(history) == (
        ExpectedStep(1, StrategyName.PLAIN, ok=False, code=ErrorCode.NOT_A_VIDEO),
        ExpectedStep(1, StrategyName.FRESH, ok=False),
        ExpectedStep(2, StrategyName.PLAIN, ok=True),
    )
