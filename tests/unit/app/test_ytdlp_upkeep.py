"""yt-dlp's upgrades on schedule."""

from __future__ import annotations

import asyncio
import importlib.metadata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mediavault.app.ytdlp_upkeep import YtdlpUpkeep, examination, next_night
from mediavault.core.failures import ToolMissing
from mediavault.core.settings import UpgradeSchedule
from mediavault.extraction.port import UpgradeRecord
from mediavault.extraction.ytdlp_home import (
    YtdlpInstallation,
    home_of,
    installed,
    read_record,
    upgrade_lock,
    write_record,
)
from tests.fakes import FakeClock

OFF, WEEKLY, NIGHTLY = UpgradeSchedule.OFF, UpgradeSchedule.WEEKLY, UpgradeSchedule.NIGHTLY
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Index:
    """A package index and a trial: how often it was asked, which version it has,
    and whether it fails.
    """

    def __init__(self, version: str = "2026.11.20") -> None:
        self.version = version
        self.asked = 0
        self.fails = False

    async def install(self, _what: str, library: Path) -> None:
        self.asked += 1
        if self.fails:
            raise ToolMissing("no connection")
        (library / "yt_dlp").mkdir(parents=True)

    async def examine(self, _fresh: YtdlpInstallation, _folder: Path) -> str | None:
        return self.version


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "2026.10.26")


def upkeep(state: Path, clock: FakeClock, schedule: UpgradeSchedule, index: Index) -> YtdlpUpkeep:
    return YtdlpUpkeep(
        state, clock, schedule, jitter=lambda: 0.5, install=index.install, examine=index.examine
    )


async def days(
    work: YtdlpUpkeep, clock: FakeClock, count: int, *, state: Path | None = None
) -> set[str | None]:
    """Let days pass; return the versions that were in use in ``state``."""
    seen = set()
    for _ in range(count * 48):
        clock.advance(HOUR / 2)
        await work.round()
        seen.add(installed(home_of(state)).version if state else None)
    return seen


async def test_nothing_is_asked_where_no_schedule_is_set(tmp_path: Path) -> None:
    clock, index = FakeClock(), Index()
    await days(upkeep(tmp_path, clock, OFF, index), clock, 3)

    assert index.asked == 0


@pytest.mark.parametrize(("schedule", "times"), [(NIGHTLY, 14), (WEEKLY, 2)])
async def test_the_newest_version_is_looked_for_once_a_night_or_week(
    tmp_path: Path, schedule: UpgradeSchedule, times: int
) -> None:
    clock, index = FakeClock(), Index()
    await days(upkeep(tmp_path, clock, schedule, index), clock, 14)

    assert index.asked == times
    assert installed(home_of(tmp_path)).version == "2026.11.20"


@pytest.mark.parametrize("hour", range(0, 24, 3))
@pytest.mark.parametrize("share", [0.0, 0.999])
def test_upgrades_are_in_the_next_night(hour: int, share: float) -> None:
    earliest = datetime(2026, 11, 24, hour, 30, tzinfo=UTC)
    moment = next_night(earliest, share)

    assert 2 <= moment.astimezone().hour < 5
    assert timedelta() <= moment - earliest <= 27 * HOUR


async def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    clock, index = FakeClock(), Index()
    for _ in range(14):
        await days(upkeep(tmp_path, clock, WEEKLY, index), clock, 1)

    assert index.asked == 2


async def test_workers_on_one_machine_ask_once(tmp_path: Path) -> None:
    clock, index = FakeClock(), Index()
    workers = [upkeep(tmp_path, clock, NIGHTLY, index) for _ in range(3)]
    for _ in range(4 * 48):
        clock.advance(HOUR / 2)
        for worker in workers:
            await worker.round()

    assert index.asked == 4


@pytest.mark.parametrize("schedule", [NIGHTLY, WEEKLY])
async def test_an_upgrade_that_fails_is_tried_again_the_next_night(
    tmp_path: Path, schedule: UpgradeSchedule
) -> None:
    clock, index = FakeClock(), Index()
    index.fails = True
    work = upkeep(tmp_path, clock, schedule, index)
    await days(work, clock, 5)

    assert index.asked == 5
    assert read_record(home_of(tmp_path)).error == "no connection"
    index.fails = False
    await days(work, clock, 2)
    assert installed(home_of(tmp_path)).version == "2026.11.20"


@pytest.mark.parametrize("ahead", [2 * DAY, 300 * DAY])
async def test_a_time_from_a_wrong_clock_or_another_schedule_is_replaced(
    tmp_path: Path, ahead: timedelta
) -> None:
    clock, index = FakeClock(), Index()
    home = home_of(tmp_path)
    home.mkdir()
    write_record(home, UpgradeRecord(tried_at=clock.now() + ahead, next_at=clock.now() + ahead))
    await days(upkeep(tmp_path, clock, NIGHTLY, index), clock, 3)

    assert index.asked in (2, 3)


async def test_an_upgrade_that_was_killed_is_tried_again_the_next_night(tmp_path: Path) -> None:
    clock, index, begun = FakeClock(), Index(), asyncio.Event()

    async def endless(_what: str, _library: Path) -> None:
        begun.set()
        await asyncio.Event().wait()

    killed = YtdlpUpkeep(
        tmp_path, clock, WEEKLY, jitter=lambda: 0.5, install=endless, examine=index.examine
    )
    task = asyncio.create_task(_until_begun(killed, clock, begun))
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    other = upkeep(tmp_path, clock, WEEKLY, index)
    await other.round()
    at_once = index.asked
    await days(other, clock, 1)

    assert (at_once, index.asked) == (0, 1)


async def _until_begun(work: YtdlpUpkeep, clock: FakeClock, begun: asyncio.Event) -> None:
    while not begun.is_set():
        clock.advance(HOUR / 2)
        await work.round()


async def test_nothing_is_tried_during_another_upgrade(tmp_path: Path) -> None:
    clock, index = FakeClock(), Index()
    work = upkeep(tmp_path, clock, NIGHTLY, index)
    with upgrade_lock(home_of(tmp_path)):
        await days(work, clock, 3)

    assert index.asked == 0


async def test_a_version_that_was_given_up_is_passed_over_until_there_is_a_newer_one(
    tmp_path: Path,
) -> None:
    clock, index = FakeClock(), Index()
    work = upkeep(tmp_path, clock, NIGHTLY, index)
    await days(work, clock, 2)
    work.go_back()

    assert await days(work, clock, 3, state=tmp_path) == {"2026.10.26"}
    index.version = "2026.11.25"
    await days(work, clock, 2)
    assert installed(home_of(tmp_path)).version == "2026.11.25"


def test_a_new_version_is_tried_with_the_extractors_of_our_sites() -> None:
    names = examination().keywords["extractors"]

    assert {"youtube", "youtube:tab", "tiktok:user"} <= set(names)
    assert "default" not in names
