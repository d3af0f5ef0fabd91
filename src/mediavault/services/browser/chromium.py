"""The one adapter of the Browser port, and the only module that imports Playwright (when a browser is first needed).

One persistent context per worker process, started lazily, a page per visit, closed whatever happens. Every call into
the browser has a deadline, because a spinning page or a stopped browser answers never: a page that cannot be closed in
time means a hung browser, which is killed by process id and started anew by whoever needs it next.

**User agent.** Chromium's headless mode calls itself ``HeadlessChrome``; its other marks (client hints, version) are
those of the headed browser. We send what the same binary sends with a window: the name is a label of the mode, and
sites that refuse it refuse people's own servers. Nothing else is altered: ``navigator.webdriver`` stays true.

**Profile.** See ``profile.py``: whoever holds the flock uses the profile with the logins, others work anonymously.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mediavault.core.clock import Clock
from mediavault.core.cookies import Cookie, cookies_for
from mediavault.core.errors import BrowserUnavailable, TookTooLong
from mediavault.core.logs import get_logger
from mediavault.core.media import OnProgress
from mediavault.core.platform import Platform
from mediavault.services.browser.cookie_jar import as_cookie, restore, snapshot
from mediavault.services.browser.discovery import find_browser, unavailable
from mediavault.services.browser.driver import Cdp, Guard, Page, PageCrashed, PageFailed, Response
from mediavault.services.browser.interception import BodyTap
from mediavault.services.browser.launch import CALL_S, CLOSE_BROWSER_S, LAUNCH_S, Launcher, first_line, pid_of, prepare
from mediavault.services.browser.navigation import Navigation
from mediavault.services.browser.network_log import NetworkLog
from mediavault.services.browser.port import BrowserDownload, PageCapture
from mediavault.services.browser.processes import is_alive, kill_browser, parent_of
from mediavault.services.browser.profile import Profile, claim_profile, load_cookies
from mediavault.services.browser.visit import Visit

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Playwright

CLOSE_PAGE_S = 5.0
SETTLE_S = 1.0
HEARTBEAT_S = 3.0
PAGES_AT_ONCE = 4  # 100 MB of memory each
RECYCLE_AFTER_PAGES = 200  # renderers and caches grow; a fresh start costs half a second
IDLE_CLOSE_S = 300.0  # an idle browser holds 350 MB

T = TypeVar("T")

log = get_logger(__name__)


async def ask(call: Awaitable[T], within_s: float) -> T:
    """The border to Playwright: a deadline for every call, and its errors as ours."""
    import playwright.async_api as playwright

    try:
        async with asyncio.timeout(within_s):
            return await call
    except (TimeoutError, playwright.TimeoutError) as exc:
        raise TookTooLong(f"The browser did not answer within {within_s:.0f} seconds.") from exc
    except playwright.Error as exc:
        raise _as_ours(exc) from exc


def _as_ours(exc: Exception) -> Exception:
    text = str(exc)
    if "crashed" in text:
        return PageCrashed(text)
    if "has been closed" in text or "Connection closed" in text:
        return BrowserUnavailable("The browser, or its page, was closed under our hands.")
    return PageFailed(text)


@dataclass(eq=False, slots=True)
class _Running:
    """A browser that was started."""

    playwright: Playwright
    context: BrowserContext
    profile: Profile
    downloads: Path
    user_agent: str
    pid: int | None
    driver_pid: int | None
    alive: bool = True
    pages_open: int = 0
    pages_served: int = 0
    visits: dict[Any, Visit] = field(default_factory=dict)  # by Playwright's page


class Chromium:
    """The singleton browser of a worker process (the Browser port).

    ``executable`` is the setting; without one a browser is searched. ``downloads_dir`` must lie on the vault's file
    system, so that a finished download is renamed, not copied.
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
    ) -> None:
        self._state_dir = state_dir
        self._downloads_dir = downloads_dir
        self._proxy = proxy
        self._clock = clock
        self._setting = executable
        self._headless = headless
        self._running: _Running | None = None
        self._starting = asyncio.Lock()
        self._slots = asyncio.Semaphore(PAGES_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The running browser's process id."""
        return self._running.pid if self._running and self._running.alive else None

    # --- the port ----------------------------------------------------------------------------------------------

    async def capture(self, url: str, *, platform: Platform, within_s: float) -> PageCapture:
        end_s = self._clock.monotonic() + within_s
        with self._proxy.exempting(url):
            try:
                return await self._visit(url, platform, end_s)
            except (PageCrashed, BrowserUnavailable) as exc:
                if end_s - self._clock.monotonic() < within_s / 3 or self._closed:
                    raise _crash(exc) from exc
                log.warning("visit_repeated", reason=str(exc).splitlines()[0])
            try:
                return await self._visit(url, platform, end_s)
            except PageCrashed as exc:
                raise _crash(exc) from exc

    async def download(
        self,
        url: str,
        *,
        scope_url: str,
        referer: str | None,
        into: Path,
        max_bytes: int,
        within_s: float,
        on_progress: OnProgress,
    ) -> BrowserDownload:
        end_s = self._clock.monotonic() + within_s
        with self._proxy.exempting(scope_url):
            async with self._page() as (running, page):
                cdp = await self._cdp(running, page)
                navigation = Navigation(page, cdp, ask, self._clock, max_bytes, end_s, on_progress)
                try:
                    return await navigation.run(url, referer=referer, into=into)
                except PageFailed as exc:
                    raise _crash(exc) from exc

    async def cookies(self, url: str) -> Sequence[Cookie]:
        running = self._running
        if running is None or not running.alive:
            return self._saved_cookies(url)
        try:
            found = await ask(running.context.cookies(url), CALL_S)
        except (TookTooLong, BrowserUnavailable, PageFailed):
            return self._saved_cookies(url)
        return [as_cookie(cookie) for cookie in cast("list[dict[str, Any]]", found)]

    async def user_agent(self) -> str:
        if self._running is not None and self._running.alive:
            return self._running.user_agent
        return (await self._browser()).user_agent

    async def close(self) -> None:
        self._closed = True
        if self._idle is not None:
            self._idle.cancel()
        async with self._starting:
            running, self._running = self._running, None
            if running is not None:
                await self._end(running)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- pages -------------------------------------------------------------------------------------------------

    async def _visit(self, url: str, platform: Platform, end_s: float) -> PageCapture:
        async with self._page() as (running, page):
            began_s = self._clock.monotonic()
            network = NetworkLog(lambda: self._clock.monotonic() - began_s, platform.json_paths)
            visit = Visit(page, ask, self._clock, network, platform, end_s)
            cdp = await self._cdp(running, page)
            tap = BodyTap(cdp, ask, network)
            cast("Any", page).on("download", lambda download: self._spawn(_refuse(download)))
            running.visits[page] = visit
            try:
                await tap.start()
                capture = await visit.run(url, user_agent=running.user_agent)
            except PageFailed as exc:
                raise exc if isinstance(exc, PageCrashed) else _crash(exc) from exc
            finally:
                running.visits.pop(page, None)
                await tap.stop()
            if capture.extra["unresponsive"] and not await self._answers(running):
                await self._lose(running, "neither the page nor the browser answers")
                raise BrowserUnavailable("The browser stopped answering.")
            await self._remember_cookies(running)
            return capture

    @asynccontextmanager
    async def _page(self) -> AsyncIterator[tuple[_Running, Page]]:
        """A page of the running browser, closed at the end; a browser that cannot close it is killed."""
        async with self._slots:
            running = await self._browser()
            running.pages_open += 1
            running.pages_served += 1
            try:
                page = await self._new_page(running)
                try:
                    yield running, page
                finally:
                    await self._close_page(running, page)
            finally:
                running.pages_open -= 1
                self._close_when_idle(running)

    async def _new_page(self, running: _Running) -> Page:
        try:
            page = await ask(running.context.new_page(), CALL_S)
        except (TookTooLong, PageFailed, BrowserUnavailable) as exc:
            await self._lose(running, "it opened no page")
            raise BrowserUnavailable("The browser opened no page.") from exc
        page.on("popup", lambda popup: self._spawn(_close_popup(popup)))
        page.on("dialog", lambda dialog: self._spawn(_dismiss(dialog)))
        return cast("Page", page)

    async def _close_page(self, running: _Running, page: Page) -> None:
        if not running.alive:
            return
        # Chromium never finishes closing a page whose document was committed a moment ago and has not been read yet
        with contextlib.suppress(TookTooLong, PageFailed, BrowserUnavailable):
            await ask(page.wait_for_load_state("domcontentloaded"), SETTLE_S)
        try:
            await ask(page.close(), CLOSE_PAGE_S)
        except TookTooLong:
            await self._page_stays(running)
        except (PageFailed, BrowserUnavailable) as exc:
            log.debug("page_was_gone", error=str(exc))

    async def _page_stays(self, running: _Running) -> None:
        """A page that cannot be closed: with others at work it waits for the recycling, alone it goes at once."""
        if running.pages_open > 1 and await self._answers(running):
            running.pages_served = RECYCLE_AFTER_PAGES
        else:
            await self._lose(running, "a page could not be closed")

    async def _answers(self, running: _Running) -> bool:
        """The browser's heartbeat: a question that no page can hold up."""
        try:
            await ask(running.context.cookies("http://heartbeat.invalid/"), HEARTBEAT_S)
        except (TookTooLong, PageFailed, BrowserUnavailable):
            return False
        return True

    async def _cdp(self, running: _Running, page: Page) -> Cdp:
        try:
            return cast("Cdp", await ask(running.context.new_cdp_session(cast("Any", page)), CALL_S))
        except (TookTooLong, PageFailed) as exc:
            raise BrowserUnavailable("The browser gave no DevTools session.") from exc

    # --- life and death of the browser -------------------------------------------------------------------------

    async def _browser(self) -> _Running:
        """The running browser, started if need be. Raises BrowserUnavailable."""
        async with self._starting:
            if self._closed:
                raise BrowserUnavailable("mediavault is shutting down.")
            running = self._running
            if running is not None and running.alive and not self._is_worn(running):
                return running
            if running is not None:
                self._running = None
                await self._end(running)
            self._running = await self._start()
            return self._running

    def _is_worn(self, running: _Running) -> bool:
        return running.pages_served >= RECYCLE_AFTER_PAGES and running.pages_open == 0

    async def _start(self) -> _Running:
        profile = await asyncio.to_thread(claim_profile, self._state_dir)
        downloads = self._downloads_dir / f".browser-{profile.key}"
        async with AsyncExitStack() as undo:
            undo.callback(profile.release)
            undo.callback(shutil.rmtree, downloads, ignore_errors=True)
            try:
                await asyncio.to_thread(prepare, profile, downloads)
            except OSError as exc:
                raise BrowserUnavailable(f"The browser's folders cannot be written: {exc}.") from exc
            running = await self._launch(profile, downloads, undo)
            undo.pop_all()
        log.info("browser_started", browser_pid=running.pid, anonymous=profile.anonymous, user_agent=running.user_agent)
        return running

    async def _launch(self, profile: Profile, downloads: Path, undo: AsyncExitStack) -> _Running:
        from playwright.async_api import async_playwright

        try:
            playwright = await ask(async_playwright().start(), LAUNCH_S)
        except (TookTooLong, PageFailed, OSError) as exc:
            raise BrowserUnavailable(f"Playwright did not start: {exc}") from exc
        undo.push_async_callback(_stop_driver, playwright)
        found = find_browser(self._setting, playwright=Path(playwright.chromium.executable_path))
        if found.path is None:
            raise unavailable(found)
        launcher = Launcher(playwright, ask, found.path, profile, downloads, self._proxy, headless=self._headless)
        user_agent = await launcher.user_agent()
        context = await launcher.context(user_agent)
        pid = await pid_of(context, ask)
        running = _Running(
            playwright, context, profile, downloads, user_agent, pid, parent_of(pid) if pid is not None else None
        )
        context.on("close", lambda *_: self._on_gone(running))
        context.on("response", lambda response: _hand_over(running, response))
        await restore(context, profile.cookies_file, now_s=self._clock.now().timestamp(), ask=ask)
        return running

    def _on_gone(self, running: _Running) -> None:
        if running.alive:
            running.alive = False
            log.warning("browser_gone", browser_pid=running.pid)

    async def _lose(self, running: _Running, reason: str) -> None:
        """Give up a browser that does not answer. Its pages fail; whoever comes next starts another."""
        log.warning("browser_hangs", reason=reason, browser_pid=running.pid)
        running.alive = False
        if running.pid is not None:
            await asyncio.to_thread(kill_browser, running.pid, driver=running.driver_pid)

    async def _end(self, running: _Running) -> None:
        """Close in order, and by force what does not close in time. Nothing of it is left afterwards."""
        if running.alive:
            await self._remember_cookies(running)
            running.alive = False
            with contextlib.suppress(TookTooLong, PageFailed, BrowserUnavailable):
                await ask(running.context.close(), CLOSE_BROWSER_S)
        stopped = await _stop_driver(running.playwright)
        if running.pid is not None and (not stopped or is_alive(running.pid)):
            await asyncio.to_thread(kill_browser, running.pid, driver=running.driver_pid)
        await asyncio.to_thread(shutil.rmtree, running.downloads, ignore_errors=True)
        await asyncio.to_thread(running.profile.release)
        log.info("browser_ended", browser_pid=running.pid, pages=running.pages_served)

    def _close_when_idle(self, running: _Running) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._spawn(self._idle_out(running))

    async def _idle_out(self, running: _Running) -> None:
        await self._clock.sleep(IDLE_CLOSE_S)
        async with self._starting:
            if self._running is running and running.pages_open == 0:
                self._running = None
                await self._end(running)

    # --- cookies -----------------------------------------------------------------------------------------------

    async def _remember_cookies(self, running: _Running) -> None:
        """Snapshot what a crash or a restart would lose: Chromium writes cookies every 30 s, those of sessions never."""
        if running.profile.cookies_file is not None:
            await snapshot(running.context, running.profile.cookies_file, ask=ask)

    def _saved_cookies(self, url: str) -> list[Cookie]:
        saved = [as_cookie(cookie) for cookie in load_cookies(self._state_dir / "browser" / "cookies.json")]
        return list(cookies_for(url, saved, now=self._clock.now()))

    def _spawn(self, call: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.ensure_future(call)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _stop_driver(playwright: Playwright) -> bool:
    """End the driver process; False where it does not answer."""
    try:
        await ask(playwright.stop(), CLOSE_BROWSER_S)
    except (TookTooLong, PageFailed, BrowserUnavailable):
        return False
    return True


# --- events ----------------------------------------------------------------------------------------------------


def _hand_over(running: _Running, response: Any) -> None:
    """Give a response of the context to the visit whose page, frame or worker received it."""
    import playwright.async_api as playwright

    try:
        visit = running.visits.get(response.request.frame.page)
        if visit is not None:
            visit.on_response(cast("Response", response))
    except playwright.Error:  # of a frame that is gone, or a worker's that has none
        return


async def _close_popup(popup: Any) -> None:
    popup.on("popup", lambda other: asyncio.ensure_future(_close_popup(other)))
    with contextlib.suppress(TookTooLong, PageFailed, BrowserUnavailable):
        await ask(popup.close(), CLOSE_PAGE_S)


async def _dismiss(dialog: Any) -> None:
    with contextlib.suppress(TookTooLong, PageFailed, BrowserUnavailable):
        await ask(dialog.dismiss(), CALL_S)


async def _refuse(download: Any) -> None:
    with contextlib.suppress(TookTooLong, PageFailed, BrowserUnavailable):
        await ask(download.cancel(), CALL_S)


# --- small translations ----------------------------------------------------------------------------------------


def _crash(exc: Exception) -> BrowserUnavailable:
    if isinstance(exc, BrowserUnavailable):
        return exc
    if isinstance(exc, PageCrashed):
        return BrowserUnavailable("The page crashed the browser that showed it.")
    return BrowserUnavailable(f"The browser could not do what was asked: {first_line(exc)}")
