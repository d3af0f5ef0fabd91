"""A job from claim to its end."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import (
    BadFile,
    Deleted,
    ErrorCode,
    Failure,
    HttpError,
    Incomplete,
    LeaseLost,
    NoSpace,
    ProxyFailed,
    RateLimited,
    SeemsDeleted,
    SiteClosed,
    StorageFailure,
    StoreError,
    Unsupported,
    Upcoming,
)
from mediavault.core.job import (
    ClaimedJob,
    HistoryRecord,
    ItemStatus,
    JobItem,
    JobStatus,
    Stage,
    StepOutcome,
    WorkerId,
)
from mediavault.core.media import (
    Candidate,
    DownloadedFile,
    Extraction,
    Item,
    ItemType,
    LiveNow,
    Ownership,
    Post,
    ProbeReport,
    Problem,
    ProblemKind,
    SavedFile,
    Sign,
)
from mediavault.core.platform import Platform
from mediavault.core.site_limits import Permit, PermitRequest
from mediavault.download.port import MediaRequest
from mediavault.library.local_library import LocalLibrary
from mediavault.store.file_checks import decoded_at, read_position
from mediavault.store.port import Store
from mediavault.worker.context import WorkerContext
from mediavault.worker.extraction_slots import ExtractionSlot, ExtractionSlots
from mediavault.worker.pipeline import process_one_cycle, with_time
from tests.fakes import START, FakeClock
from tests.memory_store import MemoryJobStore, MemorySiteLimits, MemoryState
from tests.stubs import (
    VIDEO,
    StubClient,
    StubDownloader,
    StubExtractor,
    StubProbe,
    candidate,
    extraction,
    make_context,
    new_job,
    worked,
)
from tests.unit.worker.conftest import LEASE

JPEG = b"\xff\xd8\xff the post's own"


async def reclaim(store: Store, clock: FakeClock) -> ClaimedJob:
    """The job's next attempt, once its retry is due."""
    clock.advance(timedelta(days=2))
    await store.queue.promote_due()
    (claimed,) = await store.queue.claim(WorkerId("w-2"), limit=1, lease=LEASE)
    return claimed


