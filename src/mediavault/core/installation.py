"""How this mediavault was installed, and the command that adds a part to it or upgrades it."""

from __future__ import annotations

import json
import shutil
import sys
from enum import StrEnum
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

IMAGE_MARK = "mediavault-image"  # a file in the environment that the container image contains


class InstalledBy(StrEnum):
    """Who made the environment that this program runs in, and must therefore change it."""

    CHECKOUT = "checkout"  # linked to its source
    IMAGE = "image"
    PIPX = "pipx"
    UV_TOOL = "uv tool"
    PIP = "pip"  # or uv's `pip`, in an environment that the user made


def installed_by(prefix: Path | None = None) -> InstalledBy:
    """Return how the environment in ``prefix``, by default ours, was made."""
    home = prefix or Path(sys.prefix)
    if (home / IMAGE_MARK).exists():
        return InstalledBy.IMAGE
    if (home / "uv-receipt.toml").exists():
        return InstalledBy.UV_TOOL
    if (home / "pipx_metadata.json").exists():
        return InstalledBy.PIPX
    return InstalledBy.CHECKOUT if _is_linked() else InstalledBy.PIP


def command_to_install(extra: str, by: InstalledBy | None = None) -> str:
    """Return the shell command that installs mediavault with ``extra``, such as "youtube", from
    where it was installed from.

    A checkout and the image have all extras that belong to them, so there it brings them up to
    date.
    """
    package = _package(_origin().get("url", ""), extra)
    commands = {
        InstalledBy.CHECKOUT: "make install",
        InstalledBy.IMAGE: "docker compose pull && docker compose up -d",
        InstalledBy.PIPX: f"pipx install --force {package}",
        InstalledBy.UV_TOOL: f"uv tool install --reinstall {package}",
        InstalledBy.PIP: f"{sys.executable} -m pip install --upgrade {package}",
    }
    return commands[by or installed_by()]


def find_uv(home: Path | None = None) -> str | None:
    """Return the path of uv, which a service's PATH often lacks;
    None when it is in none of its usual places.
    """
    folders = [(home or Path.home()) / part for part in (".local/bin", ".cargo/bin")]
    usual = [Path(sys.prefix, "bin"), *folders, Path("/usr/local/bin"), Path("/opt/homebrew/bin")]
    return shutil.which("uv") or shutil.which("uv", path=":".join(map(str, usual)))


def _package(origin: str, extra: str) -> str:
    """Return the quoted requirement; ``origin`` is the URL of the wheel or folder,
    "" where it came from an index.
    """
    if origin.startswith("file:"):
        from urllib.request import url2pathname  # with all of urllib

        return f"'{url2pathname(urlsplit(origin).path)}[{extra}]'"
    return f"'mediavault[{extra}] @ {origin}'" if origin else f"'mediavault[{extra}]'"


def _is_linked() -> bool:
    return bool(_origin().get("dir_info", {}).get("editable"))


def _origin() -> dict[str, Any]:
    """Return where the package came from, as its installer noted it (PEP 610);
    empty where it came from an index.
    """
    try:
        text = Distribution.from_name("mediavault").read_text("direct_url.json")
        return dict(json.loads(text)) if text else {}
    except (PackageNotFoundError, OSError, ValueError):
        return {}
