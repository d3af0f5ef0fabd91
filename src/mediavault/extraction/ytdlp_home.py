"""Where yt-dlp is: the version installed with mediavault, or a newer one in the state folder; and
the way back from that.

``<state>/ytdlp/<version>/`` holds a version that was installed separately,
``<state>/ytdlp/current`` is a file with the name of the one in use: it is replaced in one step, so
that a reader finds the old one or the new one, complete. The last upgrade is in ``upgrades.json``.
Changing one of them requires the folder's flock.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from mediavault.core.failures import StorageFailure, ToolMissing
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.typed_records import from_named_json, to_named_json
from mediavault.extraction.port import UpgradeRecord

DISTRIBUTION = "yt-dlp"
POINTER = "current"
RECORD = "upgrades.json"
AT_WORK = "at-work"  # empty folders of children
LEFT_BEHIND_AFTER = timedelta(hours=1)  # no child lives that long: its parent was killed
_VERSION = re.compile(r"[0-9]{4}\.[0-9]{1,2}\.[0-9]{1,2}(?:\.[0-9a-z]{1,20})?")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class YtdlpInstallation:
    """A yt-dlp. ``library`` is the folder that goes first on the child's path,
    None for the one next to mediavault.
    """

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
    try:
        return YtdlpInstallation(importlib.metadata.version(DISTRIBUTION), None)
    except importlib.metadata.PackageNotFoundError:
        return YtdlpInstallation(None, None)


def own_version(home: Path) -> YtdlpInstallation | None:
    """Return the version in ``home`` that is in use; None where there is none."""
    try:
        name = (home / POINTER).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    library = home / name
    return (
        YtdlpInstallation(name, library)
        if is_version(name) and (library / "yt_dlp").is_dir()
        else None
    )


def is_version(text: str) -> bool:
    """Whether ``text`` is a version of yt-dlp; it is then a safe file name too."""
    return _VERSION.fullmatch(text) is not None


def use(home: Path, version: str) -> None:
    """Make ``home/version`` the one in use. Raises OSError;
    the previous version stays in use then.
    """
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


def _numbers(version: str | None) -> tuple[int, ...]:
    return tuple(
        int(part) for part in (version or "").split(".") if part.isascii() and part.isdigit()
    )


# --- the record and the way back ------------------------------------------------------------------


@contextmanager
def upgrade_lock(home: Path) -> Iterator[None]:
    """Hold the folder's lock. Raises ToolMissing while another process or task does, and
    StorageFailure for an OSError.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(home, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(descriptor)
    except BlockingIOError as exc:
        raise ToolMissing("yt-dlp is being upgraded already.") from exc
    except OSError as exc:
        raise StorageFailure(
            Message("The state folder cannot be written: %(error)s.", error=exc.strerror)
        ) from exc


def read_record(home: Path) -> UpgradeRecord:
    """Return the record; an empty one where there is none, or none that can be read."""
    try:
        return from_named_json(
            UpgradeRecord, json.loads((home / RECORD).read_text(encoding="utf-8"))
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return UpgradeRecord()


def write_record(home: Path, record: UpgradeRecord) -> None:
    """Replace the record in one step. The caller holds the lock. Raises OSError."""
    fresh = home / f"{RECORD}.new"
    fresh.write_text(json.dumps(to_named_json(record)), encoding="utf-8")
    fresh.replace(home / RECORD)


def former_version(home: Path) -> str | None:
    """Return the version that was used before the one in use, if it is still there;
    None otherwise.
    """
    former = read_record(home).former
    if former is None or installed(home).library is None:
        return None
    return former if former == bundled().version or (home / former / "yt_dlp").is_dir() else None


def step_back(home: Path, *, now: datetime, why: Message, reason: str) -> UpgradeRecord:
    """Go back to the former version, once: from there no further. The next request uses it;
    ``reason`` is logged.

    Raises ToolMissing where there is none, or while an upgrade is under way, and StorageFailure.
    """
    with upgrade_lock(home):
        former, before = former_version(home), installed(home).version
        if former is None:
            raise ToolMissing("There is no former yt-dlp to go back to.")
        if (home / former / "yt_dlp").is_dir():
            use(home, former)
        else:
            (home / POINTER).unlink(missing_ok=True)
        after, next_at = installed(home).version, read_record(home).next_at
        record = UpgradeRecord(now, before, after, next_at=next_at, refused=before, why=why)
        write_record(home, record)
    log.warning("ytdlp_stepped_back", before=before, after=after, reason=reason)
    return record