async def test_a_saved_video_is_in_the_library_with_thumbnail_sidecar_and_hash(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extracted = extraction(thumbnail_url="https://cdn.example/1.jpg")
    context = make_context(
        store, clock, tmp_path, extractor=StubExtractor(extracted), client=StubClient(200, JPEG)
    )
    job = await worked(claim, context)

    assert job.status is JobStatus.COMPLETED
    assert job.output_path == "generic-jane/2026-11-24 A title [1].mp4"
    assert job.thumbnail_path == "generic-jane/2026-11-24 A title [1].jpg"
    assert (tmp_path / job.output_path).read_bytes() == VIDEO
    assert (tmp_path / job.thumbnail_path).read_bytes() == JPEG
    assert (job.bytes, job.sha256) == (len(VIDEO), hashlib.sha256(VIDEO).hexdigest())
    sidecar = json.loads((tmp_path / "generic-jane/2026-11-24 A title [1].info.json").read_text())
    assert sidecar["video"]["sha256"] == job.sha256
    assert sidecar["job_id"] == job.id
    assert (job.progress_pct, job.duration_s, job.width) == (100, 4.0, 320)


async def test_a_still_is_used_where_the_thumbnail_url_returns_a_page(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extracted = extraction(thumbnail_url="https://cdn.example/1.jpg")
    context = make_context(
        store,
        clock,
        tmp_path,
        extractor=StubExtractor(extracted),
        client=StubClient(200, b"<html>"),
    )
    job = await worked(claim, context)

    assert job.thumbnail_path is not None
    assert b"still" in (tmp_path / job.thumbnail_path).read_bytes()


async def test_the_posts_picture_is_that_of_its_first_video_and_the_others_get_a_frame_of_their_own(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    found = replace(carousel("a", "b"), thumbnail_url="https://cdn.example/1.jpg")
    client = StubClient(200, JPEG)
    downloader = ByUrl({"a": b"first" * 9, "b": b"second" * 9})
    job = await worked(
        claim,
        make_context(
            store,
            clock,
            tmp_path,
            extractor=StubExtractor(found),
            client=client,
            downloader=downloader,
        ),
    )

    details = [
        record.detail
        for record in await store.catalogue.history(job.id)
        if record.stage is Stage.THUMBNAIL
    ]
    assert details == ["the post's own", "a still of the video"]


async def test_the_posts_own_picture_is_there_while_the_video_is_downloaded(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    shown: list[bytes | None] = []

    class Watching(StubDownloader):
        async def fetch(self, *args: Any, **options: Any) -> DownloadedFile:
            staged = await context.library.staging.open_thumbnail(claim.id)
            shown.append(
                b"".join([piece async for piece in staged[1].chunks(0, 99)]) if staged else None
            )
            await staged[1].close() if staged else None
            return await super().fetch(*args, **options)

    extracted = extraction(thumbnail_url="https://cdn.example/1.jpg")
    downloader = Watching(Incomplete("cut"), VIDEO)
    context = make_context(
        store,
        clock,
        tmp_path,
        extractor=StubExtractor(extracted),
        client=StubClient(200, JPEG),
        downloader=downloader,
    )
    await worked(claim, context)

    assert shown == [JPEG, JPEG]  # also after a strategy that failed, whose files are removed
    assert downloader.found_in_staging == [[], []]
    assert await context.library.staging.open_thumbnail(claim.id) is None


async def test_a_video_without_any_picture_is_saved_all_the_same(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    job = await worked(claim, make_context(store, clock, tmp_path, probe=StubProbe(still=False)))

    assert (job.status, job.thumbnail_path) == (JobStatus.COMPLETED, None)


async def test_the_history_lists_the_stages_in_order(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    await process_one_cycle(claim, make_context(store, clock, tmp_path))
    stages = [record.stage for record in await store.catalogue.history(claim.id)]

    wanted = [Stage.CLAIM, Stage.ROUTE, Stage.EXTRACT, Stage.CHOOSE, Stage.CHECKPOINT,
              Stage.DOWNLOAD, Stage.VALIDATE,
              Stage.THUMBNAIL, Stage.COMMITTING, Stage.COMPLETE]  # fmt: skip
    assert [stage for stage in dict.fromkeys(stages) if stage in wanted] == wanted


async def test_extraction_is_saved_at_half_way(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    seen: list[int] = []

    class Watching(StubDownloader):
        async def fetch(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]
            seen.append((await store.catalogue.get(claim.id)).progress_pct)
            return await super().fetch(*args, **kwargs)  # type: ignore[arg-type]

    await process_one_cycle(claim, make_context(store, clock, tmp_path, downloader=Watching()))

    assert seen == [50]


@pytest.fixture
def percents(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The progress as it is written."""
    seen: list[int] = []
    progress = store.queue.progress

    async def recorded(*args: Any, progress_pct: int, **facts: Any) -> None:
        seen.append(progress_pct)
        await progress(*args, progress_pct=progress_pct, **facts)

    monkeypatch.setattr(store.queue, "progress", recorded)
    return seen


async def test_the_progress_never_goes_back_when_a_second_strategy_starts_over(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, percents: list[int]
) -> None:
    downloader = StubDownloader(Incomplete("cut"), Incomplete("cut"), VIDEO)
    await worked(claim, make_context(store, clock, tmp_path, downloader=downloader))

    assert percents == sorted(percents)
    assert len(percents) > 5


async def test_each_video_of_a_post_takes_its_share_of_the_progress(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, percents: list[int]
) -> None:
    items = tuple(
        Item((candidate(f"https://cdn.example/{name}.mp4"),), media_id=name) for name in "abc"
    )
    extractor = StubExtractor(replace(extraction(), items=items))
    job = await worked(claim, make_context(store, clock, tmp_path, extractor=extractor))

    assert job.status is JobStatus.COMPLETED
    assert percents == sorted(percents)
    # the third video begins, is validated, and gets its thumbnail
    assert percents[-3:] == [83, 97, 98]


async def test_a_retried_job_whose_url_still_works_is_not_extracted_again(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    # the first attempt extracts twice: once at the start, once in the strategy `fresh`
    extractor = StubExtractor()
    await process_one_cycle(
        claim,
        make_context(
            store,
            clock,
            tmp_path,
            extractor=extractor,
            downloader=StubDownloader(Incomplete("cut")),
        ),
    )
    asked_before = extractor.asked
    job = await worked(
        await reclaim(store, clock), make_context(store, clock, tmp_path, extractor=extractor)
    )

    assert job.status is JobStatus.COMPLETED
    assert (asked_before, extractor.asked) == (2, 2)
    skipped = [
        r
        for r in await store.catalogue.history(claim.id)
        if r.stage is Stage.EXTRACT and r.outcome is StepOutcome.SKIPPED
    ]
    assert len(skipped) == 1


async def test_an_expired_url_is_extracted_again(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    soon = candidate(expires_at=clock.now() + timedelta(hours=1))
    extractor = StubExtractor(extraction(soon))
    failing = make_context(
        store,
        clock,
        tmp_path,
        extractor=extractor,
        downloader=StubDownloader(RateLimited("429", retry_after=timedelta(hours=2))),
    )
    await process_one_cycle(claim, failing)
    again = StubExtractor()
    await process_one_cycle(
        await reclaim(store, clock), make_context(store, clock, tmp_path, extractor=again)
    )

    assert again.asked == 1


async def test_every_failure_ends_in_failed_with_code_message_and_time(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    job = await worked(
        claim,
        make_context(store, clock, tmp_path, extractor=StubExtractor(Deleted("The post is gone."))),
    )

    assert (job.status, job.error_code, job.error) == (
        JobStatus.FAILED,
        ErrorCode.DELETED,
        "The post is gone.",
    )
    assert job.failed_at is not None
    assert job.retry_at is None


async def test_a_post_that_seems_deleted_is_tried_again_in_an_hour_and_then_fails_for_good(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    context = make_context(
        store, clock, tmp_path, extractor=StubExtractor(SeemsDeleted("404.")), jitter=lambda: 0.0
    )
    first = await worked(claim, context)
    second = await worked(await reclaim(store, clock), context)

    assert first.error_code is second.error_code is ErrorCode.DELETED
    assert first.retry_at is not None
    assert first.failed_at is not None
    assert first.retry_at - first.failed_at == timedelta(hours=1)
    assert second.retry_at is None


async def test_a_premiere_is_waited_for_until_it_begins_and_costs_no_attempt(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    begins = clock.now() + timedelta(hours=5)
    extractor = StubExtractor(Upcoming("Not released yet.", starts_at=begins))
    context = make_context(store, clock, tmp_path, extractor=extractor, jitter=lambda: 0.0)
    job = await worked(claim, context)

    assert (job.status, job.error_code, job.retry_at) == (
        JobStatus.FAILED,
        ErrorCode.UPCOMING,
        begins,
    )
    assert job.max_attempts - job.attempt_count == claim.job.max_attempts
    assert f"{begins:%Y-%m-%d %H:%M} UTC" in (job.error or "")


async def test_a_broadcast_that_goes_on_is_checked_less_and_less_often(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(LiveNow("live"))
    context = make_context(store, clock, tmp_path, extractor=extractor, jitter=lambda: 0.0)
    first = await worked(claim, context)
    second = await worked(await reclaim(store, clock), context)

    waits = [
        job.retry_at - job.failed_at for job in (first, second) if job.retry_at and job.failed_at
    ]
    assert waits == [timedelta(minutes=30), timedelta(hours=1)]


SHARED, SHARED_POST = "https://pin.it/Abc123", "https://www.pinterest.com/pin/12345/"


async def shared_job(
    store: Store, clock: FakeClock, *, link: str = SHARED, platform: str = "pinterest"
) -> ClaimedJob:
    await store.queue.enqueue([new_job(link, clock=clock, platform=platform)])
    (claimed,) = await store.queue.claim(WorkerId("w-1"), limit=1, lease=LEASE)
    return claimed


async def test_a_share_links_target_is_stored_in_history_and_job_and_not_requested_again(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    claim = await shared_job(store, clock)
    web = StubClient(302, headers={"location": f"{SHARED_POST}sent/?x=1"})
    failing = make_context(
        store, clock, tmp_path, client=web, downloader=StubDownloader(Incomplete("cut"))
    )
    first = await worked(claim, failing)
    requested = list(web.urls)
    again = await worked(
        await reclaim(store, clock),
        make_context(store, clock, tmp_path, client=web, downloader=StubDownloader()),
    )

    assert first.metadata["resolved_url"] == again.metadata["resolved_url"] == SHARED_POST
    assert again.status is JobStatus.COMPLETED
    assert requested.count(SHARED) == web.urls.count(SHARED) == 1
    assert any(SHARED_POST in record.detail for record in await store.catalogue.history(claim.id))


class CountsPermits(MemorySiteLimits):
    def __init__(self, state: MemoryState) -> None:
        super().__init__(state)
        self.platforms: list[str] = []

    async def acquire_permit(self, request: PermitRequest) -> Permit:
        self.platforms.append(request.platform)
        return await super().acquire_permit(request)


@pytest.mark.parametrize(
    ("leads_to", "platforms"),
    [(SHARED_POST, ["pinterest"]), ("https://vimeo.com/76979871", ["pinterest", "vimeo"])],
)
async def test_a_share_link_and_the_post_behind_it_take_one_permit_at_each_site(
    clock: FakeClock, tmp_path: Path, leads_to: str, platforms: list[str]
) -> None:
    store = MemoryJobStore(clock)
    store.site_limits = counting = CountsPermits(store._state)
    await store.open()
    claim = await shared_job(store, clock)
    web = StubClient(302, headers={"location": leads_to})
    job = await worked(claim, make_context(store, clock, tmp_path, client=web))

    assert (job.status, counting.platforms) == (JobStatus.COMPLETED, platforms)


async def test_a_share_link_is_not_followed_while_its_site_is_closed(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    claim = await shared_job(store, clock)
    await store.site_limits.pause_site(
        "pinterest", duration=timedelta(hours=1), code=ErrorCode.RATE_LIMITED, reason="429"
    )
    web = StubClient(302, headers={"location": SHARED_POST})
    job = await worked(claim, make_context(store, clock, tmp_path, client=web))

    assert (job.status, web.urls) == (JobStatus.QUEUED, [])


async def test_a_refusal_by_the_site_that_a_link_leads_to_closes_that_site(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    claim = await shared_job(store, clock, link="https://t.co/Abc", platform="generic")
    web = StubClient(302, headers={"location": SHARED_POST})
    slow = StubExtractor(RateLimited("slow down", retry_after=timedelta(minutes=7)))
    await process_one_cycle(claim, make_context(store, clock, tmp_path, client=web, extractor=slow))

    assert [
        limit.platform
        for limit in await store.site_limits.all_limits()
        if limit.closed_until is not None
    ] == ["pinterest"]


async def test_a_proxy_that_fails_uses_up_no_attempt_and_closes_no_site(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    failing = StubExtractor(ProxyFailed("The proxy socks5://***@gluetun:1080 cannot be used."))
    job = await worked(claim, make_context(store, clock, tmp_path, extractor=failing))

    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.PROXY_FAILED)
    assert job.max_attempts - job.attempt_count == claim.job.max_attempts
    assert job.retry_at is not None
    assert job.retry_at - clock.now() < timedelta(minutes=7)
    assert not [
        limit for limit in await store.site_limits.all_limits() if limit.closed_until is not None
    ]


async def test_a_link_to_a_closed_site_is_retried_when_the_site_reopens(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    claim = await shared_job(store, clock, link="https://t.co/Abc", platform="generic")
    await store.site_limits.pause_site(
        "pinterest", duration=timedelta(hours=1), code=ErrorCode.RATE_LIMITED, reason="429"
    )
    web, extractor = StubClient(302, headers={"location": SHARED_POST}), StubExtractor()
    context = make_context(
        store, clock, tmp_path, client=web, extractor=extractor, jitter=lambda: 0.0
    )
    job = await worked(claim, context)

    assert (job.status, job.error_code, extractor.asked) == (
        JobStatus.FAILED,
        ErrorCode.RATE_LIMITED,
        0,
    )
    assert job.retry_at is not None
    assert job.retry_at - clock.now() == timedelta(hours=1)
    assert (
        next(
            limit.failures
            for limit in await store.site_limits.all_limits()
            if limit.platform == "pinterest"
        )
        == 1
    )


async def test_the_sites_retry_after_becomes_the_jobs_retry_at(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    limited = StubDownloader(RateLimited("429", retry_after=timedelta(seconds=100)))
    job = await worked(
        claim, make_context(store, clock, tmp_path, downloader=limited, jitter=lambda: 0.0)
    )

    assert job.retry_at == clock.now() + timedelta(seconds=100)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (
            SiteClosed("It is closed.", retry_after=timedelta(hours=2)),
            "The site is closed until %s UTC.",
        ),
        (
            RateLimited("Slower.", retry_after=timedelta(hours=2)),
            "Slower. It may be asked again at %s UTC.",
        ),
        (RateLimited("Slower."), "Slower."),
    ],
    ids=["closed", "slower", "no time named"],
)
def test_the_time_that_a_site_names_is_told(failure: RateLimited, said: str) -> None:
    at = f"{START + timedelta(hours=2):%Y-%m-%d %H:%M}"

    assert with_time(failure.message, failure, START) == said.replace("%s", at)


async def test_a_bug_fails_the_job_and_is_recorded(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    class Broken(StubExtractor):
        async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
            raise ZeroDivisionError("a bug")

    job = await worked(claim, make_context(store, clock, tmp_path, extractor=Broken()))

    assert job.error_code is ErrorCode.INTERNAL
    assert job.error == "ZeroDivisionError: a bug"
    assert job.retry_at is not None


async def test_an_extraction_that_hangs_ends_within_the_time_limit(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    class Hanging(StubExtractor):
        async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
            await asyncio.Event().wait()
            raise AssertionError

    context = replace(
        make_context(store, clock, tmp_path, extractor=Hanging()), extraction_timeout_s=0.01
    )

    assert (await worked(claim, context)).error_code is ErrorCode.TIMEOUT


async def test_an_attempt_that_lost_its_lease_writes_nothing_and_leaves_no_file(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    class Stealing(StubDownloader):
        async def fetch(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]
            await store.queue.cancel(claim.id)
            return await super().fetch(*args, **kwargs)  # type: ignore[arg-type]

    with pytest.raises(LeaseLost):
        await process_one_cycle(claim, make_context(store, clock, tmp_path, downloader=Stealing()))

    assert (await store.catalogue.get(claim.id)).status is JobStatus.CANCELLED
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_commit_that_a_crash_interrupted_is_finished_without_any_network(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """The file was placed, the row not yet completed: the next attempt only completes the row."""
    sha = hashlib.sha256(VIDEO).hexdigest()
    planned = SavedFile("generic-jane/name.mp4", None, len(VIDEO), sha, 4.0, 320, 180)
    await store.queue.begin_commit(claim, planned)
    (tmp_path / "generic-jane").mkdir()
    (tmp_path / "generic-jane/name.mp4").write_bytes(VIDEO)
    clock.advance(LEASE)
    clock.advance(1)
    await store.queue.recover_stale_jobs(retry_in=timedelta(0))
    extractor = StubExtractor()
    job = await worked(
        await reclaim(store, clock), make_context(store, clock, tmp_path, extractor=extractor)
    )

    assert (job.status, job.output_path, extractor.asked) == (
        JobStatus.COMPLETED,
        "generic-jane/name.mp4",
        0,
    )
    assert (tmp_path / "generic-jane/name.info.json").exists()
    assert len(list(tmp_path.glob("*/*.mp4"))) == 1


async def test_a_crash_before_the_subtitles_were_placed_leaves_no_row_that_names_them(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    sha = hashlib.sha256(VIDEO).hexdigest()
    planned = SavedFile(
        "generic-jane/name.mp4", None, len(VIDEO), sha, 4.0, 320, 180, beside=(".en.vtt", ".de.vtt")
    )
    await store.queue.begin_commit(
        claim, planned, [JobItem(Item(), ItemStatus.COMMITTING, planned)]
    )
    (tmp_path / "generic-jane").mkdir()
    (tmp_path / "generic-jane/name.mp4").write_bytes(VIDEO)
    (tmp_path / "generic-jane/name.de.vtt").write_text("WEBVTT\n")
    clock.advance(LEASE)
    clock.advance(1)
    await store.queue.recover_stale_jobs(retry_in=timedelta(0))
    job = await worked(await reclaim(store, clock), make_context(store, clock, tmp_path))

    saved = job.items[0].saved
    assert (job.status, saved and saved.beside) == (JobStatus.COMPLETED, (".de.vtt",))


@pytest.mark.parametrize(
    ("is_placed", "still", "picture"),
    [(True, True, "name.webp"), (False, True, "name.jpg"), (False, False, None)],
)
async def test_a_commit_that_is_finished_names_the_picture_that_is_there(
    store: Store,
    clock: FakeClock,
    claim: ClaimedJob,
    tmp_path: Path,
    is_placed: bool,
    still: bool,
    picture: str | None,
) -> None:
    sha = hashlib.sha256(VIDEO).hexdigest()
    planned = SavedFile(
        "generic-jane/name.mp4", "generic-jane/name.webp", len(VIDEO), sha, 4.0, 320, 180
    )
    await store.queue.begin_commit(
        claim, planned, [JobItem(Item(), ItemStatus.COMMITTING, planned)]
    )
    (tmp_path / "generic-jane").mkdir()
    (tmp_path / "generic-jane/name.mp4").write_bytes(VIDEO)
    if is_placed:
        (tmp_path / "generic-jane/name.webp").write_bytes(b"its own")
    clock.advance(LEASE)
    clock.advance(1)
    await store.queue.recover_stale_jobs(retry_in=timedelta(0))
    job = await worked(
        await reclaim(store, clock),
        make_context(store, clock, tmp_path, probe=StubProbe(still=still)),
    )

    folder = tmp_path / "generic-jane"
    assert [path.name for path in folder.iterdir() if path.suffix in (".jpg", ".webp")] == (
        [picture] if picture else []
    )
    assert job.thumbnail_path == (f"generic-jane/{picture}" if picture else None)


async def test_posts_that_want_one_name_at_the_same_time_each_get_their_own_picture(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """Another worker places its picture between this one's look for a free name and its own
    picture.
    """

    class Raced(LocalLibrary):
        async def free_name(self, folder: str, stem: str, suffix: str) -> str:
            name = await super().free_name(folder, stem, suffix)
            if not list(tmp_path.glob("*/*.jpg")):
                self.other = tmp_path / Path(name).with_suffix(".jpg")
                self.other.parent.mkdir()
                self.other.write_bytes(b"\xff\xd8\xffothers")
            return name

    vault = Raced(tmp_path)
    job = await worked(claim, replace(make_context(store, clock, tmp_path), library=vault))

    assert vault.other.read_bytes() == b"\xff\xd8\xffothers"
    assert job.output_path is not None
    assert Path(job.output_path).stem == f"{vault.other.stem} (2)"


class ZombiePlaces(StubDownloader):
    """A frozen attempt goes on while its successor downloads,
    and puts its own file where it had planned to.
    """

    def __init__(self, target: Path) -> None:
        super().__init__()
        self._target = target

    async def fetch(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._target.write_bytes(VIDEO)
        return await super().fetch(*args, **kwargs)  # type: ignore[arg-type]


async def successor_of_a_frozen_commit(
    store: Store, clock: FakeClock, claim: ClaimedJob
) -> ClaimedJob:
    """Return the second attempt; the first is frozen between its plan and its rename,
    and its lease has expired.
    """
    sha = hashlib.sha256(VIDEO).hexdigest()
    await store.queue.begin_commit(
        claim, SavedFile("generic-jane/name.mp4", None, len(VIDEO), sha, 4.0, 320, 180)
    )
    clock.advance(LEASE)
    clock.advance(1)
    await store.queue.recover_stale_jobs(retry_in=timedelta(0))
    return await reclaim(store, clock)


def videos_below(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.glob("*/*.mp4")]


async def test_a_file_that_a_frozen_attempt_placed_in_the_meantime_is_taken_over(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """Its path and hash are in the row already: another copy would leave a file that no row
    names.
    """
    second = await successor_of_a_frozen_commit(store, clock, claim)
    zombie = ZombiePlaces(tmp_path / "generic-jane/name.mp4")
    job = await worked(second, make_context(store, clock, tmp_path, downloader=zombie))

    assert (job.status, videos_below(tmp_path)) == (JobStatus.COMPLETED, ["generic-jane/name.mp4"])
    assert job.output_path == "generic-jane/name.mp4"


async def test_a_file_that_a_frozen_attempt_places_at_the_last_moment_is_taken_over(
    store: Store,
    clock: FakeClock,
    claim: ClaimedJob,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both want the name that the first one had planned, so only one of them can have it."""
    second = await successor_of_a_frozen_commit(store, clock, claim)
    context = make_context(store, clock, tmp_path)
    place, target = context.library.place, tmp_path / "generic-jane/name.mp4"

    async def overtaken(staged: Path, relative: str) -> bool:
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(VIDEO)
        return await place(staged, relative)

    monkeypatch.setattr(context.library, "place", overtaken)
    job = await worked(second, context)

    assert (job.status, videos_below(tmp_path)) == (JobStatus.COMPLETED, ["generic-jane/name.mp4"])
    assert job.output_path == "generic-jane/name.mp4"


async def test_an_unrelated_file_under_the_planned_name_is_left_alone(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    second = await successor_of_a_frozen_commit(store, clock, claim)
    (tmp_path / "generic-jane").mkdir()
    (tmp_path / "generic-jane/name.mp4").write_bytes(b"a stranger's")
    job = await worked(second, make_context(store, clock, tmp_path))

    assert job.status is JobStatus.COMPLETED
    assert job.output_path != "generic-jane/name.mp4"
    assert (tmp_path / "generic-jane/name.mp4").read_bytes() == b"a stranger's"


async def test_the_plan_of_an_earlier_attempt_survives_a_failed_one(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """A frozen attempt may wake up at any time, also after its successor failed and while a third
    attempt runs.
    """
    second = await successor_of_a_frozen_commit(store, clock, claim)
    failing = make_context(
        store, clock, tmp_path, downloader=StubDownloader(*[Incomplete("cut off")] * 9)
    )
    assert (await worked(second, failing)).status is JobStatus.FAILED
    third = await reclaim(store, clock)
    zombie = ZombiePlaces(tmp_path / "generic-jane/name.mp4")
    job = await worked(third, make_context(store, clock, tmp_path, downloader=zombie))

    assert (job.status, videos_below(tmp_path)) == (JobStatus.COMPLETED, ["generic-jane/name.mp4"])


@pytest.mark.parametrize("failure", [NoSpace("full"), StorageFailure("the disk failed")])
async def test_after_a_disk_fails_behind_a_placed_video_the_next_attempt_finishes(
    store: Store,
    clock: FakeClock,
    claim: ClaimedJob,
    tmp_path: Path,
    failure: Failure,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The video is in the library but its sidecar did not fit:
    downloading it again would leave a second copy.
    """
    context, extractor = make_context(store, clock, tmp_path), StubExtractor()

    async def refuse(*_: Any, **__: Any) -> None:
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(context.library, "place_json", refuse)
        waiting = await worked(claim, context)
    job = await worked(
        await reclaim(store, clock), make_context(store, clock, tmp_path, extractor=extractor)
    )

    assert (waiting.status, waiting.error_code) == (JobStatus.FAILED, failure.code)
    assert (job.status, extractor.asked) == (JobStatus.COMPLETED, 0)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*.mp4")] == [
        job.output_path
    ]


async def test_a_disk_that_is_full_at_the_thumbnail_loses_only_the_thumbnail(
    store: Store,
    clock: FakeClock,
    claim: ClaimedJob,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture = b"\xff\xd8\xff" + b"p" * 5_000
    context = make_context(
        store,
        clock,
        tmp_path,
        client=StubClient(200, picture),
        extractor=StubExtractor(extraction(thumbnail_url="https://cdn.example/1.jpg")),
        probe=StubProbe(still=False),
    )
    write_bytes = Path.write_bytes

    def full_for_pictures(path: Path, data: bytes) -> int:
        if data == picture:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", full_for_pictures)
    job = await worked(claim, context)

    assert (job.status, job.thumbnail_path, job.error_code) == (JobStatus.COMPLETED, None, None)


# --- several videos in one post -------------------------------------------------------------------


def carousel(*names: str) -> Extraction:
    items = tuple(
        Item((candidate(f"https://cdn.example/{name}.mp4"),), media_id=name) for name in names
    )
    return replace(extraction(), items=(items[0], Item(type=ItemType.IMAGE), *items[1:]))


class Killed(BaseException):
    """The worker's process ends."""


class ByUrl(StubDownloader):
    """Answers each URL with its bytes or its failure."""

    def __init__(self, answers: dict[str, bytes | Failure]) -> None:
        super().__init__()
        self.answers = answers

    async def fetch(self, request: MediaRequest, **kwargs: object) -> DownloadedFile:
        self._answers = deque([self.answers[request.url.rpartition("/")[2].removesuffix(".mp4")]])
        return await super().fetch(request, **kwargs)  # type: ignore[arg-type]


async def test_every_video_of_a_carousel_is_saved_under_its_number(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    downloader = ByUrl({"a": b"first" * 9, "b": b"second" * 9})
    context = make_context(
        store, clock, tmp_path, extractor=StubExtractor(carousel("a", "b")), downloader=downloader
    )
    job = await worked(claim, context)

    assert (job.status, job.output_path) == (
        JobStatus.COMPLETED,
        "generic-jane/2026-11-24 A title [1-1].mp4",
    )
    assert [item.status for item in job.items] == [
        ItemStatus.SAVED,
        ItemStatus.SKIPPED,
        ItemStatus.SAVED,
    ]
    files = [item.saved for item in job.items if item.saved]
    assert [(tmp_path / file.output_path).read_bytes() for file in files] == [
        b"first" * 9,
        b"second" * 9,
    ]
    assert [file.sha256 for file in files] == [
        hashlib.sha256(word * 9).hexdigest() for word in (b"first", b"second")
    ]
    sidecar = json.loads((tmp_path / "generic-jane/2026-11-24 A title [1-2].info.json").read_text())
    assert (sidecar["video"]["number"], sidecar["video"]["of"]) == (2, 2)


async def test_a_failed_video_does_not_stop_the_others_and_the_next_attempt_fetches_only_that_one(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    downloader = ByUrl({"a": Incomplete("It was cut."), "b": VIDEO})
    context = make_context(
        store, clock, tmp_path, extractor=StubExtractor(carousel("a", "b")), downloader=downloader
    )
    job = await worked(claim, context)

    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.PARTIAL)
    assert job.error == "1 of 2 files saved. File 1: the browser got nothing"
    assert job.retry_at is not None
    assert [item.status for item in job.items] == [
        ItemStatus.FAILED,
        ItemStatus.SKIPPED,
        ItemStatus.SAVED,
    ]

    downloader.answers["a"] = b"whole" * 9
    downloader.requests.clear()
    job = await worked(await reclaim(store, clock), context)

    assert job.status is JobStatus.COMPLETED
    assert [request.url for request in downloader.requests] == ["https://cdn.example/a.mp4"]
    assert sorted(path.name for path in (tmp_path / "generic-jane").glob("*.mp4")) == [
        "2026-11-24 A title [1-1].mp4",
        "2026-11-24 A title [1-2].mp4",
    ]


async def test_a_crash_between_two_videos_keeps_the_first_and_fetches_only_the_second(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    class Dying(ByUrl):
        async def fetch(self, request: MediaRequest, **kwargs: object) -> DownloadedFile:
            if request.url.endswith("b.mp4"):
                raise Killed
            return await super().fetch(request, **kwargs)

    extractor = StubExtractor(carousel("a", "b"))
    with pytest.raises(Killed):
        await process_one_cycle(
            claim,
            make_context(
                store, clock, tmp_path, extractor=extractor, downloader=Dying({"a": VIDEO})
            ),
        )
    await store.workers.expire_leases([claim.worker])
    await store.queue.recover_stale_jobs(retry_in=timedelta(0))
    downloader = ByUrl({"b": b"second" * 9})
    job = await worked(
        await reclaim(store, clock),
        make_context(store, clock, tmp_path, extractor=extractor, downloader=downloader),
    )

    assert job.status is JobStatus.COMPLETED
    assert len(downloader.requests) == 1
    assert len(list((tmp_path / "generic-jane").glob("*.mp4"))) == 2


async def test_the_user_chooses_where_nothing_shows_which_video_belongs_to_the_post(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    unsure = [candidate(f"https://cdn.example/{n}.mp4", ownership=Ownership.UNKNOWN) for n in "ab"]
    downloader = ByUrl({"b": VIDEO})
    context = make_context(
        store, clock, tmp_path, extractor=StubExtractor(extraction(*unsure)), downloader=downloader
    )
    job = await worked(claim, context)

    assert (job.status, job.error_code, job.retry_at) == (
        JobStatus.FAILED,
        ErrorCode.AMBIGUOUS,
        None,
    )
    assert [c.url for c in job.candidates] == [c.url for c in unsure]

    await store.queue.retry(job.id, chosen_urls=[unsure[1].url])
    job = await worked(await reclaim(store, clock), context)

    assert (job.status, job.extracted_url) == (JobStatus.COMPLETED, unsure[1].url)


@pytest.mark.parametrize(
    ("sites", "signs", "status"),
    [
        (("cdn.example", "videos.example"), (), JobStatus.COMPLETED),
        ((), (), JobStatus.FAILED),
        (("other.example",), (), JobStatus.FAILED),
        (("videos.example",), (Sign.ADVERT,), JobStatus.FAILED),
    ],
)
async def test_the_first_player_is_saved_on_the_sites_of_which_the_user_wants_it(
    sites: tuple[str, ...],
    signs: tuple[Sign, ...],
    status: JobStatus,
    store: Store,
    clock: FakeClock,
    claim: ClaimedJob,
    tmp_path: Path,
) -> None:
    played = candidate(
        "https://cdn.example/b.mp4", ownership=Ownership.UNKNOWN, evidence=(Sign.PLAYER, *signs)
    )
    named = candidate("https://cdn.example/a.mp4", ownership=Ownership.UNKNOWN)
    extractor, downloader = StubExtractor(extraction(named, played)), ByUrl({"b": VIDEO})
    context = make_context(store, clock, tmp_path, extractor=extractor, downloader=downloader)
    job = await worked(claim, replace(context, first_player_sites=sites))

    assert job.status is status
    mentions = [
        record
        for record in await store.catalogue.history(job.id)
        if "the first player" in record.detail
    ]
    assert bool(mentions) is (status is JobStatus.COMPLETED)


def three_unsure() -> tuple[list[Candidate], Extraction]:
    unsure = [
        candidate(f"https://cdn.example/{name}.mp4", ownership=Ownership.UNKNOWN) for name in "abc"
    ]
    return unsure, replace(extraction(*unsure), items=(), others=tuple(unsure))


async def test_several_videos_that_the_user_chose_are_saved_as_the_posts_items_in_order(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    unsure, found = three_unsure()
    downloader = ByUrl({"a": b"first" * 9, "c": b"third" * 9})
    context = make_context(
        store, clock, tmp_path, extractor=StubExtractor(found), downloader=downloader
    )
    await worked(claim, context)
    await store.queue.retry(claim.id, chosen_urls=[unsure[0].url, unsure[2].url])
    job = await worked(await reclaim(store, clock), context)

    assert (job.status, [item.status for item in job.items]) == (
        JobStatus.COMPLETED,
        [ItemStatus.SAVED] * 2,
    )
    files = [item.saved.output_path for item in job.items if item.saved]
    assert [(tmp_path / file).read_bytes() for file in files] == [b"first" * 9, b"third" * 9]
    assert files[1] == "generic-jane/2026-11-24 A title [1-2].mp4"


async def test_a_chosen_video_that_fails_does_not_lose_the_others_and_only_it_is_fetched_again(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    unsure, found = three_unsure()
    downloader = ByUrl({"a": b"first" * 9, "b": Deleted("It is gone."), "c": b"third" * 9})
    context = make_context(
        store, clock, tmp_path, extractor=StubExtractor(found), downloader=downloader
    )
    await worked(claim, context)
    await store.queue.retry(claim.id, chosen_urls=[one.url for one in unsure])
    job = await worked(await reclaim(store, clock), context)

    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.PARTIAL)
    assert [item.status for item in job.items] == [
        ItemStatus.SAVED,
        ItemStatus.FAILED,
        ItemStatus.SAVED,
    ]

    downloader.answers, downloader.requests = {"b": b"second" * 9}, []
    await store.queue.retry(claim.id)
    job = await worked(await reclaim(store, clock), context)

    assert (job.status, [item.status for item in job.items]) == (
        JobStatus.COMPLETED,
        [ItemStatus.SAVED] * 3,
    )
    assert [request.url for request in downloader.requests] == [unsure[1].url]


async def test_another_choice_keeps_what_an_earlier_one_saved(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    unsure, found = three_unsure()
    downloader = ByUrl({"a": b"first" * 9, "b": Deleted("It is gone."), "c": b"third" * 9})
    context = make_context(
        store, clock, tmp_path, extractor=StubExtractor(found), downloader=downloader
    )
    await worked(claim, context)
    await store.queue.retry(claim.id, chosen_urls=[unsure[0].url, unsure[1].url])
    await worked(await reclaim(store, clock), context)
    await store.queue.retry(claim.id, chosen_urls=[unsure[2].url])
    job = await worked(await reclaim(store, clock), context)

    assert job.status is JobStatus.COMPLETED
    saved = [(tmp_path / item.saved.output_path).read_bytes() for item in job.items if item.saved]
    assert saved == [b"third" * 9, b"first" * 9]


async def test_chosen_videos_survive_a_crash_between_them(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    class Dying(ByUrl):
        async def fetch(self, request: MediaRequest, **kwargs: object) -> DownloadedFile:
            if request.url.endswith("c.mp4"):
                raise Killed
            return await super().fetch(request, **kwargs)

    unsure, found = three_unsure()
    extractor = StubExtractor(found)
    await worked(claim, make_context(store, clock, tmp_path, extractor=extractor))
    await store.queue.retry(claim.id, chosen_urls=[unsure[0].url, unsure[2].url])
    second = await reclaim(store, clock)
    dying = make_context(
        store, clock, tmp_path, extractor=extractor, downloader=Dying({"a": b"first" * 9})
    )
    with pytest.raises(Killed):
        await process_one_cycle(second, dying)
    await store.workers.expire_leases([second.worker])
    await store.queue.recover_stale_jobs(retry_in=timedelta(0))
    downloader = ByUrl({"c": b"third" * 9})
    job = await worked(
        await reclaim(store, clock),
        make_context(store, clock, tmp_path, extractor=extractor, downloader=downloader),
    )

    assert (job.status, [item.status for item in job.items]) == (
        JobStatus.COMPLETED,
        [ItemStatus.SAVED] * 2,
    )
    assert [request.url for request in downloader.requests] == [unsure[2].url]


async def test_of_the_chosen_videos_one_that_the_page_lost_is_reported_and_the_other_saved(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    unsure, found = three_unsure()
    expired = [replace(one, expires_at=clock.now()) for one in unsure]
    later = replace(found, others=(unsure[2],))
    context = make_context(
        store,
        clock,
        tmp_path,
        extractor=StubExtractor(replace(found, others=tuple(expired)), later),
        downloader=ByUrl({"c": b"third" * 9}),
    )
    await worked(claim, context)
    await store.queue.retry(claim.id, chosen_urls=[unsure[0].url, unsure[2].url])
    job = await worked(await reclaim(store, clock), context)

    assert [item.status for item in job.items] == [ItemStatus.FAILED, ItemStatus.SAVED]
    assert job.items[0].error == "The post no longer shows this video."


# --- the page's source first ----------------------------------------------------------------------


def source_first(
    context: WorkerContext, *found: Extraction | Failure
) -> tuple[WorkerContext, StubExtractor]:
    """Return tools whose extractor ``page`` gives these results before the browser is asked;
    and that extractor.
    """
    page = StubExtractor(
        *(replace(e, extractor="page") if isinstance(e, Extraction) else e for e in found)
    )
    page.name = "page"
    return replace(context, extractors={"page": page, **context.extractors}), page


async def test_a_post_that_its_pages_source_shows_needs_no_browser(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    browser = StubExtractor()
    context, page = source_first(
        make_context(store, clock, tmp_path, extractor=browser), extraction()
    )
    job = await worked(claim, context)

    assert (job.status, page.asked, browser.asked) == (JobStatus.COMPLETED, 1, 0)


async def test_the_history_shows_the_doubt_about_a_pages_source_and_the_browsers_visit(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    context, _ = source_first(
        make_context(store, clock, tmp_path), Unsupported("The page's source is not enough.")
    )
    job = await worked(claim, context)

    assert job.status is JobStatus.COMPLETED
    assert [
        (record.outcome, record.detail)
        for record in await store.catalogue.history(claim.id)
        if record.stage is Stage.EXTRACT
    ] == [
        (StepOutcome.SKIPPED, "The page's source is not enough."),
        (StepOutcome.OK, ": 1 candidate"),
    ]


async def test_what_a_pages_source_says_is_no_verdict_about_the_post(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """The browser looks at the same page: two failures of one page are not two witnesses."""
    browser = StubExtractor(SeemsDeleted("404"))
    context, _ = source_first(
        make_context(store, clock, tmp_path, extractor=browser), SeemsDeleted("404")
    )
    await worked(claim, context)

    (final,) = [
        r.error_code for r in await store.catalogue.history(claim.id) if r.stage is Stage.EXTRACT
    ][1:]
    assert browser.asked == 1
    assert final is SeemsDeleted.code


async def test_a_site_that_asks_to_slow_down_is_not_visited_by_the_browser_either(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    browser = StubExtractor()
    context, _ = source_first(
        make_context(store, clock, tmp_path, extractor=browser), RateLimited("429")
    )
    job = await worked(claim, context)

    assert (job.error_code, browser.asked) == (ErrorCode.RATE_LIMITED, 0)


async def test_when_a_url_from_the_pages_source_fails_the_browser_extracts_the_post_again(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    browser = StubExtractor(extraction(candidate("https://cdn.example/better.mp4")))
    downloader = ByUrl({"preview": HttpError("403"), "better": VIDEO})
    context = make_context(store, clock, tmp_path, extractor=browser, downloader=downloader)
    context, page = source_first(context, extraction(candidate("https://cdn.example/preview.mp4")))
    job = await worked(claim, context)

    assert (job.status, job.extracted_url) == (
        JobStatus.COMPLETED,
        "https://cdn.example/better.mp4",
    )
    assert (page.asked, browser.asked) == (1, 1)


async def test_a_video_that_the_user_chose_is_looked_for_where_it_was_shown(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    unsure = [candidate(f"https://cdn.example/{n}.mp4", ownership=Ownership.UNKNOWN) for n in "ab"]
    browser = StubExtractor(extraction(*unsure))
    context = make_context(
        store, clock, tmp_path, extractor=browser, downloader=ByUrl({"b": VIDEO})
    )
    context, page = source_first(
        context, Unsupported("two videos"), extraction(candidate("https://cdn.example/c.mp4"))
    )
    await worked(claim, context)
    await store.queue.retry(claim.id, chosen_urls=[unsure[1].url])
    job = await worked(await reclaim(store, clock), context)

    assert (job.status, job.extracted_url) == (JobStatus.COMPLETED, unsure[1].url)
    assert page.asked == 1


# --- a container that browsers do not open --------------------------------------------------------


class FirstIs(StubProbe):
    """The first file is in this container, later ones are MP4."""

    def __init__(self, container: str, *problems: Problem | None) -> None:
        super().__init__(None, *problems)
        self.container: str | None = container

    async def examine(self, file: DownloadedFile) -> ProbeReport:
        report = await super().examine(file)
        if self.container is not None:
            report, self.container = replace(report, container=self.container), None
        return report


async def test_a_whole_video_that_browsers_do_not_open_is_saved_as_an_mp4(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    async def remux(sources: Sequence[Path], into: Path) -> None:
        into.write_bytes(b"remuxed " + sources[0].read_bytes())

    job = await worked(
        claim, make_context(store, clock, tmp_path, probe=FirstIs("matroska"), remux=remux)
    )

    assert job.output_path is not None
    assert job.output_path.endswith(".mp4")
    assert (tmp_path / job.output_path).read_bytes() == b"remuxed " + VIDEO
    assert job.sha256 == hashlib.sha256(b"remuxed " + VIDEO).hexdigest()


@pytest.mark.parametrize("reason", ["it cannot be joined", "what came of it is damaged"])
async def test_a_video_that_cannot_be_remuxed_into_an_mp4_is_saved_as_it_is(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, reason: str
) -> None:
    async def remux(sources: Sequence[Path], into: Path) -> None:
        into.write_bytes(b"half")
        if "joined" in reason:
            raise BadFile(reason)

    probe = FirstIs("matroska", Problem(ProblemKind.DAMAGED, reason))
    job = await worked(claim, make_context(store, clock, tmp_path, probe=probe, remux=remux))

    assert job.output_path is not None
    assert job.output_path.endswith(".mkv")
    assert (tmp_path / job.output_path).read_bytes() == VIDEO
    assert job.status is JobStatus.COMPLETED


# --- posts that crash their worker ----------------------------------------------------------------


async def died(
    claim: ClaimedJob, store: Store, clock: FakeClock, *, stage: Stage = Stage.ROUTE
) -> ClaimedJob:
    """Let the attempt's worker die after it has recorded ``stage``, and return the next attempt."""
    await store.queue.record(claim, HistoryRecord(clock.now(), claim.fence, stage, StepOutcome.OK))
    clock.advance(LEASE + timedelta(seconds=1))
    await store.queue.recover_stale_jobs(retry_in=timedelta(seconds=1))
    return await reclaim(store, clock)


class WatchedSlots(ExtractionSlots):
    """``begun``: whether each extraction is to run alone; those that still wait are included."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[bool] = []

    async def begin(self, *, alone: bool) -> ExtractionSlot:
        self.begun.append(alone)
        return await super().begin(alone=alone)


async def test_a_post_whose_worker_died_twice_during_extraction_is_not_extracted_again(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    third = await died(await died(claim, store, clock), store, clock)
    extractor = StubExtractor()
    job = await worked(third, make_context(store, clock, tmp_path, extractor=extractor))

    assert (job.status, job.error_code, job.retry_at) == (
        JobStatus.FAILED,
        ErrorCode.WORKER_DIED,
        None,
    )
    assert job.error == "The worker stopped twice while it was reading this post."
    assert extractor.asked == 0


async def test_the_user_may_retry_a_post_whose_worker_died_twice(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    third = await died(await died(claim, store, clock), store, clock)
    await worked(third, make_context(store, clock, tmp_path))
    await store.queue.retry(claim.id)
    fourth = await reclaim(store, clock)

    assert (
        await worked(fourth, make_context(store, clock, tmp_path))
    ).status is JobStatus.COMPLETED


async def test_a_job_whose_worker_died_during_downloads_goes_on_with_them(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    third = await died(
        await died(claim, store, clock, stage=Stage.CHECKPOINT),
        store,
        clock,
        stage=Stage.CHECKPOINT,
    )

    assert (await worked(third, make_context(store, clock, tmp_path))).status is JobStatus.COMPLETED


@pytest.mark.parametrize("answer", [extraction(), Deleted("the post is gone")])
async def test_after_a_death_an_attempt_waits_for_running_extractions_and_then_lets_others_extract(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, answer: Extraction | Failure
) -> None:
    """It releases its slot after the extraction, however that ended."""
    second = await died(claim, store, clock)
    extractor, slots = StubExtractor(answer), WatchedSlots()
    context = replace(
        make_context(store, clock, tmp_path, extractor=extractor), extraction_slots=slots
    )
    others = await context.extraction_slots.begin(alone=False)
    attempt = asyncio.create_task(process_one_cycle(second, context))
    while len(slots.begun) == 1:
        await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    assert slots.begun == [False, True]
    assert extractor.asked == 0
    assert (await store.catalogue.get(claim.id)).stage is Stage.CLAIM

    others.end()
    await attempt
    assert extractor.asked == 1
    (await context.extraction_slots.begin(alone=True)).end()


async def test_others_may_extract_while_a_post_that_was_extracted_alone_is_downloaded(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    second = await died(claim, store, clock)

    class Extracting(StubDownloader):
        async def fetch(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]
            (await context.extraction_slots.begin(alone=True)).end()
            return await super().fetch(*args, **kwargs)  # type: ignore[arg-type]

    context = make_context(store, clock, tmp_path, downloader=Extracting())

    assert (await worked(second, context)).status is JobStatus.COMPLETED


async def test_a_fresh_extraction_waits_while_another_post_is_extracted_alone(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """Otherwise its post could crash the worker, and the other one would be blamed."""
    extractor = StubExtractor()
    context = make_context(
        store,
        clock,
        tmp_path,
        extractor=extractor,
        downloader=StubDownloader(Incomplete("it broke off")),
    )
    attempt = asyncio.create_task(process_one_cycle(claim, context))
    while extractor.asked == 0:
        await asyncio.sleep(0)
    # admitted once the first extraction is over
    alone = await context.extraction_slots.begin(alone=True)
    while (
        job := await store.catalogue.get(claim.id)
    ).stage is not Stage.EXTRACT or job.progress_pct != 50:
        await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    assert extractor.asked == 1

    alone.end()
    await attempt
    assert extractor.asked == 2


@pytest.mark.parametrize("decoded_whole", [True, False])
async def test_a_saved_video_is_noted_as_decoded_or_waits_for_that(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, *, decoded_whole: bool
) -> None:
    class Decoding(StubProbe):
        async def examine(self, file: DownloadedFile) -> ProbeReport:
            return replace(await super().examine(file), decoded_whole=decoded_whole)

    job = await worked(claim, make_context(store, clock, tmp_path, probe=Decoding()))
    _, position = await read_position(store.records, job.id)

    assert (await decoded_at(store.marks, job.id)) == (clock.now() if decoded_whole else None)
    assert position.starts == ({} if decoded_whole else {0: 0})


async def test_a_job_is_completed_although_the_decoding_cannot_be_noted(
    store: Store,
    clock: FakeClock,
    claim: ClaimedJob,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise StoreError("No answer.")

    monkeypatch.setattr("mediavault.worker.stages.commit.note_examined", fails)
    job = await worked(claim, make_context(store, clock, tmp_path))

    assert job.status is JobStatus.COMPLETED
