"""The download strategies: what each requests and from where, what it leaves behind,
and what the history shows.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mediavault.core.cookies import Cookie
from mediavault.core.failures import (
    BrowserUnavailable,
    Deleted,
    Drm,
    EmptyBody,
    ErrorCode,
    ExtractorBroken,
    Failure,
    HttpError,
    Incomplete,
    LinkExpired,
    NetworkFailure,
    NoSpace,
    TookTooLong,
    ToolMissing,
)
from mediavault.core.job import ClaimedJob, JobStatus, Stage, StepOutcome, StrategyName, WorkerId
from mediavault.core.logs import configure_logs
from mediavault.core.media import COMPATIBLE, Extraction, Problem, ProblemKind, SourceType
from mediavault.core.profiles import BUILT_IN
from mediavault.core.urls import EgressScope
from mediavault.store.port import Store
from mediavault.store.sqlite.store import SqliteJobStore
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
    make_context,
    new_job,
    worked,
)
from tests.unit.worker.conftest import LEASE

COOKIE = Cookie("sid", "secret", "cdn.example")
SECOND_URL = "https://cdn.example/2.mp4"


async def steps(
    store: Store, claim: ClaimedJob
) -> list[tuple[StrategyName | None, Stage, StepOutcome]]:
    """Return the history's downloads and validations, each with its strategy."""
    return [
        (record.strategy, record.stage, record.outcome)
        for record in await store.catalogue.history(claim.id)
        if record.stage in (Stage.DOWNLOAD, Stage.VALIDATE)
    ]


