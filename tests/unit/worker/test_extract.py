"""Which extractor's result is used."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.failures import (
    AgeRestricted,
    CertificateInvalid,
    Challenge,
    Deleted,
    ErrorCode,
    ExtractorBroken,
    Failure,
    LoginRequired,
    NetworkFailure,
    NotAPost,
    Private,
    ProxyFailed,
    RateLimited,
    SeemsDeleted,
    SessionExpired,
    SiteNotFound,
    SiteUnreachable,
    StoryExpired,
    ToolMissing,
    Unsupported,
)
from mediavault.core.media import (
    Broadcast,
    Extraction,
    Item,
    ItemType,
    NoVideo,
    Ownership,
    Post,
    Sign,
)
from mediavault.core.platform import Platform
from mediavault.core.profiles import BUILT_IN
from mediavault.platforms.generic import GENERIC
from mediavault.platforms.instagram import INSTAGRAM
from mediavault.platforms.mastodon import MASTODON
from mediavault.platforms.youtube import YOUTUBE
from mediavault.store.port import Store
from mediavault.worker.context import WorkerContext
from mediavault.worker.stages.extract import ask_extractors, most_telling
from mediavault.worker.stages.route import Route, extractors_of
from tests.fakes import START, FakeClock
from tests.stubs import StubExtractor, candidate, extraction, make_context

FOUND = extraction()
UNSURE = extraction(candidate(ownership=Ownership.UNKNOWN))


class TwoExtractors:
    """Two extractors in a row; each counts how often it was asked."""

    def __init__(
        self,
        context: WorkerContext,
        first: str,
        first_says: Extraction | Failure,
        then: Extraction | Failure,
    ) -> None:
        self.first, self.second = StubExtractor(first_says), StubExtractor(then)
        self.first.name, self.second.name = first, "ytdlp" if first == "browser" else "browser"
        extractors = {extractor.name: extractor for extractor in (self.first, self.second)}
        self.context = replace(context, extractors=extractors)
        self.route = Route(FOUND.post, GENERIC, tuple(extractors))

    async def ask(self) -> Extraction:
        return await ask_extractors(self.route, self.context)


@pytest.fixture
def context(store: Store, clock: FakeClock, tmp_path: Path) -> WorkerContext:
    return make_context(store, clock, tmp_path)


async def test_the_first_extractor_that_is_sure_of_the_media_is_used(
    context: WorkerContext,
) -> None:
    pair = TwoExtractors(context, "browser", FOUND, UNSURE)

    assert await pair.ask() is FOUND
    assert pair.second.asked == 0


async def test_a_certain_result_is_preferred_to_an_uncertain_one(context: WorkerContext) -> None:
    assert await TwoExtractors(context, "browser", UNSURE, FOUND).ask() is FOUND


async def test_an_uncertain_result_is_preferred_to_a_failure(context: WorkerContext) -> None:
    assert await TwoExtractors(context, "browser", UNSURE, Unsupported("?")).ask() is UNSURE


async def test_a_browser_that_does_not_reach_the_site_says_less_than_the_plain_request_did(
    context: WorkerContext,
) -> None:
    pair = TwoExtractors(
        context,
        "page",
        CertificateInvalid("The certificate is not valid."),
        NetworkFailure("No page."),
    )

    with pytest.raises(CertificateInvalid):
        await pair.ask()


async def test_what_the_browser_sees_of_a_site_counts_more_than_that_a_plain_request_failed(
    context: WorkerContext,
) -> None:
    with pytest.raises(LoginRequired):
        await TwoExtractors(
            context, "page", SiteUnreachable("It is down."), LoginRequired("Sign in.")
        ).ask()


async def test_a_browser_is_not_sent_to_a_name_that_does_not_exist(context: WorkerContext) -> None:
    pair = TwoExtractors(context, "page", SiteNotFound("There is no site named a.test."), FOUND)

    with pytest.raises(SiteNotFound):
        await pair.ask()
    assert pair.second.asked == 0


@pytest.mark.parametrize(
    "failure",
    [NoVideo("none"), ExtractorBroken("odd"), Unsupported("?"), ToolMissing("no browser")],
)
async def test_the_next_extractor_is_tried_after_an_inconclusive_failure(
    context: WorkerContext, failure: Failure
) -> None:
    assert await TwoExtractors(context, "browser", failure, FOUND).ask() is FOUND


@pytest.mark.parametrize("failure", [Deleted("gone"), LoginRequired("wall"), RateLimited("429")])
async def test_a_refusal_met_by_the_browser_is_final(
    context: WorkerContext, failure: Failure
) -> None:
    pair = TwoExtractors(context, "browser", failure, FOUND)

    with pytest.raises(type(failure)):
        await pair.ask()
    assert pair.second.asked == 0


async def test_the_browser_is_tried_after_yt_dlp_met_a_login_wall(context: WorkerContext) -> None:
    assert await TwoExtractors(context, "ytdlp", LoginRequired("bot?"), FOUND).ask() is FOUND


async def test_a_rate_limited_site_is_not_tried_with_another_extractor(
    context: WorkerContext,
) -> None:
    with pytest.raises(RateLimited):
        await TwoExtractors(context, "ytdlp", RateLimited("429"), FOUND).ask()


@pytest.mark.parametrize("name", ["page", "ytdlp", "browser"])
async def test_nothing_else_is_tried_through_a_proxy_that_fails(
    context: WorkerContext, name: str
) -> None:
    pair = TwoExtractors(context, name, ProxyFailed("no answer"), FOUND)
    with pytest.raises(ProxyFailed):
        await pair.ask()

    assert pair.second.asked == 0


@pytest.mark.parametrize(
    ("failures", "expected"),
    [
        ([], ErrorCode.TOOL_MISSING),
        ([Unsupported("?"), LoginRequired("wall")], ErrorCode.LOGIN_REQUIRED),
        ([NoVideo("none"), Unsupported("?")], ErrorCode.NO_VIDEO),
        ([ToolMissing("no browser"), ExtractorBroken("odd")], ErrorCode.EXTRACTOR_BROKEN),
        ([NoVideo("none"), Deleted("gone")], ErrorCode.DELETED),
        ([SeemsDeleted("404"), LoginRequired("wall")], ErrorCode.LOGIN_REQUIRED),
        ([SeemsDeleted("404"), NoVideo("none")], ErrorCode.NO_VIDEO),
        ([ExtractorBroken("odd"), SeemsDeleted("404")], ErrorCode.DELETED),
    ],
)
def test_the_most_informative_failure_is_reported(
    failures: list[Failure], expected: ErrorCode
) -> None:
    assert most_telling(failures).code is expected


def test_signed_in_extractors_run_after_all_signed_out_ones() -> None:
    assert extractors_of(YOUTUBE) == ("ytdlp", "browser", "ytdlp_cookies", "browser_cookies")
    assert extractors_of(MASTODON) == ("api", "browser", "browser_cookies")


class SignedOutAndSignedIn:
    """A signed-out extractor followed by a signed-in one."""

    def __init__(
        self,
        context: WorkerContext,
        signed_out: Failure | Extraction,
        signed_in: Failure | Extraction,
        platform: Platform = YOUTUBE,
    ) -> None:
        self.signed_out, self.signed_in = StubExtractor(signed_out), StubExtractor(signed_in)
        self.signed_in.name, self.signed_in.signed_in = "browser_cookies", True
        self.context = replace(
            context, extractors={"browser": self.signed_out, "browser_cookies": self.signed_in}
        )
        self.route = Route(FOUND.post, platform, ("browser", "browser_cookies"))

    async def ask(self) -> Extraction:
        return await ask_extractors(self.route, self.context)


@pytest.mark.parametrize(
    "failure",
    [LoginRequired("wall"), AgeRestricted("age"), Private("private"), Challenge("human?")],
)
async def test_the_account_is_used_where_the_signed_out_failure_suggests_that_it_may_help(
    context: WorkerContext, failure: Failure
) -> None:
    assert await SignedOutAndSignedIn(context, failure, FOUND).ask() is FOUND


async def test_the_pause_before_the_account_is_used_does_not_count_as_extraction_time(
    context: WorkerContext,
) -> None:
    pair = SignedOutAndSignedIn(context, LoginRequired("wall"), FOUND)

    async def pause() -> None:
        await asyncio.sleep(0.05)

    impatient = replace(pair.context, clock=SystemClock(), extraction_timeout_s=0.02)
    assert await ask_extractors(pair.route, impatient, before_session=pause) is FOUND


@pytest.mark.parametrize(
    "answer", [FOUND, UNSURE, NoVideo("none"), Deleted("gone"), RateLimited("429")]
)
async def test_in_all_other_cases_the_account_is_not_used(
    context: WorkerContext, answer: Failure | Extraction
) -> None:
    pair = SignedOutAndSignedIn(context, answer, FOUND)
    with contextlib.suppress(Failure):
        await pair.ask()

    assert (pair.signed_out.asked, pair.signed_in.asked) == (1, 0)


async def test_a_post_that_a_walled_site_reports_as_gone_may_be_visible_when_signed_in(
    context: WorkerContext,
) -> None:
    assert await SignedOutAndSignedIn(context, Deleted("gone"), FOUND, INSTAGRAM).ask() is FOUND


async def test_the_signed_in_failure_takes_precedence(context: WorkerContext) -> None:
    with pytest.raises(SessionExpired):
        await SignedOutAndSignedIn(context, LoginRequired("wall"), SessionExpired("ended")).ask()


async def test_the_signed_out_failure_is_reported_where_the_signed_in_extraction_was_impossible(
    context: WorkerContext,
) -> None:
    with pytest.raises(LoginRequired):
        await SignedOutAndSignedIn(context, LoginRequired("wall"), Unsupported("no cookie")).ask()


def no_video(*embeds: str) -> NoVideo:
    failure = NoVideo("none")
    failure.embeds = embeds
    return failure


VIDEO_PAGE = "https://www.youtube.com/watch?v=2lAe1cqCOXo"
YOUTUBE_FRAME = "https://www.youtube.com/embed/2lAe1cqCOXo?rel=0"


async def test_an_embedded_post_of_another_site_is_followed_once(context: WorkerContext) -> None:
    pair = TwoExtractors(
        context,
        "browser",
        no_video("https://ads.example/frame", YOUTUBE_FRAME, YOUTUBE_FRAME),
        FOUND,
    )
    pair.context = replace(context, extractors={"browser": pair.first, "ytdlp": pair.second})
    pair.route = replace(pair.route, extractors=("browser",))
    result = await pair.ask()

    assert result.metadata["embedded_in"] == FOUND.post.url
    assert (pair.first.asked, pair.second.asked) == (1, 1)


TOOT = "https://nas.example.org/@ann/112345678901234567"


@pytest.mark.parametrize(
    ("page", "listed_by", "is_exemptible"),
    [
        ("https://stranger.example/film", None, False),
        ("https://stranger.example/film", "https://feed.example", False),
        ("https://stranger.example/film", "https://nas.example.org", False),
        ("https://nas.example.org/film", "https://feed.example", False),
        ("https://nas.example.org/film", None, True),
        ("https://nas.example.org/film", "https://nas.example.org", True),
    ],
)
async def test_a_post_in_a_page_is_exempt_only_on_the_server_of_a_page_that_may_be(
    page: str, listed_by: str | None, is_exemptible: bool, context: WorkerContext
) -> None:
    """Or the page of a stranger would choose what is requested on the owner's network."""
    asked: list[Post] = []

    class Noting(StubExtractor):
        async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
            asked.append(post)
            return await super().extract(post, platform, within_s=within_s)

    stub = {"page": StubExtractor(no_video(TOOT)), "api": Noting(FOUND)}
    route = Route(replace(FOUND.post, url=page, listed_by=listed_by), GENERIC, ("page",))
    await ask_extractors(route, replace(context, extractors=stub))

    assert [post.url for post in asked] == [TOOT]
    assert (asked[0].scope.exemptible is not None) is is_exemptible


