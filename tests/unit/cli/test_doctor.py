from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from mediavault.app.doctor.checks import (
    check_browser,
    check_helpers,
    check_mount,
    check_python,
    check_sandbox,
    check_sign_in_window,
    check_space,
    check_sqlite,
    check_store,
    check_system,
    check_variables,
    file_system_of,
)
from mediavault.app.doctor.ytdlp_checks import PARTS, check_parts, check_ytdlp
from mediavault.app.storage import open_store
from mediavault.browser.discovery import Sandbox, SandboxReport
from mediavault.core.failures import SchemaTooNew, ToolMissing
from mediavault.core.installation import command_to_install
from mediavault.core.messages import Message
from mediavault.core.settings import Settings
from mediavault.extraction.port import UpgradeRecord
from mediavault.extraction.ytdlp_home import YtdlpInstallation
from mediavault.presentation.doctor_report import DoctorVerdict
from mediavault.sandbox.isolation import NoNetwork
from mediavault.sandbox.process import ChildFailed
from mediavault.store.losses import LOG, LOSSES, note_loss
from mediavault.store.port import Concern, StoreReport
from tests.fakes import START
from tests.unit.cli.conftest import Run, StubHouse


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


@pytest.mark.parametrize(
    ("script", "verdict", "detail"),
    [
        ("echo Chromium 156.0.1", DoctorVerdict.OK, "Chromium 156.0.1"),
        ("echo 'ls (GNU coreutils) 9.7'", DoctorVerdict.WARNING, "does not say that it is a Chromium, Chrome or Edge"),
        ("echo Chromium; exit 1", DoctorVerdict.WARNING, "does not say"),
    ],
)
async def test_the_program_set_as_browser_is_identified(
    tmp_path: Path, script: str, verdict: DoctorVerdict, detail: str
) -> None:
    program = tmp_path / "browser"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    check = await check_browser(Settings(browser=program))

    assert check.verdict is verdict
    assert detail in check.detail


def test_only_linux_is_called_tested() -> None:
    assert check_system("linux") == []
    assert [check.verdict for check in check_system("darwin")] == [DoctorVerdict.WARNING]


@pytest.mark.parametrize(
    ("sandbox", "verdict", "detail", "help_"),
    [
        (Sandbox.ON, DoctorVerdict.OK, "on: ", ""),
        (Sandbox.OFF_FOR_ROOT, DoctorVerdict.WARNING, "off, because mediavault runs as root", "ordinary user"),
        (Sandbox.REFUSED, DoctorVerdict.WARNING, "off, because the browser did not start with it: ", "user namespaces"),
    ],
)
def test_the_browsers_sandbox_is_reported_with_the_reason_and_help(
    sandbox: Sandbox, verdict: DoctorVerdict, detail: str, help_: str
) -> None:
    (check,) = check_sandbox(SandboxReport(sandbox, "Operation not permitted"))

    assert check.verdict is verdict
    assert check.detail.startswith(detail)
    assert help_ in check.help


def test_the_sandbox_is_not_reported_before_the_browser_has_started(run: Run) -> None:
    assert check_sandbox(None) == []
    assert "Browser sandbox" not in verdicts(run("doctor", "--json").json())


