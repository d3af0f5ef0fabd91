"""The sign-in window, its viewer and its end. The window and the connection to its screen are
stubs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mediavault.browser import login_windows
from mediavault.browser.discovery import FoundBrowser
from mediavault.browser.login_windows import (
    CHECK_S,
    MAX_OPEN_S,
    MAX_UNSEEN_S,
    NARROW,
    WIDE,
    LoginWindows,
    NotTheViewer,
    NoWindow,
)
from mediavault.browser.plain_window import VirtualScreen
from mediavault.browser.processes import ProcessMemory
from mediavault.browser.profile import BrowserProfile, WindowBusy, claim_profile
from mediavault.browser.session_manager import NoSuchSite, SessionManager
from mediavault.core.failures import AddressRefused, BrowserUnavailable, ToolMissing
from mediavault.core.job import JobId
from mediavault.core.platform import Matching, Platform, SignIn
from mediavault.core.sessions import BrowserTask, SessionState
from mediavault.egress.guard import EgressGuard
from tests.fakes import FakeClock
from tests.patience import until

SITES = [
    Platform(
        name=name,
        title=name.title(),
        matching=Matching(hosts=(f"{name}.test",)),
        sign_in=SignIn(url=f"https://{name}.test/in"),
    )
    for name in ("site", "other")
]


class StubWindow:
    pid = 4_242

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.closed_times = 0

    async def closed(self) -> None:
        await self.gone.wait()

    async def close(self) -> None:
        self.closed_times += 1


class StubConnection:
    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


class World:
    """The windows under test, and what they did to the stubs."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state_dir, self.clock = tmp_path / "state", FakeClock()
        self.window = StubWindow()
        self.connections: list[StubConnection] = []
        self.opened: list[tuple[str, VirtualScreen]] = []
        self.reported: list[SessionState] = []
        self.tasks: list[BrowserTask] = []
        self.fails = False
        monkeypatch.setattr(login_windows, "check_tools", lambda: None)
        monkeypatch.setattr(
            login_windows, "find_browser", lambda _: FoundBrowser(Path("/usr/bin/chromium"), "path")
        )
        monkeypatch.setattr(login_windows, "window_proxy", self._proxy)
        monkeypatch.setattr(login_windows, "open_window", self._open)
        monkeypatch.setattr(login_windows, "connect_to_screen", self._connect)
        authenticator = SessionManager(self.state_dir, SITES, self.clock)
        self.windows = LoginWindows(
            authenticator, EgressGuard(), self.clock, executable=None, on_closed=self._report
        )

    async def until(self, what: Any, step_s: float = CHECK_S) -> None:
        def advanced() -> bool:
            if what():
                return True
            self.clock.advance(step_s)
            return False

        await until(advanced, every_s=0.002)

    async def close(self) -> SessionState | None:
        closing = asyncio.ensure_future(self.windows.close())
        await asyncio.sleep(0)  # it calls the browser before the time advances
        await self.until(closing.done)
        return closing.result()

    @asynccontextmanager
    async def _proxy(self, _: EgressGuard, url: str) -> AsyncIterator[str]:
        yield "http://127.0.0.1:1"

    async def _open(
        self, _: Path, profile: BrowserProfile, url: str, *, proxy: str, screen: VirtualScreen
    ) -> StubWindow:
        if self.fails:
            raise BrowserUnavailable("The window did not open: no.")
        self.opened.append((url, screen))
        return self.window

    async def _connect(self, folder: Path) -> StubConnection:
        if not folder.exists():
            raise BrowserUnavailable("gone")
        self.connections.append(StubConnection())
        return self.connections[-1]

    async def _report(self, state: SessionState, task: BrowserTask) -> None:
        self.reported.append(state)
        self.tasks.append(task)


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    built = World(tmp_path, monkeypatch)
    yield built
    await built.close()


async def test_it_opens_the_sites_sign_in_on_a_private_screen(world: World) -> None:
    await world.windows.open("site")
    ((url, screen),) = world.opened

    assert url == "https://site.test/in"
    assert screen.size == WIDE
    assert screen.folder.stat().st_mode & 0o777 == 0o700
    assert world.windows.platform == "site"


async def test_a_phone_gets_a_narrow_window(world: World) -> None:
    await world.windows.open("site", narrow=True)

    assert world.opened[0][1].size == NARROW


async def test_the_ticket_is_good_once(world: World) -> None:
    ticket = await world.windows.open("site")
    viewer = world.windows.admit(ticket)

    assert (viewer.title, viewer.width, viewer.seconds_left) == ("Site", 1280, MAX_OPEN_S)
    assert len(ticket) >= 43  # 256 bits
    with pytest.raises(NotTheViewer):
        world.windows.admit(ticket)


async def test_only_the_key_connects_to_the_screen(world: World) -> None:
    viewer = world.windows.admit(await world.windows.open("site"))
    async with world.windows.connect(viewer.key):
        assert len(world.connections) == 1
        world.windows.check_viewer(viewer.key)
    assert world.connections[0].closed

    for wrong in ("", "no key", viewer.key[:-1]):
        with pytest.raises(NotTheViewer):
            world.windows.check_viewer(wrong)
        with pytest.raises(NotTheViewer):
            async with world.windows.connect(wrong):
                pass
    assert len(world.connections) == 1


async def test_a_viewer_that_connects_again_ends_its_former_connection(world: World) -> None:
    viewer = world.windows.admit(await world.windows.open("site"))
    async with world.windows.connect(viewer.key):
        async with world.windows.connect(viewer.key):
            assert [connection.closed for connection in world.connections] == [True, False]
        world.windows.check_viewer(viewer.key)