async def test_a_share_link_leads_to_no_exemption(context: WorkerContext) -> None:
    asked: list[Post] = []

    class Noting(StubExtractor):
        async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
            asked.append(post)
            return await super().extract(post, platform, within_s=within_s)

    stub = {"browser": StubExtractor(replace(FOUND, final_url=TOOT)), "api": Noting(FOUND)}
    route = Route(replace(FOUND.post, url="https://t.co/Abc", listed_by=""), GENERIC, ("browser",))
    await ask_extractors(route, replace(context, extractors=stub))

    assert asked[0].scope.exemptible is None


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        (FOUND.post.url, no_video(YOUTUBE_FRAME)),
        (
            "https://t.co/Abc",
            replace(FOUND, final_url="https://www.youtube.com/watch?v=2lAe1cqCOXo"),
        ),
    ],
    ids=["embedded", "behind a share link"],
)
async def test_another_sites_post_gets_only_what_is_left_of_the_time_limit(
    url: str, answer: Extraction | Failure, context: WorkerContext, clock: FakeClock
) -> None:
    class Slow(StubExtractor):
        async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
            clock.advance(100)
            return await super().extract(post, platform, within_s=within_s)

    class Noting(StubExtractor):
        within_s = 0.0

        async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
            self.within_s = within_s
            return await super().extract(post, platform, within_s=within_s)

    page, other = Slow(answer), Noting(FOUND)
    context = replace(
        context, extractors={"browser": page, "ytdlp": other}, extraction_timeout_s=180.0
    )
    await ask_extractors(Route(replace(FOUND.post, url=url), GENERIC, ("browser",)), context)

    assert other.within_s == pytest.approx(80)


