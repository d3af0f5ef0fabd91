"""A visit to a stub page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar, cast

import pytest

from mediavault.browser import scripts
from mediavault.browser.driver import Page, PageCrashed, PageFailed
from mediavault.browser.network_log import NetworkLog
from mediavault.browser.port import PageCapture, PageFeed, SeenManifest
from mediavault.browser.visit import PROXY_ANSWER, PageVisit
from mediavault.browser.watching import MAX_CLICKS
from mediavault.core.failures import (
    AddressRefused,
    BrowserUnavailable,
    CertificateInvalid,
    Failure,
    NetworkFailure,
    TookTooLong,
)
from mediavault.core.platform import Platform
from tests.fakes import FakeClock

T = TypeVar("T")
URL = "https://a.test/post"
GENERIC = Platform(name="generic", title="this site")

VIDEO = {
    "current_src": "https://a.test/v.mp4", "sources": [], "poster": "", "duration_s": 3.0,
    "width": 640, "height": 360, "video_width": 320, "video_height": 180, "visible": True,
    "muted_loop": False, "has_audio": True, "container": "main", "names": "",
    "holds_permalink": True, "advert": False, "fed": [], "protected": False, "plays": [], "left": 0,
    "top": 0,
}  # fmt: skip


class StubFrame:
    def __init__(
        self, url: str, answers: Mapping[str, Any], parent: StubFrame | None = None
    ) -> None:
        self.url = url
        self.parent_frame = parent
        self._answers = answers
        self.evaluated: list[str] = []
        self.answers_click_with: Exception | None = None

    async def evaluate(self, expression: str, arg: Any = None) -> Any:
        self.evaluated.append(expression)
        answer = self._answers.get(expression)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def evaluate_handle(self, expression: str, arg: Any = None) -> Any:
        if self.answers_click_with is not None:
            raise self.answers_click_with
        return StubHandle()

    async def frame_element(self) -> Any:
        return StubElement()


class StubHandle:
    def as_element(self) -> None:
        return None


class StubElement:
    async def evaluate(self, expression: str, arg: Any = None) -> Any:
        return {
            "container": "article:0",
            "names": "",
            "holds_permalink": True,
            "advert": False,
            "visible": True,
        }


class StubPage:
    """A page whose loading calls ``on_load``, which may add to the network log or raise."""

    def __init__(self, *frames: StubFrame, on_load: Callable[[], None] = lambda: None) -> None:
        self.frames = frames
        self.main_frame = frames[0]
        self.url = frames[0].url
        self._on_load = on_load
        self._handlers: dict[str, Callable[..., Any]] = {}

    def on(self, event: str, f: Callable[..., Any]) -> None:
        self._handlers[event] = f

    def fire(self, event: str, *args: Any) -> None:
        self._handlers[event](*args)

    async def add_init_script(self, script: str | None = None) -> None: ...

    async def goto(self, url: str, **_: Any) -> None:
        self._on_load()
        self.fire("framenavigated", self.main_frame)

    async def wait_for_load_state(self, state: str | None = None, **_: Any) -> None: ...


async def ask(call: Awaitable[T], within_s: float) -> T:
    return await call


def players(*videos: Mapping[str, Any], **facts: Any) -> dict[str, Any]:
    return {"systems": [], "encrypted": False, "manifests": [], "videos": list(videos), **facts}


def answers(**by_script: Any) -> dict[str, Any]:
    """The answers of a page with one playing video, unless ``by_script`` replaces them."""
    return {
        scripts.PRIME: {"videos": 1, "started": 1, "known": 1, "failed": 0, "adverts": 0},
        scripts.STANDING: {"videos": 1, "started": 1, "known": 1, "failed": 0, "adverts": 0},
        scripts.PLAYERS: players(VIDEO),
        scripts.DOCUMENT: {"url": URL, "title": "A title", "html": "<html>", "text": "words"},
        **{getattr(scripts, name): answer for name, answer in by_script.items()},
    }


def visiting(page: StubPage, network: NetworkLog, clock: FakeClock) -> PageVisit:
    return PageVisit(cast("Page", page), ask, clock, network, GENERIC, clock.monotonic() + 60)


async def visit(
    *frames: StubFrame,
    load: Callable[[NetworkLog], None] | None = None,
    after: Callable[[StubPage], None] = lambda _: None,
) -> PageCapture:
    clock = FakeClock(auto=True)
    network = NetworkLog(lambda: clock.monotonic() - 1_000.0)
    page = StubPage(*frames, on_load=lambda: (load or arrived)(network))
    watched = visiting(page, network, clock)
    after_load = watched._load

    async def load_then(url: str) -> bool:
        loaded = await after_load(url)
        after(page)
        return loaded

    watched._load = load_then  # type: ignore[method-assign]
    return await watched.run(URL, user_agent="A browser")


def arrived(
    network: NetworkLog, status: int = 200, mime: str = "text/html", url: str = URL, **headers: str
) -> None:
    saw = {"frame_url": URL, "request_headers": {}, "headers": {"content-type": mime, **headers}}
    network.add_response(url=url, status=status, resource_type="document", main=True, **saw)  # type: ignore[arg-type]
    video = {**saw, "headers": {"content-type": "video/mp4"}}
    network.add_response(url="https://a.test/v.mp4", status=206, resource_type="media", **video)  # type: ignore[arg-type]


async def test_a_visit_reports_the_page_its_players_and_its_traffic() -> None:
    seen = await visit(StubFrame(URL, answers()))

    assert (seen.final_url, seen.status, seen.title, seen.visible_text) == (
        URL,
        200,
        "A title",
        "words",
    )
    assert [(v.current_src, v.container, v.has_audio) for v in seen.videos] == [
        ("https://a.test/v.mp4", "main", True)
    ]
    assert [r.url for r in seen.responses] == [URL, "https://a.test/v.mp4"]
    assert seen.user_agent == "A browser"


async def test_a_player_in_a_frame_has_the_position_of_its_frame() -> None:
    main = StubFrame(URL, answers(PLAYERS=players()))
    seen = await visit(main, StubFrame("https://player.test/", answers(), main))

    assert [(v.frame_url, v.container) for v in seen.videos] == [
        ("https://player.test/", "article:0")
    ]


async def test_a_frame_that_never_answers_is_left_alone_and_the_page_is_still_read() -> None:
    main = StubFrame(URL, answers())
    deaf = StubFrame(
        "https://ads.test/", answers(PRIME=TookTooLong("deaf"), PLAYERS=TookTooLong("deaf")), main
    )
    seen = await visit(main, deaf)

    assert deaf.evaluated == [scripts.PRIME]
    assert len(seen.videos) == 1
    assert not seen.extra["unresponsive"]


async def test_a_frame_that_goes_away_during_a_call_does_not_end_the_visit() -> None:
    """Chromium then reports that the target was closed,
    as it does when the browser itself is gone.
    """
    closed = BrowserUnavailable("closed")
    leaving = StubFrame(
        "https://b.test/embed",
        dict.fromkeys((scripts.STANDING, scripts.PRIME, scripts.PLAYERS), closed),
    )
    leaving.answers_click_with = closed
    seen = await visit(StubFrame(URL, answers()), leaving)

    assert [video.current_src for video in seen.videos] == ["https://a.test/v.mp4"]


async def test_a_browser_that_is_gone_ends_the_visit() -> None:
    with pytest.raises(BrowserUnavailable):
        await visit(StubFrame(URL, answers(PLAYERS=BrowserUnavailable("closed"))))


async def test_a_spinning_page_is_given_up_and_its_source_is_kept() -> None:
    deaf = TookTooLong("deaf")

    def load(network: NetworkLog) -> None:
        arrived(network)
        network.body(URL, b"<p>source")

    seen = await visit(StubFrame(URL, answers(PRIME=deaf, PLAYERS=deaf, DOCUMENT=deaf)), load=load)

    assert seen.extra["unresponsive"]
    assert seen.html == "<p>source"


async def test_a_renderer_that_dies_ends_the_visit() -> None:
    with pytest.raises(PageCrashed):
        await visit(StubFrame(URL, answers()), after=lambda page: page.fire("crash"))


async def test_a_page_that_navigates_during_a_call_is_not_a_failure() -> None:
    seen = await visit(StubFrame(URL, answers(PLAYERS=PageFailed("context destroyed"))))

    assert seen.videos == ()


async def test_a_page_that_does_not_load_says_why_in_words() -> None:
    def load(_: NetworkLog) -> None:
        raise PageFailed("Page.goto: net::ERR_CERT_DATE_INVALID at https://a.test/\nCall log:")

    with pytest.raises(CertificateInvalid, match=r"^The certificate of a\.test is not valid\.$"):
        await visit(StubFrame("about:blank", {}), load=load)


async def test_an_address_that_is_a_download_is_reported_without_a_page() -> None:
    def load(network: NetworkLog) -> None:
        arrived(network, mime="video/mp4")
        raise PageFailed("Page.goto: net::ERR_ABORTED")

    seen = await visit(StubFrame("about:blank", {}), load=load)

    assert (seen.final_url, seen.responses[0].mime) == (URL, "video/mp4")


@pytest.mark.parametrize(
    ("answer", "failure"), [("refused", AddressRefused), ("unreachable", NetworkFailure)]
)
async def test_an_answer_of_our_own_proxy_is_not_taken_for_the_sites(
    answer: str, failure: type[Failure]
) -> None:
    def load(network: NetworkLog) -> None:
        arrived(network, 502, "text/plain", "http://nas.test:81/", **{PROXY_ANSWER: answer})

    with pytest.raises(failure, match=r"nas\.test"):
        await visit(StubFrame(URL, answers()), load=load)


async def test_protected_data_and_requested_keys_are_reported() -> None:
    seen = await visit(
        StubFrame(
            URL, answers(PLAYERS=players(VIDEO, systems=["com.widevine.alpha"], encrypted=True))
        )
    )

    assert seen.drm_requested
    assert seen.extra["key_systems"] == ["com.widevine.alpha"]


async def test_what_feeds_a_player_and_manifests_that_the_page_made_are_reported() -> None:
    segment, file = "https://a.test/s1.m4s", "https://a.test/a.mp4"
    fed = [
        {
            "mime": "video/mp4",
            "urls": [{"url": segment, "whole": False}, {"url": file, "whole": True}],
        }
    ]
    made = [{"url": "blob:https://a.test/1", "text": "#EXTM3U"}]
    seen = await visit(
        StubFrame(URL, answers(PLAYERS=players({**VIDEO, "fed": fed}, manifests=made)))
    )

    assert seen.videos[0].feeds == (PageFeed("video/mp4", (segment, file), (file,)),)
    assert seen.manifests == (SeenManifest("blob:https://a.test/1", "#EXTM3U", URL),)


async def test_a_player_that_starts_later_is_noticed_without_being_touched_again() -> None:
    nothing = {"videos": 1, "started": 0, "known": 0, "failed": 0, "adverts": 0}
    frame = StubFrame(URL, answers(PRIME=nothing))
    await visit(frame)

    assert frame.evaluated.count(scripts.PRIME) == 1


@pytest.mark.parametrize(("started", "cut_short"), [(0, True), (1, False)])
async def test_a_visit_that_its_time_ended_says_so(started: int, cut_short: bool) -> None:
    """What it did not see may be there: a page that was seen to its end is something else."""
    players = {"videos": 1, "started": started, "known": started, "failed": 0, "adverts": 0}
    clock = FakeClock(auto=True)
    network = NetworkLog(lambda: clock.monotonic() - 1_000.0)
    page = StubPage(
        StubFrame(URL, answers(PRIME=players, STANDING=players)), on_load=lambda: arrived(network)
    )
    watched = PageVisit(cast("Page", page), ask, clock, network, GENERIC, clock.monotonic() + 8)

    assert (await watched.run(URL, user_agent="A browser")).extra["cut_short"] is cut_short


class SlowFrame(StubFrame):
    """A page with one player on a machine that is busy: one look at it gets no answer,
    and the player starts later.
    """

    def __init__(self, clock: FakeClock, network: NetworkLog, silent_look: int) -> None:
        waiting = {"videos": 1, "started": 0, "known": 0, "failed": 0, "adverts": 0}
        super().__init__(URL, answers(PRIME=waiting, STANDING=waiting))
        self._clock, self._network, self._looks, self._silent_look = clock, network, 0, silent_look

    async def evaluate(self, expression: str, arg: Any = None) -> Any:
        if expression == scripts.STANDING:
            self._looks += 1
            if self._looks == self._silent_look:
                self._clock.advance(SILENT_S)
                raise TookTooLong("busy")
            if self._looks == self._silent_look + 20:
                arrived(self._network)
            if self._looks > self._silent_look + 20:
                return {"videos": 1, "started": 1, "known": 1, "failed": 0, "adverts": 0}
        return await super().evaluate(expression, arg)


SILENT_S = 30.0  # longer than any time that a page without a player is given


@pytest.mark.parametrize("has_advert", [False, True])
# between two actions of the visit, and at one
@pytest.mark.parametrize("silent_look", range(25, 37))
async def test_a_page_that_is_slow_to_answer_keeps_its_players_and_its_time(
    silent_look: int, has_advert: bool
) -> None:
    """Silence is not a page without a player, even if a frame in it answers;
    slowness is not the page's age.
    """
    nothing = {"videos": 0, "started": 0, "known": 0, "failed": 0, "adverts": 0}
    clock = FakeClock(auto=True)
    network = NetworkLog(lambda: clock.monotonic() - 1_000.0)
    frame = SlowFrame(clock, network, silent_look)
    advert = StubFrame(
        "https://ads.test/", answers(PRIME=nothing, STANDING=nothing, PLAYERS=players()), frame
    )
    page = StubPage(frame, *([advert] if has_advert else ()))
    watched = PageVisit(cast("Page", page), ask, clock, network, GENERIC, clock.monotonic() + 120)
    await watched.run(URL, user_agent="A browser")

    assert (watched.progress.players, watched.progress.started) == (1, 1)
    assert network.video_named


async def test_a_search_for_a_button_that_gets_no_answer_is_repeated() -> None:
    nothing = {"videos": 0, "started": 0, "known": 0, "failed": 0, "adverts": 0}
    frame = StubFrame(URL, answers(PRIME=nothing, STANDING=nothing))
    frame.answers_click_with = TookTooLong("busy")
    clock = FakeClock(auto=True)
    network = NetworkLog(lambda: clock.monotonic() - 1_000.0)
    watched = visiting(StubPage(frame), network, clock)
    await watched.run(URL, user_agent="A browser")

    assert watched.progress.clicks == MAX_CLICKS
