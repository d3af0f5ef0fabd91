"""How pip or uv installs yt-dlp: which environment they get, and what it runs."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mediavault.core.failures import ToolMissing
from mediavault.extraction import ytdlp_upgrade
from mediavault.extraction.ytdlp_upgrade import installer

# replaces pip: writes its environment, and what is wanted, to the folder that it is given
_INSTALLER = (
    "import json, os, pathlib, sys; library = pathlib.Path(sys.argv[1]); library.mkdir();"
    " wanted = (library.parent / 'wanted.txt').read_text();"
    " (library / 'seen.json').write_text(json.dumps({'wanted': wanted, **os.environ}))"
)
SECRETS = (
    "AWS_SECRET_ACCESS_KEY",
    "PGPASSWORD",
    "MEDIAVAULT_TOKEN",
    "MEDIAVAULT_DATABASE_URL",
    "SOMETHING_NEW",
)
NEEDED = (
    "PIP_INDEX_URL",
    "UV_INDEX_URL",
    "https_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "HOME",
)


def running(program: str) -> Callable[[Path], Sequence[Sequence[str]]]:
    return lambda library: [(sys.executable, "-c", program, str(library))]


async def test_an_installer_gets_its_own_settings_and_no_secret_of_the_vault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*SECRETS, *NEEDED):
        monkeypatch.setenv(name, f"the {name}")
    monkeypatch.setattr(ytdlp_upgrade, "installer", running(_INSTALLER))
    await ytdlp_upgrade.install_newest("yt-dlp", tmp_path / "library")
    seen = json.loads((tmp_path / "library/seen.json").read_text())

    assert seen["wanted"] == "yt-dlp\n"
    assert {name for name in SECRETS if name in seen} == set()
    assert {name: seen.get(name) for name in NEEDED} == {name: f"the {name}" for name in NEEDED}


@pytest.mark.parametrize("with_pip", [True, False])
def test_pip_and_uv_run_nothing_of_a_package_and_uv_requires_the_hashes(
    with_pip: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object() if with_pip else None)
    monkeypatch.setattr(ytdlp_upgrade, "find_uv", lambda: "/bin/uv")
    *listing, install = installer(Path("/state/library"))

    assert all("--only-binary=:all:" in command for command in (*listing, install))
    assert [{"--require-hashes", "--no-deps"} <= set(install) for _ in listing] == (
        [] if with_pip else [True]
    )


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES",
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES",
        ),
        (
            "error: Failed to download\n  cause: a\n  cause: Hash mismatch\n\n  Expected:",
            "download cause: Hash mismatch",
        ),
        (
            "error: Failed to download\n  Caused by: Hash mismatch",
            "error: Failed to download Caused by: Hash mismatch",
        ),
        ("gone", "stays in use: gone"),
    ],
)
async def test_the_installers_own_error_is_shown(
    said: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = f"import sys; print({said!r}, file=sys.stderr); sys.exit(1)"
    monkeypatch.setattr(ytdlp_upgrade, "installer", running(failing))
    with pytest.raises(ToolMissing, match=shown):
        await ytdlp_upgrade.install_newest("yt-dlp", tmp_path / "library")
