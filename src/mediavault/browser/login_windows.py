"""The sign-in window inside our page: one at a time, for one viewer, open for half an hour at most.

A window is a browser on a virtual screen (``plain_window.py``), which its viewer sees over VNC
(``vnc.py``). A ticket of 256 bits, valid once, is exchanged for the key that every connection to
the screen needs. Both end with the window, and a new ticket ends the former viewer's key and
connection.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from mediavault.browser.discovery import find_browser, unavailable
from mediavault.browser.plain_window import (
    PlainWindow,
    ScreenSize,
    VirtualScreen,
    new_screen,
    open_window,
    window_proxy,
)
from mediavault.browser.processes import default_limit, end_process, find_over_limit
from mediavault.browser.profile import BrowserProfile, WindowBusy, borrowed_profile
from mediavault.browser.session_manager import SessionManager
from mediavault.browser.vnc import ScreenConnection, check_tools, connect_to_screen
from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, BrowserUnavailable, ErrorCode, MediavaultError
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.sessions import BrowserTask, SessionState, Viewer
from mediavault.egress.guard import EgressGuard

MAX_OPEN_S = 1_800.0
MAX_UNSEEN_S = 300.0
CHECK_S = 0.25
MEMORY_CHECK_S = 1.0
WIDE = ScreenSize(1280, 800)
# Chromium makes no window narrower than that; fits a phone held upright
NARROW = ScreenSize(500, 900)

log = get_logger(__name__)


class NoWindow(BadInput):
    """No window is open."""

    code = ErrorCode.NOT_FOUND
    help = "Open it again from the Sign-ins page."


class NotTheViewer(BadInput):
    """The ticket has been used, or the window is shown to another viewer now."""

    code = ErrorCode.FORBIDDEN
    help = "Open it again from the Sign-ins page."


@dataclass(eq=False, slots=True)
class OpenWindow:
    """A window that is open. Times are monotonic; ``seen_s`` is when a viewer was last
    connected.
    """

    task: BrowserTask
    screen: VirtualScreen
    window: PlainWindow
    opened_s: float
    seen_s: float
    ticket: str | None = None
    key: str | None = None
    connection: ScreenConnection | None = None
    closing: bool = False

    def new_ticket(self) -> str:
        """Return a ticket that is valid once. The key and the connection of the former viewer
        end.
        """
        self.disconnect()
        self.ticket, self.key = secrets.token_urlsafe(32), None
        return self.ticket

    def disconnect(self) -> None:
        if self.connection is not None:
            self.connection.close()


class LoginWindows:
    """Opens and holds the window. ``on_closed`` gets the session's state afterwards, and the task
    of the window.

    ``memory_limit`` is in bytes, for all processes of the window's browser; None for this machine's
    default.
    """

    def __init__(
        self,
        authenticator: SessionManager,
        guard: EgressGuard,
        clock: Clock,
        *,
        executable: Path | None,
        memory_limit: int | None = None,
        on_closed: Callable[[SessionState, BrowserTask], Awaitable[None]],
    ) -> None:
        self._authenticator = authenticator
        self._guard = guard
        self._clock = clock
        self._executable = executable
        self._memory_limit = memory_limit or default_limit()
        self._on_closed = on_closed
        self._showing: OpenWindow | None = None
        self._holding: asyncio.Task[None] | None = None
        self._wanted: BrowserTask | None = None
        self.outcome: SessionState | None = None  # of the last window that was closed

    @property
    def platform(self) -> str | None:
        """The site whose window is open or opening; None without one."""
        is_held = self._holding is not None and not self._holding.done()
        return self._wanted.platform.name if is_held and self._wanted else None

    # --- the viewer -------------------------------------------------------------------------------

    async def open(self, name: str, *, narrow: bool = False) -> str:
        """Open a platform's sign-in, or return to the open one. Returns the ticket for its viewer.

        Raises NoSuchSite, WindowBusy, ToolMissing, BrowserUnavailable; nothing is left open then.
        """
        platform = self._authenticator.platform(name)
        return await self.run(BrowserTask(platform, platform.sign_in.url or ""), narrow=narrow)

    async def run(self, task: BrowserTask, *, narrow: bool = False) -> str:
        """Open a window as :meth:`open`, for any task. Raises AddressRefused as well."""
        self._guard.check_url(task.scope.page, scope=task.scope.exemptible)
        if self.platform is not None:
            return self._new_ticket(task)
        check_tools()
        self._wanted, self.outcome = task, None
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        # the caller may have left
        ready.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._holding = asyncio.create_task(self._hold(task, NARROW if narrow else WIDE, ready))
        return await asyncio.shield(ready)

    def admit(self, ticket: str) -> Viewer:
        """Exchange the ticket for a viewer's key. Raises NoWindow, NotTheViewer."""
        showing = self._open_window()
        if showing.ticket is None or not hmac.compare_digest(
            showing.ticket.encode(), ticket.encode()
        ):
            raise NotTheViewer("This link has already been used.")
        showing.ticket, showing.key = None, secrets.token_urlsafe(32)
        size, now_s = showing.screen.size, self._clock.monotonic()
        showing.seen_s = now_s
        left_s = round(max(0.0, showing.opened_s + MAX_OPEN_S - now_s))
        platform, job_id = showing.task.platform, showing.task.job_id
        return Viewer(
            showing.key, platform.name, platform.title, size.width, size.height, left_s, job_id
        )

    def check_viewer(self, key: str) -> None:
        """Raise NoWindow or NotTheViewer where ``key`` does not show the window."""
        self._showing_for(key)

    @asynccontextmanager
    async def connect(self, key: str) -> AsyncIterator[ScreenConnection]:
        """Connect to the screen while the block runs; an earlier connection of this viewer ends.

        It ends automatically with the window, and when another viewer takes over. Raises as
        ``check_viewer``.
        """
        try:
            connection = await connect_to_screen(self._showing_for(key).screen.folder)
        except BrowserUnavailable as exc:
            raise NoWindow("The window was closed.") from exc
        with closing(connection):
            showing = self._showing_for(key)  # another viewer may have come in between
            showing.disconnect()
            showing.connection = connection
            try:
                yield connection
            finally:
                if showing.connection is connection:
                    showing.connection = None

    async def close(self) -> SessionState | None:
        """Close the window in order and return the session's state;
        safe to call without a window.
        """
        if self._showing is not None:
            self._showing.closing = True
        if self._holding is not None:
            await asyncio.wait([self._holding])  # a caller that gives up does not stop it
        return self.outcome

    async def aclose(self) -> None:
        """Close the window when the process ends, even one that is still opening."""
        if self._holding is not None and self._showing is None:
            self._holding.cancel()
        await self.close()

    def _new_ticket(self, task: BrowserTask) -> str:
        showing = self._showing
        if showing is None or showing.closing or showing.task != task:
            title = self._wanted.platform.title if self._wanted else Message("Another site")
            raise WindowBusy(Message("%(title)s's window is open already.", title=title))
        return showing.new_ticket()

    def _open_window(self) -> OpenWindow:
        if self._showing is None or self._showing.closing:
            raise NoWindow("No window is open.")
        return self._showing

    def _showing_for(self, key: str) -> OpenWindow:
        showing = self._open_window()
        if showing.key is None or not hmac.compare_digest(showing.key.encode(), key.encode()):
            raise NotTheViewer("The window is shown elsewhere now.")
        return showing

    # --- the window -------------------------------------------------------------------------------

    async def _hold(self, task: BrowserTask, size: ScreenSize, ready: asyncio.Future[str]) -> None:
        """Open the window, wait until it ends, clean up. ``ready`` gets the first ticket,
        or why it did not open.
        """
        try:
            async with borrowed_profile(self._authenticator.state_dir, self._clock) as profile:
                try:
                    async with self._opened(task, profile, size) as self._showing:
                        if not ready.done():
                            ready.set_result(self._showing.new_ticket())
                        await self._wait_until_over(self._showing)
                finally:
                    self._showing = None
                self.outcome = await asyncio.to_thread(
                    self._authenticator.after_window, profile, task.platform
                )
            await self._on_closed(self.outcome, task)
        except (MediavaultError, OSError) as exc:
            failure = (
                exc
                if isinstance(exc, MediavaultError)
                else BrowserUnavailable(Message("The window did not open: %(error)s.", error=exc))
            )
            if ready.done():
                log.warning("window_failed", platform=task.platform.name, error=failure.message)
            else:
                ready.set_exception(failure)
        finally:
            ready.cancel()

    @asynccontextmanager
    async def _opened(
        self, task: BrowserTask, profile: BrowserProfile, size: ScreenSize
    ) -> AsyncIterator[OpenWindow]:
        browser = find_browser(self._executable)
        if browser.path is None:
            raise unavailable(browser)
        await asyncio.to_thread(_sweep, profile.folder.parent)
        await asyncio.to_thread(self._authenticator.before_window, profile)
        async with AsyncExitStack() as undo:
            proxy = await undo.enter_async_context(window_proxy(self._guard, task.scope))
            screen = new_screen(profile.folder.parent / f"window-{secrets.token_hex(3)}", size)
            undo.callback(shutil.rmtree, screen.folder, ignore_errors=True)
            window = await open_window(browser.path, profile, task.url, proxy=proxy, screen=screen)
            undo.push_async_callback(window.close)
            now_s = self._clock.monotonic()
            showing = OpenWindow(task, screen, window, now_s, now_s)
            undo.callback(showing.disconnect)
            yield showing

    async def _wait_until_over(self, showing: OpenWindow) -> None:
        gone = asyncio.create_task(showing.window.closed())
        limiting = asyncio.create_task(self._limit_memory(showing.window))
        try:
            while not (gone.done() or showing.closing):
                await self._clock.sleep(CHECK_S)
                now_s = self._clock.monotonic()
                if showing.connection is not None:
                    showing.seen_s = now_s
                if now_s - showing.opened_s > MAX_OPEN_S or now_s - showing.seen_s > MAX_UNSEEN_S:
                    log.info("window_timed_out", platform=showing.task.platform.name)
                    showing.closing = True
        finally:
            gone.cancel()
            limiting.cancel()
            await asyncio.gather(gone, limiting, return_exceptions=True)

    async def _limit_memory(self, window: PlainWindow) -> None:
        while True:
            await self._clock.sleep(MEMORY_CHECK_S)
            heaviest = await asyncio.to_thread(find_over_limit, window.pid, self._memory_limit)
            if heaviest is not None:
                end_process(heaviest, window.pid)


def _sweep(base: Path) -> None:
    """Remove what a killed process left of its window;
    while we hold the profile no window is open.
    """
    for folder in base.glob("window-*"):
        shutil.rmtree(folder, ignore_errors=True)
