"""Comments and SponsorBlock's segments of a saved post, fetched after it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import Failure, LoginRequired
from mediavault.core.job import ClaimedJob, Job, JobStatus
from mediavault.core.marks import MarkKind, VideoSegment, segments_from_text
from mediavault.core.media import Comment, Extraction, Item, Post
from mediavault.core.platform import Platform
from mediavault.core.profiles import Profile
from mediavault.features.transcripts.background import SETTLED_AFTER, before_complete, run_due
from mediavault.presentation.views import saved_paths
from mediavault.store.deferred import WAITS, DeferredWork, schedule
from mediavault.store.port import JobQuery, Store
from mediavault.store.tables import DEFERRED_WORK
from mediavault.worker.context import WorkerContext
from mediavault.worker.hooks import Hooks
from tests.fakes import FakeClock
from tests.stubs import StubClient, StubExtractor, candidate, extraction, make_context, worked

COMMENT = Comment("1", None, "Jane", "What a film!")
VIDEO = "jNQXAC9IVRw"
SEGMENT = {"segment": [1.5, 3.0], "category": "sponsor", "videoDuration": 4.0}
ANSWER = json.dumps([{"videoID": VIDEO, "segments": [SEGMENT]}]).encode()


class Extras:
    """Answers with these comments, or fails; remembers how many were asked for."""

    def __init__(self, *answers: tuple[Comment, ...] | Failure) -> None:
        self._answers = list(answers)
        self.asked: list[int] = []

    async def __call__(
        self, post: Post, platform: Platform, *, within_s: float, comments: int
    ) -> Extraction:
        self.asked.append(comments)
        answer = self._answers.pop(0)
        if isinstance(answer, Failure):
            raise answer
        return replace(extraction(), comments=answer)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def make(store: Store, clock: FakeClock, root: Path) -> Callable[..., WorkerContext]:
    def make(*, client: StubClient | None = None, **facts: Any) -> WorkerContext:
        found = replace(extraction(), items=(Item((candidate(),), media_id="1"),))
        context = make_context(store, clock, root, extractor=StubExtractor(found), client=client)
        profile, hooks = (
            Profile("mine", comments=True, sponsorblock=True),
            Hooks(before_complete=before_complete),
        )
        return replace(context, **{"profile": profile, "hooks": hooks, **facts})

    return make


def lines(root: Path) -> list[str]:
    return [
        json.loads(line)["text"]
        for path in root.rglob("*.comments.jsonl")
        for line in path.read_text().splitlines()
    ]


async def saved(store: Store, claim: ClaimedJob, context: WorkerContext) -> Job:
    job = await worked(claim, context)
    assert job.status is JobStatus.COMPLETED
    return job


async def test_comments_are_put_next_to_the_video_once_it_is_saved(
    store: Store, root: Path, claim: ClaimedJob, make: Callable[..., WorkerContext]
) -> None:
    extras = Extras((COMMENT,))
    context = make(extract_extras=extras)
    job = await saved(store, claim, context)
    assert lines(root) == []

    await run_due(context)
    job = await store.catalogue.get(job.id)
    assert (lines(root), extras.asked) == (["What a film!"], [1_000])
    assert [path for path in saved_paths(job) if path.endswith(".comments.jsonl")] != []
    assert [found.id for found in (await store.catalogue.jobs(JobQuery(text="film"))).jobs] == [
        job.id
    ]
    assert await store.tables.select(DEFERRED_WORK, {}) == []


async def test_comments_that_fail_are_tried_again(
    store: Store,
    clock: FakeClock,
    root: Path,
    claim: ClaimedJob,
    make: Callable[..., WorkerContext],
) -> None:
    context = make(extract_extras=Extras(LoginRequired("Sign in."), (COMMENT,)))
    await saved(store, claim, context)
    await run_due(context)
    assert lines(root) == []

    clock.advance(WAITS[0])
    await run_due(context)
    assert lines(root) == ["What a film!"]


async def test_a_post_without_comments_gets_no_file(
    store: Store, root: Path, claim: ClaimedJob, make: Callable[..., WorkerContext]
) -> None:
    context = make(extract_extras=Extras(()))
    await saved(store, claim, context)
    await run_due(context)

    assert lines(root) == []
    assert await store.tables.select(DEFERRED_WORK, {}) == []


async def test_a_profile_without_wishes_plans_nothing(
    store: Store, claim: ClaimedJob, make: Callable[..., WorkerContext]
) -> None:
    await saved(store, claim, make(profile=Profile("plain")))

    assert await store.tables.select(DEFERRED_WORK, {}) == []


async def segments_of(store: Store, job: Job) -> tuple[VideoSegment, ...]:
    marks = (await store.marks.of_jobs([job.id])).get(job.id, ())
    return segments_from_text(
        next((mark.text for mark in marks if mark.name == MarkKind.SEGMENTS), "[]")
    )


async def youtube_post(
    store: Store, clock: FakeClock, claim: ClaimedJob, context: WorkerContext
) -> Job:
    """Save a post, and let it be one of YouTube's."""
    found = replace(
        extraction(), post=replace(extraction().post, post_id=VIDEO), items=(Item((candidate(),)),)
    )
    context = replace(
        context, extractors={"browser": StubExtractor(found)}, profile=Profile("plain")
    )
    job = await saved(store, claim, context)
    await schedule(store.tables, DeferredWork.SEGMENTS, job.id, clock.now())
    return job


async def test_segments_are_kept_as_a_mark_and_asked_for_once_more_after_two_weeks(
    store: Store, clock: FakeClock, claim: ClaimedJob, make: Callable[..., WorkerContext]
) -> None:
    client = StubClient(200, ANSWER)
    context = make(client=client, sponsorblock_url="https://sponsor.example/")
    job = await youtube_post(store, clock, claim, context)
    client.urls.clear()
    await run_due(context)

    assert await segments_of(store, job) == (VideoSegment(1.5, 3.0, "sponsor"),)
    assert [url.partition("?")[0].rpartition("/")[0] for url in client.urls] == [
        "https://sponsor.example/api/skipSegments"
    ]
    clock.advance(SETTLED_AFTER - timedelta(seconds=1))
    await run_due(context)
    assert len(client.urls) == 1
    clock.advance(timedelta(seconds=1))
    await run_due(make(client=StubClient(404), sponsorblock_url="https://sponsor.example"))
    assert await segments_of(store, job) == ()
    assert await store.tables.select(DEFERRED_WORK, {}) == []


@pytest.mark.parametrize("client", [StubClient(500), StubClient(200, b"<html>"), StubClient(429)])
async def test_a_service_that_does_not_answer_is_asked_again(
    client: StubClient,
    store: Store,
    clock: FakeClock,
    claim: ClaimedJob,
    make: Callable[..., WorkerContext],
) -> None:
    context = make(client=client, sponsorblock_url="https://sponsor.example")
    job = await youtube_post(store, clock, claim, context)
    await run_due(context)
    assert await segments_of(store, job) == ()

    clock.advance(WAITS[0])
    await run_due(make(client=StubClient(200, ANSWER), sponsorblock_url="https://sponsor.example"))
    assert len(await segments_of(store, job)) == 1


async def test_only_youtubes_videos_have_segments(
    store: Store, claim: ClaimedJob, make: Callable[..., WorkerContext]
) -> None:
    claim = replace(claim, job=replace(claim.job, platform="youtube"))
    await saved(store, claim, make(profile=Profile("x", sponsorblock=True)))
    assert await store.tables.keys(DEFERRED_WORK, {}) == {("segments", claim.id)}
