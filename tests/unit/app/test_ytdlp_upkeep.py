"""yt-dlp's upgrades on schedule, and the way back from a version that breaks sites."""

from __future__ import annotations

import asyncio
import importlib.metadata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mediavault.app.ytdlp_upkeep import LAST_RETRY, YtdlpUpkeep, examination, next_night, retry_after
from mediavault.core.failures import ToolMissing
from mediavault.core.settings import UpgradeSchedule
from mediavault.services.extraction.ytdlp_home import YtdlpInstallation, home_of, installed
from mediavault.services.extraction.ytdlp_results import note_result
from mediavault.services.extraction.ytdlp_upgrade import upgrade
from mediavault.services.extraction.ytdlp_versions import alone, read_record
from tests.fakes import FakeClock

OFF, WEEKLY, NIGHTLY = UpgradeSchedule.OFF, UpgradeSchedule.WEEKLY, UpgradeSchedule.NIGHTLY
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Index:
    """A package index and a trial: how often it was asked, which version it has, and whether it fails."""

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
    return YtdlpUpkeep(state, clock, schedule, jitter=lambda: 0.5, install=index.install, examine=index.examine)


async def days(work: YtdlpUpkeep, clock: FakeClock, count: int, *, state: Path | None = None) -> set[str | None]:
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
def test_upgrades_are_at_night_and_a_rest_after_the_last(hour: int, share: float) -> None:
    after = datetime(2026, 11, 24, hour, 30, tzinfo=UTC)
    nightly, weekly = (next_night(after, schedule, share) for schedule in (NIGHTLY, WEEKLY))

    assert {2 <= moment.astimezone().hour < 5 for moment in (nightly, weekly)} == {True}
    assert 12 * HOUR <= nightly - after <= 39 * HOUR
    assert 6 * DAY <= weekly - after <= 8 * DAY


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


async def test_a_failing_upgrade_is_tried_less_and_less_often(tmp_path: Path) -> None:
    clock, index = FakeClock(), Index()
    index.fails = True
    work = upkeep(tmp_path, clock, NIGHTLY, index)
    await days(work, clock, 7)

    assert 8 <= index.asked <= 13
    assert read_record(home_of(tmp_path)).error == "no connection"
    index.fails = False
    await days(work, clock, 2)
    assert installed(home_of(tmp_path)).version == "2026.11.20"


def test_the_wait_doubles_from_an_hour_to_a_day() -> None:
    assert [retry_after(failures, 0.5) for failures in (1, 2, 3)] == [HOUR, 2 * HOUR, 4 * HOUR]
    assert retry_after(10**6, 0.5) == LAST_RETRY


async def test_an_upgrade_that_was_killed_is_tried_again_after_an_hour(tmp_path: Path) -> None:
    clock, index, begun = FakeClock(), Index(), asyncio.Event()

    async def endless(_what: str, _library: Path) -> None:
        begun.set()
        await asyncio.Event().wait()

    killed = YtdlpUpkeep(tmp_path, clock, NIGHTLY, jitter=lambda: 0.5, install=endless, examine=index.examine)
    task = asyncio.create_task(_until_begun(killed, clock, begun))
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    other = upkeep(tmp_path, clock, NIGHTLY, index)
    await other.round()
    at_once = index.asked
    clock.advance(HOUR)
    await other.round()

    assert (at_once, index.asked) == (0, 1)


async def _until_begun(work: YtdlpUpkeep, clock: FakeClock, begun: asyncio.Event) -> None:
    while not begun.is_set():
        clock.advance(HOUR / 2)
        await work.round()


async def test_a_version_that_was_given_up_and_taken_again_by_hand_begins_anew(tmp_path: Path) -> None:
    clock, index = FakeClock(), Index()
    await taken(tmp_path, clock, index)
    read(tmp_path, "2026.11.20", posts=9, broken=5)
    work = upkeep(tmp_path, clock, OFF, index)
    await work.round()
    await upgrade(home_of(tmp_path), now=clock.now, install=index.install, examine=index.examine)
    await work.round()

    assert installed(home_of(tmp_path)).version == "2026.11.20"


async def test_nothing_is_tried_during_another_upgrade(tmp_path: Path) -> None:
    clock, index = FakeClock(), Index()
    work = upkeep(tmp_path, clock, NIGHTLY, index)
    with alone(home_of(tmp_path)):
        await days(work, clock, 3)

    assert index.asked == 0


# --- the way back ----------------------------------------------------------------------------------------------


async def taken(state: Path, clock: FakeClock, index: Index) -> None:
    """Read 20 posts by the bundled version, and upgrade."""
    home = home_of(state)
    home.mkdir(exist_ok=True)
    for number in range(20):
        note_result(home, "2026.10.26", "tube", f"https://tube.example/{number}", was_read=True)
    await upgrade(home, now=clock.now, install=index.install, examine=index.examine)


def read(state: Path, version: str, *, posts: int, broken: int) -> None:
    for number in range(100, 100 + posts):
        url = f"https://tube.example/{number}"
        note_result(home_of(state), version, "tube", url, was_read=number >= 100 + broken)


@pytest.mark.parametrize("schedule", [OFF, NIGHTLY])
async def test_a_version_that_breaks_what_was_read_before_is_given_up(
    tmp_path: Path, schedule: UpgradeSchedule
) -> None:
    clock, index = FakeClock(), Index()
    await taken(tmp_path, clock, index)
    read(tmp_path, "2026.11.20", posts=9, broken=5)
    work = upkeep(tmp_path, clock, schedule, index)
    await work.round()
    record = read_record(home_of(tmp_path))

    assert installed(home_of(tmp_path)).version == "2026.10.26"
    assert (record.refused, record.why) == ("2026.11.20", "it failed at 5 of 9 posts")
    assert await days(work, clock, 3, state=tmp_path) == {"2026.10.26"}  # it is not taken again
    index.version = "2026.11.25"
    await days(work, clock, 2)
    assert installed(home_of(tmp_path)).version == ("2026.10.26" if schedule is OFF else "2026.11.25")


async def test_a_version_that_reads_as_before_stays(tmp_path: Path) -> None:
    clock, index = FakeClock(), Index()
    await taken(tmp_path, clock, index)
    read(tmp_path, "2026.11.20", posts=20, broken=3)
    await upkeep(tmp_path, clock, OFF, index).round()

    assert installed(home_of(tmp_path)).version == "2026.11.20"


async def test_a_site_that_changes_after_the_trial_is_not_the_versions_fault(tmp_path: Path) -> None:
    clock, index = FakeClock(), Index()
    await taken(tmp_path, clock, index)
    clock.advance(8 * DAY)
    read(tmp_path, "2026.11.20", posts=9, broken=9)
    await upkeep(tmp_path, clock, OFF, index).round()

    assert installed(home_of(tmp_path)).version == "2026.11.20"


def test_a_new_version_is_tried_with_the_extractors_of_our_sites() -> None:
    names = examination().keywords["extractors"]

    assert {"youtube", "youtube:tab", "tiktok:user"} <= set(names)
    assert "default" not in names