@pytest.mark.parametrize(
    ("broadcast", "code"),
    [
        (Broadcast(START + timedelta(hours=1)), ErrorCode.UPCOMING),
        (Broadcast(START - timedelta(hours=1)), ErrorCode.LIVE_NOW),
        (
            Broadcast(START - timedelta(hours=2), START - timedelta(hours=1)),
            ErrorCode.BROADCAST_OVER,
        ),
        (Broadcast(START - timedelta(days=2)), ErrorCode.BROADCAST_OVER),
    ],
    ids=["announced", "running", "ended", "without an end, two days ago"],
)
async def test_a_page_without_a_video_says_when_its_broadcast_is(
    broadcast: Broadcast, code: ErrorCode, context: WorkerContext
) -> None:
    failure = NoVideo("No video found in this post.")
    failure.broadcast = broadcast

    with pytest.raises(Failure) as caught:
        await TwoExtractors(context, "browser", failure, Unsupported("no")).ask()
    assert caught.value.code is code


@pytest.mark.parametrize(
    "embeds",
    [
        (),
        ("https://blog.example/other",),
        ("https://www.youtube.com/@jane",),
        (YOUTUBE_FRAME, "https://player.vimeo.com/video/443437002"),
        ("javascript:void(0)",),
    ],
    ids=["none", "no known site", "no post", "two", "not a URL"],
)
async def test_no_embed_is_followed_where_it_is_unclear_which_video_belongs_to_the_post(
    context: WorkerContext, embeds: tuple[str, ...]
) -> None:
    with pytest.raises(NoVideo):
        await TwoExtractors(context, "browser", no_video(*embeds), Unsupported("?")).ask()


