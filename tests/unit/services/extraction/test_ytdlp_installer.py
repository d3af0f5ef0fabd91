"""How pip or uv installs yt-dlp: which environment they get, and that each file is checked against its hash."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from mediavault.core.failures import ToolMissing
from mediavault.services.extraction import ytdlp_installer
from mediavault.services.extraction.ytdlp_installer import Installer, installer, requirements_of

# replaces pip: writes its environment to the folder that `--target` names
_INSTALLER = (
    "import json, os, pathlib, sys; library = pathlib.Path(sys.argv[sys.argv.index('--target') + 1]);"
    " library.mkdir(); listed = pathlib.Path(sys.argv[sys.argv.index('-r') + 1]).read_text();"
    " (library / 'seen.json').write_text(json.dumps({'listed': listed, **os.environ}))"
)
_LISTING = "import sys; print(open(sys.argv[1]).read().strip() + '==1 --hash=sha256:ab')"
SECRETS = ("AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "MEDIAVAULT_TOKEN", "MEDIAVAULT_DATABASE_URL", "SOMETHING_NEW")
NEEDED = ("PIP_INDEX_URL", "UV_INDEX_URL", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HOME")
SHA = "a05c5b5d8562f7e8a62f5334348b406af4930d56d3a65f8021d14af0e22339ae"


def running(resolve: str, install: str = _INSTALLER) -> Installer:
    return Installer((sys.executable, "-c", resolve), (sys.executable, "-c", install), has_report=False)


def report(**package: object) -> str:
    whole = {
        "metadata": {"name": "yt-dlp", "version": "2026.10.26"},
        "download_info": {"archive_info": {"hashes": {"sha256": SHA}}},
    }
    return json.dumps({"version": "1", "install": [{**whole, **package}]})


async def test_an_installer_gets_its_own_settings_and_no_secret_of_the_vault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*SECRETS, *NEEDED):
        monkeypatch.setenv(name, f"the {name}")
    monkeypatch.setattr(ytdlp_installer, "installer", lambda: running(_LISTING))
    await ytdlp_installer.install_package("yt-dlp", tmp_path / "library")
    seen = json.loads((tmp_path / "library/seen.json").read_text())

    assert {name for name in SECRETS if name in seen} == set()
    assert {name: seen.get(name) for name in NEEDED} == {name: f"the {name}" for name in NEEDED}


async def test_exactly_the_files_are_installed_that_were_listed_with_their_hashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ytdlp_installer, "installer", lambda: running(_LISTING))
    await ytdlp_installer.install_package("yt-dlp", tmp_path / "library")

    assert json.loads((tmp_path / "library/seen.json").read_text())["listed"] == "yt-dlp==1 --hash=sha256:ab\n"
    assert [path.name for path in tmp_path.iterdir()] == ["library"]


@pytest.mark.parametrize("with_pip", [True, False])
def test_pip_and_uv_refuse_a_file_without_its_hash_and_run_nothing_of_a_package(
    with_pip: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object() if with_pip else None)
    monkeypatch.setattr(ytdlp_installer, "find_uv", lambda: "/bin/uv")
    tool = installer()

    assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(tool.install)
    assert "--only-binary=:all:" in tool.resolve
    assert tool.has_report is with_pip


def test_a_report_of_pip_becomes_lines_with_hashes() -> None:
    assert requirements_of(report()) == f"yt-dlp==2026.10.26 --hash=sha256:{SHA}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"install": []}',
        report(download_info={"archive_info": {"hashes": {}}}),
        report(download_info={"archive_info": {"hashes": {"sha256": "--index-url https://evil.example"}}}),
        report(download_info={"vcs_info": {"vcs": "git"}}),
        report(metadata={"name": "yt-dlp\n--index-url x", "version": "1"}),
        report(metadata={"name": "yt-dlp", "version": "1 --no-deps"}),
    ],
)
def test_a_file_without_a_hash_is_not_installed(text: str) -> None:
    with pytest.raises(ToolMissing, match=r"^pip does not say what the files of yt-dlp contain \(SHA-256\)"):
        requirements_of(text)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES"),
        (
            "error: Failed to download\n  cause: a\n  cause: Hash mismatch\n\n  Expected:",
            "download cause: Hash mismatch",
        ),
        ("error: Failed to download\n  Caused by: Hash mismatch", "error: Failed to download Caused by: Hash mismatch"),
        ("gone", "stays in use: gone"),
    ],
)
async def test_the_installers_own_error_is_shown(
    said: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = f"import sys; print({said!r}, file=sys.stderr); sys.exit(1)"
    monkeypatch.setattr(ytdlp_installer, "installer", lambda: running(_LISTING, failing))
    with pytest.raises(ToolMissing, match=shown):
        await ytdlp_installer.install_package("yt-dlp", tmp_path / "library")