async def test_coming_back_to_the_window_takes_it_from_the_former_viewer(world: World) -> None:
    first = world.windows.admit(await world.windows.open("site"))
    async with world.windows.connect(first.key):
        second = world.windows.admit(await world.windows.open("site"))
        assert world.connections[0].closed

    assert len(world.opened) == 1
    with pytest.raises(NotTheViewer):
        world.windows.check_viewer(first.key)
    async with world.windows.connect(second.key):
        assert not world.connections[1].closed


async def test_there_is_one_window_at_a_time(world: World) -> None:
    await world.windows.open("site")

    with pytest.raises(WindowBusy):
        await world.windows.open("other")


async def test_closing_removes_everything_and_reports_what_the_cookies_say(world: World) -> None:
    viewer = world.windows.admit(await world.windows.open("site"))
    async with world.windows.connect(viewer.key):
        state = await world.close()
        assert world.connections[0].closed  # closed by the window, before the viewer disconnects

    assert state is not None
    assert world.reported == [state]
    assert world.window.closed_times == 1
    assert list((world.state_dir / "browser").glob("window-*")) == []
    assert world.windows.platform is None
    with pytest.raises(NoWindow):
        world.windows.check_viewer(viewer.key)
    profile = claim_profile(world.state_dir)
    assert not profile.anonymous
    profile.release()


async def test_a_window_that_ends_while_its_viewer_connects_is_gone(world: World) -> None:
    viewer = world.windows.admit(await world.windows.open("site"))
    world.opened[0][1].folder.rename(world.state_dir / "elsewhere")

    with pytest.raises(NoWindow):
        async with world.windows.connect(viewer.key):
            pass


async def test_a_user_who_closes_the_browser_has_closed_the_window(world: World) -> None:
    await world.windows.open("site")
    world.window.gone.set()
    await world.until(lambda: world.reported)

    assert world.windows.platform is None


async def test_a_window_without_a_viewer_ends(world: World) -> None:
    await world.windows.open("site")
    await world.until(lambda: world.reported, MAX_UNSEEN_S / 10)

    assert world.windows.platform is None


async def test_a_window_with_a_viewer_stays_open_for_half_an_hour(world: World) -> None:
    viewer = world.windows.admit(await world.windows.open("site"))
    began = world.clock.monotonic()
    async with world.windows.connect(viewer.key):
        while not world.reported:
            world.clock.advance(MAX_UNSEEN_S / 3)
            await asyncio.sleep(0.01)
    await world.until(lambda: world.reported)

    assert MAX_OPEN_S <= world.clock.monotonic() - began < MAX_OPEN_S + MAX_UNSEEN_S


async def test_a_page_that_takes_too_much_memory_is_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    heavy = ProcessMemory(4_243, 5 << 30, is_renderer=True)
    ended: list[tuple[ProcessMemory, int]] = []
    monkeypatch.setattr(
        login_windows, "find_over_limit", lambda pid, limit: heavy if heavy.held > limit else None
    )
    monkeypatch.setattr(
        login_windows, "end_process", lambda process, pid: ended.append((process, pid))
    )
    await world.windows.open("site")
    await world.until(lambda: ended)

    assert ended[0] == (heavy, 4_242)


async def test_a_window_that_does_not_open_leaves_nothing_and_the_next_one_may(
    world: World,
) -> None:
    world.fails = True
    with pytest.raises(BrowserUnavailable):
        await world.windows.open("site")
    await world.until(lambda: world.windows.platform is None)
    assert list((world.state_dir / "browser").glob("window-*")) == []

    world.fails = False
    assert await world.windows.open("other")


async def test_what_a_killed_process_left_is_swept_up(world: World) -> None:
    left = world.state_dir / "browser" / "window-000000"
    left.mkdir(parents=True)
    await world.windows.open("site")

    assert not left.exists()


async def test_without_the_tools_or_for_an_unknown_site_nothing_opens(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise ToolMissing("Xvnc is missing.")

    with pytest.raises(NoSuchSite):
        await world.windows.open("nowhere")
    monkeypatch.setattr(login_windows, "check_tools", missing)
    with pytest.raises(ToolMissing):
        await world.windows.open("site")
    assert not world.state_dir.exists()


async def test_the_end_of_the_process_closes_the_window(world: World) -> None:
    await world.windows.open("site")
    ending = asyncio.ensure_future(world.windows.aclose())
    await asyncio.sleep(0)
    await world.until(ending.done)

    assert world.window.closed_times == 1


async def test_a_window_that_waits_for_the_profile_ends_with_the_process(world: World) -> None:
    held = claim_profile(world.state_dir)
    opening = asyncio.ensure_future(world.windows.open("site"))
    await world.clock.settle()
    await world.windows.aclose()

    with pytest.raises(asyncio.CancelledError):
        await opening
    assert not held.should_give_way()
    held.release()


ON_POST = BrowserTask(SITES[0], "https://site.test/p/1", JobId("j1"))


async def test_a_window_opens_on_the_post_that_a_job_waits_at(world: World) -> None:
    viewer = world.windows.admit(await world.windows.run(ON_POST))
    await world.close()

    assert [url for url, _ in world.opened] == ["https://site.test/p/1"]
    assert viewer.job_id == "j1"
    assert world.tasks == [ON_POST]


async def test_the_guard_is_asked_before_a_post_is_opened(world: World) -> None:
    with pytest.raises(AddressRefused):
        await world.windows.run(replace(ON_POST, url="http://192.168.0.1/p/1"))
    assert world.opened == []
    assert world.windows.platform is None


async def test_a_window_on_one_post_is_not_shared_with_another_post(world: World) -> None:
    await world.windows.run(ON_POST)
    with pytest.raises(WindowBusy):
        await world.windows.run(replace(ON_POST, job_id=JobId("j2")))
    assert await world.windows.run(ON_POST)
    await world.close()
