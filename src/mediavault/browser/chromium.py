"""The one adapter of the Browser port, and the only module that imports Playwright (when a browser
is first needed).

One browser per worker process with two contexts, the profile's and an anonymous one; a page per
visit, always closed. Every call into the browser has a deadline, because a spinning page or a
stopped browser never answers: a page that cannot be closed in time means a hung browser, which is
killed by process id and started again by the next call (``lifecycle.py``).

**User agent.** Chromium's headless mode calls itself ``HeadlessChrome``; its other marks (client
hints, version) are those of the headed browser. We send what the same binary sends with a window:
the name is a label of the mode, and sites that refuse it refuse users' own servers. Nothing else is
altered: ``navigator.webdriver`` stays true.

**Profile.** See ``profile.py``: the process that holds the flock uses the profile with the logins,
others work anonymously.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from mediavault.browser.cookies import as_cookie, next_cookies
from mediavault.browser.discovery import for_driver
from mediavault.browser.driver import Cdp, Guard, Page, PageCrashed, PageFailed, Response, try_call
from mediavault.browser.interception import BodyTap
from mediavault.browser.launch import CALL_S, first_line
from mediavault.browser.lifecycle import (
    RECYCLE_AFTER_PAGES,
    BrowserConfig,
    BrowserInstance,
    BrowserManager,
)
from mediavault.browser.navigation import Navigation
from mediavault.browser.network_log import NetworkLog
from mediavault.browser.port import BrowserDownload, PageCapture
from mediavault.browser.processes import MIB, default_limit
from mediavault.browser.visit import PageVisit
from mediavault.core.bandwidth_limiter import SiteBandwidth, SlowTransferDetector
from mediavault.core.clock import Clock
from mediavault.core.cookies import Cookie, cookies_for
from mediavault.core.failures import BrowserUnavailable, NetworkFailure, PageTooHeavy, TookTooLong
from mediavault.core.logs import get_logger
from mediavault.core.media import OnProgress
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.core.urls import EgressScope

CLOSE_PAGE_S = 2.5  # and once more
SETTLE_S = 1.0
SCREENSHOT_S = 20.0
MAX_SCREENSHOT_WIDTH, MAX_SCREENSHOT_HEIGHT = 2_560, 8_000  # CSS pixels: 80 MB while it is taken
PAGES_AT_ONCE = 4  # 100 MB of memory each

T = TypeVar("T")

log = get_logger(__name__)


async def ask(call: Awaitable[T], within_s: float) -> T:
    """Await a call into Playwright with a deadline, and translate its errors."""
    import playwright.async_api as playwright

    try:
        async with asyncio.timeout(within_s):
            return await call
    except (TimeoutError, playwright.TimeoutError) as exc:
        raise TookTooLong(
            Message("The browser did not answer within %(within_s).0f seconds.", within_s=within_s)
        ) from exc
    except playwright.Error as exc:
        raise _translated(exc) from exc


def _translated(exc: Exception) -> Exception:
    text = str(exc)
    if "crashed" in text:
        return PageCrashed(text)
    if "has been closed" in text or "Connection closed" in text:
        return BrowserUnavailable("The browser or its page was closed unexpectedly.")
    return PageFailed(text)


class Chromium:
    """The singleton browser of a worker process (the Browser port).

    ``executable`` is the setting; without one a browser is searched for. ``downloads_dir`` must be
    on the vault's file system, so that a finished download is renamed, not copied.
    """

    def __init__(
        self,
        *,
        state_dir: Path,
        downloads_dir: Path,
        proxy: Guard,
        clock: Clock,
        executable: Path | None = None,
        headless: bool = True,
        memory_limit: int | None = None,
    ) -> None:
        """``memory_limit`` is in bytes, for all processes of the browser together;
        None for this machine's default.
        """
        self._memory_limit = memory_limit or default_limit()
        self._saved_cookies_file = state_dir / "browser" / "cookies.json"
        self._proxy = proxy
        self._clock = clock
        self._slots = asyncio.Semaphore(PAGES_AT_ONCE)
        self._keeper = BrowserManager(
            BrowserConfig(state_dir, downloads_dir, executable, headless, self._memory_limit),
            proxy,
            clock,
            ask=ask,
            start_driver=_start_driver,
            on_response=_dispatch,
        )

    @property
    def pid(self) -> int | None:
        """The running browser's process id."""
        running = self._keeper.running
        return running.pid if running else None

    # --- the port ---------------------------------------------------------------------------------

    async def capture(
        self,
        url: str,
        *,
        scope: EgressScope,
        platform: Platform,
        within_s: float,
        signed_in: bool = False,
        screenshot: bool = False,
        is_list: bool = False,
    ) -> PageCapture:
        visit = partial(
            self._visit, url, platform, signed_in=signed_in, screenshot=screenshot, is_list=is_list
        )
        end_s = self._clock.monotonic() + within_s
        async with self._proxy.visiting(scope, within_s=within_s / 2):
            try:
                return await visit(end_s=end_s)
            except (PageCrashed, BrowserUnavailable) as exc:
                if end_s - self._clock.monotonic() < within_s / 3 or self._keeper.closed:
                    raise _as_unavailable(exc) from exc
                log.warning("visit_repeated", reason=first_line(exc))
            try:
                return await visit(end_s=end_s)
            except PageCrashed as exc:
                raise _as_unavailable(exc) from exc

    async def download(
        self,
        url: str,
        *,
        scope: EgressScope,
        referer: str | None,
        into: Path,
        max_bytes: int,
        within_s: float,
        floor: SlowTransferDetector,
        on_progress: OnProgress,
        bandwidth: SiteBandwidth | None = None,
        signed_in: bool = False,
    ) -> BrowserDownload:
        end_s = self._clock.monotonic() + within_s
        async with (
            self._proxy.visiting(scope, within_s=within_s / 2),
            self._page(signed_in=signed_in) as (_, page, cdp),
        ):
            navigation = Navigation(
                page, cdp, ask, self._clock, max_bytes, end_s, floor, on_progress, bandwidth
            )
            try:
                return await navigation.run(url, referer=referer, into=into)
            except PageFailed as exc:
                raise _as_unavailable(exc) from exc

    async def cookies(self, url: str, *, signed_in: bool = False) -> Sequence[Cookie]:
        running = self._keeper.running
        if running is None:
            return await self._saved_cookies(url) if signed_in else ()
        try:
            cookies = await ask(_context(running, signed_in=signed_in).cookies(url), CALL_S)
        except (TookTooLong, BrowserUnavailable, PageFailed):
            return await self._saved_cookies(url) if signed_in else ()
        return [as_cookie(cookie) for cookie in cookies]

    async def user_agent(self) -> str:
        return (self._keeper.running or await self._keeper.browser()).user_agent

    async def close(self) -> None:
        await self._keeper.close()

    # --- pages ------------------------------------------------------------------------------------

    async def _visit(
        self,
        url: str,
        platform: Platform,
        *,
        end_s: float,
        signed_in: bool,
        screenshot: bool,
        is_list: bool,
    ) -> PageCapture:
        async with self._page(signed_in=signed_in) as (running, page, cdp):
            began_s = self._clock.monotonic()
            network = NetworkLog(
                lambda: self._clock.monotonic() - began_s, platform.reader.json_paths
            )
            visit = PageVisit(page, ask, self._clock, network, platform, end_s, is_list)
            tap = BodyTap(cdp, ask, network)
            page.on("download", lambda download: self._keeper.spawn(_cancel_download(download)))
            running.visits[page] = visit
            ended_before = running.ended_for_memory
            try:
                await tap.start()
                capture = await visit.run(url, user_agent=running.user_agent)
                if screenshot:
                    capture = replace(capture, screenshot=await _screenshot(cdp))
            except (PageCrashed, BrowserUnavailable) as exc:
                self._check_memory(running, ended_before, exc)
                raise
            except PageFailed as exc:
                raise _as_unavailable(exc) from exc
            except (NetworkFailure, TookTooLong):  # or was it the browser that did not answer?
                await self._check_answering(running)
                raise
            finally:
                running.visits.pop(page, None)
                await tap.stop()
            if capture.extra["crashed"]:
                self._check_memory(running, ended_before)
            if capture.extra["unresponsive"]:
                await self._check_answering(running)
            if signed_in:
                await self._keeper.remember_cookies(running)
            return capture

    def _check_memory(
        self, running: BrowserInstance, ended_before: int, exc: Exception | None = None
    ) -> None:
        """Raise PageTooHeavy where a process of the browser was ended for its memory during the
        visit.
        """
        if running.ended_for_memory > ended_before:
            limit_mb = self._memory_limit // MIB
            raise PageTooHeavy(
                Message(
                    "The page needed more than the %(limit_mb)d MB of memory that the browser may"
                    " use.",
                    limit_mb=limit_mb,
                )
            ) from exc

    async def _check_answering(self, running: BrowserInstance) -> None:
        """Raise BrowserUnavailable when the browser of a silent page hangs."""
        if not await self._keeper.answers(running):
            await self._keeper.lose(running, "neither the page nor the browser answers")
            raise BrowserUnavailable("The browser stopped answering.")

    @asynccontextmanager
    async def _page(self, *, signed_in: bool) -> AsyncIterator[tuple[BrowserInstance, Page, Cdp]]:
        """Open a page of the running browser with a DevTools session; finally close it,
        or kill its browser.
        """
        async with self._slots:
            running = await self._keeper.enter()
            try:
                page, cdp = await self._new_page(running, _context(running, signed_in=signed_in))
                try:
                    yield running, page, cdp
                finally:
                    await self._close_page(running, page, cdp)
            finally:
                self._keeper.leave(running)

    async def _new_page(self, running: BrowserInstance, context: Any) -> tuple[Page, Cdp]:
        try:
            page = await ask(context.new_page(), CALL_S)
            cdp = await ask(context.new_cdp_session(page), CALL_S)
        except (TookTooLong, PageFailed, BrowserUnavailable) as exc:
            await self._keeper.lose(running, "it opened no page")
            raise BrowserUnavailable("The browser could not open a page.") from exc
        page.on("popup", lambda popup: self._keeper.spawn(_close_popup(popup)))
        page.on("dialog", lambda dialog: self._keeper.spawn(_dismiss(dialog)))
        return cast("Page", page), cast("Cdp", cdp)

    async def _close_page(self, running: BrowserInstance, page: Page, cdp: Cdp) -> None:
        if not running.alive:
            return
        # Playwright's request to close is lost while a navigation commits, and nothing then ever
        # closes the page but a second request on our own session
        await try_call(ask, page.wait_for_load_state("domcontentloaded"), SETTLE_S)
        if await try_call(ask, page.close(), CLOSE_PAGE_S) or not running.alive:
            return
        await try_call(ask, cdp.send("Page.close"), SETTLE_S)
        if not await try_call(ask, page.close(), CLOSE_PAGE_S):
            await self._handle_unclosable_page(running)

    async def _handle_unclosable_page(self, running: BrowserInstance) -> None:
        """Handle a page that cannot be closed: with other pages open it waits for the recycling,
        else the browser ends now.
        """
        if running.pages_open > 1 and await self._keeper.answers(running):
            running.pages_served = RECYCLE_AFTER_PAGES
        else:
            await self._keeper.lose(running, "a page could not be closed")

    async def _saved_cookies(self, url: str) -> list[Cookie]:
        saved = await asyncio.to_thread(next_cookies, self._saved_cookies_file)
        return list(cookies_for(url, saved, now=self._clock.now()))


