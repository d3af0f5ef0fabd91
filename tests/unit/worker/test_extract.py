"""Which extractor's word counts."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.failures import (
    AgeRestricted,
    Challenge,
    Deleted,
    ErrorCode,
    ExtractorBroken,
    Failure,
    LoginRequired,
    NoVideo,
    Private,
    RateLimited,
    SeemsDeleted,
    SessionExpired,
    StoryExpired,
    ToolMissing,
    Unsupported,
)
from mediavault.core.media import Extraction, Ownership
from mediavault.core.platform import Platform
from mediavault.platforms.generic import GENERIC
from mediavault.platforms.instagram import INSTAGRAM
from mediavault.platforms.mastodon import MASTODON
from mediavault.platforms.youtube import YOUTUBE
from mediavault.store.port import Store
from mediavault.worker.context import WorkerContext
from mediavault.worker.dispatch import Route, extractors_of
from mediavault.worker.stages.extract import ask_extractors
from mediavault.worker.stages.extractor_results import most_telling
from tests.fakes import FakeClock
from tests.stubs import StubExtractor, candidate, extraction, make_tools

FOUND = extraction()
UNSURE = extraction(candidate(ownership=Ownership.UNKNOWN))


class House:
    """Two extractors in a row, and which of them were asked."""

    def __init__(
        self, tools: WorkerContext, first: str, first_says: Extraction | Failure, then: Extraction | Failure
    ) -> None:
        self.first, self.second = StubExtractor(first_says), StubExtractor(then)
        self.first.name, self.second.name = first, "ytdlp" if first == "browser" else "browser"
        extractors = {one.name: one for one in (self.first, self.second)}
        self.tools = replace(tools, extractors=extractors)
        self.route = Route(FOUND.post, GENERIC, tuple(extractors))

    async def ask(self) -> Extraction:
        return await ask_extractors(self.route, self.tools)


@pytest.fixture
def tools(store: Store, clock: FakeClock, tmp_path: Path) -> WorkerContext:
    return make_tools(store, clock, tmp_path)


async def test_the_first_that_knows_the_posts_media_answers(tools: WorkerContext) -> None:
    house = House(tools, "browser", FOUND, UNSURE)

    assert await house.ask() is FOUND
    assert house.second.asked == 0


async def test_one_that_is_unsure_gives_way_to_one_that_knows(tools: WorkerContext) -> None:
    assert await House(tools, "browser", UNSURE, FOUND).ask() is FOUND


async def test_one_that_is_unsure_beats_one_that_fails(tools: WorkerContext) -> None:
    assert await House(tools, "browser", UNSURE, Unsupported("?")).ask() is UNSURE


@pytest.mark.parametrize("said", [NoVideo("none"), ExtractorBroken("odd"), Unsupported("?"), ToolMissing("no browser")])
async def test_what_one_does_not_see_another_may(tools: WorkerContext, said: Failure) -> None:
    assert await House(tools, "browser", said, FOUND).ask() is FOUND


@pytest.mark.parametrize("said", [Deleted("gone"), LoginRequired("wall"), RateLimited("429")])
async def test_what_the_browser_was_told_is_the_sites_word(tools: WorkerContext, said: Failure) -> None:
    house = House(tools, "browser", said, FOUND)

    with pytest.raises(type(said)):
        await house.ask()
    assert house.second.asked == 0


async def test_a_login_wall_that_yt_dlp_met_may_let_the_browser_pass(tools: WorkerContext) -> None:
    assert await House(tools, "ytdlp", LoginRequired("bot?"), FOUND).ask() is FOUND


async def test_a_site_that_asks_to_slow_down_is_not_asked_in_another_way(tools: WorkerContext) -> None:
    with pytest.raises(RateLimited):
        await House(tools, "ytdlp", RateLimited("429"), FOUND).ask()


@pytest.mark.parametrize(
    ("failures", "told"),
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
def test_the_most_telling_failure_is_told(failures: list[Failure], told: ErrorCode) -> None:
    assert most_telling(failures).code is told


def test_looks_as_a_person_come_after_all_those_of_strangers() -> None:
    assert extractors_of(YOUTUBE) == ("ytdlp", "browser", "ytdlp_cookies", "browser_cookies")
    assert extractors_of(MASTODON) == ("api", "browser", "browser_cookies")


class Two:
    """A stranger's look and a person's."""

    def __init__(
        self,
        tools: WorkerContext,
        stranger: Failure | Extraction,
        person: Failure | Extraction,
        platform: Platform = YOUTUBE,
    ) -> None:
        self.stranger, self.person = StubExtractor(stranger), StubExtractor(person)
        self.person.name, self.person.as_person = "browser_cookies", True
        self.tools = replace(tools, extractors={"browser": self.stranger, "browser_cookies": self.person})
        self.route = Route(FOUND.post, platform, ("browser", "browser_cookies"))

    async def ask(self) -> Extraction:
        return await ask_extractors(self.route, self.tools)


@pytest.mark.parametrize("said", [LoginRequired("wall"), AgeRestricted("age"), Private("private"), Challenge("human?")])
async def test_the_account_is_shown_where_a_stranger_was_told_that_it_may_help(
    tools: WorkerContext, said: Failure
) -> None:
    assert await Two(tools, said, FOUND).ask() is FOUND


async def test_the_pause_before_the_account_is_no_time_of_the_extraction(tools: WorkerContext) -> None:
    two = Two(tools, LoginRequired("wall"), FOUND)

    async def pause() -> None:
        await asyncio.sleep(0.05)

    impatient = replace(two.tools, clock=SystemClock(), extraction_timeout_s=0.02)
    assert await ask_extractors(two.route, impatient, as_person=pause) is FOUND


@pytest.mark.parametrize("said", [FOUND, UNSURE, NoVideo("none"), Deleted("gone"), RateLimited("429")])
async def test_in_all_other_cases_the_account_is_not_shown(tools: WorkerContext, said: Failure | Extraction) -> None:
    two = Two(tools, said, FOUND)
    with contextlib.suppress(Failure):
        await two.ask()

    assert (two.stranger.asked, two.person.asked) == (1, 0)


async def test_what_a_site_behind_a_wall_calls_gone_may_be_there_for_people(tools: WorkerContext) -> None:
    assert await Two(tools, Deleted("gone"), FOUND, INSTAGRAM).ask() is FOUND


async def test_what_a_person_was_told_tells_more(tools: WorkerContext) -> None:
    with pytest.raises(SessionExpired):
        await Two(tools, LoginRequired("wall"), SessionExpired("ended")).ask()


async def test_where_nobody_could_look_as_a_person_the_strangers_word_stands(tools: WorkerContext) -> None:
    with pytest.raises(LoginRequired):
        await Two(tools, LoginRequired("wall"), Unsupported("no cookie")).ask()


def no_video(*embeds: str) -> NoVideo:
    failure = NoVideo("none")
    failure.embeds = embeds
    return failure


YOUTUBE_FRAME = "https://www.youtube.com/embed/2lAe1cqCOXo?rel=0"


async def test_a_page_that_only_shows_another_sites_post_is_followed_there_once(tools: WorkerContext) -> None:
    house = House(tools, "browser", no_video("https://ads.example/frame", YOUTUBE_FRAME, YOUTUBE_FRAME), FOUND)
    house.tools = replace(tools, extractors={"browser": house.first, "ytdlp": house.second})
    house.route = replace(house.route, extractors=("browser",))
    found = await house.ask()

    assert found.metadata["embedded_in"] == FOUND.post.url
    assert (house.first.asked, house.second.asked) == (1, 1)


@pytest.mark.parametrize(
    "embeds",
    [
        (),
        ("https://blog.example/other",),
        ("https://www.youtube.com/@jane",),
        (YOUTUBE_FRAME, "https://player.vimeo.com/video/443437002"),
        ("javascript:void(0)",),
    ],
    ids=["none", "no known site", "no post", "two", "no address"],
)
async def test_where_it_is_not_sure_whose_video_it_would_be_nothing_is_followed(
    tools: WorkerContext, embeds: tuple[str, ...]
) -> None:
    with pytest.raises(NoVideo):
        await House(tools, "browser", no_video(*embeds), Unsupported("?")).ask()


async def test_a_story_that_is_gone_has_run_out(tools: WorkerContext) -> None:
    house = House(tools, "browser", Deleted("gone"), Deleted("gone"))
    post = replace(FOUND.post, url="https://www.instagram.com/stories/jane/3141592653589793238/", platform="instagram")
    house.route = replace(house.route, post=post, platform=INSTAGRAM)

    with pytest.raises(StoryExpired):
        await house.ask()


async def test_a_post_that_seems_gone_is_looked_at_in_another_way_too(tools: WorkerContext) -> None:
    assert await House(tools, "browser", SeemsDeleted("404"), FOUND).ask() is FOUND


async def test_what_two_extractors_take_for_gone_is_gone(tools: WorkerContext) -> None:
    with pytest.raises(Deleted):
        await House(tools, "browser", SeemsDeleted("404"), SeemsDeleted("removed")).ask()


async def test_one_sign_alone_does_not_make_a_post_gone(tools: WorkerContext) -> None:
    with pytest.raises(SeemsDeleted):
        await House(tools, "browser", SeemsDeleted("404"), ExtractorBroken("odd")).ask()


async def test_a_link_that_the_browser_followed_to_another_known_site_is_read_there(tools: WorkerContext) -> None:
    there = "https://www.youtube.com/watch?v=2lAe1cqCOXo"
    unsure = replace(UNSURE, final_url=there)
    house = House(tools, "browser", unsure, FOUND)
    house.route = replace(house.route, post=replace(FOUND.post, url="https://bit.ly/x1"), extractors=("browser",))

    assert await house.ask() is FOUND
