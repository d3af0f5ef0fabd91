"""The demo with a stub instead of a vault; the acceptance tests use a real one."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console

from mediavault.core.failures import ErrorCode
from mediavault.core.job import HistoryRecord, Job, JobId, JobStatus, NewJob, StepOutcome, StrategyName
from mediavault.core.settings import Settings
from mediavault.demo import runner
from mediavault.demo.expectations import ExpectedStep, steps
from mediavault.demo.media import Clip
from mediavault.demo.posts import BY_SLUG, PracticePost
from mediavault.demo.runner import demo_settings, kept_video, run_demo, save_all
from mediavault.demo.site import PracticeSite
from mediavault.demo.table import Row, as_json_object, complaints, draw, took_s, tried_text
from mediavault.store.port import Enqueued, Store
from tests.component.demo.test_expectations import job_of, saved_on
from tests.fakes import START, FakeClock

Ending = Callable[[PracticePost, int], Job]  # returns a post's job as it is at the n-th poll


class StubVault:
    """A vault whose jobs end as a test specifies."""

    def __init__(self, ending: Ending) -> None:
        self._ending = ending
        self._posts: dict[JobId, PracticePost] = {}
        self._polls: dict[JobId, int] = {}

    @property
    def store(self) -> Store:
        return cast("Store", self)

    @property
    def queue(self) -> StubVault:
        return self

    @property
    def catalogue(self) -> StubVault:
        return self

    def submit(self, url: str) -> NewJob:
        post = BY_SLUG[url.rpartition("/")[2]]
        job_id = JobId(post.slug)
        self._posts[job_id] = post
        return NewJob(job_id, "0" * 32, url, url, "generic")

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        return [Enqueued(self._job(new.id), created=True) for new in jobs]

    async def get(self, job_id: JobId) -> Job:
        self._polls[job_id] = self._polls.get(job_id, 0) + 1
        return self._job(job_id)

    async def history(self, job_id: JobId) -> list[HistoryRecord]:
        post = self._posts[job_id]
        return saved_on(min(post.strategies)) if post.is_kept else []

    def _job(self, job_id: JobId) -> Job:
        return replace(self._ending(self._posts[job_id], self._polls.get(job_id, 0)), id=job_id)


def waits_then(ending: Callable[[PracticePost], Job], polls: int) -> Ending:
    return lambda post, count: ending(post) if count > polls else job_of(post, status=JobStatus.RUNNING)


def quiet(_: Sequence[Row]) -> None:
    """Display nothing."""


@pytest.fixture
def failing_site(clips: Mapping[str, Clip], clock: FakeClock) -> PracticeSite:
    """A site with only the posts that must fail, because they need no file in a library."""
    site = PracticeSite(clips, posts=[BY_SLUG["photos"], BY_SLUG["deleted"], BY_SLUG["members"]], clock=clock)
    site.origin = "http://127.0.0.1:1"
    return site


async def test_it_polls_until_every_job_has_ended(failing_site: PracticeSite, clock: FakeClock, tmp_path: Path) -> None:
    drawn: list[Sequence[Row]] = []
    rows = await save_all(failing_site, StubVault(waits_then(job_of, 3)), tmp_path, clock, show=drawn.append)

    assert [row.problems for row in rows] == [(), (), ()]
    assert len(drawn) == 4
    assert clock.slept == [runner.LOOK_INTERVAL_S] * 3


async def test_a_job_that_does_not_move_counts_as_wrong(
    failing_site: PracticeSite, clock: FakeClock, tmp_path: Path
) -> None:
    vault = StubVault(waits_then(job_of, 10**6))
    rows = await save_all(failing_site, vault, tmp_path, clock, show=quiet, still_s=5.0)

    assert not any(row.is_right for row in rows)
    assert "when nothing moved any more" in (rows[0].problems or ("",))[0]
    assert sum(clock.slept) == pytest.approx(5.0)


async def test_a_machine_may_be_as_slow_as_it_likes_while_jobs_move(
    failing_site: PracticeSite, clock: FakeClock, tmp_path: Path
) -> None:
    def slow(post: PracticePost, count: int) -> Job:
        return job_of(post) if count > 400 else job_of(post, status=JobStatus.RUNNING, progress_pct=count // 10)

    rows = await save_all(failing_site, StubVault(slow), tmp_path, clock, show=quiet, still_s=5.0)

    assert all(row.is_right for row in rows)
    assert sum(clock.slept) == pytest.approx(100)


async def test_a_saved_job_without_its_file_is_wrong(
    clips: Mapping[str, Clip], clock: FakeClock, tmp_path: Path
) -> None:
    site = PracticeSite(clips, posts=[BY_SLUG["mse"]], clock=clock)
    vault = StubVault(waits_then(lambda post: job_of(post, output_path="nowhere.mp4", sha256="1"), 0))
    (row,) = await save_all(site, vault, tmp_path, clock, show=quiet)

    assert row.problems == ("there is no file at nowhere.mp4",)


async def test_a_saved_job_with_the_posts_video_is_right(
    clips: Mapping[str, Clip], clock: FakeClock, tmp_path: Path
) -> None:
    site = PracticeSite(clips, posts=[BY_SLUG["mse"]], clock=clock)
    for suffix in ("mp4", "jpg", "info.json"):
        (tmp_path / f"film.{suffix}").write_bytes(clips["mse"].files["video.mp4"])
    facts = {"output_path": "film.mp4", "thumbnail_path": "film.jpg", "sha256": clips["mse"].sha256}
    (row,) = await save_all(site, StubVault(lambda post, _: job_of(post, **facts)), tmp_path, clock, show=quiet)

    assert row.problems == ()


def test_only_a_completed_job_has_a_saved_video(tmp_path: Path) -> None:
    assert kept_video(job_of(BY_SLUG["deleted"]), tmp_path) is None


async def test_the_whole_demo_ends_with_one_json_object_and_exit_code_1_when_something_is_wrong(
    monkeypatch: pytest.MonkeyPatch, clips: Mapping[str, Clip]
) -> None:
    seen: list[Settings] = []

    @asynccontextmanager
    async def open_app(settings: Settings) -> AsyncIterator[StubVault]:
        seen.append(settings)
        yield StubVault(lambda post, _: job_of(post))

    monkeypatch.setattr("mediavault.demo.site.make_clips", lambda looks, folder, *, stop: clips)
    console = Console(file=io.StringIO())
    code = await run_demo(console, as_json=True, open_app=open_app)
    answer = json.loads(cast("io.StringIO", console.file).getvalue())

    assert code == 1
    assert answer["ok"] is False
    assert {post["post"]: post["ok"] for post in answer["posts"]} == {
        slug: post.looks == () or slug in ("photos", "several") for slug, post in BY_SLUG.items()
    }
    assert not seen[0].state_dir.parent.exists()


async def test_the_whole_demo_draws_a_table_and_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, clips: Mapping[str, Clip]
) -> None:
    @asynccontextmanager
    async def open_app(settings: Settings) -> AsyncIterator[StubVault]:
        yield StubVault(lambda post, _: job_of(post))

    monkeypatch.setattr("mediavault.demo.site.make_clips", lambda looks, folder, *, stop: clips)
    console = Console(file=io.StringIO(), width=120)
    await run_demo(console, as_json=False, open_app=open_app)
    text = cast("io.StringIO", console.file).getvalue()

    assert all(slug in text for slug in BY_SLUG)
    assert "session: its trouble was never met" in text
    assert "4 of 21 posts ended as they should" in text
    assert "your vault is untouched" in text


def test_the_demo_vault_does_not_touch_the_users_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAVAULT_DATABASE_URL", "postgresql://the.family/jobs")
    monkeypatch.setenv("MEDIAVAULT_DOWNLOAD_DIR", "/home/person/Videos")
    monkeypatch.setenv("MEDIAVAULT_ALLOW_PRIVATE", '["192.168.0.0/16"]')
    settings = demo_settings(tmp_path, "http://127.0.0.1:4242")

    assert settings.effective_database_url == f"sqlite:///{tmp_path}/state/mediavault.db"
    assert settings.download_dir.is_relative_to(tmp_path)
    assert settings.allow_private == ("127.0.0.1:4242",)


def test_a_row_counts_from_its_first_claim_to_its_end() -> None:
    at = [
        replace(saved_on(StrategyName.PLAIN)[0], at=START + timedelta(seconds=s), attempt=n)
        for s, n in ((0, 0), (3, 1))
    ]
    done = job_of(BY_SLUG["plain"], completed_at=START + timedelta(seconds=5.5), started_at=START)

    assert took_s(done, at) == 2.5
    assert took_s(job_of(BY_SLUG["plain"], status=JobStatus.RUNNING), at) is None


def test_the_steps_of_the_last_attempt_are_shown_in_one_line() -> None:
    first = [ExpectedStep(1, StrategyName.PLAIN, ok=False), ExpectedStep(1, StrategyName.SESSION, ok=False)]

    assert tried_text([]) == ""
    assert tried_text(first) == "plain✗ session✗"
    assert tried_text([*first, ExpectedStep(2, StrategyName.PLAIN, ok=True)]) == "↻ plain✓"


def drawn(*rows: Row, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(draw(rows, width=width))
    return cast("io.StringIO", console.file).getvalue()


def test_the_table_shows_a_job_that_waits_for_a_retry() -> None:
    waiting = job_of(BY_SLUG["limited"], status=JobStatus.FAILED, error_code=ErrorCode.RATE_LIMITED, retry_at=START)

    assert "tries again" in drawn(Row(BY_SLUG["limited"], waiting), width=120)


def test_the_table_fits_a_small_terminal_with_one_or_two_lines_per_post() -> None:
    rows = [
        Row(post, job_of(post), tuple(saved_on(min(post.strategies)) * post.is_kept), ()) for post in BY_SLUG.values()
    ]
    small, large = drawn(*rows, width=80), drawn(*rows, width=120)

    assert all(post.tests in small and post.slug in small for post in BY_SLUG.values())
    assert "…" not in small
    assert len(small.splitlines()) <= len(rows) + 4
    assert "tries" in large
    assert "tries" not in small


def test_complaints_include_the_history_behind_them() -> None:
    failed = replace(
        saved_on(StrategyName.PLAIN)[1], outcome=StepOutcome.FAILED, error_code=ErrorCode.BAD_FILE, detail="Why."
    )
    row = Row(BY_SLUG["plain"], job_of(BY_SLUG["plain"]), (failed,), ("it broke",))

    assert complaints([row]) == ["plain: it broke", "    1 validate plain failed BAD_FILE Why."]
    assert complaints([replace(row, problems=())]) == []


def test_the_json_states_what_was_expected_and_what_happened() -> None:
    post = BY_SLUG["session"]
    row = Row(post, job_of(post, bytes=5), tuple(saved_on(StrategyName.SESSION)), ())
    answer = as_json_object([row], seconds=1.23)

    assert json.loads(json.dumps(answer))["posts"][0] | {"post_url": ""} == {
        "post": "session",
        "tests": post.tests,
        "post_url": "",
        "expected": {"status": "completed", "error_code": None, "strategies": ["session"]},
        "status": "completed",
        "error_code": None,
        "tried": [{"attempt": 1, "strategy": "session", "ok": True, "error_code": None}],
        "attempts": 1,
        "bytes": 5,
        "seconds": None,
        "problems": [],
        "ok": True,
    }
    assert as_json_object([], seconds=0)["ok"] is False
    assert steps(row.history)[0].ok
