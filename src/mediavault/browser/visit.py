"""One visit to a page: load it, start its players, watch the network, and report what was seen."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from mediavault.browser import hooks, scripts
from mediavault.browser.driver import (
    BrowserCall,
    DriverFrame,
    Page,
    PageCrashed,
    PageFailed,
    Response,
)
from mediavault.browser.navigation import failure_of_load
from mediavault.browser.network_log import NetworkLog
from mediavault.browser.port import PageCapture, SeenManifest, SeenVideo
from mediavault.browser.watching import (
    UNKNOWN_POSITION,
    VisitProgress,
    VisitStep,
    next_step,
    seen_video,
    within_frame,
)
from mediavault.core.clock import Clock
from mediavault.core.failures import AddressRefused, BrowserUnavailable, TookTooLong
from mediavault.core.logs import get_logger, redact_url
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.egress.port import REFUSED_HEADER

NAVIGATION_S = 30.0  # at most this, and at most half of the visit's time
DOCUMENT_S = 10.0  # from the first byte to a document whose scripts ran
SCRIPT_TIMEOUT_S = 4.0  # for one script in one frame
TICK_S = 0.15
# a check that takes longer does not count as the page's time: the machine is busy, or the page
# is
SLOWEST_CHECK_S = 1.0
MAX_FRAME_LEVELS = 5  # frames in frames whose position is computed
AFTER_CLICK_S = 0.75  # a player that a click creates is there by then
RESERVE_S = 6.0  # reserved for the report
MAX_FRAMES = 25
PROXY_ANSWER = REFUSED_HEADER.lower()

# a frame, and the result of scripts.PLAYERS in it
FrameFacts = tuple[DriverFrame, Mapping[str, Any]]

log = get_logger(__name__)


# no slots: Playwright notes its wrapper on the object whose method it is given
@dataclass(eq=False)
class PageVisit:
    """``end_s`` is the clock's monotonic time at which the visit must be over."""

    page: Page
    ask: BrowserCall
    clock: Clock
    network: NetworkLog
    platform: Platform
    end_s: float
    # the page lists posts: it is read, and nothing on it is started or pressed
    is_list: bool = False
    crashed: bool = False
    cut_short: bool = False  # the time ended before the page was seen to its end
    navigations: list[tuple[float, str]] = field(default_factory=list)
    progress: VisitProgress = field(default_factory=VisitProgress)
    _deaf: int = 0  # scripts in a row that the main frame did not answer
    # frames that did not answer once: left alone
    _deaf_frames: list[DriverFrame] = field(default_factory=list)

    async def run(self, url: str, *, user_agent: str) -> PageCapture:
        """Visit ``url``. Raises NetworkFailure, TookTooLong, RedirectLoop, AddressRefused,
        PageCrashed, BrowserUnavailable.
        """
        self.page.on("crash", self._on_crash)
        self.page.on("framenavigated", self._on_navigated)
        if not self.platform.reader.always_sent:
            await self.ask(self.page.add_init_script(hooks.HOOKS), SCRIPT_TIMEOUT_S)
        if await self._load(url):
            self._refuse_answer_of_proxy()
            await self._watch()
        return await self._report(url, user_agent)

    def on_response(self, response: Response) -> None:
        """Note a response that this page, one of its frames or one of its workers received."""
        request = response.request
        frame = request.frame
        self.network.add_response(
            url=response.url,
            status=response.status,
            headers=response.headers,
            resource_type=request.resource_type,
            frame_url=frame.url,
            request_headers=request.headers,
            main=request.is_navigation_request() and frame.parent_frame is None,
        )

    # --- loading ----------------------------------------------------------------------------------

    async def _load(self, url: str) -> bool:
        """Navigate and return whether there is a document to watch;
        False where the site sent a file to download.
        """
        within_s = max(1.0, min(NAVIGATION_S, self._left_s() / 2))
        try:
            await self.ask(
                self.page.goto(url, timeout=within_s * 1000, wait_until="commit"), within_s + 1.0
            )
        except TookTooLong as exc:
            if self.network.main_document is None:
                raise TookTooLong(
                    Message(
                        "The page did not answer within %(within_s).0f seconds.", within_s=within_s
                    )
                ) from exc
        except PageCrashed:
            raise
        except PageFailed as exc:
            self._judge_failed_load(exc, url)
            if not self.navigations:
                return False
        with contextlib.suppress(TookTooLong, PageFailed):
            document_s = max(0.5, min(DOCUMENT_S, self._left_s() / 2))
            waiting = self.page.wait_for_load_state("domcontentloaded", timeout=document_s * 1000)
            await self.ask(waiting, document_s + 0.5)
        return True

    def _judge_failed_load(self, exc: PageFailed, url: str) -> None:
        """Raise its failure unless a document arrived; it may have become a download,
        or a script replaced it.
        """
        if self.network.main_document is None:
            log.info(
                "page_not_loaded", url=redact_url(url), error=(str(exc).splitlines() or [""])[0]
            )
            raise failure_of_load(str(exc), url) from exc

    def _refuse_answer_of_proxy(self) -> None:
        """Raise the failure of a page that our own proxy answered in place of the site."""
        main = self.network.main_document
        answer = (
            main.headers.get(PROXY_ANSWER)
            if main is not None and main.url.startswith("http://")
            else None
        )
        if main is None or answer is None:
            return
        if answer == "refused":
            raise AddressRefused(
                Message("mediavault does not connect to %(what)s.", what=urlsplit(main.url).netloc)
            )
        raise failure_of_load("", main.url)  # the proxy knows the cause

    def _on_crash(self) -> None:
        self.crashed = True

    def _on_navigated(self, frame: DriverFrame) -> None:
        if frame.parent_frame is None and len(self.navigations) < 50:
            self.navigations.append((round(self.network.elapsed_s(), 3), frame.url))

    # --- watching ---------------------------------------------------------------------------------

    async def _watch(self) -> None:
        last_action_s = last_seen_s = self.clock.monotonic()
        now = self.progress
        now.is_list = self.is_list
        now.wants_page_data = self.platform.reader.always_sent
        last_check_s = 0.0
        while True:
            seen_s = self.clock.monotonic()
            now.elapsed_s += min(seen_s - last_seen_s, SLOWEST_CHECK_S)
            last_seen_s = seen_s
            now.left_s = self._left_s() - RESERVE_S
            now.quiet_s = self.network.elapsed_s() - self.network.last_news_s
            now.since_action_s = self.clock.monotonic() - last_action_s
            now.idle_s = self.network.elapsed_s() - self.network.last_response_s
            now.video_named = self.network.video_named
            now.refused = (
                self.network.main_document is not None and self.network.main_document.status >= 400
            )
            if now.primed and not now.wants_page_data:
                await self._count(scripts.STANDING)
            now.page_data_seen = now.page_data_seen or await self._has_page_data()
            if self.crashed:
                raise PageCrashed("the page's renderer crashed")
            if now.adverts and not now.started:
                now.advert_s += now.elapsed_s - last_check_s
            last_check_s = now.elapsed_s
            step = next_step(now)
            if step is VisitStep.STOP:
                self.cut_short = now.left_s <= 0
                return
            if step is not VisitStep.WAIT:
                await self._act(step)
                last_action_s = self.clock.monotonic()
            await self.clock.sleep(TICK_S)

    async def _act(self, step: VisitStep) -> None:
        if step is VisitStep.PRIME:
            await self._prime()
        elif step is VisitStep.SKIP:
            await self._count(scripts.SKIP)
        else:
            await self._click()

    async def _has_page_data(self) -> bool:
        if not self.progress.wants_page_data:
            return False
        if self.network.page_data_seen:
            return True
        selector = self.platform.reader.data_css
        return bool(
            selector and await self._evaluate(self.page.main_frame, scripts.HAS_ELEMENT, selector)
        )

    async def _prime(self) -> None:
        self.network.primed = self.progress.primed = True
        await self._count(scripts.PRIME)

    async def _count(self, script: str) -> None:
        """Ask every frame for the state of its players, by a script that may also start them."""
        adverts = list(self.network.adverts)
        answers = {frame: await self._evaluate(frame, script, adverts) for frame in self._frames()}
        if not answers.get(self.page.main_frame):  # silence, which is not the same as no players
            return
        counts = [answer for answer in answers.values() if answer]
        self.progress.players = sum(count["videos"] for count in counts)
        self.progress.started = sum(count["started"] for count in counts)
        self.progress.known = sum(count["known"] for count in counts)
        self.progress.failed = sum(count["failed"] for count in counts)
        self.progress.adverts = sum(count["adverts"] for count in counts)

    async def _click(self) -> None:
        self.progress.clicks += 1
        nothing_to_click = True
        for frame in self._frames():
            clicked = await self._click_in(frame)
            if clicked:
                await self.clock.sleep(AFTER_CLICK_S)
                await self._prime()
                return
            nothing_to_click = nothing_to_click and clicked is not None
        self.progress.nothing_to_click = nothing_to_click

    async def _click_in(self, frame: DriverFrame) -> bool | None:
        """Return whether something was clicked; None if the frame did not answer."""
        try:
            handle = await self.ask(frame.evaluate_handle(scripts.FIND_PLAY), SCRIPT_TIMEOUT_S)
            element = handle.as_element()
            if element is None:
                return False
            try:
                await self.ask(element.click(timeout=1_500, no_wait_after=True), SCRIPT_TIMEOUT_S)
            except (PageFailed, TookTooLong):
                # something lies over it: the event alone still reaches its handler
                await self.ask(element.evaluate("e => e.click()"), SCRIPT_TIMEOUT_S)
        except BrowserUnavailable:  # as in `_evaluate`
            if frame == self.page.main_frame:
                raise
            return False
        except (PageFailed, TookTooLong) as exc:
            log.debug("click_failed", error=str(exc))
            return None if isinstance(exc, TookTooLong) else False
        return True

    async def _evaluate(self, frame: DriverFrame, script: str, arg: Any = None) -> Any:
        """Run a script in one frame; None without an answer.
        A page silent twice in a row is not asked again.
        """
        if self.progress.unresponsive or frame in self._deaf_frames:
            return None
        try:
            answer = await self.ask(
                frame.evaluate(script, arg), min(SCRIPT_TIMEOUT_S, max(0.5, self._left_s()))
            )
        except TookTooLong:
            self._on_deaf(frame)
            return None
        except PageCrashed:
            self.crashed = True
            return None
        except PageFailed:  # it navigated away in the meantime
            return None
        except BrowserUnavailable:
            # a frame that was removed looks like this; the main frame cannot be removed
            if frame == self.page.main_frame:
                raise
            return None
        self._deaf = 0 if frame.parent_frame is None else self._deaf
        return answer

    def _on_deaf(self, frame: DriverFrame) -> None:
        if frame.parent_frame is not None:
            self._deaf_frames.append(frame)
            return
        self._deaf += 1
        self.progress.unresponsive = self._deaf >= 2

    def _frames(self) -> list[DriverFrame]:
        return list(self.page.frames)[:MAX_FRAMES]

    def _left_s(self) -> float:
        return self.end_s - self.clock.monotonic()

    # --- the report -------------------------------------------------------------------------------

    async def _report(self, url: str, user_agent: str) -> PageCapture:
        document = await self._evaluate(self.page.main_frame, scripts.DOCUMENT) or {}
        answered = await self._players()
        videos = await self._videos(answered)
        source, main = self.network.main_body(), self.network.main_document
        self._refuse_answer_of_proxy()
        responses = self.network.responses()
        encrypted = any(facts["encrypted"] for _, facts in answered)
        systems = sorted({system for _, facts in answered for system in facts["systems"]})
        log.info("page_seen", url=redact_url(url), responses=len(responses), videos=len(videos))
        return PageCapture(
            url=url,
            final_url=self._final_url(document),
            status=main.status if main else None,
            html=document.get("html") or (source or b"").decode("utf-8", "replace"),
            title=document.get("title") or "",
            visible_text=document.get("text") or "",
            responses=responses,
            videos=videos,
            drm_requested=bool(systems) or encrypted,
            user_agent=user_agent,
            manifests=_manifests(answered),
            adverts=tuple(self.network.adverts),
            extra={
                "navigations": [list(step) for step in self.navigations],
                "encrypted": encrypted,
                "key_systems": systems,
                "unresponsive": self.progress.unresponsive,
                "crashed": self.crashed,
                "cut_short": self.cut_short,
            },
        )

    async def _players(self) -> list[FrameFacts]:
        """Return the frames that answer, and their players."""
        answers = [
            (frame, await self._evaluate(frame, scripts.PLAYERS)) for frame in self._frames()
        ]
        return [(frame, facts) for frame, facts in answers if facts]

    async def _videos(self, answered: Sequence[FrameFacts]) -> tuple[SeenVideo, ...]:
        videos: list[SeenVideo] = []
        for frame, facts in answered:
            if facts["videos"]:
                position = await self._frame_position(frame)
                videos += [seen_video(video, frame.url, position) for video in facts["videos"]]
        return tuple(videos)

    def _final_url(self, document: Mapping[str, Any]) -> str:
        shown = str(document.get("url") or self.page.url)
        main = self.network.main_document
        return (
            main.url
            if main is not None and not shown.startswith(("http://", "https://"))
            else shown
        )

    async def _frame_position(
        self, frame: DriverFrame, *, levels: int = MAX_FRAME_LEVELS
    ) -> Mapping[str, Any] | None:
        """Return the position of a child frame's <iframe> in the page, through all frames around
        it; None for the main frame.
        """
        if (parent := frame.parent_frame) is None:
            return None
        if levels == 0:
            return UNKNOWN_POSITION
        try:
            element = await self.ask(frame.frame_element(), SCRIPT_TIMEOUT_S)
            position: Mapping[str, Any] = await self.ask(
                element.evaluate(scripts.PLACE_OF_FRAME), SCRIPT_TIMEOUT_S
            )
        except (TookTooLong, PageFailed, BrowserUnavailable):
            return UNKNOWN_POSITION
        around = await self._frame_position(parent, levels=levels - 1)
        return position if around is None else within_frame(position, around)


def _manifests(answered: Sequence[FrameFacts]) -> tuple[SeenManifest, ...]:
    return tuple(
        SeenManifest(manifest["url"], manifest["text"], frame.url)
        for frame, facts in answered
        for manifest in facts["manifests"]
    )
