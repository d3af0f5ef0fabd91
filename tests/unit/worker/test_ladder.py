"""The climb: which rung asks whom for what, what it leaves, and what the history says."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediavault.core.cookies import Cookie
from mediavault.core.errors import (
    BrowserUnavailable,
    Drm,
    EmptyBody,
    ErrorCode,
    Failure,
    HttpError,
    Incomplete,
    LinkExpired,
    ToolMissing,
)
from mediavault.core.job import ClaimedJob, JobStatus, Outcome, RungName, Stage, WorkerId
from mediavault.core.media import Problem, ProblemKind, SourceType
from mediavault.store.port import JobStore
from mediavault.worker.pipeline import process_one_cycle
from tests.fakes import FakeClock
from tests.stubs import (
    MEDIA_URL,
    POST_URL,
    VIDEO,
    StubBrowser,
    StubDownloader,
    StubExtractor,
    StubProbe,
    candidate,
    extraction,
    make_tools,
    new_job,
)
from tests.unit.worker.conftest import LEASE

COOKIE = Cookie("sid", "secret", "cdn.example")
SECOND_URL = "https://cdn.example/2.mp4"


async def rungs(store: JobStore, claim: ClaimedJob) -> list[tuple[RungName | None, Stage, Outcome]]:
    """What the history says of downloads and validations."""
    return [
        (record.rung, record.stage, record.outcome)
        for record in await store.history(claim.id)
        if record.stage in (Stage.DOWNLOAD, Stage.VALIDATE)
    ]


async def test_plain_carries_no_cookies_and_session_does(
    store: JobStore, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    downloader = StubDownloader(EmptyBody("0 bytes"), VIDEO)
    tools = make_tools(store, clock, tmp_path, downloader=downloader, browser=StubBrowser(cookies=[COOKIE]))
    job = await process_one_cycle(claim, tools)

    assert job.status is JobStatus.COMPLETED
    assert [request.cookies for request in downloader.requests] == [(), (COOKIE,)]
    assert await rungs(store, claim) == [
        (RungName.PLAIN, Stage.DOWNLOAD, Outcome.FAILED),
        (RungName.SESSION, Stage.DOWNLOAD, Outcome.OK),
        (RungName.SESSION, Stage.VALIDATE, Outcome.OK),
    ]


async def test_each_rung_starts_in_an_empty_staging_folder(
    store: JobStore, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    downloader = StubDownloader(Incomplete("cut"), Incomplete("cut"), VIDEO)
    await process_one_cycle(claim, make_tools(store, clock, tmp_path, downloader=downloader))

    assert downloader.found_in_staging == [[], []]  # plain and session; a fresh look finds nothing new here


async def test_the_browser_saves_what_our_client_cannot(
    store: JobStore, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    browser = StubBrowser(VIDEO)
    tools = make_tools(store, clock, tmp_path, downloader=StubDownloader(HttpError("403")), browser=browser)
    job = await process_one_cycle(claim, tools)

    assert job.status is JobStatus.COMPLETED
    assert browser.downloads == [MEDIA_URL]
    assert browser.scopes == [POST_URL]  # a public post never inherits an exemption of its media's host


async def test_a_file_that_does_not_validate_climbs_too(
    store: JobStore, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    probe = StubProbe(Problem(ProblemKind.DAMAGED, "3 frames do not decode"), None)
    job = await process_one_cycle(claim, make_tools(store, clock, tmp_path, probe=probe))

    assert job.status is JobStatus.COMPLETED
    assert await rungs(store, claim) == [
        (RungName.PLAIN, Stage.DOWNLOAD, Outcome.OK),
        (RungName.PLAIN, Stage.VALIDATE, Outcome.FAILED),
        (RungName.SESSION, Stage.DOWNLOAD, Outcome.OK),
        (RungName.SESSION, Stage.VALIDATE, Outcome.OK),
    ]


async def test_fresh_extracts_again_and_takes_a_candidate_not_tried_yet(
    store: JobStore, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(extraction(), extraction(candidate(), candidate(SECOND_URL)))
    downloader = StubDownloader(Incomplete("cut"), Incomplete("cut"), VIDEO)
    tools = make_tools(store, clock, tmp_path, extractor=extractor, downloader=downloader)
    job = await process_one_cycle(claim, tools)

    assert (job.status, job.extracted_url) == (JobStatus.COMPLETED, SECOND_URL)
    assert [request.url for request in downloader.requests] == [MEDIA_URL, MEDIA_URL, SECOND_URL]


async def test_a_refused_signed_address_skips_session_and_navigation(
    store: JobStore, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(extraction(candidate(signed=True)), extraction(candidate(SECOND_URL, signed=True)))
    downloader = StubDownloader(LinkExpired("403"), VIDEO)
    browser = StubBrowser()
    tools = make_tools(store, clock, tmp_path, extractor=extractor, downloader=downloader, browser=browser)
    await process_one_cycle(claim, tools)

    assert browser.downloads == []
    assert [rung for rung, _, _ in await rungs(store, claim)] == [RungName.PLAIN, RungName.FRESH, RungName.FRESH]


async def test_fresh_tries_with_cookies_and_then_without(
    store: JobStore, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(extraction(candidate(signed=True)), extraction(candidate(SECOND_URL)))
    downloader = StubDownloader(LinkExpired("403"), HttpError("cookie refused"), VIDEO)
    browser = StubBrowser(cookies=[COOKIE])
    tools = make_tools(store, clock, tmp_path, extractor=extractor, downloader=downloader, browser=browser)
    job = await process_one_cycle(claim, tools)

    assert job.status is JobStatus.COMPLETED
    assert [bool(request.cookies) for request in downloader.requests] == [False, True, False]


async def test_the_browser_is_not_asked_for_a_segmented_stream(
    store: JobStore, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(extraction(candidate(source_type=SourceType.HLS)))
    browser = StubBrowser(VIDEO)
    tools = make_tools(
        store, clock, tmp_path, extractor=extractor, downloader=StubDownloader(Incomplete("hole")), browser=browser
    )
    job = await process_one_cycle(claim, tools)

    assert (job.error_code, browser.downloads) == (ErrorCode.INCOMPLETE, [])
    assert (RungName.NAVIGATION, Stage.DOWNLOAD, Outcome.SKIPPED) in await rungs(store, claim)


@pytest.mark.parametrize("unavailable", [BrowserUnavailable("crashed"), ToolMissing("no browser")])
async def test_a_missing_browser_does_not_hide_why_the_download_failed(
    store: JobStore, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, unavailable: Failure
) -> None:
    tools = make_tools(
        store, clock, tmp_path, downloader=StubDownloader(Incomplete("cut")), browser=StubBrowser(unavailable)
    )

    assert (await process_one_cycle(claim, tools)).error_code is ErrorCode.INCOMPLETE


async def test_nothing_new_in_a_fresh_look_does_not_hide_it_either(
    store: JobStore, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    tools = make_tools(store, clock, tmp_path, downloader=StubDownloader(LinkExpired("403")))

    job = await process_one_cycle(claim, tools)

    assert job.error_code is not ErrorCode.NO_VIDEO
    assert job.status is JobStatus.FAILED


async def test_protected_media_stops_the_climb(
    store: JobStore, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    downloader = StubDownloader(Drm("keys"))
    job = await process_one_cycle(claim, make_tools(store, clock, tmp_path, downloader=downloader))

    assert (job.error_code, job.retry_at, len(downloader.requests)) == (ErrorCode.DRM, None, 1)


async def test_a_site_whose_media_want_the_visits_cookies_is_asked_with_them_before_it_is_looked_at_again(
    store: JobStore, clock: FakeClock, tmp_path: Path
) -> None:
    """TikTok's 403 without ``tt_chain_token`` is not the 403 of an address that has run out."""
    url = "https://www.tiktok.com/@jane/video/7123456789012345678"
    await store.enqueue([new_job(url, clock=clock, platform="tiktok")])
    (claim,) = await store.claim(WorkerId("w-1"), limit=1, lease=LEASE)
    extractor = StubExtractor(extraction(candidate(signed=True)))
    downloader = StubDownloader(LinkExpired("403"), VIDEO)
    tools = make_tools(store, clock, tmp_path, extractor=extractor, downloader=downloader)
    job = await process_one_cycle(claim, tools)

    assert (job.status, extractor.asked) == (JobStatus.COMPLETED, 1)
    assert [rung for rung, stage, _ in await rungs(store, claim) if stage is Stage.DOWNLOAD] == [
        RungName.PLAIN,
        RungName.SESSION,
    ]
