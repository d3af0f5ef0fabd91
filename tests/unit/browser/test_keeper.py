"""The life cycle of the browser, with a stub driver."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog
from structlog.testing import capture_logs

from mediavault.browser import lifecycle as keeping
from mediavault.browser.lifecycle import (
    IDLE_CLOSE_S,
    RECYCLE_AFTER_PAGES,
    BrowserConfig,
    BrowserManager,
)
from mediavault.browser.processes import ProcessMemory
from mediavault.core.failures import BrowserUnavailable, TookTooLong
from mediavault.core.logs import bound_facts, job_context
from mediavault.core.urls import EgressScope
from tests.fakes import FakeClock
from tests.unit.browser.test_profile import cookie

T = TypeVar("T")


class StubProxy:
    server, username, password = "http://127.0.0.1:1", "u", "p"

    def visiting(self, scope: EgressScope, *, within_s: float) -> Any: ...


class StubContext:
    @property
    def browser(self) -> StubContext:
        return self

    async def new_context(self, **_: Any) -> StubContext:
        return StubContext()

    async def new_browser_cdp_session(self) -> StubContext:
        return self

    async def send(self, _: str) -> dict[str, list[Any]]:
        return {"processInfo": []}

    def __init__(self, *, hangs: bool = False) -> None:
        self.closed = False
        self._hangs = hangs

    def on(self, event: str, f: Callable[..., Any]) -> None: ...

    async def cookies(self, *_: Any) -> list[dict[str, object]]:
        if self._hangs:
            raise TookTooLong("stopped")
        return [cookie("s")]

    async def add_cookies(self, cookies: Any) -> None: ...

    async def close(self) -> None:
        self.closed = True


class StubPage:
    async def evaluate(self, _: str) -> str:
        return "Mozilla/5.0 HeadlessChrome/156.0"


class StubMeasured:
    async def new_page(self) -> StubPage:
        return StubPage()

    async def close(self) -> None: ...


class StubDriver:
    """A driver that counts the contexts it launched; ``slow`` makes a launch wait for the event."""

    executable_path = "/nowhere"

    def __init__(self, *, slow: asyncio.Event | None = None, hangs: bool = False) -> None:
        self.chromium = self
        self.contexts: list[StubContext] = []
        self.launched_with: dict[str, Any] = {}
        self.stopped = 0
        self._slow = slow
        self._hangs = hangs

    async def start(self) -> StubDriver:
        return self

    async def launch(self, **_: Any) -> StubMeasured:
        return StubMeasured()

    async def launch_persistent_context(self, folder: Path, **options: Any) -> StubContext:
        self.launched_with = options
        if self._slow is not None:
            await self._slow.wait()
        self.contexts.append(StubContext(hangs=self._hangs))
        return self.contexts[-1]

    async def stop(self) -> None:
        self.stopped += 1


async def ask(call: Awaitable[T], within_s: float) -> T:
    return await call


def keeper(
    tmp_path: Path,
    driver: StubDriver,
    clock: FakeClock | None = None,
    executable: Path | None = None,
) -> BrowserManager:
    config = BrowserConfig(
        tmp_path / "state",
        tmp_path / "downloads",
        executable or Path(sys.executable),
        headless=True,
    )
    return BrowserManager(
        config,
        StubProxy(),
        clock or FakeClock(),
        ask=ask,
        start_driver=driver.start,
        on_response=lambda *_: None,
    )


async def impatient(call: Awaitable[T], within_s: float) -> T:
    """Allow every call a hundredth of a second."""
    try:
        async with asyncio.timeout(0.01):
            return await call
    except TimeoutError as exc:
        raise TookTooLong("no answer") from exc


async def test_a_driver_that_starts_too_late_is_stopped_and_not_orphaned(tmp_path: Path) -> None:
    driver, up = StubDriver(), asyncio.Event()

    async def slowly() -> StubDriver:
        await up.wait()
        return driver

    config = BrowserConfig(
        tmp_path / "state", tmp_path / "downloads", Path(sys.executable), headless=True
    )
    manager = BrowserManager(
        config,
        StubProxy(),
        FakeClock(),
        ask=impatient,
        start_driver=slowly,
        on_response=lambda *_: None,
    )
    with pytest.raises(BrowserUnavailable, match="Playwright did not start"):
        await manager.browser()
    closing = asyncio.ensure_future(manager.close())
    await asyncio.sleep(0)
    up.set()
    await closing

    assert driver.stopped == 1


async def test_the_driver_does_not_carry_the_ids_of_the_job_that_needed_a_browser_first(
    tmp_path: Path,
) -> None:
    """It serves later jobs too, and what it does for them would be logged as part of the first."""
    seen: list[dict[str, Any]] = []

    class Driver(StubDriver):
        async def start(self) -> StubDriver:
            seen.append(bound_facts())
            return await super().start()

    manager = keeper(tmp_path, Driver())
    with job_context("a-job", "a-trace"):
        await manager.browser()
    await manager.close()

    assert seen == [{}]


async def test_a_driver_that_is_killed_still_ends_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pipes are closed by its own ``stop``, which continues once the process is gone."""
    driver, gone = StubDriver(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def stop() -> None:
        await gone.wait()
        driver.stopped += 1

    async def pid_of(*_: object) -> int:
        return 1

    monkeypatch.setattr(driver, "stop", stop)
    monkeypatch.setattr(keeping, "pid_of", pid_of)
    monkeypatch.setattr(
        keeping, "kill_browser", lambda *_, driver: loop.call_soon_threadsafe(gone.set)
    )
    manager = keeper(tmp_path, driver)
    await manager.browser()
    manager._ask = impatient
    await manager.close()

    assert driver.stopped == 1


async def test_an_unreadable_response_is_logged_and_fails_no_visit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Playwright re-raises a listener's exception in the next call,
    which may belong to another visit.
    """
    listeners: dict[str, Callable[..., Any]] = {}
    monkeypatch.setattr(StubContext, "on", lambda _, event, f: listeners.update({event: f}))

    def refuse(*_: object) -> None:
        raise ValueError("a header that nobody expected")

    config = BrowserConfig(
        tmp_path / "state", tmp_path / "downloads", Path(sys.executable), headless=True
    )
    manager = BrowserManager(
        config,
        StubProxy(),
        FakeClock(),
        ask=ask,
        start_driver=StubDriver().start,
        on_response=refuse,
    )
    await manager.browser()
    with capture_logs() as logged:
        listeners["response"](object())
    await manager.close()

    assert [line["event"] for line in logged if line["log_level"] == "error"] == [
        "response_not_recorded"
    ]


async def test_concurrent_requests_for_a_browser_share_one(tmp_path: Path) -> None:
    driver = StubDriver()
    manager = keeper(tmp_path, driver)
    first, second = await asyncio.gather(manager.browser(), manager.browser())

    assert first is second
    assert len(driver.contexts) == 1
    await manager.close()


async def test_the_browser_is_not_logged_as_a_part_of_the_job_that_needed_it_first(
    tmp_path: Path,
) -> None:
    """It serves other jobs too, and ends long after that one."""
    manager = keeper(tmp_path, StubDriver())
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        with job_context("a job", "its trace"):
            await manager.browser()
        await manager.close()

    assert [(line["event"], line.get("job_id")) for line in lines] == [
        ("browser_started", None),
        ("browser_ended", None),
    ]


async def test_the_browser_has_the_user_agent_of_a_window_and_is_behind_the_proxy(
    tmp_path: Path,
) -> None:
    driver = StubDriver()
    manager = keeper(tmp_path, driver)
    running = await manager.browser()

    assert running.user_agent == "Mozilla/5.0 Chrome/156.0"
    assert driver.launched_with["proxy"] == {
        "server": "http://127.0.0.1:1",
        "username": "u",
        "password": "p",
    }
    assert driver.launched_with["service_workers"] == "block"
    await manager.close()


async def test_nothing_is_left_after_closing_and_closing_twice_is_safe(tmp_path: Path) -> None:
    driver = StubDriver()
    manager = keeper(tmp_path, driver)
    running = await manager.browser()
    await manager.close()
    await manager.close()

    assert driver.contexts[0].closed
    assert driver.stopped == 1
    assert not running.downloads.exists()
    assert not running.profile.scratch.exists()
    with pytest.raises(BrowserUnavailable):
        await manager.browser()


async def test_a_caller_that_gives_up_leaves_nothing_half_started(tmp_path: Path) -> None:
    may_go = asyncio.Event()
    driver = StubDriver(slow=may_go)
    manager = keeper(tmp_path, driver)
    impatient = asyncio.ensure_future(manager.browser())
    while not driver.launched_with:
        await asyncio.sleep(0.001)
    impatient.cancel()
    may_go.set()
    running = await manager.browser()

    assert (len(driver.contexts), driver.stopped) == (1, 0)
    assert not running.profile.anonymous
    await manager.close()


async def test_an_idle_browser_is_ended_and_the_next_need_starts_another(tmp_path: Path) -> None:
    driver, clock = StubDriver(), FakeClock()
    manager = keeper(tmp_path, driver, clock)
    manager.leave(await manager.enter())
    await clock.settle()
    clock.advance(IDLE_CLOSE_S)
    while manager.running is not None or not driver.stopped:
        await asyncio.sleep(0.001)
    await manager.browser()

    assert len(driver.contexts) == 2
    await manager.close()


async def test_a_browser_in_use_is_not_idle(tmp_path: Path) -> None:
    driver, clock = StubDriver(), FakeClock()
    manager = keeper(tmp_path, driver, clock)
    await manager.enter()
    manager.leave(await manager.enter())
    await clock.settle()
    clock.advance(IDLE_CLOSE_S)
    await clock.settle()

    assert manager.running is not None
    await manager.close()


async def test_a_worn_browser_is_replaced_once_its_pages_are_closed(tmp_path: Path) -> None:
    driver = StubDriver()
    manager = keeper(tmp_path, driver)
    running = await manager.enter()
    running.pages_served = RECYCLE_AFTER_PAGES

    assert await manager.browser() is running
    manager.leave(running)
    assert await manager.browser() is not running
    await manager.close()


async def test_a_lost_browser_is_replaced_on_the_same_profile(tmp_path: Path) -> None:
    manager = keeper(tmp_path, StubDriver())
    running = await manager.browser()
    await manager.lose(running, "a test says so")
    another = await manager.browser()

    assert another is not running
    assert not another.profile.anonymous
    await manager.close()


async def test_a_stopped_browser_does_not_answer(tmp_path: Path) -> None:
    manager = keeper(tmp_path, StubDriver(hangs=True))

    assert not await manager.answers(await manager.browser())
    await manager.close()


async def test_without_a_browser_the_failure_says_what_to_do(tmp_path: Path) -> None:
    driver = StubDriver()
    manager = keeper(tmp_path, driver, executable=tmp_path / "gone")

    with pytest.raises(BrowserUnavailable) as caught:
        await manager.browser()
    assert "MEDIAVAULT_BROWSER" in caught.value.help
    assert driver.stopped == 1
    await manager.close()


async def test_a_browser_that_does_not_start_frees_its_profile(tmp_path: Path) -> None:
    driver = StubDriver()
    broken = keeper(tmp_path, driver, executable=tmp_path / "gone")
    with pytest.raises(BrowserUnavailable):
        await broken.browser()
    manager = keeper(tmp_path, driver)

    assert not (await manager.browser()).profile.anonymous
    await manager.close()


# --- memory ---------------------------------------------------------------------------------------


class StubContextWithProcess(StubContext):
    """A context of a browser whose process no longer exists."""

    async def send(self, _: str) -> dict[str, list[Any]]:
        return {"processInfo": [{"type": "browser", "id": GONE_PID}]}


GONE_PID = (1 << 22) + 1  # above the highest process id on Linux
HEAVY = ProcessMemory(GONE_PID + 1, 8, is_renderer=True)


async def test_memory_is_checked_only_while_pages_are_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = list[tuple[int, int]]()

    ended = list[tuple[ProcessMemory, int]]()

    def look(pid: int, limit: int) -> ProcessMemory | None:
        looks.append((pid, limit))
        return HEAVY if len(looks) == 2 else None

    def end(process: ProcessMemory, pid: int) -> None:
        assert running.ended_for_memory == 1
        ended.append((process, pid))

    async def at_once(function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        return function(*arguments, **options)

    monkeypatch.setattr(keeping, "find_over_limit", look)
    monkeypatch.setattr(keeping, "end_process", end)
    monkeypatch.setattr(asyncio, "to_thread", at_once)
    monkeypatch.setattr(sys.modules[__name__], "StubContext", StubContextWithProcess)
    clock = FakeClock()
    config = BrowserConfig(
        tmp_path / "state",
        tmp_path / "downloads",
        Path(sys.executable),
        headless=True,
        memory_limit=7,
    )
    manager = BrowserManager(
        config,
        StubProxy(),
        clock,
        ask=ask,
        start_driver=StubDriver().start,
        on_response=lambda *_: None,
    )

    async def pass_seconds(count: int) -> None:
        for _ in range(count):
            clock.advance(1.0)
            await clock.settle()

    running = await manager.browser()
    await clock.settle()
    await pass_seconds(5)
    assert looks == []

    running = await manager.enter()
    await pass_seconds(3)
    assert looks == [(GONE_PID, 7)] * 3
    assert ended == [(HEAVY, GONE_PID)]

    manager.leave(running)
    await pass_seconds(5)
    await manager.close()
    assert len(looks) == 3
