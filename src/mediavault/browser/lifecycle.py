"""The browser's lifecycle: started when needed, closed when idle, too old or on request, killed
when it hangs.

Playwright comes in through two functions of ``chromium.py``; nothing here imports it.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from mediavault.browser.cookies import restore, snapshot
from mediavault.browser.discovery import find_browser, unavailable
from mediavault.browser.driver import BrowserCall, Guard, PageFailed, try_call
from mediavault.browser.launch import CLOSE_BROWSER_S, LAUNCH_S, Launcher, pid_of, prepare
from mediavault.browser.processes import (
    end_process,
    find_over_limit,
    is_alive,
    kill_browser,
    parent_of,
)
from mediavault.browser.profile import BrowserProfile, claim_profile
from mediavault.browser.visit import PageVisit
from mediavault.core.clock import Clock
from mediavault.core.failures import BrowserUnavailable, TookTooLong
from mediavault.core.logs import get_logger, outside_jobs
from mediavault.core.messages import Message

HEARTBEAT_S = 3.0
RECYCLE_AFTER_PAGES = 200  # renderers and caches grow; a fresh start costs half a second
IDLE_CLOSE_S = 300.0  # an idle browser holds 350 MB
GIVE_WAY_CHECK_S = 1.0  # how soon a user who signs in gets the profile
MEMORY_CHECK_S = 1.0  # while pages are open; in that time a page can fill a gigabyte or two
GIVE_WAY_S = 10.0  # for pages that are open then; their visits are repeated by another browser

T = TypeVar("T")

log = get_logger(__name__)


@dataclass(eq=False, slots=True)
class BrowserInstance:
    """A browser that was started, in Playwright's objects.
    ``context`` is the profile's, ``stranger`` is anonymous.
    """

    playwright: Any
    context: Any
    anonymous: Any
    profile: BrowserProfile
    downloads: Path
    user_agent: str
    pid: int | None
    driver_pid: int | None
    alive: bool = True
    gives_way: bool = False  # a user wants its profile, or a better one is free
    pages_open: int = 0
    pages_served: int = 0
    ended_for_memory: int = 0  # how many of its processes we ended for their memory
    visits: dict[Any, PageVisit] = field(default_factory=dict)  # by Playwright's page

    @property
    def is_worn(self) -> bool:
        return self.pages_served >= RECYCLE_AFTER_PAGES and self.pages_open == 0


@dataclass(frozen=True, slots=True)
class BrowserConfig:
    """Where and how the browser runs. ``downloads_dir`` lies on the vault's file system,
    ``executable`` is the setting.

    ``memory_limit`` is in bytes, for all processes of the browser together; None for no limit.
    """

    state_dir: Path
    downloads_dir: Path
    executable: Path | None
    headless: bool
    memory_limit: int | None = None


class BrowserManager:
    """Keeps one browser. ``start_driver`` starts Playwright,
    ``on_response`` is called for every response of the context.
    """

    def __init__(
        self,
        place: BrowserConfig,
        proxy: Guard,
        clock: Clock,
        *,
        ask: BrowserCall,
        start_driver: Callable[[], Coroutine[Any, Any, Any]],
        on_response: Callable[[BrowserInstance, Any], None],
    ) -> None:
        self._config = place
        self._proxy = proxy
        self._clock = clock
        self._ask = ask
        self._start_driver = start_driver
        self._on_response = on_response
        self._starting = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        # drivers that came up too late, until they are stopped
        self._late: set[asyncio.Task[None]] = set()
        self._idle: asyncio.Task[None] | None = None
        self._running: BrowserInstance | None = None
        self.closed = False

    @property
    def running(self) -> BrowserInstance | None:
        """The browser that runs now; None without one."""
        return self._running if self._running is not None and self._running.alive else None

    async def browser(self) -> BrowserInstance:
        """Return the running browser, started if necessary. Raises BrowserUnavailable.

        A caller that is cancelled leaves nothing half started or half ended: the next one finds it
        done.
        """
        running = self.running
        if (
            running is not None
            and not running.is_worn
            and not self.closed
            and not await self._should_give_way(running)
        ):
            return running
        return await asyncio.shield(self.spawn(self._ensure_started()))

    async def enter(self) -> BrowserInstance:
        """Return the browser as :meth:`browser`, and count a page.
        Call :meth:`leave` when the page is closed.
        """
        running = await self.browser()
        while running is not self._running:  # ended for idleness just before this call was counted
            running = await self.browser()
        running.pages_open += 1
        running.pages_served += 1
        return running

    def leave(self, running: BrowserInstance) -> None:
        running.pages_open -= 1
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self.spawn(self._end_when_idle(running))

    async def answers(self, running: BrowserInstance) -> bool:
        """Return whether the browser answers a question that no page can hold up."""
        try:
            await self._ask(running.context.cookies("http://heartbeat.invalid/"), HEARTBEAT_S)
        except (TookTooLong, PageFailed, BrowserUnavailable):
            return False
        return True

    async def lose(self, running: BrowserInstance, reason: str) -> None:
        """Give up a browser that does not answer. Its pages fail; the next call starts another."""
        log.warning("browser_hangs", reason=reason, browser_pid=running.pid)
        running.alive = False
        if running.pid is not None:
            # its driver is stopped in `_end`
            await asyncio.to_thread(kill_browser, running.pid, driver=None)

    async def remember_cookies(self, running: BrowserInstance) -> None:
        """Snapshot what a crash or a restart would lose: Chromium writes cookies every 30 s,
        those of sessions never.
        """
        if running.profile.cookies_file is not None:
            await snapshot(running.context, running.profile.cookies_file, ask=self._ask)

    async def close(self) -> None:
        """End the browser for good. Safe to call twice; a cancelled caller does not stop it."""
        self.closed = True
        await asyncio.shield(self.spawn(self._close()))

    def spawn(self, call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a task that is cancelled when the browser is closed, and whose failure need not be
        collected.

        It logs no job's ids: the browser outlives the job that needed it first, and serves others.
        """
        task = asyncio.create_task(call, context=outside_jobs())
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # a waiting caller has it; without one, the next call raises it again

    # --- starting ---------------------------------------------------------------------------------

    async def _ensure_started(self) -> BrowserInstance:
        async with self._starting:
            if self.closed:
                raise BrowserUnavailable("mediavault is shutting down.")
            running = self._running
            if (
                running is not None
                and running.alive
                and not running.is_worn
                and not running.gives_way
            ):
                return running
            if running is not None:
                await self._let_pages_finish(running)
                self._running = None
                await self._end(running)
            self._running = await self._start()
            return self._running

    async def _start(self) -> BrowserInstance:
        try:
            profile = await asyncio.to_thread(claim_profile, self._config.state_dir)
        except OSError as exc:
            raise BrowserUnavailable(
                Message("The browser's profile cannot be used: %(error)s.", error=exc)
            ) from exc
        downloads = self._config.downloads_dir / f".browser-{profile.key}"
        async with AsyncExitStack() as undo:
            undo.callback(profile.release)
            undo.callback(shutil.rmtree, downloads, ignore_errors=True)
            try:
                await asyncio.to_thread(prepare, profile, downloads)
            except OSError as exc:
                raise BrowserUnavailable(
                    Message("The browser's folders cannot be written: %(error)s.", error=exc)
                ) from exc
            running = await self._launch(profile, downloads, undo)
            undo.pop_all()
        self.spawn(self._give_way_when_wanted(running))
        self.spawn(self._watch_memory(running))
        log.info(
            "browser_started",
            browser_pid=running.pid,
            anonymous=profile.anonymous,
            user_agent=running.user_agent,
        )
        return running

    async def _launch(
        self, profile: BrowserProfile, downloads: Path, undo: AsyncExitStack
    ) -> BrowserInstance:
        starting = self.spawn(self._start_driver())
        try:
            playwright = await self._ask(asyncio.shield(starting), LAUNCH_S)
        except (TookTooLong, PageFailed, OSError) as exc:
            self._late.add(late := self.spawn(self._stop_late(starting)))
            late.add_done_callback(self._late.discard)
            raise BrowserUnavailable(
                Message("Playwright did not start: %(error)s", error=exc)
            ) from exc
        undo.push_async_callback(self._stop_driver, playwright)
        binary = find_browser(
            self._config.executable, playwright=Path(playwright.chromium.executable_path)
        )
        if binary.path is None:
            raise unavailable(binary)
        launcher = Launcher(
            playwright,
            self._ask,
            binary.path,
            profile,
            downloads,
            self._proxy,
            headless=self._config.headless,
        )
        user_agent = await launcher.user_agent()
        context = await launcher.context(user_agent)
        anonymous = await launcher.anonymous(context, user_agent)
        pid = await pid_of(context, self._ask)
        driver_pid = parent_of(pid) if pid else None
        running = BrowserInstance(
            playwright, context, anonymous, profile, downloads, user_agent, pid, driver_pid
        )
        context.on("close", lambda *_: self._on_gone(running))
        for source in (context, anonymous):
            source.on("response", lambda response: self._on_any_response(running, response))
        await restore(
            context, profile.cookies_file, now_s=self._clock.now().timestamp(), ask=self._ask
        )
        # from now on the snapshot has the sign-ins, also those made in a window
        await self.remember_cookies(running)
        return running

    async def _stop_late(self, starting: asyncio.Task[Any]) -> None:
        """Stop a driver that started too late: cancelling its start would leave its process
        behind.
        """
        await (await starting).stop()

    def _on_any_response(self, running: BrowserInstance, response: Any) -> None:
        """Call ``on_response``. Nothing may be raised here:
        Playwright would raise it in the next call of any visit.
        """
        try:
            self._on_response(running, response)
        except Exception:
            log.exception("response_not_recorded", browser_pid=running.pid)

    def _on_gone(self, running: BrowserInstance) -> None:
        if running.alive:
            running.alive = False
            log.warning("browser_gone", browser_pid=running.pid)

    # --- ending -----------------------------------------------------------------------------------

    async def _end(self, running: BrowserInstance) -> None:
        """Close in order, and by force what does not close in time.
        Nothing of it is left afterwards.
        """
        if running.alive:
            await self.remember_cookies(running)
            running.alive = False
            await try_call(self._ask, running.context.close(), CLOSE_BROWSER_S)
        stopping = await self._stop_driver(running.playwright)
        if running.pid is not None and (not stopping.done() or is_alive(running.pid)):
            await asyncio.to_thread(kill_browser, running.pid, driver=running.driver_pid)
        if not stopping.done():  # its process is gone now; cancelled, it would leave its pipes open
            await try_call(self._ask, asyncio.shield(stopping), CLOSE_BROWSER_S)
        await asyncio.to_thread(shutil.rmtree, running.downloads, ignore_errors=True)
        await asyncio.to_thread(running.profile.release)
        log.info("browser_ended", browser_pid=running.pid, pages=running.pages_served)

    async def _stop_driver(self, playwright: Any) -> asyncio.Task[Any]:
        """Stop the driver process. The returned task continues when it does not answer,
        until the process is gone.
        """
        stopping = self.spawn(playwright.stop())
        await try_call(self._ask, asyncio.shield(stopping), CLOSE_BROWSER_S)
        return stopping

    async def _end_when_idle(self, running: BrowserInstance) -> None:
        await self._clock.sleep(IDLE_CLOSE_S)
        async with self._starting:
            if self._running is running and running.pages_open == 0:
                self._running = None
                await self._end(running)

    async def _give_way_when_wanted(self, running: BrowserInstance) -> None:
        """End the browser when a user wants its profile,
        an anonymous one when the profile with the logins is free.
        """
        while running.alive and not running.gives_way:
            await self._clock.sleep(GIVE_WAY_CHECK_S)
            await self._should_give_way(running)
        async with self._starting:
            if running.gives_way and self._running is running:
                await self._let_pages_finish(running)
                self._running = None
                await self._end(running)

    async def _watch_memory(self, running: BrowserInstance) -> None:
        """End processes that hold too much, as long as the browser lives.
        Nothing is measured while no page is open.
        """
        pid, limit = running.pid, self._config.memory_limit
        while pid is not None and limit is not None and running.alive:
            await self._clock.sleep(MEMORY_CHECK_S)
            if not running.pages_open:
                continue
            heaviest = await asyncio.to_thread(find_over_limit, pid, limit)
            if heaviest is not None and running.alive:
                # first: the visit that crashes looks here for the reason
                running.ended_for_memory += 1
                end_process(heaviest, pid)

    async def _should_give_way(self, running: BrowserInstance) -> bool:
        running.gives_way = running.gives_way or await asyncio.to_thread(
            running.profile.should_give_way
        )
        return running.gives_way

    async def _let_pages_finish(self, running: BrowserInstance) -> None:
        """Wait up to GIVE_WAY_S for the open pages of a browser that gives way;
        it opens no new ones.
        """
        end_s = self._clock.monotonic() + GIVE_WAY_S
        while (
            running.gives_way
            and running.alive
            and running.pages_open
            and self._clock.monotonic() < end_s
        ):
            await self._clock.sleep(GIVE_WAY_CHECK_S)

    async def _close(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        async with self._starting:
            running, self._running = self._running, None
            if running is not None:
                await self._end(running)
        if self._late:
            await asyncio.wait(self._late, timeout=CLOSE_BROWSER_S)
        others = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
