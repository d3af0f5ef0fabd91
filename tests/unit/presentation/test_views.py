from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from mediavault.core.failures import FAILURES, ErrorCode
from mediavault.core.job import (
    HistoryRecord,
    Job,
    JobId,
    JobStatus,
    Stage,
    StepOutcome,
    StrategyName,
)
from mediavault.core.media import Account, Candidate, FoundIn, Ownership, SourceType
from mediavault.presentation.schemas import JobView
from mediavault.presentation.views import finished, history_view, job_view, saved_paths, title
from tests.fakes import START

ID = JobId("01932b6e-0000-7000-8000-000000000001")
URL = "https://videos.example/watch/1"


def a_job(status: JobStatus = JobStatus.QUEUED, **facts: Any) -> Job:
    job = Job(ID, "0" * 32, URL, URL, "generic", status, created_at=START, updated_at=START)
    return replace(job, **facts)


def saved_job(**facts: Any) -> Job:
    paths = {
        "output_path": "jane/2026-11-24 A [1.2].mp4",
        "thumbnail_path": "jane/2026-11-24 A [1.2].jpg",
    }
    return a_job(
        JobStatus.COMPLETED,
        **{**paths, "bytes": 1_500_000, "sha256": "ab" * 32, "progress_pct": 100, **facts},
    )


def test_a_jobs_view_has_every_field_of_its_record() -> None:
    """Fields that are folded into others, or concern only the guard, are named here;
    a new field must show up somewhere.
    """
    left_out = {"account", "extracted_url_expires_at", "listed_by"}

    assert {field.name for field in fields(Job)} - left_out <= set(JobView.model_fields)


def test_the_account_is_spread_over_four_fields() -> None:
    view = job_view(a_job(account=Account("x", "jane", "Jane D.", "x-jane")))

    assert (view.account_platform, view.account_handle) == ("x", "jane")
    assert (view.account_display_name, view.account_slug) == ("Jane D.", "x-jane")


def test_times_are_utc_with_a_z() -> None:
    assert json.loads(job_view(a_job()).model_dump_json())["created_at"] == "2026-11-24T12:00:00Z"


def test_candidates_keep_their_facts_and_never_show_headers() -> None:
    candidate = Candidate(
        "https://c.example/1.mp4",
        SourceType.DIRECT,
        FoundIn.DOM,
        Ownership.ID_MATCH,
        headers={"x": "y"},
    )
    shown = job_view(a_job(candidates=(candidate,))).candidates[0].model_dump(mode="json")

    assert (shown["ownership"], shown["found_in"], shown["source_type"]) == (
        "id_match",
        "dom",
        "direct",
    )
    assert "headers" not in shown


@pytest.mark.parametrize(
    ("stage", "thumbnail_url", "is_linked"),
    [
        (Stage.DOWNLOAD, "https://cdn.example/1.jpg", True),
        (Stage.VALIDATE, "https://cdn.example/1.jpg", True),
        (Stage.EXTRACT, "https://cdn.example/1.jpg", False),
        (Stage.DOWNLOAD, None, False),
    ],
)
def test_a_job_that_is_downloading_links_to_the_thumbnail_that_its_post_has(
    stage: Stage, thumbnail_url: str | None, *, is_linked: bool
) -> None:
    job = replace(
        saved_job(),
        status=JobStatus.RUNNING,
        stage=stage,
        thumbnail_url=thumbnail_url,
        items=(),
        output_path=None,
        thumbnail_path=None,
    )
    links = job_view(job).links

    assert (links.video, links.thumbnail) == (None, f"/files/{ID}/thumbnail" if is_linked else None)


def test_a_saved_job_links_to_its_files() -> None:
    links = job_view(saved_job()).links

    assert (links.video, links.thumbnail) == (f"/files/{ID}/video", f"/files/{ID}/thumbnail")


@pytest.mark.parametrize(
    "status", [status for status in JobStatus if status is not JobStatus.COMPLETED]
)
def test_no_other_job_links_to_files_even_where_a_commit_has_begun(status: JobStatus) -> None:
    links = job_view(replace(saved_job(), status=status)).links

    assert (links.video, links.thumbnail) == (None, None)