def sound_post() -> NoVideo:
    failure = NoVideo("none")
    failure.instead = replace(FOUND, items=(Item(FOUND.items[0].candidates, type=ItemType.AUDIO),))
    return failure


async def test_a_post_of_sound_is_returned_where_the_profile_saves_sound(
    context: WorkerContext,
) -> None:
    failure = sound_post()
    audio = replace(context, profile=BUILT_IN["audio"])

    assert (
        await TwoExtractors(audio, "ytdlp", failure, ExtractorBroken("odd")).ask()
        is failure.instead
    )
    with pytest.raises(NoVideo):
        await TwoExtractors(context, "ytdlp", failure, ExtractorBroken("odd")).ask()


async def test_a_video_is_saved_for_its_sound_before_a_post_of_sound(
    context: WorkerContext,
) -> None:
    audio = replace(context, profile=BUILT_IN["audio"])

    assert await TwoExtractors(audio, "ytdlp", sound_post(), FOUND).ask() is FOUND


async def test_a_wall_is_reported_although_sound_was_read_elsewhere(context: WorkerContext) -> None:
    audio = replace(context, profile=BUILT_IN["audio"])

    with pytest.raises(LoginRequired):
        await TwoExtractors(audio, "ytdlp", sound_post(), LoginRequired("sign in")).ask()


async def test_a_story_that_is_gone_is_reported_as_expired(context: WorkerContext) -> None:
    pair = TwoExtractors(context, "browser", Deleted("gone"), Deleted("gone"))
    post = replace(
        FOUND.post,
        url="https://www.instagram.com/stories/jane/3141592653589793238/",
        platform="instagram",
    )
    pair.route = replace(pair.route, post=post, platform=INSTAGRAM)

    with pytest.raises(StoryExpired):
        await pair.ask()


