"""Subtitles next to a saved video: those that the profile wants,
and later those that failed at first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.core.failures import Failure, LoginRequired, RateLimited, StorageFailure
from mediavault.core.job import ClaimedJob, Job, JobStatus
from mediavault.core.media import Chapter, Extraction, Item, SubtitleSource
from mediavault.core.profiles import Profile
from mediavault.features.transcripts.background import before_complete, run_due
from mediavault.presentation.views import saved_paths
from mediavault.store.deferred import WAITS
from mediavault.store.port import JobQuery, Store
from mediavault.store.search_words import WordSource
from mediavault.store.tables import DEFERRED_WORK
from mediavault.worker.context import WorkerContext
from mediavault.worker.hooks import Hooks
from tests.fakes import FakeClock
from tests.stubs import StubExtractor, StubSubtitles, candidate, extraction, make_context, worked

URL = "https://s.example/"
PROFILE = Profile("mine", subtitles=("en", "de"), automatic_subtitles=True)
SOURCES = (
    SubtitleSource(f"{URL}en", "en"),
    SubtitleSource(f"{URL}de", "de", True),
    SubtitleSource(f"{URL}fr", "fr"),
)


def post(*sources: SubtitleSource, chapters: tuple[Chapter, ...] = ()) -> Extraction:
    item = Item((candidate(),), media_id="1", subtitles=sources, chapters=chapters)
    return replace(extraction(), items=(item,))


def context_for(
    store: Store,
    clock: FakeClock,
    root: Path,
    *answers: Extraction | Failure,
    profile: Profile = PROFILE,
    failures: Mapping[str, Failure] | None = None,
) -> WorkerContext:
    context = make_context(store, clock, root, extractor=StubExtractor(*answers))
    hooks = Hooks(before_complete=before_complete)
    return replace(context, profile=profile, fetch_subtitles=StubSubtitles(failures), hooks=hooks)


def beside(root: Path, job: Job) -> dict[str, str]:
    stem = (root / str(job.output_path)).with_suffix("").name
    return {path.name.removeprefix(f"{stem}."): path.read_text() for path in root.rglob("*.vtt")}


def companions_of(job: Job, root: Path) -> list[str]:
    """Return the suffixes of the subtitles that the row names, and that the sidecar names too."""
    [sidecar] = root.rglob("*.info.json")
    named = json.loads(sidecar.read_text())["video"]["beside"]
    saved = job.items[0].saved
    assert saved is not None
    assert list(saved.beside) == named
    assert {f"{suffix}" for suffix in named} <= {
        path[path.index("]") + 1 :] for path in saved_paths(job)
    }
    return sorted(named)


async def spoken_words(store: Store, job: Job) -> str:
    """Return the words that searches find the post by, apart from its own texts."""
    assert job.id in [
        found.id for found in (await store.catalogue.jobs(JobQuery(text="words of"))).jobs
    ]
    return (await store.catalogue.words_of([job.id]))[job.id][WordSource.SUBTITLES]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "library"


async def test_the_wanted_subtitles_are_saved_next_to_the_video(
    store: Store, clock: FakeClock, root: Path, claim: ClaimedJob
) -> None:
    job = await worked(claim, context_for(store, clock, root, post(*SOURCES)))

    assert job.status is JobStatus.COMPLETED
    assert sorted(beside(root, job)) == ["de.vtt", "en.vtt"]
    assert companions_of(job, root) == [".de.vtt", ".en.vtt"]
    assert beside(root, job)["en.vtt"] == "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nwords of en\n"
    assert await spoken_words(store, job) == " de en of words"
    assert await store.tables.select(DEFERRED_WORK, {}) == []


async def test_without_a_wish_none_are_asked_for(
    store: Store, clock: FakeClock, root: Path, claim: ClaimedJob
) -> None:
    context = context_for(store, clock, root, post(*SOURCES), profile=Profile("plain"))
    job = await worked(claim, context)

    assert beside(root, job) == {}
    assert isinstance(context.fetch_subtitles, StubSubtitles)
    assert context.fetch_subtitles.asked == []


async def test_subtitles_that_fail_never_fail_the_post_and_are_fetched_later(
    store: Store, clock: FakeClock, root: Path, claim: ClaimedJob
) -> None:
    limited = {f"{URL}en": RateLimited("Slow down.")}
    context = context_for(store, clock, root, post(*SOURCES), failures=limited)
    job = await worked(claim, context)
    assert (job.status, sorted(beside(root, job))) == (JobStatus.COMPLETED, ["de.vtt"])

    await run_due(context)
    assert sorted(beside(root, job)) == ["de.vtt"]
    assert await spoken_words(store, job) == " de of words"
    clock.advance(WAITS[0])
    await run_due(replace(context, fetch_subtitles=StubSubtitles()))
    assert sorted(beside(root, job)) == ["de.vtt", "en.vtt"]
    assert await store.tables.select(DEFERRED_WORK, {}) == []
    assert companions_of(await store.catalogue.get(job.id), root) == [".de.vtt", ".en.vtt"]
    assert await spoken_words(store, job) == " de en of words"


@pytest.mark.parametrize(
    ("platform", "is_planned"),
    [("bilibili", True), ("tiktok", True), ("generic", True), ("youtube", False), ("x", False)],
)
async def test_where_ytdlp_lists_no_subtitles_unless_asked_it_is_asked_later(
    store: Store,
    clock: FakeClock,
    root: Path,
    claim: ClaimedJob,
    platform: str,
    *,
    is_planned: bool,
) -> None:
    claim = replace(claim, job=replace(claim.job, platform=platform))
    found = replace(post(), extractor="ytdlp")
    await worked(
        claim,
        replace(context_for(store, clock, root), extractors={"browser": StubExtractor(found)}),
    )

    assert bool(await store.tables.select(DEFERRED_WORK, {})) is is_planned


async def test_a_library_that_fails_uses_up_no_try_of_deferred_work(
    store: Store, clock: FakeClock, root: Path, claim: ClaimedJob
) -> None:
    context = context_for(
        store, clock, root, post(*SOURCES), failures={f"{URL}en": RateLimited("Slow down.")}
    )
    await worked(claim, context)
    clock.advance(WAITS[0])
    gone = replace(
        context, fetch_subtitles=StubSubtitles({f"{URL}en": StorageFailure("The disk is away.")})
    )
    [before] = await store.tables.select(DEFERRED_WORK, {})
    with pytest.raises(StorageFailure):
        await run_due(gone)

    [after] = await store.tables.select(DEFERRED_WORK, {})
    assert after.value["tries"] == before.value["tries"]


async def test_what_was_fetched_is_not_asked_for_again(
    store: Store, clock: FakeClock, root: Path, claim: ClaimedJob
) -> None:
    context = context_for(
        store, clock, root, post(*SOURCES), failures={f"{URL}en": RateLimited("Slow down.")}
    )
    await worked(claim, context)
    clock.advance(WAITS[0])
    second = StubSubtitles({f"{URL}en": RateLimited("Slow down.")})
    await run_due(replace(context, fetch_subtitles=second))

    assert second.asked == [f"{URL}en"]
    assert len(await store.tables.select(DEFERRED_WORK, {})) == 1


async def test_a_post_that_can_no_longer_be_read_is_tried_again_and_then_left(
    store: Store, clock: FakeClock, root: Path, claim: ClaimedJob
) -> None:
    context = context_for(
        store, clock, root, post(*SOURCES), failures={f"{URL}en": RateLimited("Slow down.")}
    )
    job = await worked(claim, context)
    gone = replace(context, extractors={"browser": StubExtractor(LoginRequired("Sign in."))})
    for wait in (*WAITS, timedelta(days=9)):
        clock.advance(wait)
        await run_due(gone)

    assert await store.tables.select(DEFERRED_WORK, {}) == []
    assert (await store.catalogue.get(job.id)).status is JobStatus.COMPLETED


async def test_work_for_a_removed_post_is_dropped(
    store: Store, clock: FakeClock, root: Path, claim: ClaimedJob
) -> None:
    context = context_for(
        store, clock, root, post(*SOURCES), failures={f"{URL}en": RateLimited("Slow down.")}
    )
    job = await worked(claim, context)
    await store.catalogue.remove(job.id)
    clock.advance(WAITS[0])
    await run_due(context)

    assert await store.tables.select(DEFERRED_WORK, {}) == []


async def test_texts_and_chapters_are_put_into_the_file_where_that_is_wanted(
    store: Store, clock: FakeClock, root: Path, claim: ClaimedJob
) -> None:
    given: dict[str, object] = {}

    async def embed(source: Path, into: Path, **texts: object) -> None:
        given.update(texts)
        into.write_bytes(source.read_bytes() + b" with texts")

    chapters = (Chapter(0.0, "Start"),)
    profile = replace(PROFILE, subtitles=("en",), subtitles_inside=True)
    context = context_for(store, clock, root, post(*SOURCES, chapters=chapters), profile=profile)
    job = await worked(claim, replace(context, embed_texts=embed))

    assert (root / str(job.output_path)).read_bytes().endswith(b" with texts")
    assert given["chapters"] == chapters
    assert list(given["texts"]) == ["en"]  # type: ignore[call-overload]


@pytest.mark.parametrize("language", ["../../outside", "a/b", "\0", "", "x" * 300])
async def test_a_language_that_is_none_becomes_no_part_of_a_path(
    store: Store, clock: FakeClock, root: Path, claim: ClaimedJob, language: str
) -> None:
    everything = Profile("all", subtitles=("all",))
    context = context_for(
        store, clock, root, post(SubtitleSource(f"{URL}en", language)), profile=everything
    )

    job = await worked(claim, context)

    assert job.status is JobStatus.COMPLETED
    assert list(beside(root, job)) == ["und.vtt"]