async def test_plain_carries_no_cookies_and_session_does(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    downloader = StubDownloader(EmptyBody("0 bytes"), VIDEO)
    context = make_context(
        store, clock, tmp_path, downloader=downloader, browser=StubBrowser(cookies=[COOKIE])
    )
    job = await worked(claim, context)

    assert job.status is JobStatus.COMPLETED
    assert [request.cookies for request in downloader.requests] == [(), (COOKIE,)]
    assert await steps(store, claim) == [
        (StrategyName.PLAIN, Stage.DOWNLOAD, StepOutcome.FAILED),
        (StrategyName.SESSION, Stage.DOWNLOAD, StepOutcome.OK),
        (StrategyName.SESSION, Stage.VALIDATE, StepOutcome.OK),
    ]


async def test_each_strategy_starts_in_an_empty_staging_folder(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    downloader = StubDownloader(Incomplete("cut"), Incomplete("cut"), VIDEO)
    await process_one_cycle(claim, make_context(store, clock, tmp_path, downloader=downloader))

    # plain and session; a fresh extraction finds nothing new here
    assert downloader.found_in_staging == [[], []]


async def test_the_browser_saves_what_our_client_cannot(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    browser = StubBrowser(VIDEO)
    context = make_context(
        store, clock, tmp_path, downloader=StubDownloader(HttpError("403")), browser=browser
    )
    job = await worked(claim, context)

    assert job.status is JobStatus.COMPLETED
    assert browser.downloads == [MEDIA_URL]
    assert [floor.bytes_per_s for floor in browser.floors] == [context.limits.slow_bytes_per_s]
    # a public post never inherits an exemption of its media's host
    assert browser.scopes == [EgressScope(POST_URL)]


async def test_after_a_file_that_fails_validation_the_next_strategy_is_tried(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    probe = StubProbe(Problem(ProblemKind.DAMAGED, "3 frames do not decode"), None)
    job = await worked(claim, make_context(store, clock, tmp_path, probe=probe))

    assert job.status is JobStatus.COMPLETED
    assert await steps(store, claim) == [
        (StrategyName.PLAIN, Stage.DOWNLOAD, StepOutcome.OK),
        (StrategyName.PLAIN, Stage.VALIDATE, StepOutcome.FAILED),
        (StrategyName.SESSION, Stage.DOWNLOAD, StepOutcome.OK),
        (StrategyName.SESSION, Stage.VALIDATE, StepOutcome.OK),
    ]


async def test_fresh_extracts_again_and_takes_a_candidate_not_tried_yet(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(extraction(), extraction(candidate(), candidate(SECOND_URL)))
    downloader = StubDownloader(Incomplete("cut"), Incomplete("cut"), VIDEO)
    context = make_context(store, clock, tmp_path, extractor=extractor, downloader=downloader)
    job = await worked(claim, context)

    assert (job.status, job.extracted_url) == (JobStatus.COMPLETED, SECOND_URL)
    assert [request.url for request in downloader.requests] == [MEDIA_URL, MEDIA_URL, SECOND_URL]


async def test_a_refused_signed_url_is_extracted_again_before_anything_else_is_tried(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(
        extraction(candidate(signed=True)), extraction(candidate(SECOND_URL, signed=True))
    )
    downloader = StubDownloader(LinkExpired("403"), VIDEO)
    browser = StubBrowser(cookies=[COOKIE])
    context = make_context(
        store, clock, tmp_path, extractor=extractor, downloader=downloader, browser=browser
    )
    await process_one_cycle(claim, context)

    assert browser.downloads == []
    assert [(request.url, request.cookies) for request in downloader.requests] == [
        (MEDIA_URL, ()),
        (SECOND_URL, ()),
    ]
    assert [strategy for strategy, _, _ in await steps(store, claim)] == [
        StrategyName.PLAIN,
        StrategyName.FRESH,
        StrategyName.FRESH,
    ]


@pytest.mark.parametrize(
    ("failure", "signed", "code"),
    [
        (LinkExpired("403", http_status=403), True, ErrorCode.LINK_EXPIRED),
        (LinkExpired("403", http_status=403), False, ErrorCode.MEDIA_REFUSED),
        (LinkExpired("401", http_status=401), False, ErrorCode.MEDIA_REFUSED),
        (LinkExpired("410", http_status=410), False, ErrorCode.MEDIA_REFUSED),
        (HttpError("404", http_status=404), True, ErrorCode.MEDIA_REFUSED),
        (HttpError("500", http_status=500), False, ErrorCode.HTTP_ERROR),
    ],
)
async def test_only_a_signed_url_can_have_expired(
    failure: Failure,
    code: ErrorCode,
    store: Store,
    clock: FakeClock,
    claim: ClaimedJob,
    tmp_path: Path,
    *,
    signed: bool,
) -> None:
    extractor = StubExtractor(extraction(candidate(signed=signed)))
    browser = StubBrowser(failure)
    context = make_context(
        store,
        clock,
        tmp_path,
        extractor=extractor,
        downloader=StubDownloader(failure),
        browser=browser,
    )

    assert (await worked(claim, context)).error_code is code


async def test_an_unchanged_signed_url_is_tried_with_the_session_and_by_the_browser(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(extraction(candidate(signed=True)))
    downloader = StubDownloader(LinkExpired("403"))
    browser = StubBrowser(VIDEO, cookies=[COOKIE])
    context = make_context(
        store, clock, tmp_path, extractor=extractor, downloader=downloader, browser=browser
    )
    job = await worked(claim, context)

    assert (job.status, extractor.asked) == (JobStatus.COMPLETED, 2)
    assert [request.cookies for request in downloader.requests] == [(), (COOKIE,)]
    assert await steps(store, claim) == [
        (StrategyName.PLAIN, Stage.DOWNLOAD, StepOutcome.FAILED),
        (StrategyName.FRESH, Stage.DOWNLOAD, StepOutcome.SKIPPED),
        (StrategyName.SESSION, Stage.DOWNLOAD, StepOutcome.FAILED),
        (StrategyName.NAVIGATION, Stage.DOWNLOAD, StepOutcome.OK),
        (StrategyName.NAVIGATION, Stage.VALIDATE, StepOutcome.OK),
    ]


async def test_a_fresh_signed_url_that_is_refused_too_is_tried_with_the_session_and_by_the_browser(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(
        extraction(candidate(signed=True)), extraction(candidate(SECOND_URL, signed=True))
    )
    downloader = StubDownloader(LinkExpired("403"))
    browser = StubBrowser(VIDEO, cookies=[COOKIE])
    context = make_context(
        store, clock, tmp_path, extractor=extractor, downloader=downloader, browser=browser
    )
    job = await worked(claim, context)

    assert (job.status, job.extracted_url, browser.downloads) == (
        JobStatus.COMPLETED,
        SECOND_URL,
        [SECOND_URL],
    )
    assert [(request.url, request.cookies) for request in downloader.requests] == [
        (MEDIA_URL, ()),
        (SECOND_URL, ()),
        (SECOND_URL, (COOKIE,)),
    ]


async def test_a_lesser_file_is_taken_only_after_every_strategy_for_the_best_one_failed(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """One fresh extraction is enough: it confirmed the best file's URL,
    and it listed the lesser one.
    """
    both = extraction(
        candidate(signed=True, height=1080, width=1920),
        candidate(SECOND_URL, signed=True, height=480),
    )
    extractor = StubExtractor(both)
    downloader = StubDownloader(LinkExpired("403"), LinkExpired("403"), VIDEO)
    browser = StubBrowser(LinkExpired("403"))
    context = make_context(
        store, clock, tmp_path, extractor=extractor, downloader=downloader, browser=browser
    )
    job = await worked(claim, context)

    assert (job.status, job.extracted_url, extractor.asked) == (JobStatus.COMPLETED, SECOND_URL, 2)
    assert [request.url for request in downloader.requests] == [MEDIA_URL, MEDIA_URL, SECOND_URL]
    assert browser.downloads == [MEDIA_URL]


async def test_a_media_server_that_stalls_costs_its_time_limit_once(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    downloader, browser = (
        StubDownloader(TookTooLong("nothing came")),
        StubBrowser(VIDEO, cookies=[COOKIE]),
    )
    context = make_context(store, clock, tmp_path, downloader=downloader, browser=browser)
    job = await worked(claim, context)

    assert (job.status, job.error_code, job.error) == (
        JobStatus.FAILED,
        ErrorCode.TIMEOUT,
        "nothing came",
    )
    assert [request.url for request in downloader.requests] == [MEDIA_URL]
    assert browser.downloads == []


@pytest.mark.parametrize(
    ("url", "resumes"),
    [(SECOND_URL, 0), ("https://other.example/1.mp4", 5)],
    ids=["the same server", "another server"],
)
async def test_after_a_stall_another_file_is_tried_and_no_stalled_server_is_waited_for(
    url: str, resumes: int, store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(extraction(), extraction(candidate(), candidate(url)))
    downloader = StubDownloader(TookTooLong("nothing came"), VIDEO)
    context = make_context(store, clock, tmp_path, extractor=extractor, downloader=downloader)
    job = await worked(claim, context)

    assert (job.status, job.extracted_url) == (JobStatus.COMPLETED, url)
    assert [limits.resumes for limits in downloader.limits] == [5, resumes]


async def test_what_stalls_after_the_session_and_the_browser_were_refused_is_not_requested_again(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(
        extraction(), extraction(candidate(), candidate("https://other.example/1.mp4"))
    )
    downloader = StubDownloader(HttpError("500"), HttpError("500"), TookTooLong("nothing came"))
    browser = StubBrowser(HttpError("500"))
    context = make_context(
        store, clock, tmp_path, extractor=extractor, downloader=downloader, browser=browser
    )
    job = await worked(claim, context)

    assert job.error_code is ErrorCode.TIMEOUT
    assert len(downloader.requests) == 3


@pytest.mark.parametrize(
    "failure", [NetworkFailure("the page did not load"), ExtractorBroken("another page")]
)
async def test_after_a_failed_fresh_extraction_the_session_and_the_browser_are_still_tried(
    failure: Failure, store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(extraction(candidate(signed=True)), failure)
    browser = StubBrowser(VIDEO)
    context = make_context(
        store,
        clock,
        tmp_path,
        extractor=extractor,
        downloader=StubDownloader(LinkExpired("403")),
        browser=browser,
    )

    assert (await worked(claim, context)).status is JobStatus.COMPLETED
    assert browser.downloads == [MEDIA_URL]


async def test_a_fresh_extraction_of_a_post_that_was_deleted_in_the_meantime_ends_the_download(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(extraction(candidate(signed=True)), Deleted("gone"))
    browser = StubBrowser(VIDEO)
    context = make_context(
        store,
        clock,
        tmp_path,
        extractor=extractor,
        downloader=StubDownloader(LinkExpired("403")),
        browser=browser,
    )

    assert (await worked(claim, context)).error_code is ErrorCode.DELETED
    assert browser.downloads == []


async def test_a_refused_signed_stream_fails_with_the_refusal_after_the_session_was_tried(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(extraction(candidate(signed=True, source_type=SourceType.HLS)))
    downloader, browser = StubDownloader(LinkExpired("403")), StubBrowser(VIDEO, cookies=[COOKIE])
    context = make_context(
        store, clock, tmp_path, extractor=extractor, downloader=downloader, browser=browser
    )
    job = await worked(claim, context)

    assert (job.error_code, browser.downloads) == (ErrorCode.LINK_EXPIRED, [])
    assert [request.cookies for request in downloader.requests] == [(), (COOKIE,)]
    assert [(strategy, outcome) for strategy, _, outcome in await steps(store, claim)] == [
        (StrategyName.PLAIN, StepOutcome.FAILED),
        (StrategyName.FRESH, StepOutcome.SKIPPED),
        (StrategyName.SESSION, StepOutcome.FAILED),
        (StrategyName.NAVIGATION, StepOutcome.SKIPPED),
    ]


async def test_a_pair_whose_audio_has_a_fresh_url_is_requested_again(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    sounds = ["https://cdn.example/a.m4a?sig=1", "https://cdn.example/a.m4a?sig=2"]
    extractor = StubExtractor(
        *(extraction(candidate(signed=True, audio_url=sound)) for sound in sounds)
    )
    downloader = StubDownloader(LinkExpired("403"), VIDEO)
    context = make_context(store, clock, tmp_path, extractor=extractor, downloader=downloader)
    job = await worked(claim, context)

    assert job.status is JobStatus.COMPLETED
    assert [request.audio_url for request in downloader.requests] == sounds


async def test_fresh_repeats_the_strategies_that_were_tried_before_it(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(extraction(), extraction(candidate(SECOND_URL)))
    downloader = StubDownloader(
        HttpError("500"), HttpError("500"), HttpError("cookie refused"), VIDEO
    )
    browser = StubBrowser(cookies=[COOKIE])
    context = make_context(
        store, clock, tmp_path, extractor=extractor, downloader=downloader, browser=browser
    )
    job = await worked(claim, context)

    assert job.status is JobStatus.COMPLETED
    assert [(request.url, bool(request.cookies)) for request in downloader.requests] == [
        (MEDIA_URL, False),
        (MEDIA_URL, True),
        (SECOND_URL, True),
        (SECOND_URL, False),
    ]


async def test_the_browser_is_not_asked_for_a_segmented_stream(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(extraction(candidate(source_type=SourceType.HLS)))
    browser = StubBrowser(VIDEO)
    context = make_context(
        store,
        clock,
        tmp_path,
        extractor=extractor,
        downloader=StubDownloader(Incomplete("hole")),
        browser=browser,
    )
    job = await worked(claim, context)

    assert (job.error_code, browser.downloads) == (ErrorCode.INCOMPLETE, [])
    assert (StrategyName.NAVIGATION, Stage.DOWNLOAD, StepOutcome.SKIPPED) in await steps(
        store, claim
    )


@pytest.mark.parametrize("unavailable", [BrowserUnavailable("crashed"), ToolMissing("no browser")])
async def test_a_missing_browser_does_not_hide_why_the_download_failed(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, unavailable: Failure
) -> None:
    context = make_context(
        store,
        clock,
        tmp_path,
        downloader=StubDownloader(Incomplete("cut")),
        browser=StubBrowser(unavailable),
    )

    assert (await worked(claim, context)).error_code is ErrorCode.INCOMPLETE


async def test_a_fresh_extraction_without_news_does_not_hide_why_the_download_failed(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    context = make_context(store, clock, tmp_path, downloader=StubDownloader(LinkExpired("403")))

    job = await worked(claim, context)

    assert job.error_code is not ErrorCode.NO_VIDEO
    assert job.status is JobStatus.FAILED


async def test_protected_media_ends_the_download(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    downloader = StubDownloader(Drm("keys"))
    job = await worked(claim, make_context(store, clock, tmp_path, downloader=downloader))

    assert (job.error_code, job.retry_at, len(downloader.requests)) == (ErrorCode.DRM, None, 1)


async def test_media_that_need_the_visits_cookies_are_requested_with_them_before_a_fresh_extraction(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    """TikTok's 403 without ``tt_chain_token`` is not the 403 of an expired URL."""
    url = "https://www.tiktok.com/@jane/video/7123456789012345678"
    await store.queue.enqueue([new_job(url, clock=clock, platform="tiktok")])
    (claim,) = await store.queue.claim(WorkerId("w-1"), limit=1, lease=LEASE)
    extractor = StubExtractor(extraction(candidate(signed=True)))
    downloader = StubDownloader(LinkExpired("403"), VIDEO)
    context = make_context(store, clock, tmp_path, extractor=extractor, downloader=downloader)
    job = await worked(claim, context)

    assert (job.status, extractor.asked) == (JobStatus.COMPLETED, 1)
    assert [
        strategy for strategy, stage, _ in await steps(store, claim) if stage is Stage.DOWNLOAD
    ] == [
        StrategyName.PLAIN,
        StrategyName.SESSION,
    ]


# --- what a site says about its media -------------------------------------------------------------


async def claimed(store: Store, clock: FakeClock, url: str, platform: str) -> ClaimedJob:
    await store.queue.enqueue([new_job(url, clock=clock, platform=platform)])
    (claim,) = await store.queue.claim(WorkerId("w-1"), limit=1, lease=LEASE)
    return claim


VIMEO, FACEBOOK = "https://vimeo.com/76979871", "https://www.facebook.com/reel/1234567890123456"


def is_download(record: tuple[StrategyName | None, Stage, StepOutcome]) -> bool:
    return record[1] is Stage.DOWNLOAD


async def test_where_the_handshake_is_judged_the_browser_is_tried_next(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    claim = await claimed(store, clock, VIMEO, "vimeo")
    browser, extractor = StubBrowser(VIDEO), StubExtractor(extraction(candidate(signed=True)))
    downloader = StubDownloader(LinkExpired("403"))
    context = make_context(
        store, clock, tmp_path, extractor=extractor, downloader=downloader, browser=browser
    )
    job = await worked(claim, context)

    assert (job.status, extractor.asked, len(downloader.requests)) == (JobStatus.COMPLETED, 1, 1)
    assert [record[0] for record in await steps(store, claim) if is_download(record)] == [
        StrategyName.PLAIN,
        StrategyName.NAVIGATION,
    ]


async def test_where_the_handshake_is_judged_a_fresh_url_is_requested_by_the_browser_too(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    claim = await claimed(store, clock, VIMEO, "vimeo")
    extractor = StubExtractor(
        extraction(candidate(signed=True)), extraction(candidate(SECOND_URL, signed=True))
    )
    browser = StubBrowser(LinkExpired("403"), VIDEO)
    downloader = StubDownloader(LinkExpired("403"))
    context = make_context(
        store, clock, tmp_path, extractor=extractor, downloader=downloader, browser=browser
    )
    job = await worked(claim, context)

    assert (job.status, browser.downloads) == (JobStatus.COMPLETED, [MEDIA_URL, SECOND_URL])
    assert len(downloader.requests) == 1


async def test_where_the_handshake_is_judged_streams_which_no_browser_saves_are_extracted_again(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    claim = await claimed(store, clock, VIMEO, "vimeo")
    extractor = StubExtractor(
        extraction(candidate(signed=True, source_type=SourceType.HLS)),
        extraction(candidate(SECOND_URL, signed=True, source_type=SourceType.HLS)),
    )
    downloader, browser = StubDownloader(LinkExpired("403"), VIDEO), StubBrowser(VIDEO)
    context = make_context(
        store, clock, tmp_path, extractor=extractor, downloader=downloader, browser=browser
    )
    job = await worked(claim, context)

    assert (job.status, browser.downloads) == (JobStatus.COMPLETED, [])
    assert [request.url for request in downloader.requests] == [MEDIA_URL, SECOND_URL]


EXTRACTIONS = {
    "finds the same address": (extraction(candidate(signed=True)),),
    "finds another address": (
        extraction(candidate(signed=True)),
        extraction(candidate(SECOND_URL, signed=True)),
    ),
    "fails": (extraction(candidate(signed=True)), NetworkFailure("the page did not load")),
    "finds the same stream": (extraction(candidate(signed=True, source_type=SourceType.HLS)),),
    "finds a stream instead": (
        extraction(candidate(signed=True)),
        extraction(candidate(SECOND_URL, signed=True, source_type=SourceType.HLS)),
    ),
    "finds a file instead": (
        extraction(candidate(signed=True, source_type=SourceType.HLS)),
        extraction(candidate(SECOND_URL, signed=True)),
    ),
    "finds another sound": (
        extraction(candidate(signed=True, audio_url="https://cdn.example/a.m4a?1")),
        extraction(candidate(signed=True, audio_url="https://cdn.example/a.m4a?2")),
    ),
}


@pytest.mark.parametrize("outcome", EXTRACTIONS)
@pytest.mark.parametrize(
    ("url", "platform"),
    [
        (POST_URL, "generic"),
        (VIMEO, "vimeo"),
        ("https://www.tiktok.com/@jane/video/7123456789012345678", "tiktok"),
    ],
)
async def test_every_strategy_is_tried_once_before_a_refusal_is_final(
    outcome: str, url: str, platform: str, store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    claim = await claimed(store, clock, url, platform)
    downloader, browser = (
        StubDownloader(LinkExpired("403")),
        StubBrowser(LinkExpired("403"), cookies=[COOKIE]),
    )
    extractor = StubExtractor(*EXTRACTIONS[outcome])
    context = make_context(
        store, clock, tmp_path, extractor=extractor, downloader=downloader, browser=browser
    )
    job = await worked(claim, context)
    requests = [
        (request.url, request.audio_url, request.cookies) for request in downloader.requests
    ]
    final = (
        EXTRACTIONS[outcome][-1]
        if isinstance(EXTRACTIONS[outcome][-1], Extraction)
        else EXTRACTIONS[outcome][0]
    )
    assert isinstance(final, Extraction)
    (last,) = final.candidates
    is_file = last.source_type is SourceType.DIRECT and last.audio_url is None

    assert (job.error_code, extractor.asked) == (ErrorCode.LINK_EXPIRED, 2)
    assert len(requests) == len(set(requests))
    assert (last.url, last.audio_url, (COOKIE,)) in requests
    assert not is_file or last.url in browser.downloads
    assert len(browser.downloads) == len(set(browser.downloads))
    tried = [
        strategy for strategy, stage, _ in await steps(store, claim) if stage is Stage.DOWNLOAD
    ]
    assert set(tried) | {StrategyName.FRESH} == set(StrategyName)


async def test_where_the_handshake_is_judged_a_url_that_is_found_again_is_tried_with_the_session(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    claim = await claimed(store, clock, VIMEO, "vimeo")
    extractor = StubExtractor(extraction(candidate(signed=True)))
    downloader = StubDownloader(LinkExpired("403"), VIDEO)
    browser = StubBrowser(LinkExpired("403"), cookies=[COOKIE])
    context = make_context(
        store, clock, tmp_path, extractor=extractor, downloader=downloader, browser=browser
    )
    job = await worked(claim, context)

    assert (job.status, extractor.asked, browser.downloads) == (JobStatus.COMPLETED, 2, [MEDIA_URL])
    assert [request.cookies for request in downloader.requests] == [(), (COOKIE,)]


async def test_a_sites_download_limits_reach_the_downloader(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    claim = await claimed(store, clock, FACEBOOK, "facebook")
    downloader = StubDownloader(EmptyBody("0 bytes"), VIDEO)
    extractor = StubExtractor(extraction(user_agent="a browser"))
    context = make_context(store, clock, tmp_path, extractor=extractor, downloader=downloader)
    context = replace(context, profile=BUILT_IN["compatible"])
    await process_one_cycle(claim, context)
    plain, session = downloader.requests

    assert (plain.max_range_bytes, plain.max_connections) == (250 << 20, 2)
    assert (plain.prefer, session.prefer) == (COMPATIBLE, COMPATIBLE)
    assert {request.headers["user-agent"] for request in (plain, session)} == {"a browser"}


async def test_the_headers_of_the_format_take_precedence_over_those_of_the_page(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    own = {"referer": "https://player.example/", "user-agent": "the one that asked"}
    downloader = StubDownloader()
    extractor = StubExtractor(extraction(candidate(headers=own), user_agent="a browser"))
    await process_one_cycle(
        claim, make_context(store, clock, tmp_path, extractor=extractor, downloader=downloader)
    )

    assert downloader.requests[0].headers == own


# --- cookies that came with the URL ---------------------------------------------------------------

MET = Cookie("chain", "canary-0815", "cdn.example")


async def test_cookies_from_the_extraction_are_sent_with_the_first_request(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    downloader = StubDownloader(EmptyBody("0 bytes"), VIDEO)
    browser = StubBrowser(cookies=[COOKIE, Cookie("chain", "older", "cdn.example")])
    extractor = StubExtractor(extraction(cookies=(MET,)))
    context = make_context(
        store, clock, tmp_path, extractor=extractor, downloader=downloader, browser=browser
    )
    await process_one_cycle(claim, context)
    plain, session = downloader.requests

    assert plain.cookies == (MET,)
    assert {cookie.name: cookie.value for cookie in session.cookies} == {
        "chain": "canary-0815",
        "sid": "secret",
    }


async def test_cookies_are_written_to_no_row_file_or_log(
    clock: FakeClock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("debug")
    store = SqliteJobStore(tmp_path / "state.db", clock)
    await store.open()
    try:
        await store.queue.enqueue([new_job(clock=clock)])
        (claim,) = await store.queue.claim(WorkerId("w-1"), limit=1, lease=LEASE)
        downloader = StubDownloader(Incomplete("cut"), VIDEO)
        extractor = StubExtractor(extraction(cookies=(MET,)))
        job = await worked(
            claim, make_context(store, clock, tmp_path, extractor=extractor, downloader=downloader)
        )
        history = await store.catalogue.history(claim.id)
    finally:
        await store.close()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    assert job.status is JobStatus.COMPLETED
    assert downloader.requests[0].cookies == (MET,)
    assert b"cdn.example" in written  # the candidate was stored
    assert b"canary" not in written
    assert "canary" not in repr((job, history, downloader.requests)) + "".join(capsys.readouterr())


async def test_an_attempt_without_the_cookies_repeats_the_url_with_fresh_ones(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """Cookies are stored nowhere: if a checkpoint's URL is refused without them,
    a fresh extraction supplies them.
    """
    extracted = extraction(candidate(signed=True), cookies=(MET,))
    first = make_context(
        store,
        clock,
        tmp_path,
        extractor=StubExtractor(extracted),
        downloader=StubDownloader(NoSpace("full")),
    )
    failed = await worked(claim, first)
    assert failed.status is JobStatus.FAILED
    await store.queue.retry(claim.id)
    (again,) = await store.queue.claim(WorkerId("w-1"), limit=1, lease=LEASE)

    downloader, extractor = StubDownloader(LinkExpired("403"), VIDEO), StubExtractor(extracted)
    job = await worked(
        again, make_context(store, clock, tmp_path, extractor=extractor, downloader=downloader)
    )

    assert (job.status, extractor.asked) == (JobStatus.COMPLETED, 1)
    assert [(request.url, request.cookies) for request in downloader.requests] == [
        (MEDIA_URL, ()),
        (MEDIA_URL, (MET,)),
    ]


async def test_a_url_that_is_refused_with_the_sites_own_cookies_is_extracted_again_at_once(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    """A URL that TikTok refuses despite ``tt_chain_token`` has expired."""
    claim = await claimed(
        store, clock, "https://www.tiktok.com/@jane/video/7123456789012345678", "tiktok"
    )
    extractor = StubExtractor(
        extraction(candidate(signed=True), cookies=(MET,)),
        extraction(candidate(SECOND_URL, signed=True)),
    )
    downloader = StubDownloader(LinkExpired("403"), VIDEO)
    context = make_context(store, clock, tmp_path, extractor=extractor, downloader=downloader)
    await process_one_cycle(claim, context)

    assert [request.url for request in downloader.requests] == [MEDIA_URL, SECOND_URL]


# --- a URL that expires in the middle -------------------------------------------------------------


def expired(received: int = 4) -> LinkExpired:
    return LinkExpired("403", bytes_received=received)


@pytest.mark.parametrize(
    ("fresh", "failure", "is_resumed"),
    [
        ({"media_key": "k"}, expired(), True),
        ({"media_key": "k"}, expired(0), False),
        ({"media_key": "k"}, Incomplete("cut", bytes_received=4), False),
        ({"media_key": "other"}, expired(), False),
        ({"media_key": "k", "height": 720}, expired(), False),
        ({"media_key": "k", "size": 5}, expired(), False),
        ({"media_key": "k", "source_type": SourceType.HLS}, expired(), False),
        ({"media_key": "k", "audio_url": "https://cdn.example/a.m4a"}, expired(), False),
        ({}, expired(), False),
    ],
    ids=[
        "same",
        "nothing came",
        "a cut",
        "other key",
        "other height",
        "other size",
        "stream",
        "with sound",
        "no key",
    ],
)
async def test_a_partial_file_is_resumed_only_where_the_fresh_url_is_certain_to_be_the_same_file(
    fresh: dict[str, object],
    failure: Failure,
    is_resumed: bool,
    store: Store,
    clock: FakeClock,
    claim: ClaimedJob,
    tmp_path: Path,
) -> None:
    extractor = StubExtractor(
        extraction(candidate(signed=True, media_key="k")),
        extraction(candidate(SECOND_URL, signed=True, **fresh)),
    )
    downloader = (
        StubDownloader(failure, failure, VIDEO)
        if isinstance(failure, Incomplete)
        else StubDownloader(failure, VIDEO)
    )
    await process_one_cycle(
        claim, make_context(store, clock, tmp_path, extractor=extractor, downloader=downloader)
    )

    assert downloader.requests[-1].url == SECOND_URL
    assert downloader.found_in_staging[-1] == (["media.part"] if is_resumed else [])


async def test_a_partial_file_whose_url_a_fresh_extraction_finds_again_is_resumed_with_the_session(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(extraction(candidate(signed=True, media_key="k")))
    downloader = StubDownloader(expired(), VIDEO)
    await process_one_cycle(
        claim, make_context(store, clock, tmp_path, extractor=extractor, downloader=downloader)
    )

    assert downloader.found_in_staging == [[], ["media.part"]]


async def test_a_partial_file_is_resumed_once(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(
        extraction(candidate(signed=True, media_key="k")),
        extraction(candidate(SECOND_URL, signed=True, media_key="k")),
    )
    downloader = StubDownloader(expired(), Incomplete("differs"), VIDEO)
    await process_one_cycle(
        claim, make_context(store, clock, tmp_path, extractor=extractor, downloader=downloader)
    )

    assert downloader.found_in_staging == [[], ["media.part"], []]