def test_a_failed_job_says_what_helps() -> None:
    view = job_view(a_job(JobStatus.FAILED, error_code=ErrorCode.TOO_LARGE, error="It has 60 GB"))

    assert view.help == FAILURES[ErrorCode.TOO_LARGE].hint
    assert (view.display.state, view.display.detail) == ("Failed", "It has 60 GB")


def test_a_failed_job_with_a_next_try_says_so_and_can_be_cancelled() -> None:
    shown = job_view(a_job(JobStatus.FAILED, retry_at=START + timedelta(minutes=1))).display

    assert (shown.state, shown.actions) == ("Retrying automatically", ["retry", "cancel", "remove"])


def test_a_running_job_shows_its_stage_and_bytes() -> None:
    loading = a_job(
        JobStatus.RUNNING,
        stage=Stage.DOWNLOAD,
        bytes_done=500_000,
        bytes_total=2_000_000,
        progress_pct=60,
    )
    shown = job_view(loading).display

    assert (shown.state, shown.detail, shown.percent) == ("Downloading", "500.0 kB of 2.0 MB", 25)


def test_a_recording_shows_how_much_is_recorded_and_can_be_stopped() -> None:
    running = a_job(
        JobStatus.RUNNING,
        stage=Stage.RECORD,
        bytes_done=81_000_000,
        duration_s=754.0,
        progress_pct=60,
    )
    shown = job_view(running).display

    assert (shown.state, shown.detail, shown.percent) == ("Recording live", "12:34 · 81.0 MB", None)
    assert shown.actions == ["stop", "cancel", "remove"]


def test_a_download_of_unknown_length_shows_no_percentage() -> None:
    loading = a_job(JobStatus.RUNNING, stage=Stage.DOWNLOAD, bytes_done=500_000, progress_pct=60)

    assert job_view(loading).display.percent is None


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"title": "A\n \x1b[1mB"}, "A [1mB"),
        ({"title": None, "text": "Words of the post"}, "Words of the post"),
        ({"title": 7}, "videos.example/watch/1"),
        ({"title": "\u202e"}, "videos.example/watch/1"),
        ({}, "videos.example/watch/1"),
    ],
)
def test_a_title_is_one_sanitized_line(metadata: dict[str, Any], words: str) -> None:
    assert title(a_job(metadata=metadata)) == words


def test_a_very_long_title_is_cut() -> None:
    assert len(title(a_job(metadata={"title": "x" * 5_000}))) == 200


def test_the_saved_files_are_the_video_and_its_companions() -> None:
    assert saved_paths(saved_job()) == [
        "jane/2026-11-24 A [1.2].mp4",
        "jane/2026-11-24 A [1.2].info.json",
        "jane/2026-11-24 A [1.2].nfo",
        "jane/2026-11-24 A [1.2].jpg",
        "jane/2026-11-24 A [1.2]-thumb.jpg",
    ]
    assert saved_paths(a_job()) == []


@pytest.mark.parametrize(
    ("job", "over"),
    [
        (a_job(), False),
        (a_job(JobStatus.RUNNING), False),
        (a_job(JobStatus.FAILED), True),
        (a_job(JobStatus.FAILED, retry_at=START), False),
        (a_job(JobStatus.CANCELLED), True),
        (a_job(JobStatus.COMPLETED), True),
    ],
)
def test_a_job_is_over_when_nothing_will_happen_to_it_automatically(
    job: Job, *, over: bool
) -> None:
    assert finished(job) is over


def test_a_history_record_keeps_its_names() -> None:
    record = HistoryRecord(
        START,
        2,
        Stage.DOWNLOAD,
        StepOutcome.FAILED,
        StrategyName.PLAIN,
        ErrorCode.EMPTY_BODY,
        "empty",
        0,
        12,
    )

    assert history_view(record).model_dump(mode="json") == {
        "at": "2026-11-24T12:00:00Z",
        "attempt": 2,
        "stage": "download",
        "strategy": "plain",
        "outcome": "failed",
        "error_code": "EMPTY_BODY",
        "detail": "empty",
        "bytes": 0,
        "duration_ms": 12,
    }
