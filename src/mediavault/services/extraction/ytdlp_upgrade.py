"""Installs the newest yt-dlp into the state folder, next to the one in use, and switches to it when it passed a trial.

Sites change weekly and yt-dlp follows them, so it is upgraded alone.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from mediavault.core.failures import Failure, StorageFailure, ToolMissing
from mediavault.core.messages import Message
from mediavault.services.extraction.ytdlp_home import YtdlpInstallation, installed, is_version, own_version, use
from mediavault.services.extraction.ytdlp_installer import install_package, package
from mediavault.services.extraction.ytdlp_process import version_of
from mediavault.services.extraction.ytdlp_results import drop_results
from mediavault.services.extraction.ytdlp_versions import Upgrade, alone, change_record, failed, read_record, tried

Install = Callable[[str, Path], Awaitable[None]]  # what, into which folder; raises a Failure
Examine = Callable[[YtdlpInstallation, Path], Awaitable[str | None]]  # as version_of


async def upgrade(
    home: Path,
    *,
    now: Callable[[], datetime],
    install: Install | None = None,
    examine: Examine = version_of,
    takes_refused: bool = True,
) -> Upgrade:
    """Install the newest yt-dlp, try it in the child, and switch in one step.

    On any failure the previous one stays in use, and the record says why. Without ``takes_refused``, a version that was
    given up before is passed over. Raises ToolMissing (no installer, the installation failed, the new one failed its trial,
    or another upgrade is under way) and StorageFailure.
    """
    try:
        with alone(home):
            try:
                done = await _upgrade(home, install or install_package, examine, takes_refused=takes_refused)
            except Failure as exc:
                failure = exc
                change_record(home, lambda record: failed(record, failure, now()))
                raise
            change_record(home, lambda record: tried(record, done, now()))
            return done
    except OSError as exc:
        raise StorageFailure(Message("The state folder cannot be written: %(error)s.", error=exc.strerror)) from exc


async def _upgrade(home: Path, install: Install, examine: Examine, *, takes_refused: bool) -> Upgrade:
    before = installed(home)
    fresh = _fresh_folder(home)
    try:
        library, empty = fresh / "library", fresh / "empty"
        await install(package(before), library)
        version = await _tested_version(library, empty, examine)
        if version == before.version or (version == read_record(home).refused and not takes_refused):
            return Upgrade(before.version, before.version)
        _move_into_place(library, home / version)
    finally:
        await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
    former = own_version(home)
    drop_results(home, keep={before.version})
    use(home, version)
    _drop_older(home, {version, former.version if former else None})
    return Upgrade(before.version, installed(home).version)


async def _tested_version(library: Path, empty: Path, examine: Examine) -> str:
    try:
        version = await examine(YtdlpInstallation(None, library), empty)
    except StorageFailure:
        raise
    except Failure as exc:
        raise ToolMissing(
            Message("The new yt-dlp does not run; the previous version stays in use: %(error)s", error=exc.message)
        ) from exc
    if version is None or not is_version(version):
        raise ToolMissing("The new yt-dlp cannot be imported; the previous version stays in use.")
    return version


def _fresh_folder(home: Path) -> Path:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="new-", dir=home))
    (fresh / "empty").mkdir()
    return fresh


def _move_into_place(library: Path, target: Path) -> None:
    """Move the new version to its folder; what is already there is left over from an interrupted upgrade."""
    if target.exists():
        shutil.rmtree(target)
    library.rename(target)


def _drop_older(home: Path, kept: set[str | None]) -> None:
    """Remove all versions that are not ``kept``. The previous one stays: a child may be reading it."""
    for folder in home.iterdir():
        if is_version(folder.name) and folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)
