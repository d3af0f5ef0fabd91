"""The window inside our page: one at a time, shown to one viewer, for half an hour at most.

A window is a browser on a virtual screen (``plain_window.py``, ``virtual_screen.py``). Who may look is told by a ticket
of 256 bits that is good for one use; it buys the key that every further request carries. Both die with the window, and
a new ticket makes the former viewer's key worthless.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mediavault.core.clock import Clock
from mediavault.core.errors import BadInput, BrowserUnavailable, ErrorCode, MediavaultError
from mediavault.core.logs import get_logger
from mediavault.core.screen import Frame, ScreenEvent, Viewer
from mediavault.core.sessions import Errand, SessionState
from mediavault.core.urls import parse_http_url
from mediavault.services.browser.discovery import find_browser, unavailable
from mediavault.services.browser.plain_window import PlainWindow, ScreenSize, new_screen, open_window
from mediavault.services.browser.profile import Profile, WindowBusy, borrowed_profile
from mediavault.services.browser.session_desk import SessionDesk
from mediavault.services.browser.virtual_screen import VirtualScreen, check_tools, look_at
from mediavault.services.browser.window_proxy import window_proxy
from mediavault.services.egress.guard import EgressGuard

MAX_OPEN_S = 1_800.0
MAX_UNSEEN_S = 300.0
LOOK_S = 0.25
WIDE = ScreenSize(1280, 800)
NARROW = ScreenSize(500, 900)  # Chromium makes no window narrower than that; fits a phone held upright

log = get_logger(__name__)


class NoWindow(BadInput):
    """There is no window, or not for this caller."""

    code = ErrorCode.NOT_FOUND
    help = "Open it anew on the page of the sessions."


class NotTheViewer(BadInput):
    """The ticket was used already, or somebody else looks at the window now."""

    code = ErrorCode.FORBIDDEN
    help = "Open it anew on the page of the sessions."


@dataclass(eq=False, slots=True)
class Showing:
    """A window that is open. Times are monotonic."""

    errand: Errand
    screen: VirtualScreen
    window: PlainWindow
    opened_s: float
    seen_s: float
    ticket: str | None = field(default_factory=lambda: secrets.token_urlsafe(32))
    key: str | None = None
    closing: bool = False


class LoginWindows:
    """``on_closed`` is told what the cookies of the window's site say once it is gone, and what it was opened for."""

    def __init__(
        self,
        desk: SessionDesk,
        guard: EgressGuard,
        clock: Clock,
        *,
        executable: Path | None,
        on_closed: Callable[[SessionState, Errand], Awaitable[None]],
    ) -> None:
        self._desk = desk
        self._guard = guard
        self._clock = clock
        self._executable = executable
        self._on_closed = on_closed
        self._showing: Showing | None = None
        self._holding: asyncio.Task[None] | None = None
        self._wanted: Errand | None = None
        self.outcome: SessionState | None = None  # of the window that was closed last

    @property
    def platform(self) -> str | None:
        """Whose window is open, or on its way; None without one."""
        is_held = self._holding is not None and not self._holding.done()
        return self._wanted.platform.name if is_held and self._wanted else None

    # --- the person who signs in -------------------------------------------------------------------------------

    async def open(self, name: str, *, narrow: bool = False) -> str:
        """Open the window of a platform, or come back to it; the ticket for whoever is to look.

        Raises NoSuchSite, WindowBusy, ToolMissing, BrowserUnavailable; nothing is left then.
        """
        platform = self._desk.platform(name)
        return await self.run(Errand(platform, platform.login_url or ""), narrow=narrow)

    async def run(self, errand: Errand, *, narrow: bool = False) -> str:
        """As :meth:`open`, for any errand. Raises AddressRefused as well."""
        url = parse_http_url(errand.url)
        self._guard.check_url(url, scope=url)
        if self.platform is not None:
            return self._new_ticket(errand)
        check_tools()
        self._wanted, self.outcome = errand, None
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        ready.add_done_callback(lambda done: done.cancelled() or done.exception())  # the opener may have left
        self._holding = asyncio.create_task(self._hold(errand, NARROW if narrow else WIDE, ready))
        return await asyncio.shield(ready)

    def admit(self, ticket: str) -> Viewer:
        """Trade the ticket for the key of a viewer. Raises NoWindow, NotTheViewer."""
        showing = self._open_one()
        if showing.ticket is None or not hmac.compare_digest(showing.ticket.encode(), ticket.encode()):
            raise NotTheViewer("This way to the window was used already.")
        showing.ticket, showing.key = None, secrets.token_urlsafe(32)
        size, now_s = showing.screen.size, self._clock.monotonic()
        showing.seen_s = now_s
        left_s = round(max(0.0, showing.opened_s + MAX_OPEN_S - now_s))
        platform, job_id = showing.errand.platform, showing.errand.job_id
        return Viewer(showing.key, platform.name, platform.title, size.width, size.height, left_s, job_id)

    async def next_frame(self, key: str, after: int, *, within_s: float) -> Frame | None:
        """Raises NoWindow, NotTheViewer."""
        try:
            return await self._seen_by(key).screen.next_frame(after, within_s=within_s)
        except BrowserUnavailable as exc:
            raise NoWindow("The window was closed.") from exc

    async def act(self, key: str, events: Sequence[ScreenEvent]) -> None:
        """Raises NoWindow, NotTheViewer, BrowserUnavailable."""
        await self._seen_by(key).screen.act(events)

    async def close(self) -> SessionState | None:
        """End the window in order; what the cookies say then. Safe to call without one."""
        if self._showing is not None:
            self._showing.closing = True
        if self._holding is not None:
            await asyncio.wait([self._holding])  # a caller that gives up does not stop it
        return self.outcome

    async def aclose(self) -> None:
        """At the end of the process: also a window that is still on its way goes."""
        if self._holding is not None and self._showing is None:
            self._holding.cancel()
        await self.close()

    def _new_ticket(self, errand: Errand) -> str:
        showing = self._showing
        if showing is None or showing.closing or showing.errand != errand:
            title = self._wanted.platform.title if self._wanted else "Another site"
            raise WindowBusy(f"{title}'s window is open already.")
        showing.ticket, showing.key = secrets.token_urlsafe(32), None
        return showing.ticket

    def _open_one(self) -> Showing:
        if self._showing is None or self._showing.closing:
            raise NoWindow("There is no window open.")
        return self._showing

    def _seen_by(self, key: str) -> Showing:
        showing = self._open_one()
        if showing.key is None or not hmac.compare_digest(showing.key.encode(), key.encode()):
            raise NotTheViewer("The window is shown elsewhere now.")
        showing.seen_s = self._clock.monotonic()
        return showing

    # --- its life ----------------------------------------------------------------------------------------------

    async def _hold(self, errand: Errand, size: ScreenSize, ready: asyncio.Future[str]) -> None:
        """Open, wait until it is over, clear away. Whoever opened it hears through ``ready`` what went wrong before."""
        try:
            async with borrowed_profile(self._desk.state_dir, self._clock) as profile:
                try:
                    async with self._shown(errand, profile, size) as self._showing:
                        assert self._showing.ticket is not None
                        if not ready.done():
                            ready.set_result(self._showing.ticket)
                        await self._until_over(self._showing)
                finally:
                    self._showing = None
                self.outcome = await asyncio.to_thread(self._desk.after_window, profile, errand.platform)
            await self._on_closed(self.outcome, errand)
        except (MediavaultError, OSError) as exc:
            failure = (
                exc if isinstance(exc, MediavaultError) else BrowserUnavailable(f"The window did not open: {exc}.")
            )
            if ready.done():
                log.warning("window_failed", platform=errand.platform.name, error=failure.message)
            else:
                ready.set_exception(failure)
        finally:
            ready.cancel()

    @asynccontextmanager
    async def _shown(self, errand: Errand, profile: Profile, size: ScreenSize) -> AsyncIterator[Showing]:
        found = find_browser(self._executable)
        if found.path is None:
            raise unavailable(found)
        await asyncio.to_thread(_sweep, profile.folder.parent)
        await asyncio.to_thread(self._desk.before_window, profile)
        async with AsyncExitStack() as undo:
            proxy = await undo.enter_async_context(window_proxy(self._guard, errand.url))
            screen = new_screen(profile.folder.parent / f"window-{secrets.token_hex(3)}", size)
            undo.callback(shutil.rmtree, screen.folder, ignore_errors=True)
            window = await open_window(found.path, profile, errand.url, proxy=proxy, screen=screen)
            undo.push_async_callback(window.close)
            assert window.display is not None
            looking = await look_at(screen, window.display, self._clock)
            undo.callback(looking.close)
            now_s = self._clock.monotonic()
            yield Showing(errand, looking, window, now_s, now_s)

    async def _until_over(self, showing: Showing) -> None:
        gone = asyncio.create_task(showing.window.closed())
        try:
            while not (gone.done() or showing.closing):
                await self._clock.sleep(LOOK_S)
                now_s = self._clock.monotonic()
                if now_s - showing.opened_s > MAX_OPEN_S or now_s - showing.seen_s > MAX_UNSEEN_S:
                    log.info("window_timed_out", platform=showing.errand.platform.name)
                    showing.closing = True
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)


def _sweep(base: Path) -> None:
    """What a window left whose holder was killed; whoever holds the profile knows that no window is open."""
    for left in base.glob("window-*"):
        shutil.rmtree(left, ignore_errors=True)
