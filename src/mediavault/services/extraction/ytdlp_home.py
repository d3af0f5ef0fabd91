"""Where yt-dlp is: the version installed with mediavault, or a newer one in the state folder.

``<state>/ytdlp/<version>/`` holds a version that was installed separately, ``<state>/ytdlp/current`` is a file with the
name of the one in use: it is replaced in one step, so that a reader finds the old one or the new one, complete. What was
read by each version is in ``results-<version>`` (ytdlp_results), the last upgrade in ``upgrades.json`` (ytdlp_versions).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

DISTRIBUTION = "yt-dlp"
POINTER = "current"
AT_WORK = "at-work"  # empty folders of children
LEFT_BEHIND_AFTER = timedelta(hours=1)  # no child lives that long: its parent was killed
_VERSION = re.compile(r"[0-9]{4}\.[0-9]{1,2}\.[0-9]{1,2}(?:\.[0-9a-z]{1,20})?")


@dataclass(frozen=True, slots=True)
class YtdlpInstallation:
    """A yt-dlp. ``library`` is the folder that goes first on the child's path, None for the one next to mediavault."""

    version: str | None
    library: Path | None

    @property
    def released(self) -> date | None:
        """The release date: yt-dlp's versions are dates."""
        numbers = _numbers(self.version)[:3]
        try:
            return date(*numbers) if len(numbers) == 3 else None
        except ValueError:
            return None

    def has(self, module: str) -> bool:
        """Whether a child would find this module."""
        in_library = self.library is not None and (self.library / module).exists()
        return in_library or importlib.util.find_spec(module) is not None


def home_of(state_dir: Path) -> Path:
    return state_dir / "ytdlp"


def installed(home: Path) -> YtdlpInstallation:
    """Return the newer of the one in ``home`` and the one installed with mediavault."""
    with_us, own = bundled(), own_version(home)
    return own if own is not None and _numbers(own.version) > _numbers(with_us.version) else with_us


def bundled() -> YtdlpInstallation:
    """Return the one installed with mediavault; without a version where there is none."""
    return YtdlpInstallation(_bundled_version(), None)


def own_version(home: Path) -> YtdlpInstallation | None:
    """Return the version in ``home`` that is in use; None where there is none."""
    try:
        name = (home / POINTER).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    library = home / name
    return YtdlpInstallation(name, library) if is_version(name) and (library / "yt_dlp").is_dir() else None


def is_version(text: str) -> bool:
    """Whether ``text`` is a version of yt-dlp; it is then a safe file name too."""
    return _VERSION.fullmatch(text) is not None


def use(home: Path, version: str) -> None:
    """Make ``home/version`` the one in use. Raises OSError; the previous version stays in use then."""
    pointer = home / f"{POINTER}.new"
    pointer.write_text(f"{version}\n", encoding="utf-8")
    pointer.replace(home / POINTER)


def deno_path() -> str | None:
    """Return the deno that yt-dlp finds: next to this Python, or on PATH."""
    bundled = shutil.which("deno", path=sysconfig.get_path("scripts"))
    return bundled or shutil.which("deno")


@contextmanager
def work_folder(home: Path, *, now: datetime) -> Iterator[Path]:
    """Yield an empty folder for one child and remove it afterwards. Raises OSError.

    Folders that killed processes left behind are removed first.
    """
    parent = home / AT_WORK
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in parent.iterdir():
        if datetime.fromtimestamp(left.stat().st_mtime, UTC) < now - LEFT_BEHIND_AFTER:
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _bundled_version() -> str | None:
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None


def plain_version(version: str) -> str:
    """Return a version in the one form that both yt-dlp and its package have: 2026.07.04 is 2026.7.4."""
    return ".".join(map(str, _numbers(version)))


def _numbers(version: str | None) -> tuple[int, ...]:
    return tuple(int(part) for part in (version or "").split(".") if part.isascii() and part.isdigit())
