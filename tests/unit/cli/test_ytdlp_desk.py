"""yt-dlp's upgrade in the background of a vault."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mediavault.app.doctor.ytdlp_manager import YtdlpManager
from mediavault.core.failures import ToolMissing
from tests.fakes import FakeClock


async def until_done(desk: YtdlpManager, clock: FakeClock) -> None:
    for _ in range(200):
        if not desk.state().is_upgrading:
            return
        await clock.settle()
        await asyncio.to_thread(int)  # the upgrade tidies its folder in a thread
    raise AssertionError("the upgrade did not end")


async def no_connection(_what: str, _library: Path) -> None:
    raise ToolMissing("yt-dlp could not be installed.", help="Check this machine's connection.")


async def test_an_upgrade_that_fails_says_why_and_leaves_the_one_in_use(tmp_path: Path) -> None:
    clock = FakeClock()
    desk = YtdlpManager(tmp_path, clock, install=no_connection)
    before = desk.state()
    desk.start_upgrade()
    assert desk.state().is_upgrading
    await until_done(desk, clock)
    after = desk.state()

    assert after.outcome is not None
    assert (after.outcome.error, after.outcome.help) == (
        "yt-dlp could not be installed.",
        "Check this machine's connection.",
    )
    assert after.version == before.version


async def test_one_upgrade_at_a_time_and_none_is_left_behind(tmp_path: Path) -> None:
    begun: list[str] = []

    async def endless(what: str, _library: Path) -> None:
        begun.append(what)
        await asyncio.Event().wait()

    clock = FakeClock()
    desk = YtdlpManager(tmp_path, clock, install=endless)
    desk.start_upgrade()
    desk.start_upgrade()
    await clock.settle()
    desk.start_upgrade()
    await desk.aclose()

    assert len(begun) == 1
    assert not desk.state().is_upgrading


async def test_nothing_is_begun_where_the_folder_cannot_be_written(tmp_path: Path) -> None:
    """A file stands where the state folder should be: nobody can write into that, root neither."""
    state = tmp_path / "state"
    state.write_text("")
    desk = YtdlpManager(state, FakeClock(), install=no_connection)
    desk.start_upgrade()

    assert "cannot be written" in desk.state().obstacle
    assert not desk.state().is_upgrading
