"""How mediavault was installed, and what the doctor tells its user to run."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest

from mediavault.core.installation import (
    IMAGE_MARK,
    InstalledBy,
    command_to_install,
    find_uv,
    installed_by,
)


@pytest.mark.parametrize(
    ("mark", "by"),
    [
        ("uv-receipt.toml", InstalledBy.UV_TOOL),
        ("pipx_metadata.json", InstalledBy.PIPX),
        (IMAGE_MARK, InstalledBy.IMAGE),
        ("pyvenv.cfg", InstalledBy.CHECKOUT),  # that is how the tests' environment was made
    ],
)
def test_the_maker_of_an_environment_leaves_a_mark_in_it(
    mark: str, by: InstalledBy, tmp_path: Path
) -> None:
    (tmp_path / mark).touch()

    assert installed_by(tmp_path) is by


def test_an_environment_without_a_mark_is_pips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.core.installation._is_linked", lambda: False)

    assert installed_by(tmp_path) is InstalledBy.PIP


WHEEL = "/srv/my%20wheels/mediavault-0.1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("by", "origin", "command"),
    [
        (InstalledBy.CHECKOUT, "", "make install"),
        (InstalledBy.PIPX, f"file://{WHEEL}", f"pipx install --force '{unquote(WHEEL)}[youtube]'"),
        (
            InstalledBy.UV_TOOL,
            f"file://{WHEEL}",
            f"uv tool install --reinstall '{unquote(WHEEL)}[youtube]'",
        ),
        (
            InstalledBy.PIPX,
            "https://a.example/m.whl",
            "pipx install --force 'mediavault[youtube] @ https://a.example/m.whl'",
        ),
        # from an index, so there is one
        (InstalledBy.PIPX, "", "pipx install --force 'mediavault[youtube]'"),
    ],
)
def test_each_maker_installs_from_where_the_package_came(
    by: InstalledBy, origin: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.core.installation._origin", lambda: {"url": origin})

    assert command_to_install("youtube", by) == command


def test_every_maker_has_a_command() -> None:
    assert all(command_to_install("youtube", by) for by in InstalledBy)


def test_uv_is_found_in_the_users_folder_when_path_lacks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service's PATH seldom has it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    uv = tmp_path / ".local/bin/uv"
    uv.parent.mkdir(parents=True)
    uv.write_text("#!/bin/sh\n")
    uv.chmod(0o755)

    assert find_uv(tmp_path) == str(uv)
