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
from mediavault.core.job import (
    HistoryRecord,
    Job,
    JobId,
    JobStatus,
    NewJob,
    StepOutcome,
    StrategyName,
)
from mediavault.core.settings import Settings
from mediavault.demo.expectations import ExpectedStep, steps
from mediavault.demo.media import Clip
from mediavault.demo.posts import BY_SLUG, PracticePost
from mediavault.demo.runner import (
    Row,
    as_json_object,
    complaints,
    demo_settings,
    run_demo,
    save_all,
    took_s,
    tried_text,
)
from mediavault.demo.site import PracticeSite
from mediavault.store.port import Enqueued, Store
from tests.component.demo.test_expectations import job_of, saved_on
from tests.fakes import START, FakeClock

PLAIN = StrategyName.PLAIN
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
        return saved_on(min(post.strategies)) if post.is_saved else []

    def _job(self, job_id: JobId) -> Job:
        return replace(self._ending(self._posts[job_id], self._polls.get(job_id, 0)), id=job_id)


@pytest.fixture
def failing_site(clips: Mapping[str, Clip], clock: FakeClock) -> PracticeSite:
    """A site with only the posts that must fail, because they need no file in a library."""
    site = PracticeSite(
        clips, posts=[BY_SLUG["photos"], BY_SLUG["deleted"], BY_SLUG["members"]], clock=clock
    )
    site.origin = "http://127.0.0.1:1"
    return site


async def test_it_waits_as_long_as_jobs_move(
    failing_site: PracticeSite, clock: FakeClock, tmp_path: Path
) -> None:
    drawn: list[Sequence[Row]] = []

    def slow(post: PracticePost, count: int) -> Job:
        return (
            job_of(post)
            if count > 400
            else job_of(post, status=JobStatus.RUNNING, progress_pct=count // 10)
        )

    rows = await save_all(
        failing_site, StubVault(slow), tmp_path, clock, show=drawn.append, still_s=5.0
    )

    assert [row.problems for row in rows] == [(), (), ()]
    assert len(drawn) == 401
    assert sum(clock.slept) == pytest.approx(100)


async def test_a_job_that_does_not_move_counts_as_wrong(
    failing_site: PracticeSite, clock: FakeClock, tmp_path: Path
) -> None:
    vault = StubVault(lambda post, _: job_of(post, status=JobStatus.RUNNING))
    rows = await save_all(failing_site, vault, tmp_path, clock, show=lambda _: None, still_s=5.0)

    assert {"when nothing moved any more" in (row.problems or ("",))[0] for row in rows} == {True}
    assert sum(clock.slept) == pytest.approx(5.0)


async def test_a_saved_job_with_the_posts_video_is_right(
    clips: Mapping[str, Clip], clock: FakeClock, tmp_path: Path
) -> None:
    site = PracticeSite(clips, posts=[BY_SLUG["mse"]], clock=clock)
    for suffix in ("mp4", "jpg", "info.json"):
        (tmp_path / f"film.{suffix}").write_bytes(clips["mse"].files["video.mp4"])
    facts = {"output_path": "film.mp4", "thumbnail_path": "film.jpg", "sha256": clips["mse"].sha256}
    (row,) = await save_all(
        site, StubVault(lambda post, _: job_of(post, **facts)), tmp_path, clock, show=lambda _: None
    )

    assert row.problems == ()


def test_the_demo_vault_does_not_touch_the_users_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAVAULT_DATABASE_URL", "postgresql://the.family/jobs")
    monkeypatch.setenv("MEDIAVAULT_DOWNLOAD_DIR", "/home/person/Videos")
    monkeypatch.setenv("MEDIAVAULT_ALLOW_PRIVATE", '["192.168.0.0/16"]')
    settings = demo_settings(tmp_path, "http://127.0.0.1:4242")

    assert settings.effective_database_url == f"sqlite:///{tmp_path}/state/mediavault.db"
    assert settings.download_dir.is_relative_to(tmp_path)
    assert settings.allow_private == ("127.0.0.1:4242",)


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


@pytest.mark.parametrize("as_json", [True, False])
async def test_the_demo_reports_every_post_and_what_is_wrong_and_exits_with_1(
    monkeypatch: pytest.MonkeyPatch, clips: Mapping[str, Clip], *, as_json: bool
) -> None:
    folders: list[Path] = []

    @asynccontextmanager
    async def open_app(settings: Settings) -> AsyncIterator[StubVault]:
        folders.append(settings.state_dir.parent)
        yield StubVault(lambda post, _: job_of(post))

    monkeypatch.setattr("mediavault.demo.site.make_clips", lambda looks, folder, *, stop: clips)
    console = Console(file=io.StringIO(), width=80)
    code = await run_demo(console, as_json=as_json, open_app=open_app)
    text = cast("io.StringIO", console.file).getvalue()

    assert (code, folders[0].exists()) == (1, False)
    if as_json:
        answer = json.loads(text)
        assert answer["ok"] is False
        assert {post["post"]: post["ok"] for post in answer["posts"]} == {
            slug: post.specs == () or slug in ("photos", "several")
            for slug, post in BY_SLUG.items()
        }
    else:
        assert all(f"{post.slug} " in text and post.tests in text for post in BY_SLUG.values())
        assert all(len(line) <= 80 for line in text.splitlines())
        assert "session: its trouble was never met" in text
        assert "4 of 21 posts ended as they should" in text


def test_a_row_says_how_long_it_took_what_was_tried_and_why_it_is_wrong() -> None:
    post, first, second = (
        BY_SLUG["limited"],
        ExpectedStep(1, PLAIN, ok=False),
        ExpectedStep(2, PLAIN, ok=True),
    )
    history = [
        replace(saved_on(PLAIN)[0], at=START + timedelta(seconds=s), attempt=n)
        for s, n in ((0, 0), (3, 1))
    ]
    done = job_of(post, completed_at=START + timedelta(seconds=5.5), started_at=START)
    failed = replace(
        saved_on(PLAIN)[1], outcome=StepOutcome.FAILED, error_code=ErrorCode.BAD_FILE, detail="Why."
    )

    assert (took_s(done, history), took_s(job_of(post, status=JobStatus.RUNNING), history)) == (
        2.5,
        None,
    )
    assert (tried_text([]), tried_text([first]), tried_text([first, second])) == (
        "",
        "plain✗",
        "↻ plain✓",
    )
    assert complaints([Row(post, done, (failed,), ("it broke",))]) == [
        "limited: it broke",
        "    1 validate plain failed BAD_FILE Why.",
    ]
