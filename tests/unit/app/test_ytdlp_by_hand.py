"""yt-dlp's upgrade in the background of a vault."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from mediavault.app.ytdlp_upkeep import YtdlpUpkeep
from mediavault.core.failures import ToolMissing
from tests.fakes import FakeClock
from tests.patience import until


async def no_connection(_what: str, _library: Path) -> None:
    raise ToolMissing("yt-dlp could not be installed.", help="Check this machine's connection.")


async def test_an_upgrade_that_fails_says_why_and_leaves_the_one_in_use(tmp_path: Path) -> None:
    clock = FakeClock()
    manager = YtdlpUpkeep(tmp_path, clock, install=no_connection)
    before = manager.state()
    manager.start_upgrade()
    assert manager.state().is_upgrading
    # a thread tidies its folder
    await until(lambda: not manager.state().is_upgrading, every_s=0.001)
    after = manager.state()

    assert (after.record.error, after.record.help) == (
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
    manager = YtdlpUpkeep(tmp_path, clock, install=endless)
    manager.start_upgrade()
    manager.start_upgrade()
    await clock.settle()
    manager.start_upgrade()
    await manager.aclose()

    assert len(begun) == 1
    assert not manager.state().is_upgrading


async def test_what_cannot_be_recorded_is_shown_until_the_next_attempt(tmp_path: Path) -> None:
    clock = FakeClock()
    manager = YtdlpUpkeep(tmp_path, clock, install=no_connection)
    manager.step_back()
    failed = manager.state().record
    clock.advance(timedelta(minutes=1))
    manager.start_upgrade()
    await until(lambda: not manager.state().is_upgrading, every_s=0.001)

    assert failed.error == "There is no former yt-dlp to go back to."
    assert manager.state().record.error == "yt-dlp could not be installed."


async def test_no_upgrade_starts_where_the_folder_cannot_be_written(tmp_path: Path) -> None:
    """A file is where the state folder should be, so not even root can write into it."""
    state = tmp_path / "state"
    state.write_text("")
    manager = YtdlpUpkeep(state, FakeClock(), install=no_connection)
    manager.start_upgrade()

    assert "cannot be written" in manager.state().obstacle
    assert not manager.state().is_upgrading
