"""Installs the newest yt-dlp into the state folder, next to the one in use, and switches to it when
it passed a trial.

Sites change weekly and yt-dlp follows them, so it is upgraded alone. pip or uv checks each file
against the hash that the package index states: one that a mirror, a cache or the way changed is
refused. Where the index states none, as some private ones do, nothing is checked. The index itself
is trusted: yt-dlp's releases on it are not signed.
Only built packages are taken: none of their code runs before the child imports it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from mediavault.core.clock import Clock
from mediavault.core.failures import Failure, StorageFailure, ToolMissing
from mediavault.core.installation import InstalledBy, command_to_install, find_uv, installed_by
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.extraction.port import NONE, UpgradeRecord
from mediavault.extraction.ytdlp_home import (
    DISTRIBUTION,
    YtdlpInstallation,
    installed,
    is_version,
    own_version,
    read_record,
    upgrade_lock,
    use,
    write_record,
)

INSTALL_S = 600.0
UNFINISHED = "new-"
WANTED, HASHES = "wanted.txt", "hashes.txt"  # next to the library
_OUTPUT_CHARS = 300

# Packages that yt-dlp ties to its own version: a newer one does not accept those next to
# mediavault. deno is not one.
_PARTS: Sequence[tuple[str, str]] = (("yt_dlp_ejs", "default"), ("curl_cffi", "curl-cffi"))

# What the installer gets of our environment, which may hold passwords of databases and buckets. In
# upper case; a name that ends in "_" means all names that begin with it.
_PASSED_ON = (
    "PATH",
    "HOME",  # pip's and uv's own settings, ~/.netrc
    "NETRC",
    "XDG_",
    "TMPDIR",
    "LANG",
    "LC_",
    "LD_LIBRARY_PATH",
    "NIX_LD",
    "NIX_LD_LIBRARY_PATH",
    "PYTHONPATH",
    "SYSTEMROOT",
    "VIRTUAL_ENV",
    "PIP_",
    "UV_",
    "PYTHON_KEYRING_BACKEND",  # where pip finds passwords of package indexes
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)

Install = Callable[[str, Path], Awaitable[None]]  # what, into which folder; raises a Failure
Examine = Callable[[YtdlpInstallation, Path], Awaitable[str | None]]  # as ytdlp_process.try_out

log = get_logger(__name__)


async def upgrade(
    home: Path,
    clock: Clock,
    *,
    install: Install,
    examine: Examine,
    takes_refused: bool = True,
    next_at: datetime | None = None,
) -> UpgradeRecord:
    """Install the newest yt-dlp, try it in the child, and switch in one step. Return the record.

    On any failure the previous one stays in use, and the record says why. Without
    ``takes_refused``, a version that was given up before is passed over. ``next_at``: when the
    schedule tries again if this succeeds. Raises ToolMissing (no installer, the installation
    failed, the new one failed its trial, or another upgrade is under way) and StorageFailure.
    """
    with upgrade_lock(home):
        before, record = installed(home), read_record(home)
        try:
            await _take_newest(
                home, before, install, examine, refused=None if takes_refused else record.refused
            )
        except Failure as exc:
            write_record(home, failed(record, exc, clock.now()))
            raise
        after = installed(home).version
        record = replace(
            record
            if after == before.version
            else UpgradeRecord(former=before.version, next_at=record.next_at),
            tried_at=clock.now(),
            before=before.version,
            after=after,
            error=NONE,
            help=NONE,
        )
        record = replace(record, next_at=next_at or record.next_at)
        write_record(home, record)
    if before.version != after:
        log.info("ytdlp_upgraded", before=record.before, after=record.after)
    return record


def failed(record: UpgradeRecord, failure: Failure, now: datetime) -> UpgradeRecord:
    """Return the record after an upgrade that failed."""
    error, help_ = (
        text if isinstance(text, Message) else Message(text)
        for text in (failure.message, failure.help)
    )
    return replace(record, tried_at=now, error=error, help=help_)


async def _take_newest(
    home: Path,
    before: YtdlpInstallation,
    install: Install,
    examine: Examine,
    *,
    refused: str | None,
) -> None:
    fresh = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=home))
    try:
        library, empty = fresh / "library", fresh / "empty"
        empty.mkdir()
        await install(package(before), library)
        version = await _tested_version(YtdlpInstallation(None, library), empty, examine)
        if version in (before.version, refused):
            return
        target = home / version
        if target.exists():  # left over from an interrupted upgrade
            shutil.rmtree(target)
        library.rename(target)
    finally:
        await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
    former = own_version(home)
    use(home, version)
    _drop_older(home, {version, former.version if former else None})


async def _tested_version(fresh: YtdlpInstallation, empty: Path, examine: Examine) -> str:
    try:
        version = await examine(fresh, empty)
    except StorageFailure:
        raise
    except Failure as exc:
        raise ToolMissing(
            Message(
                "The new yt-dlp does not run; the previous version stays in use: %(error)s",
                error=exc.message,
            )
        ) from exc
    if version is None or not is_version(version):
        raise ToolMissing("The new yt-dlp cannot be imported; the previous version stays in use.")
    return version


def _drop_older(home: Path, kept: set[str | None]) -> None:
    """Remove all versions that are not ``kept``, and what killed upgrades left.
    A child may still read the previous one.
    """
    for path in home.iterdir():
        if path.name.startswith("results-"):  # a file that an older mediavault wrote
            path.unlink(missing_ok=True)
        elif path.name not in kept and (is_version(path.name) or path.name.startswith(UNFINISHED)):
            shutil.rmtree(path, ignore_errors=True)


# --- the installer --------------------------------------------------------------------------------


def package(before: YtdlpInstallation) -> str:
    """Return what to install: yt-dlp with those of its extras that are installed now."""
    extras = [extra for module, extra in _PARTS if before.has(module)]
    return f"{DISTRIBUTION}[{','.join(extras)}]" if extras else DISTRIBUTION


async def install_newest(what: str, library: Path) -> None:
    """Install the newest ``what`` into ``library`` by pip,
    or by uv if this Python has no pip. Raises ToolMissing.
    """
    commands = installer(library)
    library.with_name(WANTED).write_text(f"{what}\n", encoding="utf-8")
    try:
        async with asyncio.timeout(INSTALL_S):
            for command in commands:
                await _run(*command)
    except TimeoutError as exc:
        raise ToolMissing(
            Message(
                "yt-dlp was not installed within %(install_s).0f s; the previous version stays in"
                " use.",
                install_s=INSTALL_S,
            )
        ) from exc


def installer(library: Path) -> Sequence[Sequence[str]]:
    """Return the commands of pip, or of uv if this Python has no pip, that install what WANTED
    names into ``library``.

    uv is first asked for the hashes: an older one compares only those that it is given. Raises
    ToolMissing.
    """
    wanted, hashes = str(library.with_name(WANTED)), str(library.with_name(HASHES))
    into = ("--only-binary=:all:", "--target", str(library))
    if importlib.util.find_spec("pip") is not None:
        pip = (
            sys.executable,
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--quiet",
        )
        return [(*pip, *into, "-r", wanted)]
    if uv := find_uv():
        python = ("--quiet", "--python", sys.executable)
        listing = ("--generate-hashes", "--no-annotate", into[0], "--output-file", hashes, wanted)
        return [
            (uv, "pip", "compile", *python, *listing),
            (uv, "pip", "install", *python, *into, "--require-hashes", "--no-deps", "-r", hashes),
        ]
    by = installed_by()
    command = (
        command_to_install("youtube", by)
        if by is InstalledBy.UV_TOOL
        else f"{sys.executable} -m ensurepip --upgrade"
    )
    raise ToolMissing(
        "Neither pip nor uv is available to install yt-dlp.",
        help=Message("Run: %(install)s", install=command),
    )


async def _run(*command: str) -> None:
    """Run a command. Raises ToolMissing with its error."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=for_installer(os.environ),
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise ToolMissing(
            Message(
                "yt-dlp could not be installed; the previous version stays in use: %(said)s",
                said=_last_error(errors or output),
            ),
            help="Check this machine's connection and pip's settings, then try again.",
        )


def for_installer(own: Mapping[str, str]) -> dict[str, str]:
    """Return the environment ``own`` as pip or uv gets it.

    It has their settings, proxies and certificates, and no secret of the vault.
    """
    prefixes = tuple(name for name in _PASSED_ON if name.endswith("_"))
    return {
        name: value
        for name, value in own.items()
        if name.upper() in _PASSED_ON or name.upper().startswith(prefixes)
    }


def _last_error(output: bytes) -> str:
    lines = [
        line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()
    ]
    errors = [line for line in lines if line.lower().startswith("error")]
    # uv gives the reason on a separate line
    causes = [line for line in lines if line.lower().startswith(("cause:", "caused by:"))]
    said = (errors or lines or [Message("it did not say why")])[-1]
    return " ".join([said, *causes[-1:]])[:_OUTPUT_CHARS]
