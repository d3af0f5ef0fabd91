"""Which yt-dlp is used, and how a newer one replaces it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from mediavault.core.failures import ExtractorBroken, StorageFailure, ToolMissing
from mediavault.core.messages import Message
from mediavault.extraction.port import UpgradeRecord
from mediavault.extraction.ytdlp_home import (
    RECORD,
    YtdlpInstallation,
    former_version,
    installed,
    own_version,
    read_record,
    step_back,
    upgrade_lock,
    use,
    work_folder,
)
from mediavault.extraction.ytdlp_upgrade import Examine, package, upgrade
from mediavault.extraction.ytdlp_upgrade import Install as Installing
from tests.fakes import FakeClock

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """yt-dlp 2026.07.04 is installed next to mediavault."""
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "2026.07.04")


def put(home: Path, version: str, *, used: bool = True) -> Path:
    (home / version / "yt_dlp").mkdir(parents=True)
    if used:
        use(home, version)
    return home / version


def test_without_an_own_version_the_installed_one_is_used(tmp_path: Path) -> None:
    assert installed(tmp_path) == YtdlpInstallation("2026.07.04", None)


def test_a_newer_own_version_goes_first(tmp_path: Path) -> None:
    library = put(tmp_path, "2026.10.26")

    assert installed(tmp_path) == YtdlpInstallation("2026.10.26", library)


def test_a_newer_installed_version_goes_before_an_old_own_one(tmp_path: Path) -> None:
    put(tmp_path, "2026.7.3")

    assert installed(tmp_path).library is None


@pytest.mark.parametrize("pointer", ["", "../../etc", "2026.10.26", "/", "2026.10.26/..", "\x00"])
def test_a_pointer_that_leads_nowhere_is_passed_over(tmp_path: Path, pointer: str) -> None:
    (tmp_path / "current").write_text(pointer)

    assert own_version(tmp_path) is None


@pytest.mark.parametrize(
    ("version", "released"),
    [("2026.07.04", date(2026, 7, 4)), ("2026.10.26.123", date(2026, 10, 26)), ("1.2", None)],
)
def test_a_version_is_the_day_of_its_release(version: str, released: date | None) -> None:
    assert YtdlpInstallation(version, None).released == released


def test_a_childs_folder_is_empty_at_first_and_gone_afterwards(tmp_path: Path) -> None:
    with work_folder(tmp_path, now=NOW) as folder:
        assert list(folder.iterdir()) == []
        (folder / "note").write_text("x")

    assert not folder.exists()


def test_folders_that_killed_processes_left_are_swept_and_those_at_work_are_not(
    tmp_path: Path,
) -> None:
    old, young = tmp_path / "at-work" / "old", tmp_path / "at-work" / "young"
    for folder, age in ((old, timedelta(hours=2)), (young, timedelta(minutes=1))):
        folder.mkdir(parents=True)
        moment = (NOW - age).timestamp()
        os.utime(folder, (moment, moment))
    with work_folder(tmp_path, now=NOW):
        pass

    assert (old.exists(), young.exists()) == (False, True)


# --- upgrade --------------------------------------------------------------------------------------

Install = Callable[[str, Path], Awaitable[None]]


async def install(what: str, library: Path) -> None:
    (library / "yt_dlp").mkdir(parents=True)


def finding(version: str | None) -> Callable[[YtdlpInstallation, Path], Awaitable[str | None]]:
    async def examine(fresh: YtdlpInstallation, folder: Path) -> str | None:
        assert fresh.library is not None
        assert (fresh.library / "yt_dlp").is_dir()
        return version

    return examine


async def upgraded(
    home: Path, *, install: Installing, examine: Examine, takes_refused: bool = True
) -> UpgradeRecord:
    return await upgrade(
        home, FakeClock(NOW), install=install, examine=examine, takes_refused=takes_refused
    )


def versions(record: UpgradeRecord) -> tuple[str | None, str | None]:
    return record.before, record.after


def names_in(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir() if path.name != RECORD)


async def test_a_newer_version_is_proved_and_taken_into_use(tmp_path: Path) -> None:
    assert versions(await upgraded(tmp_path, install=install, examine=finding("2026.11.20"))) == (
        "2026.07.04",
        "2026.11.20",
    )
    assert installed(tmp_path).library == tmp_path / "2026.11.20"
    assert names_in(tmp_path) == ["2026.11.20", "current"]


async def test_the_previous_version_stays_for_running_children_and_older_ones_go(
    tmp_path: Path,
) -> None:
    put(tmp_path, "2026.08.01", used=False)
    put(tmp_path, "2026.10.26")
    await upgraded(tmp_path, install=install, examine=finding("2026.11.20"))

    assert names_in(tmp_path) == ["2026.10.26", "2026.11.20", "current"]


async def test_the_newest_is_left_alone(tmp_path: Path) -> None:
    put(tmp_path, "2026.10.26")

    assert versions(await upgraded(tmp_path, install=install, examine=finding("2026.10.26"))) == (
        "2026.10.26",
        "2026.10.26",
    )
    assert names_in(tmp_path) == ["2026.10.26", "current"]


async def test_the_remains_of_an_interrupted_upgrade_are_replaced(tmp_path: Path) -> None:
    rest = put(tmp_path, "2026.11.20", used=False)
    (rest / "half").write_text("x")
    (tmp_path / "new-killed" / "library").mkdir(parents=True)
    await upgraded(tmp_path, install=install, examine=finding("2026.11.20"))

    assert not (rest / "half").exists()
    assert installed(tmp_path).version == "2026.11.20"
    assert names_in(tmp_path) == ["2026.11.20", "current"]


async def test_what_an_older_mediavault_stored_is_read_and_what_it_counted_goes(
    tmp_path: Path,
) -> None:
    put(tmp_path, "2026.10.26")
    (tmp_path / "results-2026.10.26").write_text("tube 0123456789abcdef +\n")
    (tmp_path / RECORD).write_text(
        json.dumps(
            {
                "tried_at": NOW.isoformat(),
                "failures": 2,
                "current": "2026.10.26",
                "former": "2026.07.04",
            }
        )
    )
    former = former_version(tmp_path)
    await upgraded(tmp_path, install=install, examine=finding("2026.11.20"))

    assert former == "2026.07.04"
    assert names_in(tmp_path) == ["2026.10.26", "2026.11.20", "current"]


async def fails_to_install(what: str, library: Path) -> None:
    library.mkdir()
    raise ToolMissing(Message("no connection to %(index)s", index="pypi"))


async def breaks_down(fresh: YtdlpInstallation, folder: Path) -> str | None:
    raise ExtractorBroken("it ended with code 1")


@pytest.mark.parametrize(
    ("installing", "examining"),
    [
        (fails_to_install, finding("2026.11.20")),
        (install, finding(None)),
        (install, finding("../x")),
        (install, breaks_down),
    ],
)
async def test_an_upgrade_that_fails_keeps_the_previous_version_and_leaves_nothing(
    tmp_path: Path,
    installing: Install,
    examining: Callable[[YtdlpInstallation, Path], Awaitable[str | None]],
) -> None:
    put(tmp_path, "2026.10.26")
    with pytest.raises(ToolMissing):
        await upgraded(tmp_path, install=installing, examine=examining)

    assert installed(tmp_path).version == "2026.10.26"
    assert names_in(tmp_path) == ["2026.10.26", "current"]


async def test_a_state_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageFailure):
        await upgraded(tmp_path / "file" / "ytdlp", install=install, examine=finding("2026.11.20"))


def test_optional_parts_that_are_installed_are_upgraded_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    importable: set[str] = set()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in importable or None)
    alone = package(YtdlpInstallation("2026.10.26", None))
    importable |= {"yt_dlp_ejs", "curl_cffi"}

    assert (alone, package(YtdlpInstallation("2026.10.26", None))) == (
        "yt-dlp",
        "yt-dlp[default,curl-cffi]",
    )


# --- the way back ---------------------------------------------------------------------------------


def back(home: Path) -> UpgradeRecord:
    return step_back(home, now=NOW, why=Message("it broke"), reason="by_hand")


async def test_the_former_version_is_used_again_and_only_once(tmp_path: Path) -> None:
    put(tmp_path, "2026.10.26")
    await upgraded(tmp_path, install=install, examine=finding("2026.11.20"))
    former = former_version(tmp_path)
    done = back(tmp_path)

    assert (former, versions(done), installed(tmp_path).version) == (
        "2026.10.26",
        ("2026.11.20", "2026.10.26"),
        "2026.10.26",
    )
    assert (read_record(tmp_path).refused, read_record(tmp_path).why) == ("2026.11.20", "it broke")
    with pytest.raises(ToolMissing, match="no former"):
        back(tmp_path)


async def test_the_version_that_came_with_mediavault_is_a_former_one_too(tmp_path: Path) -> None:
    await upgraded(tmp_path, install=install, examine=finding("2026.11.20"))

    assert versions(back(tmp_path)) == ("2026.11.20", "2026.07.04")
    assert installed(tmp_path) == YtdlpInstallation("2026.07.04", None)


async def test_a_former_version_whose_folder_is_gone_is_none(tmp_path: Path) -> None:
    put(tmp_path, "2026.10.26")
    await upgraded(tmp_path, install=install, examine=finding("2026.11.20"))
    (tmp_path / "2026.10.26" / "yt_dlp").rmdir()

    assert former_version(tmp_path) is None


async def test_a_version_that_was_given_up_is_taken_again_only_by_hand(tmp_path: Path) -> None:
    await upgraded(tmp_path, install=install, examine=finding("2026.11.20"))
    back(tmp_path)
    passed = await upgraded(
        tmp_path, install=install, examine=finding("2026.11.20"), takes_refused=False
    )
    newer = await upgraded(
        tmp_path, install=install, examine=finding("2026.11.21"), takes_refused=False
    )
    back(tmp_path)
    taken = await upgraded(tmp_path, install=install, examine=finding("2026.11.21"))

    assert versions(passed) == ("2026.07.04", "2026.07.04")
    assert newer.after == taken.after == "2026.11.21"
    assert read_record(tmp_path).refused is None


async def test_the_last_attempt_is_remembered(tmp_path: Path) -> None:
    with pytest.raises(ToolMissing):
        await upgraded(tmp_path, install=fails_to_install, examine=finding(None))
    failed = read_record(tmp_path)
    await upgraded(tmp_path, install=install, examine=finding("2026.11.20"))
    done = read_record(tmp_path)

    assert (failed.tried_at, failed.error) == (NOW, "no connection to pypi")
    assert failed.error.values == {"index": "pypi"}  # so that it is shown in the reader's language
    assert (done.error, done.before, done.after) == ("", "2026.07.04", "2026.11.20")


async def test_one_upgrade_at_a_time_in_a_folder(tmp_path: Path) -> None:
    with upgrade_lock(tmp_path), pytest.raises(ToolMissing, match="already"):
        await upgraded(tmp_path, install=install, examine=finding("2026.11.20"))

    assert installed(tmp_path).library is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"former": 7}', '{"tried_at": "yesterday"}'])
def test_a_record_that_cannot_be_read_is_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / RECORD).write_text(text)

    assert read_record(tmp_path).tried_at is None
