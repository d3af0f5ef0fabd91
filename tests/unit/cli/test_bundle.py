"""The bundle for a bug report."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from mediavault.app.doctor.bundle import shown_settings, without_home, write_new
from mediavault.app.doctor.checks import CHECKS
from mediavault.core.failures import BadInput, Failure
from mediavault.core.settings import load_settings
from tests.unit.cli.conftest import Run

SECRETS = {
    "MEDIAVAULT_TOKEN": "hunter2-token",
    "MEDIAVAULT_PROXY_SECRET": "hunter2-proxy",
    "MEDIAVAULT_PROXY_USER": "jane.doe",
    "MEDIAVAULT_PROXY": "socks5://jane:hunter2@janes-vpn.example:1080",
    "MEDIAVAULT_PROXIES": '{"youtube": "http://jane:hunter2@janes-vpn.example:8888"}',
    "MEDIAVAULT_VAULT_URL": "s3://janes-bucket/videos",
    "MEDIAVAULT_HOST_NAMES": '["janes-nas.example"]',
}
PRIVATE = ("hunter2", "jane")
POST = "https://x.com/jane_posts/status/1234567890123456789"


def test_secrets_hosts_and_people_are_not_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MEDIAVAULT_DATABASE_URL", "postgresql://jane:hunter2@db.example/vault")
    monkeypatch.setenv("MEDIAVAULT_CONCURRENCY", "7")
    shown = shown_settings(load_settings())

    assert not [word for word in PRIVATE if word in json.dumps(shown, default=str)]
    assert (shown["database_url"], shown["token"], shown["proxy_user"]) == (
        "postgresql:(set)",
        "(set)",
        "(set)",
    )
    assert (shown["proxy"], shown["proxies"]) == ("socks5:(set)", "(set)")
    assert (shown["concurrency"], shown["host"], shown["log_level"]) == (7, "127.0.0.1", "info")


def test_a_bundle_has_the_checks_the_versions_and_crashes_but_no_post(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAVAULT_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "state/workers").mkdir(parents=True)
    (tmp_path / "state/workers/w-1.freeze-settled").write_text(f"{Path.home()}/code.py, line 3")
    run("add", POST)
    file = tmp_path / "bundle.zip"
    ended = run("doctor", "--bundle", str(file))
    with zipfile.ZipFile(file) as bundle:
        parts = {name: bundle.read(name).decode() for name in bundle.namelist()}

    assert f"Written: {file}" in ended.out
    assert {
        "about.json",
        "doctor.json",
        "settings.json",
        "queue.json",
        "crashes/w-1.freeze-settled",
    } == set(parts)
    assert parts["crashes/w-1.freeze-settled"] == "~/code.py, line 3"
    assert "Python" in {check["name"] for check in json.loads(parts["doctor.json"])}
    assert "aiohttp" in json.loads(parts["about.json"])["packages"]
    assert not [
        name for name, text in parts.items() if "jane_posts" in text or str(Path.home()) in text
    ]
    assert run("doctor", "--bundle", str(file)).code == 2  # nothing is replaced


def test_a_check_that_may_name_hosts_or_people_is_in_it_by_its_verdict_alone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAVAULT_HOST", "janes-nas.example")
    run("doctor", "--bundle", str(tmp_path / "bundle.zip"))
    with zipfile.ZipFile(tmp_path / "bundle.zip") as bundle:
        checks = {check["name"]: check for check in json.loads(bundle.read("doctor.json"))}

    private = {name for name, check in checks.items() if set(check) == {"name", "verdict"}}
    assert {
        "Address",
        "Library",
        "State folder",
        "Workers",
        "Sign-ins",
        "Jobs",
        "Access",
    } <= private
    assert "SQLite" not in private
    assert {each.name for each in CHECKS if "PostgreSQL" in each.name and each.is_public} == set()


def test_a_bundle_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Failure):
        write_new(tmp_path / "missing" / "bundle.zip", b"x")
    (tmp_path / "bundle.zip").write_bytes(b"another")
    with pytest.raises(BadInput):
        write_new(tmp_path / "bundle.zip", b"x")

    assert (tmp_path / "bundle.zip").read_bytes() == b"another"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle.zip"]


def test_a_home_folder_that_is_the_root_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/"))

    assert without_home("/opt/x") == "/opt/x"
