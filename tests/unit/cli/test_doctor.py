from __future__ import annotations

from pathlib import Path

import pytest

from mediavault.commands.checks import (
    Verdict,
    check_mount,
    check_python,
    check_space,
    check_sqlite,
    check_variables,
    file_system_of,
)
from mediavault.core.errors import SchemaTooNew
from mediavault.core.settings import Settings
from tests.unit.cli.conftest import Run, StubHouse


def verdicts(answer: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {check["name"]: check["verdict"] for check in answer["checks"]}


def test_a_sound_installation_is_0(run: Run) -> None:
    ended = run("doctor", "--json")
    found = verdicts(ended.json())

    assert (ended.code, ended.json()["ok"]) == (0, True)
    assert {"Python", "SQLite", "Settings", "Address", "Library", "Disk space", "Browser", "Jobs", "Workers"} <= set(
        found
    )
    assert found["Workers"] == "warning"


def test_for_people_each_finding_has_a_mark_and_what_helps(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAVAULT_PROT", "1")
    ended = run("doctor")

    assert "✓ Python" in ended.out
    assert "! Settings  no setting reads MEDIAVAULT_PROT" in ended.out


def test_a_library_that_cannot_be_written_is_1(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MEDIAVAULT_DOWNLOAD_DIR", str(tmp_path / "file" / "downloads"))
    ended = run("doctor", "--json")

    assert ended.code == 1
    assert verdicts(ended.json())["Library"] == "broken"


def test_a_database_of_a_newer_version_is_told(run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    async def newer() -> None:
        raise SchemaTooNew("The database has schema 9.")

    monkeypatch.setattr(house.store, "report", newer)
    ended = run("doctor", "--json")

    assert ended.code == 1
    assert verdicts(ended.json())["Jobs"] == "broken"


def test_a_browser_that_is_set_and_not_there_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAVAULT_BROWSER", "/nowhere/chromium")
    ended = run("doctor", "--json")
    (browser,) = [check for check in ended.json()["checks"] if check["name"] == "Browser"]

    assert (ended.code, browser["verdict"]) == (0, "warning")
    assert "/nowhere/chromium" in browser["help"]


def test_an_open_door_without_a_token_is_broken(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAVAULT_HOST", "0.0.0.0")

    assert verdicts(run("doctor", "--json").json())["Address"] == "broken"


@pytest.mark.parametrize(
    ("version", "verdict"), [("3.51.3.0", Verdict.OK), ("3.54.1.0", Verdict.OK), ("3.46.1.0", Verdict.BROKEN)]
)
def test_a_sqlite_that_can_corrupt_a_database_is_told(version: str, verdict: Verdict) -> None:
    assert check_sqlite(version).verdict is verdict


def test_an_old_python_is_told() -> None:
    assert check_python((3, 11, 0)).verdict is Verdict.OK
    assert check_python((3, 10, 9)).verdict is Verdict.BROKEN


def test_a_misspelt_variable_is_named() -> None:
    assert "MEDIAVAULT_TOKN" in check_variables({"MEDIAVAULT_TOKN": "x", "PATH": "/bin"}).detail


@pytest.mark.parametrize(("name", "verdict"), [("State folder", Verdict.BROKEN), ("Download folder", Verdict.WARNING)])
def test_a_network_share_is_no_place_for_the_database(tmp_path: Path, name: str, verdict: Verdict) -> None:
    table = tmp_path / "mounts"
    table.write_text(f"dev / ext4 rw 0 0\nnas:/x {tmp_path.resolve()} nfs4 rw 0 0\n")
    check = check_mount(name, tmp_path / "not" / "there" / "yet", table)

    assert check.verdict is verdict
    assert "nfs4" in check.detail


def test_the_deepest_mount_counts_and_names_with_blanks_are_read(tmp_path: Path) -> None:
    assert file_system_of(tmp_path, [("/", "ext4"), (str(tmp_path.resolve()), "cifs")]) == "cifs"
    assert file_system_of(tmp_path, []) is None
    assert check_mount("State folder", tmp_path, tmp_path / "missing").verdict is Verdict.OK


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, download_dir=tmp_path / "x", reserve_mb=1 << 40)

    assert check_space(settings).verdict is Verdict.BROKEN
