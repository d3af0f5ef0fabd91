"""The environment of pip or uv when it installs yt-dlp."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mediavault.services.extraction import ytdlp_upgrade

# replaces pip: writes its environment to the folder that `--target` names
_INSTALLER = (
    "import json, os, pathlib, sys; library = pathlib.Path(sys.argv[sys.argv.index('--target') + 1]);"
    " library.mkdir(); (library / 'seen.json').write_text(json.dumps(dict(os.environ)))"
)
SECRETS = ("AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "MEDIAVAULT_TOKEN", "MEDIAVAULT_DATABASE_URL", "SOMETHING_NEW")
NEEDED = ("PIP_INDEX_URL", "UV_INDEX_URL", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HOME")


async def test_an_installer_gets_its_own_settings_and_no_secret_of_the_vault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*SECRETS, *NEEDED):
        monkeypatch.setenv(name, f"the {name}")
    monkeypatch.setattr(ytdlp_upgrade, "installer", lambda: [sys.executable, "-c", _INSTALLER])
    await ytdlp_upgrade.install_package("yt-dlp", tmp_path / "library")
    seen = json.loads((tmp_path / "library/seen.json").read_text())

    assert {name for name in SECRETS if name in seen} == set()
    assert {name: seen.get(name) for name in NEEDED} == {name: f"the {name}" for name in NEEDED}
