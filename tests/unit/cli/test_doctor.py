"""``mediavault doctor``, and how the checks are run."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from mediavault.app.doctor import machine, runner
from mediavault.app.doctor.runner import Context, Findings, Registered, about, run_checks
from mediavault.core.failures import SchemaTooNew, StoreError, ToolMissing
from mediavault.core.settings import Settings
from mediavault.extraction.port import UpgradeRecord
from mediavault.presentation.doctor_report import JOBS, ok
from mediavault.sandbox.process import ChildFailed
from mediavault.store.port import Concern, StoreReport
from tests.fakes import START
from tests.unit.cli.conftest import Run, StubHouse
from tests.unit.cli.test_doctor_checks import POSTGRES


def verdicts(answer: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {check["name"]: check["verdict"] for check in answer["checks"]}


def test_a_healthy_installation_exits_with_0(run: Run) -> None:
    ended = run("doctor", "--json")
    checks = verdicts(ended.json())

    assert (ended.code, ended.json()["ok"]) == (0, True)
    assert {
        "Python",
        "SQLite",
        "Settings",
        "Address",
        "Library",
        "Disk space",
        "Browser",
        "yt-dlp",
        "yt-dlp's parts",
        "Jobs",
        "Workers",
    } <= set(checks)
    assert checks["Workers"] == "warning"


def test_problems_come_first_and_what_is_fine_only_if_asked_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAVAULT_PROT", "1")
    lines = run("doctor").out.splitlines()
    marks = [line[0] for line in run("doctor", "--verbose").out.splitlines() if line[0] != " "]

    assert lines[0].startswith("! Settings  no setting reads MEDIAVAULT_PROT")
    assert lines[-1] == f"✓ {marks.count('✓')} checks passed"
    assert "✓" not in "".join(lines[:-1])
    assert marks == sorted(marks)


def test_a_library_that_cannot_be_written_exits_with_1(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MEDIAVAULT_DOWNLOAD_DIR", str(tmp_path / "file" / "downloads"))
    ended = run("doctor", "--json")

    assert ended.code == 1
    assert verdicts(ended.json())["Library"] == "broken"


def test_a_database_of_a_newer_version_is_reported(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def newer() -> None:
        raise SchemaTooNew("The database has schema 9.")

    monkeypatch.setattr(house.store.catalogue, "report", newer)
    ended = run("doctor", "--json")

    assert ended.code == 1
    assert verdicts(ended.json())["Jobs"] == "broken"


def test_a_configured_browser_that_does_not_exist_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAVAULT_BROWSER", "/nowhere/chromium")
    ended = run("doctor", "--json")
    (browser,) = [check for check in ended.json()["checks"] if check["name"] == "Browser"]

    assert (ended.code, browser["verdict"]) == (0, "warning")
    assert "/nowhere/chromium" in browser["help"]


@pytest.mark.parametrize(
    ("upgrade", "words"),
    [
        (UpgradeRecord(before="2026.10.26", after="2026.11.20"), "yt-dlp: 2026.10.26 → 2026.11.20"),
        (
            UpgradeRecord(before="2026.11.20", after="2026.11.20"),
            "yt-dlp: 2026.11.20 is the newest",
        ),
    ],
)
def test_an_upgrade_reports_the_old_and_the_new_version(
    run: Run, monkeypatch: pytest.MonkeyPatch, upgrade: UpgradeRecord, words: str
) -> None:
    async def upgraded(*_: object) -> UpgradeRecord:
        return upgrade

    monkeypatch.setattr("mediavault.app.ytdlp_upkeep.YtdlpUpkeep.upgrade", upgraded)

    assert words in run("doctor", "--upgrade-ytdlp").out
    assert run("doctor", "--upgrade-ytdlp", "--json").json()["upgrade"]["after"] == upgrade.after


def test_an_upgrade_that_fails_is_reported_with_help(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object) -> UpgradeRecord:
        raise ToolMissing("yt-dlp could not be installed.", help="Check the connection.")

    monkeypatch.setattr("mediavault.app.ytdlp_upkeep.YtdlpUpkeep.upgrade", failing)
    ended = run("doctor", "--upgrade-ytdlp")

    assert ended.code != 0
    assert "could not be installed" in ended.err
    assert "Check the connection" in ended.err


def test_going_back_reports_both_versions_and_fails_where_there_is_no_former_one(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = run("doctor", "--previous-ytdlp")
    done = UpgradeRecord(before="2026.11.20", after="2026.10.26")
    monkeypatch.setattr("mediavault.app.ytdlp_upkeep.YtdlpUpkeep.go_back", lambda _: done)

    assert (without.code != 0, "There is no former yt-dlp" in without.err) == (True, True)
    assert "yt-dlp: 2026.11.20 → 2026.10.26" in run("doctor", "--previous-ytdlp").out


def test_problems_of_the_database_server_are_reported_with_help(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def report() -> StoreReport:
        return StoreReport(
            "MongoDB 7.0.0", 1, START, concerns=[Concern("It is old.", "Upgrade it.")]
        )

    monkeypatch.setattr(house.store.catalogue, "report", report)
    [check] = [
        check for check in run("doctor", "--json").json()["checks"] if check["name"] == "Database"
    ]

    assert (check["verdict"], check["detail"], check["help"]) == (
        "warning",
        "It is old.",
        "Upgrade it.",
    )


async def hangs(_: Context) -> Findings:
    await asyncio.Event().wait()
    return None


def has_a_bug(_: Context) -> Findings:
    raise LookupError("canary")


async def away(_: Settings) -> int:
    raise StoreError("The database is away.", help="Start it.")


async def test_an_error_and_a_slow_check_are_findings_and_stop_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "WITHIN_S", 0.05)
    registered = [
        Registered("hangs", JOBS, hangs),
        Registered("has a bug", JOBS, has_a_bug, is_public=True),
        Registered("needs the store", JOBS, about(away, lambda _: ok("never"))),
        Registered("needs it too", JOBS, about(away, lambda _: ok("never"))),
        Registered("sound", JOBS, lambda _: ok("fine"), is_public=True),
    ]
    found = await run_checks(registered, Settings())

    assert [(check.name, check.verdict, check.detail, check.is_public) for check in found] == [
        ("hangs", "broken", "not finished within 0 s", False),
        ("has a bug", "broken", "the check itself failed: LookupError: canary", False),
        ("needs the store", "broken", "The database is away.", False),
        ("sound", "ok", "fine", True),
    ]
    assert found[2].help == "Start it."
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_helper_processes_that_cannot_be_started_are_reported_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise ChildFailed("signal 9")

    monkeypatch.setattr(machine, "find_isolation", fail)
    found = {check["name"]: check for check in run("doctor", "--json").json()["checks"]}

    assert found["Helper processes"]["detail"] == "cannot be started: signal 9"
    assert "yt-dlp's network" not in found


def test_the_server_that_the_settings_name_is_checked(run: Run, house: StubHouse) -> None:
    assert not any(
        "PostgreSQL" in check["name"] for check in run("doctor", "--json").json()["checks"]
    )
    house.postgres = POSTGRES
    assert verdicts(run("doctor", "--json").json())["PostgreSQL"] == "ok"


def test_without_a_proxy_there_is_no_check_and_a_wrong_name_is_reported(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Proxy" not in verdicts(run("doctor", "--json").json())
    monkeypatch.setenv(
        "MEDIAVAULT_PROXIES", json.dumps({"youtub": "http://user:canary@gluetun:8888"})
    )
    ended = run("doctor", "--json")
    [check] = [check for check in ended.json()["checks"] if check["name"] == "Proxy"]

    assert (ended.code, check["verdict"], "youtub" in check["detail"]) == (1, "broken", True)
    assert "canary" not in ended.out
