"""The checks of a practice post's job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
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
from mediavault.demo.expectations import ExpectedStep, KeptVideo, check, has_ended, steps
from mediavault.demo.media import Clip
from mediavault.demo.posts import BY_SLUG, PracticePost
from tests.fakes import START


def items_of(post: PracticePost) -> tuple[JobItem, ...]:
    """Return every video of the post as a saved item."""
    files = [SavedFile("a.mp4", None, 1, "f" * 64, float(look.seconds), 2, 2) for look in post.looks]
    return tuple(JobItem(Item(), ItemStatus.KEPT, file) for file in files)


def job_of(post: PracticePost, **facts: Any) -> Job:
    """Return a job that ended as the post expects, with the fields in ``facts`` replaced."""
    completed: dict[str, Any] = {
        "status": JobStatus.COMPLETED,
        "attempt_count": post.attempts or 1,
        "account": account("generic", post.author.handle, post.author.name),
        "metadata": {"title": post.title},
        "items": items_of(post),
        "duration_s": float(post.looks[0].seconds) if post.looks else None,
        "source_type": SourceType.DIRECT,
    }
    failed: dict[str, Any] = {"status": JobStatus.FAILED, "error_code": post.code, "error": "No.", "attempt_count": 1}
    job = Job(JobId("1"), "0" * 32, post.path, post.path, "generic", JobStatus.QUEUED, START, START)
    return replace(job, **{**(completed if post.is_kept else failed), **facts})


def record(strategy: StrategyName | None, outcome: StepOutcome, **facts: Any) -> HistoryRecord:
    return HistoryRecord(START, **{"attempt": 1, "stage": Stage.VALIDATE, **facts}, outcome=outcome, strategy=strategy)


def saved_on(strategy: StrategyName, *, attempt: int = 1) -> list[HistoryRecord]:
    return [
        record(strategy, StepOutcome.OK, stage=Stage.DOWNLOAD, attempt=attempt),
        record(strategy, StepOutcome.OK, attempt=attempt),
    ]


PLAIN, SESSION, LIMITED, DELETED = (BY_SLUG[slug] for slug in ("plain", "session", "limited", "deleted"))


@pytest.mark.parametrize("post", BY_SLUG.values(), ids=lambda post: post.slug)
def test_a_post_that_ended_as_expected_has_no_problems(post: PracticePost) -> None:
    assert check(post, job_of(post), saved_on(min(post.strategies), attempt=post.attempts or 1)) == []


@pytest.mark.parametrize("post", BY_SLUG.values(), ids=lambda post: post.slug)
def test_an_unexpected_end_is_wrong(post: PracticePost) -> None:
    if post.is_kept:
        other = job_of(post, status=JobStatus.FAILED, error_code=ErrorCode.NETWORK, error="Reset.")
    else:
        other = job_of(post, status=JobStatus.COMPLETED, error_code=None)

    (problem,) = check(post, other, saved_on(min(post.strategies)))
    assert "it should have" in problem


def test_a_failure_other_than_the_expected_one_is_wrong() -> None:
    (problem,) = check(DELETED, job_of(DELETED, error_code=ErrorCode.NETWORK), [])

    assert "NETWORK" in problem
    assert "should have failed with DELETED" in problem


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.RUNNING])
def test_a_job_that_has_not_ended_is_wrong(status: JobStatus) -> None:
    (problem,) = check(PLAIN, job_of(PLAIN, status=status), [])

    assert f"still {status}" in problem


def test_a_failed_job_that_will_be_retried_has_not_ended() -> None:
    waiting = job_of(DELETED, retry_at=START + timedelta(seconds=2))

    assert not has_ended(waiting)
    assert check(DELETED, waiting, []) != []


def test_an_unexpected_strategy_is_wrong() -> None:
    (problem,) = check(SESSION, job_of(SESSION), saved_on(StrategyName.PLAIN))

    assert problem == "it was saved by the strategy plain, expected session"


def test_a_saved_post_without_a_strategy_in_its_history_is_wrong() -> None:
    assert check(PLAIN, job_of(PLAIN), []) == ["the history names no strategy by which it was saved"]
    assert check(PLAIN, job_of(PLAIN), [record(StrategyName.PLAIN, StepOutcome.FAILED)]) != []


def test_too_few_attempts_are_wrong_where_a_second_is_needed() -> None:
    (problem,) = check(LIMITED, job_of(LIMITED, attempt_count=1), saved_on(StrategyName.PLAIN))

    assert problem == "it took 1 attempt, expected 2"


def test_a_fault_that_was_never_met_is_wrong() -> None:
    assert check(SESSION, job_of(SESSION), saved_on(StrategyName.SESSION), troubles_met=0) == [
        "its trouble was never met"
    ]
    assert check(SESSION, job_of(SESSION), saved_on(StrategyName.SESSION), troubles_met=1) == []


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({"account": None}, "account"),
        ({"metadata": {}}, "title"),
        ({"account": account("generic", "x", None)}, "account"),
    ],
)
def test_a_wrong_account_or_title_is_wrong(facts: Mapping[str, Any], word: str) -> None:
    (problem,) = check(PLAIN, job_of(PLAIN, **facts), saved_on(StrategyName.PLAIN))

    assert word in problem


@pytest.mark.parametrize("change", ["one is missing", "one is another", "one failed"])
def test_a_carousel_whose_videos_are_not_all_saved_is_wrong(change: str) -> None:
    post = BY_SLUG["carousel"]
    items = list(items_of(post))
    if change == "one is missing":
        items.pop()
    elif change == "one is another":
        items[1] = items[0]
    else:
        items[2] = replace(items[2], status=ItemStatus.FAILED)

    (problem,) = check(post, job_of(post, items=tuple(items)), saved_on(StrategyName.PLAIN))
    assert "kept videos last" in problem


@pytest.fixture
def clip(clips: Mapping[str, Clip]) -> Clip:
    return clips["mse"]


def saved_video(clip: Clip, **facts: Any) -> KeptVideo:
    return replace(
        KeptVideo(clip.sha256, clip.fingerprint, has_sound=True, has_thumbnail=True, has_sidecar=True), **facts
    )


def verdict(clip: Clip, video: KeptVideo, **facts: Any) -> list[str]:
    post = BY_SLUG["mse"]
    job = job_of(post, sha256=video.sha256, duration_s=clip.duration_s)
    return check(post, replace(job, **facts), saved_on(StrategyName.PLAIN), clip=clip, kept=video)


def test_the_expected_file_has_no_problems(clip: Clip) -> None:
    assert verdict(clip, saved_video(clip)) == []


def test_a_remuxed_file_is_accepted_although_its_bytes_differ(clip: Clip) -> None:
    assert verdict(clip, saved_video(clip, sha256="remuxed"), source_type=SourceType.HLS) == []
    assert verdict(clip, saved_video(clip, sha256="remuxed"), source_type=SourceType.DIRECT) == [
        "the file differs from the one that the site serves"
    ]


@pytest.mark.parametrize(
    ("video_facts", "facts", "word"),
    [
        ({"sha256": None}, {}, "no file"),
        ({}, {"sha256": "recorded"}, "hash"),
        ({"fingerprint": "of another"}, {}, "another video"),
        ({"fingerprint": None}, {}, "another video"),
        ({"has_sound": False}, {}, "lacks sound"),
        ({"has_thumbnail": False}, {}, "thumbnail"),
        ({"has_sidecar": False}, {}, ".info.json"),
        ({}, {"duration_s": 4.0}, "lasts 4.0"),
        ({}, {"duration_s": None}, "lasts None"),
    ],
)
def test_an_unexpected_file_is_wrong(clip: Clip, video_facts: dict[str, Any], facts: dict[str, Any], word: str) -> None:
    (problem,) = verdict(clip, saved_video(clip, **video_facts), **facts)

    assert word in problem


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