# --- Playwright -----------------------------------------------------------------------------------


async def _start_driver() -> Any:
    from playwright.async_api import async_playwright

    if not narrow_driver_environment():
        log.warning("driver_environment_not_narrowed")
    return await async_playwright().start()


def narrow_driver_environment() -> bool:
    """Let Playwright start its driver with ``for_driver`` only, and return whether that could be
    arranged.

    Playwright hands its driver all of our environment and has no option for that (1.65.2), so the
    function that collects it is replaced where it is used.
    """
    import playwright.async_api  # noqa: F401 - loads the modules below
    from playwright._impl._driver import get_driver_env

    # its name in older versions
    names = ("playwright._impl.transport", "playwright._impl._transport")
    transport = next((sys.modules[name] for name in names if name in sys.modules), None)
    if not hasattr(transport, "get_driver_env"):
        return False
    vars(transport)["get_driver_env"] = lambda: for_driver(get_driver_env())
    return True


def _context(running: BrowserInstance, *, signed_in: bool) -> Any:
    return running.context if signed_in else running.anonymous


def _dispatch(running: BrowserInstance, response: Any) -> None:
    """Give a response of the context to the visit whose page, frame or worker received it."""
    import playwright.async_api as playwright

    try:
        visit = running.visits.get(response.request.frame.page)
        if visit is not None:
            visit.on_response(cast("Response", response))
    except playwright.Error:  # its frame is gone, or it is a worker's and has none
        return


