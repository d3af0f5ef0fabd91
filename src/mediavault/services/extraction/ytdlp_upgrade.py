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
from mediavault.core.messages import Message
from mediavault.services.extraction.ytdlp_home import DISTRIBUTION, Installed, installed, is_version, own_version, use
from mediavault.services.extraction.ytdlp_process import version_of

INSTALL_S = 600.0
_OUTPUT_CHARS = 300

# Parts that yt-dlp ties to its own version: a newer yt-dlp does not take what is installed next to mediavault. deno is not one.
_PARTS: Sequence[tuple[str, str]] = (("yt_dlp_ejs", "default"), ("curl_cffi", "curl-cffi"))

# What the installer sees of our environment, which may hold passwords of databases and buckets. In upper case; a name that
# ends in "_" means all names that begin with it.
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
Examine = Callable[[Installed, Path], Awaitable[str | None]]  # as version_of


@dataclass(frozen=True, slots=True)
class Upgrade:
    """``before`` and ``after`` are the versions in use; equal where the newest was in use already."""

    before: str | None
    after: str | None


async def upgrade(home: Path, *, install: Install | None = None, examine: Examine = version_of) -> Upgrade:
    """Install, prove by an import in the child, switch in one step. On any failure the former one stays in use.

    Raises ToolMissing (no installer, the installation failed, or the new one does not import) and StorageFailure.
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
        version = await _proved(library, empty, examine)
        if version == before.version:
            return Upgrade(before.version, version)
        _settle(library, home / version)
    finally:
        await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
    former = own_version(home)
    use(home, version)
    _drop_older(home, {version, former.version if former else None})
    return Upgrade(before.version, installed(home).version)


def package(before: Installed) -> str:
    """What to install: yt-dlp with those of its parts that are there now."""
    extras = [extra for module, extra in _PARTS if before.has(module)]
    return f"{DISTRIBUTION}[{','.join(extras)}]" if extras else DISTRIBUTION


async def install_package(what: str, library: Path) -> None:
    """The newest ``what`` into ``library``, by pip, or by uv where this Python has no pip. Raises ToolMissing."""
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
            said, _ = await process.communicate()
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
                "yt-dlp could not be installed; the previous version stays in use: %(said)s", said=_last_error(said)
            ),
            help="Check this machine's connection and pip's settings, then try again.",
        )


def for_installer(own: Mapping[str, str]) -> dict[str, str]:
    """What of the environment ``own`` pip or uv gets: their settings, proxies and certificates, no secret of the vault."""
    prefixes = tuple(name for name in _PASSED_ON if name.endswith("_"))
    return {
        name: value for name, value in own.items() if name.upper() in _PASSED_ON or name.upper().startswith(prefixes)
    }


def installer() -> list[str]:
    """The command, up to its options. Raises ToolMissing."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--python", sys.executable]
    raise ToolMissing("Neither pip nor uv is there to install yt-dlp.", help="Run: python -m ensurepip --upgrade")


async def _proved(library: Path, empty: Path, examine: Examine) -> str:
    try:
        version = await examine(Installed(None, library), empty)
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


def _settle(library: Path, place: Path) -> None:
    """Move the new one to where its version belongs; what lies there is the rest of an upgrade that was broken off."""
    if place.exists():
        shutil.rmtree(place)
    library.rename(place)


def _drop_older(home: Path, kept: set[str | None]) -> None:
    """The former one stays: a child may be reading it."""
    for folder in home.iterdir():
        if is_version(folder.name) and folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)


def _last_error(said: bytes) -> str:
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or [Message("it did not say why")])[-1][:_OUTPUT_CHARS]
