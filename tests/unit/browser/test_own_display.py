"""Signing in on the user's own screen, with a stub window."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mediavault.browser import own_display
from mediavault.browser.discovery import FoundBrowser
from mediavault.browser.own_display import has_display, window_here
from mediavault.browser.profile import claim_profile
from mediavault.browser.session_manager import SessionManager
from mediavault.core.failures import BrowserUnavailable
from mediavault.core.platform import Matching, Platform, SignIn
from mediavault.core.sessions import BrowserTask, SessionState
from mediavault.egress.guard import EgressGuard
from tests.fakes import FakeClock
from tests.unit.browser.test_login_windows import StubWindow

SITE = Platform(
    name="site",
    title="Site",
    matching=Matching(hosts=("a.test",)),
    sign_in=SignIn(url="https://a.test/in", session_cookies=("sid",)),
)


@pytest.mark.parametrize(
    ("environment", "system", "has"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "darwin", True),
    ],
)
def test_a_screen_is_detected_from_the_environment(
    environment: dict[str, str], system: str, has: bool
) -> None:
    assert has_display(environment, system) is has


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> StubWindow:
    shown = StubWindow()

    async def open_window(*_: object, **__: object) -> StubWindow:
        return shown

    @asynccontextmanager
    async def proxy(*_: object) -> AsyncIterator[str]:
        yield "http://127.0.0.1:1"

    monkeypatch.setattr(own_display, "open_window", open_window)
    monkeypatch.setattr(own_display, "window_proxy", proxy)
    monkeypatch.setattr(
        own_display, "find_browser", lambda _: FoundBrowser(Path("/usr/bin/chromium"), "path")
    )
    return shown


class StubUser:
    """A user who waits while the window is open, and may end the sign-in."""

    def __init__(self) -> None:
        self.is_waiting = asyncio.Event()
        self.is_done = asyncio.Event()

    async def wait(self) -> None:
        self.is_waiting.set()
        await self.is_done.wait()


async def signing_in(tmp_path: Path, user: StubUser) -> SessionState:

    clock = FakeClock(auto=True)
    authenticator = SessionManager(tmp_path, [SITE], clock)
    return await window_here(
        authenticator,
        EgressGuard(),
        clock,
        BrowserTask(SITE, SITE.sign_in.url or ""),
        executable=None,
        enough=user.wait,
    )


@pytest.mark.parametrize("by_enter", [True, False])
async def test_the_sign_in_lasts_until_the_window_or_the_user_ends_it(
    tmp_path: Path, window: StubWindow, by_enter: bool
) -> None:
    user = StubUser()
    task = asyncio.create_task(signing_in(tmp_path, user))
    await user.is_waiting.wait()
    assert not task.done()
    (user.is_done if by_enter else window.gone).set()

    assert (await task).signed_in is False
    assert window.closed_times == 1


async def test_giving_up_closes_the_window_and_frees_the_profile(
    tmp_path: Path, window: StubWindow
) -> None:
    user = StubUser()
    task = asyncio.create_task(signing_in(tmp_path, user))
    await user.is_waiting.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    profile = claim_profile(tmp_path)

    assert window.closed_times == 1
    assert not profile.anonymous
    profile.release()


async def test_without_a_browser_the_command_that_installs_one_is_named(
    tmp_path: Path, window: StubWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        own_display, "find_browser", lambda _: FoundBrowser(None, "nowhere", "Install one: apt …")
    )

    with pytest.raises(BrowserUnavailable) as missing:
        await signing_in(tmp_path, StubUser())
    assert missing.value.help == "Install one: apt …"