async def test_a_post_that_seems_deleted_is_tried_with_the_next_extractor(
    context: WorkerContext,
) -> None:
    assert await TwoExtractors(context, "browser", SeemsDeleted("404"), FOUND).ask() is FOUND


async def test_a_post_that_two_extractors_report_as_gone_is_deleted(context: WorkerContext) -> None:
    with pytest.raises(Deleted):
        await TwoExtractors(context, "browser", SeemsDeleted("404"), SeemsDeleted("removed")).ask()


async def test_one_sign_alone_does_not_make_a_post_deleted(context: WorkerContext) -> None:
    with pytest.raises(SeemsDeleted):
        await TwoExtractors(context, "browser", SeemsDeleted("404"), ExtractorBroken("odd")).ask()


async def test_a_link_that_the_browser_followed_to_another_known_site_is_extracted_there(
    context: WorkerContext,
) -> None:
    unsure = replace(UNSURE, final_url=VIDEO_PAGE)
    pair = TwoExtractors(context, "browser", unsure, FOUND)
    pair.route = replace(
        pair.route, post=replace(FOUND.post, url="https://bit.ly/x1"), extractors=("browser",)
    )

    assert await pair.ask() is FOUND


def with_final_url(failure: NoVideo, url: str) -> NoVideo:
    failure.final_url = url
    return failure


@pytest.mark.parametrize(
    "found",
    [replace(UNSURE, final_url=VIDEO_PAGE), with_final_url(NoVideo("none"), VIDEO_PAGE)],
    ids=["page", "failure"],
)
async def test_a_short_link_of_an_unknown_host_is_followed_to_a_post_of_a_known_site(
    found: Extraction | NoVideo, context: WorkerContext
) -> None:
    pair = TwoExtractors(context, "browser", found, FOUND)
    pair.route = replace(
        pair.route,
        post=replace(FOUND.post, url="https://go.paper.test/x1"),
        extractors=("browser",),
    )

    assert await pair.ask() is FOUND


async def test_a_short_link_of_an_unknown_host_that_leads_to_a_channel_is_no_post(
    context: WorkerContext,
) -> None:
    channel = with_final_url(NoVideo("none"), "https://www.youtube.com/@jane")
    pair = TwoExtractors(context, "browser", channel, FOUND)
    pair.route = replace(
        pair.route,
        post=replace(FOUND.post, url="https://go.paper.test/x1"),
        extractors=("browser",),
    )

    with pytest.raises(NotAPost, match="an account's page on YouTube"):
        await pair.ask()


async def test_a_page_of_an_unknown_host_that_moved_on_its_own_host_is_read_there(
    context: WorkerContext,
) -> None:
    moved = replace(FOUND, final_url="https://paper.test/2026/kites")
    pair = TwoExtractors(context, "browser", moved, FOUND)
    pair.route = replace(
        pair.route, post=replace(FOUND.post, url="https://paper.test/x1"), extractors=("browser",)
    )

    assert await pair.ask() is moved


def searched(*signs: Sign) -> Extraction:
    return extraction(
        candidate(ownership=Ownership.LONE, evidence=(Sign.OWN_HOST, *signs)), extractor="ytdlp"
    )


@pytest.mark.parametrize(
    "seen", [UNSURE, NoVideo("none")], ids=["a video that may be another's", "no video"]
)
async def test_what_yt_dlp_finds_by_searching_is_confirmed_where_the_browser_saw_no_video(
    seen: Extraction | NoVideo, context: WorkerContext
) -> None:
    result = await TwoExtractors(context, "browser", seen, searched()).ask()

    assert (result.items, [c.ownership for c in result.others]) == ((), [Ownership.UNKNOWN])
    if isinstance(seen, Extraction):
        assert result is seen


async def test_what_yt_dlp_finds_is_saved_where_it_knows_the_site_or_the_browser_saw_nothing(
    context: WorkerContext,
) -> None:
    known = extraction(candidate(ownership=Ownership.LONE), extractor="ytdlp")

    assert await TwoExtractors(context, "browser", NoVideo("none"), known).ask() is known
    found = searched()
    assert await TwoExtractors(context, "browser", ToolMissing("no browser"), found).ask() is found
