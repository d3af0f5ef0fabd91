"""Installs the newest yt-dlp into the state folder, next to the one in use, and switches to it when its checks pass.

Sites change weekly and yt-dlp follows them, so it is upgraded alone. Only built packages are taken: none of their code
runs before the child imports it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mediavault.core.failures import Failure, StorageFailure, ToolMissing
from mediavault.core.installation import InstalledBy, command_to_install, find_uv, installed_by
from mediavault.core.messages import Message
from mediavault.services.extraction.ytdlp_home import (
    DISTRIBUTION,
    YtdlpInstallation,
    installed,
    is_version,
    own_version,
    use,
)
from mediavault.services.extraction.ytdlp_process import version_of

INSTALL_S = 600.0
_OUTPUT_CHARS = 300

# Packages that yt-dlp ties to its own version: a newer one does not accept those next to mediavault. deno is not one.
_PARTS: Sequence[tuple[str, str]] = (("yt_dlp_ejs", "default"), ("curl_cffi", "curl-cffi"))

# What the installer gets of our environment, which may hold passwords of databases and buckets. In upper case; a name
# that ends in "_" means all names that begin with it.
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
Examine = Callable[[YtdlpInstallation, Path], Awaitable[str | None]]  # as version_of


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The versions in use ``before`` and ``after``; equal where the newest was in use already."""

    before: str | None
    after: str | None


async def upgrade(home: Path, *, install: Install | None = None, examine: Examine = version_of) -> Upgrade:
    """Install the newest yt-dlp, test it by an import in the child, and switch in one step.

    On any failure the previous one stays in use. Raises ToolMissing (no installer, the installation failed, or the new
    one does not import) and StorageFailure.
    """
    try:
        return await _upgrade(home, install or install_package, examine)
    except OSError as exc:
        raise StorageFailure(Message("The state folder cannot be written: %(error)s.", error=exc.strerror)) from exc


async def _upgrade(home: Path, install: Install, examine: Examine) -> Upgrade:
    before = installed(home)
    fresh = _fresh_folder(home)
    try:
        library, empty = fresh / "library", fresh / "empty"
        await install(package(before), library)
        version = await _tested_version(library, empty, examine)
        if version == before.version:
            return Upgrade(before.version, version)
        _move_into_place(library, home / version)
    finally:
        await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
    former = own_version(home)
    use(home, version)
    _drop_older(home, {version, former.version if former else None})
    return Upgrade(before.version, installed(home).version)


def package(before: YtdlpInstallation) -> str:
    """Return what to install: yt-dlp with those of its extras that are installed now."""
    extras = [extra for module, extra in _PARTS if before.has(module)]
    return f"{DISTRIBUTION}[{','.join(extras)}]" if extras else DISTRIBUTION


async def install_package(what: str, library: Path) -> None:
    """Install the newest ``what`` into ``library`` by pip, or by uv if this Python has no pip. Raises ToolMissing."""
    process = await asyncio.create_subprocess_exec(
        *installer(),
        "--upgrade",
        "--only-binary=:all:",
        "--target",
        str(library),
        what,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=for_installer(os.environ),
    )
    try:
        async with asyncio.timeout(INSTALL_S):
            output, _ = await process.communicate()
    except TimeoutError as exc:
        raise ToolMissing(
            Message(
                "yt-dlp was not installed within %(install_s).0f s; the previous version stays in use.",
                install_s=INSTALL_S,
            )
        ) from exc
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise ToolMissing(
            Message(
                "yt-dlp could not be installed; the previous version stays in use: %(said)s", said=_last_error(output)
            ),
            help="Check this machine's connection and pip's settings, then try again.",
        )


def for_installer(own: Mapping[str, str]) -> dict[str, str]:
    """Return the environment ``own`` as pip or uv gets it.

    It has their settings, proxies and certificates, and no secret of the vault.
    """
    prefixes = tuple(name for name in _PASSED_ON if name.endswith("_"))
    return {
        name: value for name, value in own.items() if name.upper() in _PASSED_ON or name.upper().startswith(prefixes)
    }


def installer() -> list[str]:
    """Return the install command, up to its options. Raises ToolMissing."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    if uv := find_uv():
        return [uv, "pip", "install", "--python", sys.executable]
    by = installed_by()
    command = (
        command_to_install("youtube", by) if by is InstalledBy.UV_TOOL else f"{sys.executable} -m ensurepip --upgrade"
    )
    raise ToolMissing(
        "Neither pip nor uv is available to install yt-dlp.", help=Message("Run: %(install)s", install=command)
    )


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


def _last_error(output: bytes) -> str:
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or [Message("it did not say why")])[-1][:_OUTPUT_CHARS]
