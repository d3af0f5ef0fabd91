"""A sign-in borrows the profile from the process that holds it, and returns it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mediavault.browser.lifecycle import GIVE_WAY_CHECK_S, GIVE_WAY_S
from mediavault.browser.profile import (
    CHECK_S,
    HAND_OVER_S,
    WindowBusy,
    borrowed_profile,
    claim_profile,
)
from mediavault.core.failures import BrowserUnavailable
from tests.fakes import FakeClock
from tests.patience import until
from tests.unit.browser.test_keeper import StubDriver, keeper


async def test_a_free_profile_is_borrowed_at_once_and_is_free_again_afterwards(
    tmp_path: Path,
) -> None:
    async with borrowed_profile(tmp_path, FakeClock()) as profile:
        assert not profile.anonymous
    again = claim_profile(tmp_path)

    assert not again.anonymous
    again.release()


async def test_a_browser_started_during_a_sign_in_gets_an_anonymous_profile(tmp_path: Path) -> None:
    async with borrowed_profile(tmp_path, FakeClock()):
        other = claim_profile(tmp_path)

    assert other.anonymous
    other.release()


async def test_only_one_user_signs_in_at_a_time(tmp_path: Path) -> None:
    async with borrowed_profile(tmp_path, FakeClock()):
        with pytest.raises(WindowBusy):
            async with borrowed_profile(tmp_path, FakeClock()):
                pass


async def test_waiting_for_a_profile_that_is_never_released_is_given_up(tmp_path: Path) -> None:
    held, clock = claim_profile(tmp_path), FakeClock(auto=True)
    with pytest.raises(BrowserUnavailable):
        async with borrowed_profile(tmp_path, clock):
            pass

    assert sum(clock.slept) >= HAND_OVER_S
    assert not held.should_give_way()
    held.release()


async def test_the_holder_of_a_wanted_profile_should_give_way(tmp_path: Path) -> None:
    held, clock = claim_profile(tmp_path), FakeClock()
    wanting = asyncio.ensure_future(_borrow(tmp_path, clock))
    await clock.settle()

    assert held.should_give_way()
    held.release()
    clock.advance(HAND_OVER_S / 2)
    await wanting


async def test_an_anonymous_profile_gives_way_once_the_one_with_the_logins_is_free(
    tmp_path: Path,
) -> None:
    first, second = claim_profile(tmp_path), claim_profile(tmp_path)

    assert not second.should_give_way()
    first.release()
    assert second.should_give_way()
    second.release()


async def test_a_missing_state_folder_does_not_make_the_holder_give_way(tmp_path: Path) -> None:
    held = claim_profile(tmp_path / "state")
    (tmp_path / "state").rename(tmp_path / "elsewhere")

    assert not held.should_give_way()
    held.release()


@pytest.fixture
def no_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never give up waiting, because the clock of these tests runs ahead of the threads."""
    monkeypatch.setattr("mediavault.browser.profile.HAND_OVER_S", 1e9)


@pytest.mark.usefixtures("no_timeout")
async def test_an_idle_browser_ends_for_a_sign_in_and_the_next_one_is_anonymous(
    tmp_path: Path,
) -> None:
    driver, clock = StubDriver(), FakeClock()
    manager = keeper(tmp_path, driver, clock)
    await manager.browser()
    async with _wanting(tmp_path / "state", clock) as wanting:
        await _until(lambda: driver.stopped == 1, clock, GIVE_WAY_CHECK_S)
        await _until(wanting.done, clock, CHECK_S)
        profile = wanting.result()
        during = await manager.browser()

        assert not profile.anonymous
        assert during.profile.anonymous
    await manager.close()


@pytest.mark.usefixtures("no_timeout")
async def test_open_pages_may_finish_before_the_browser_ends(tmp_path: Path) -> None:
    driver, clock = StubDriver(), FakeClock()
    manager = keeper(tmp_path, driver, clock)
    running = await manager.enter()
    async with _wanting(tmp_path / "state", clock):
        await _until(lambda: running.gives_way, clock, GIVE_WAY_CHECK_S)
        await clock.settle()
        assert driver.stopped == 0

        await _until(lambda: driver.stopped == 1, clock, GIVE_WAY_S / 4)
    await manager.close()


async def test_after_the_sign_in_the_next_page_has_the_profile_with_the_logins(
    tmp_path: Path,
) -> None:
    driver, clock = StubDriver(), FakeClock()
    manager = keeper(tmp_path, driver, clock)
    async with borrowed_profile(tmp_path / "state", clock):
        assert (await manager.browser()).profile.anonymous

    assert not (await manager.browser()).profile.anonymous
    await manager.close()


class _wanting:  # noqa: N801 - a context manager
    """Borrow the profile, and hold it until the block ends."""

    def __init__(self, state: Path, clock: FakeClock) -> None:
        self._state, self._clock = state, clock
        self._enough = asyncio.Event()
        self._got: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> asyncio.Future:  # type: ignore[type-arg]
        self._task = asyncio.ensure_future(self._hold())
        await self._clock.settle()
        return self._got

    async def __aexit__(self, *_: object) -> None:
        self._enough.set()
        await _until(self._task.done, self._clock, 1.0)
        await self._task

    async def _hold(self) -> None:
        async with borrowed_profile(self._state, self._clock) as profile:
            self._got.set_result(profile)
            await self._enough.wait()


async def _borrow(state: Path, clock: FakeClock) -> None:
    async with borrowed_profile(state, clock):
        pass


async def _until(is_so: object, clock: FakeClock, step_s: float) -> None:
    """Advance the clock, and let threads run, until ``is_so`` returns true."""

    def advanced() -> bool:
        if is_so():  # type: ignore[operator]
            return True
        clock.advance(step_s)
        return False

    await until(advanced, every_s=0.005)