async def _screenshot(cdp: Cdp) -> bytes | None:
    """Return the page as a PNG, from its top to at most ``MAX_SCREENSHOT_HEIGHT``;
    None when none can be taken.
    """
    try:
        size = (await ask(cdp.send("Page.getLayoutMetrics"), CALL_S))["cssContentSize"]
        area = {
            "x": 0,
            "y": 0,
            "width": min(max(size["width"], 1), MAX_SCREENSHOT_WIDTH),
            "height": min(max(size["height"], 1), MAX_SCREENSHOT_HEIGHT),
            "scale": 1,
        }
        wanted = {"format": "png", "captureBeyondViewport": True, "clip": area}
        return base64.b64decode(
            (await ask(cdp.send("Page.captureScreenshot", wanted), SCREENSHOT_S))["data"]
        )
    except (TookTooLong, PageFailed, BrowserUnavailable, KeyError, ValueError) as exc:
        log.warning("screenshot_failed", error=str(exc))
        return None


async def _close_popup(popup: Any) -> None:
    popup.on("popup", lambda other: asyncio.ensure_future(_close_popup(other)))
    await try_call(ask, popup.close(), CLOSE_PAGE_S)


async def _dismiss(dialog: Any) -> None:
    await try_call(ask, dialog.dismiss(), CALL_S)


async def _cancel_download(download: Any) -> None:
    await try_call(ask, download.cancel(), CALL_S)


def _as_unavailable(exc: Exception) -> BrowserUnavailable:
    if isinstance(exc, BrowserUnavailable):
        return exc
    if isinstance(exc, PageCrashed):
        return BrowserUnavailable("The page crashed the browser that showed it.")
    return BrowserUnavailable(
        Message("The browser could not do what was asked: %(error)s", error=first_line(exc))
    )