def test_a_sandbox_that_was_refused_is_reported(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAVAULT_STATE_DIR", str(tmp_path))
    (tmp_path / "browser").mkdir()
    (tmp_path / "browser" / "sandbox").write_text("refused\nNo usable sandbox!")

    assert verdicts(run("doctor", "--json").json())["Browser sandbox"] == "warning"
    assert "off, because the browser did not start with it: No usable sandbox!" in run("doctor").out


@pytest.mark.parametrize(
    ("kept_by", "helpers", "ytdlp"),
    [
        (NoNetwork.NAMESPACE, "ok: kept off the network", "ok: only the vault's own proxy"),
        (NoNetwork.FILTER, "ok: kept off the network", "warning: the same as mediavault's"),
        (NoNetwork.NOTHING, "warning: can reach the network", "warning: the same as mediavault's"),
        (ChildFailed("signal 9"), "broken: cannot be started: signal 9", None),
    ],
)
async def test_processes_that_can_reach_the_network_are_reported(
    kept_by: NoNetwork | Exception, helpers: str, ytdlp: str | None
) -> None:
    async def find() -> NoNetwork:
        if isinstance(kept_by, Exception):
            raise kept_by
        return kept_by

    checks = {check.name: check for check in await check_helpers(find)}
    found = {name: f"{check.verdict}: {check.detail}" for name, check in checks.items()}

    assert found["Helper processes"].startswith(helpers)
    assert (ytdlp is None and "yt-dlp's network" not in found) or found["yt-dlp's network"].startswith(ytdlp or "")
    assert all(bool(check.help) is (check.verdict is not DoctorVerdict.OK) for check in checks.values())


def test_without_a_browser_no_window_opens_and_cookies_can_be_imported() -> None:
    check = check_sign_in_window(has_browser=False, has_screen=True, has_virtual=True)

    assert check.verdict is DoctorVerdict.WARNING
    assert "--cookies" in check.help


def test_without_json_each_finding_has_a_mark_and_help(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAVAULT_PROT", "1")
    ended = run("doctor")

    assert "✓ Python" in ended.out
    assert "! Settings  no setting reads MEDIAVAULT_PROT" in ended.out


def test_a_library_that_cannot_be_written_exits_with_1(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MEDIAVAULT_DOWNLOAD_DIR", str(tmp_path / "file" / "downloads"))
    ended = run("doctor", "--json")

    assert ended.code == 1
    assert verdicts(ended.json())["Library"] == "broken"


def test_a_database_of_a_newer_version_is_reported(run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    async def newer() -> None:
        raise SchemaTooNew("The database has schema 9.")

    monkeypatch.setattr(house.store.catalogue, "report", newer)
    ended = run("doctor", "--json")

    assert ended.code == 1
    assert verdicts(ended.json())["Jobs"] == "broken"


def test_a_configured_browser_that_does_not_exist_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAVAULT_BROWSER", "/nowhere/chromium")
    ended = run("doctor", "--json")
    (browser,) = [check for check in ended.json()["checks"] if check["name"] == "Browser"]

    assert (ended.code, browser["verdict"]) == (0, "warning")
    assert "/nowhere/chromium" in browser["help"]


def access(run: Run) -> tuple[str, str]:
    (check,) = [check for check in run("doctor", "--json").json()["checks"] if check["name"] == "Access"]
    return check["verdict"], check["detail"]


def test_whether_and_how_the_vault_is_protected_is_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert access(run) == (
        "ok",
        "no password: open to all users of this machine, and to no one else; `mediavault password` sets one",
    )
    monkeypatch.setenv("MEDIAVAULT_HOST", "0.0.0.0")
    assert access(run)[0] == "broken"
    monkeypatch.setenv("MEDIAVAULT_SETUP", "true")
    assert access(run)[0] == "warning"
    monkeypatch.setenv("MEDIAVAULT_TOKEN", "hunter2")
    assert access(run) == ("warning", "MEDIAVAULT_TOKEN is short enough to be guessed")
    monkeypatch.setenv("MEDIAVAULT_TOKEN", "mv_a-long-random-token")
    assert access(run) == ("ok", "protected by MEDIAVAULT_TOKEN")
    monkeypatch.setenv("MEDIAVAULT_PROXY_USER", "jane")
    assert access(run)[0] == "broken"


@pytest.mark.parametrize(
    ("version", "verdict"),
    [("3.51.3.0", DoctorVerdict.OK), ("3.54.1.0", DoctorVerdict.OK), ("3.46.1.0", DoctorVerdict.BROKEN)],
)
def test_a_sqlite_that_can_corrupt_a_database_is_reported(version: str, verdict: DoctorVerdict) -> None:
    assert check_sqlite(version).verdict is verdict


def test_an_old_python_is_reported() -> None:
    assert check_python((3, 11, 0)).verdict is DoctorVerdict.OK
    assert check_python((3, 10, 9)).verdict is DoctorVerdict.BROKEN


def test_a_variable_with_a_former_name_is_reported_with_its_present_one() -> None:
    check = check_variables({"MEDIAVAULT_FORGET_AFTER_DAYS": "9"})

    assert check.verdict is DoctorVerdict.WARNING
    assert check.detail == "MEDIAVAULT_FORGET_AFTER_DAYS is now called MEDIAVAULT_RETENTION_DAYS"


def test_a_misspelt_variable_is_named_even_next_to_a_former_name() -> None:
    environ = {"MEDIAVAULT_TOKN": "x", "PATH": "/bin"}

    assert "MEDIAVAULT_TOKN" in check_variables(environ).detail
    both = check_variables({**environ, "MEDIAVAULT_FORGET_AFTER_DAYS": "9"})
    assert "MEDIAVAULT_TOKN" in both.detail
    assert "MEDIAVAULT_RETENTION_DAYS" in both.detail


@pytest.mark.parametrize(
    ("name", "verdict"), [("State folder", DoctorVerdict.BROKEN), ("Download folder", DoctorVerdict.WARNING)]
)
def test_folders_on_a_network_share_are_reported(tmp_path: Path, name: str, verdict: DoctorVerdict) -> None:
    table = tmp_path / "mounts"
    table.write_text(f"dev / ext4 rw 0 0\nnas:/x {tmp_path.resolve()} nfs4 rw 0 0\n")
    check = check_mount(name, tmp_path / "not" / "there" / "yet", table)

    assert check.verdict is verdict
    assert "nfs4" in check.detail


def test_the_deepest_mount_counts_and_names_with_spaces_are_read(tmp_path: Path) -> None:
    assert file_system_of(tmp_path, [("/", "ext4"), (str(tmp_path.resolve()), "cifs")]) == "cifs"
    assert file_system_of(tmp_path, []) is None
    assert check_mount("State folder", tmp_path, tmp_path / "missing").verdict is DoctorVerdict.OK


def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, download_dir=tmp_path / "x", reserve_mb=1 << 40)

    assert check_space(settings).verdict is DoctorVerdict.BROKEN


@pytest.mark.parametrize(
    ("version", "today", "verdict"),
    [
        ("2026.10.26", date(2026, 12, 10), DoctorVerdict.OK),
        ("2026.10.26", date(2026, 12, 11), DoctorVerdict.WARNING),
        ("2026.10.26", date(2026, 10, 25), DoctorVerdict.OK),
        ("0.0.0", date(2026, 10, 25), DoctorVerdict.WARNING),
        (None, date(2026, 10, 25), DoctorVerdict.WARNING),
    ],
)
def test_a_ytdlp_older_than_45_days_should_be_upgraded(
    version: str | None, today: date, verdict: DoctorVerdict
) -> None:
    check = check_ytdlp(YtdlpInstallation(version, None), today=today)

    assert check.verdict is verdict
    assert (check.help == "") is (verdict is DoctorVerdict.OK)


def test_each_missing_part_is_named_with_the_sites_that_need_it_and_one_command() -> None:
    all_missing = check_parts({part.name: False for part in PARTS})
    one_missing = check_parts({part.name: part.name != "curl_cffi" for part in PARTS})

    assert "without deno, yt-dlp-ejs: YouTube's player" in all_missing.detail
    assert one_missing.detail.startswith("without curl_cffi: Instagram")
    assert one_missing.help == f"Run `{command_to_install('youtube')}`."
    assert check_parts({part.name: True for part in PARTS}).verdict is DoctorVerdict.OK


@pytest.mark.parametrize(
    ("upgrade", "words"),
    [
        (UpgradeRecord(before="2026.10.26", after="2026.11.20"), "yt-dlp: 2026.10.26 → 2026.11.20"),
        (UpgradeRecord(before="2026.11.20", after="2026.11.20"), "yt-dlp: 2026.11.20 is the newest"),
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


def test_an_upgrade_that_fails_is_reported_with_help(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_version_that_was_given_up_is_reported_with_the_reason() -> None:
    record = UpgradeRecord(refused="2026.11.20", why=Message("it could not be imported"))
    check = check_ytdlp(YtdlpInstallation("2026.10.26", None), today=date(2026, 10, 27), record=record)

    assert check.verdict is DoctorVerdict.WARNING
    assert "2026.11.20 was given up: it could not be imported." in check.detail


def test_problems_of_the_database_server_are_reported_with_help(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def report() -> StoreReport:
        return StoreReport("MongoDB 7.0.0", 1, START, concerns=[Concern("It is old.", "Upgrade it.")])

    monkeypatch.setattr(house.store.catalogue, "report", report)
    [check] = [check for check in run("doctor", "--json").json()["checks"] if check["name"] == "Database"]

    assert (check["verdict"], check["detail"], check["help"]) == ("warning", "It is old.", "Upgrade it.")


async def test_what_a_damaged_log_may_have_cost_is_a_warning(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state", download_dir=tmp_path / "library")
    async with open_store(settings) as store:
        await note_loss(store.records, LOG)
    checks = [check for check in await check_store(settings) if check.name == "Database"]

    assert [(check.verdict, check.detail) for check in checks] == [(DoctorVerdict.WARNING, LOSSES[LOG].what)]
    assert "mediavault rebuild" in checks[0].help
