"""Installs packages for yt-dlp's child with pip or uv, each file checked against the SHA-256 that was noted before.

First the installer is asked which files it would install, then it installs exactly those. So a file that a mirror, a cache
or the way changed in between is refused. The SHA-256 is the one that the index states; pip and uv use that of what they
have just downloaded where it states none, as some private indexes do, and do not say so: then nothing is checked but that
both downloads are the same file. Nothing says that the index itself is honest: yt-dlp's releases on it are not signed. Only built packages are taken: none of their code runs before the child imports it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mediavault.core.failures import ToolMissing
from mediavault.core.installation import InstalledBy, command_to_install, find_uv, installed_by
from mediavault.core.messages import Message
from mediavault.services.extraction.page_data import values
from mediavault.services.extraction.ytdlp_home import DISTRIBUTION, YtdlpInstallation

INSTALL_S = 600.0
_OUTPUT_CHARS = 300
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,100}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

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


@dataclass(frozen=True, slots=True)
class Installer:
    """The commands of pip or uv, up to what to install.

    ``resolve`` prints which files would be installed: pip's report as JSON with ``has_report``, else lines of a
    requirements file. ``install`` installs such lines from a file.
    """

    resolve: Sequence[str]
    install: Sequence[str]
    has_report: bool


def package(before: YtdlpInstallation) -> str:
    """Return what to install: yt-dlp with those of its extras that are installed now."""
    extras = [extra for module, extra in _PARTS if before.has(module)]
    return f"{DISTRIBUTION}[{','.join(extras)}]" if extras else DISTRIBUTION


async def install_package(what: str, library: Path) -> None:
    """Install the newest ``what`` into ``library`` by pip, or by uv if this Python has no pip. Raises ToolMissing."""
    tool = installer()
    folder = library.parent
    wanted, listed = folder / "wanted.txt", folder / "hashes.txt"
    wanted.write_text(f"{what}\n", encoding="utf-8")
    try:
        async with asyncio.timeout(INSTALL_S):
            said = await _run(*tool.resolve, str(wanted))
            listed.write_text(requirements_of(said) if tool.has_report else said, encoding="utf-8")
            await _run(*tool.install, "--target", str(library), "-r", str(listed))
    except TimeoutError as exc:
        raise ToolMissing(
            Message(
                "yt-dlp was not installed within %(install_s).0f s; the previous version stays in use.",
                install_s=INSTALL_S,
            )
        ) from exc
    finally:
        wanted.unlink(missing_ok=True)
        listed.unlink(missing_ok=True)


def requirements_of(report: str) -> str:
    """Return the files of pip's report as lines of a requirements file. Raises ToolMissing for one without a hash.

    pip adds the hash of what it has downloaded where the index states none.
    """
    try:
        found = values.objects(values.obj(json.loads(report)).get("install"))
    except ValueError:
        found = ()
    lines = []
    for package in found:
        name, version = (values.text(values.obj(package, "metadata").get(key)) or "" for key in ("name", "version"))
        sha256 = values.text(values.obj(package, "download_info", "archive_info", "hashes").get("sha256")) or ""
        if not (_NAME.fullmatch(name) and _VERSION.fullmatch(version) and _SHA256.fullmatch(sha256)):
            raise ToolMissing("pip does not say what the files of yt-dlp contain (SHA-256).")
        lines.append(f"{name}=={version} --hash=sha256:{sha256}\n")
    if not lines:
        raise ToolMissing("pip does not say what the files of yt-dlp contain (SHA-256).")
    return "".join(lines)


async def _run(*command: str) -> str:
    """Return what a command prints. Raises ToolMissing with its error."""
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
    return output.decode("utf-8", "replace")


def for_installer(own: Mapping[str, str]) -> dict[str, str]:
    """Return the environment ``own`` as pip or uv gets it.

    It has their settings, proxies and certificates, and no secret of the vault.
    """
    prefixes = tuple(name for name in _PASSED_ON if name.endswith("_"))
    return {
        name: value for name, value in own.items() if name.upper() in _PASSED_ON or name.upper().startswith(prefixes)
    }


def installer() -> Installer:
    """Return pip if this Python has it, else uv. Raises ToolMissing."""
    built = "--only-binary=:all:"
    checked = ("--require-hashes", "--no-deps", built)
    if importlib.util.find_spec("pip") is not None:
        pip = (sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet")
        return Installer(
            (*pip, "--dry-run", "--ignore-installed", "--report=-", built, "-r"), (*pip, *checked), has_report=True
        )
    if uv := find_uv():
        python = ("--quiet", "--python", sys.executable)
        resolve = (uv, "pip", "compile", *python, "--generate-hashes", "--no-header", "--no-annotate", built)
        return Installer(resolve, (uv, "pip", "install", *python, *checked), has_report=False)
    by = installed_by()
    command = (
        command_to_install("youtube", by) if by is InstalledBy.UV_TOOL else f"{sys.executable} -m ensurepip --upgrade"
    )
    raise ToolMissing(
        "Neither pip nor uv is available to install yt-dlp.", help=Message("Run: %(install)s", install=command)
    )


def _last_error(output: bytes) -> str:
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    # uv says why on a line of its own
    causes = [line for line in lines if line.lower().startswith(("cause:", "caused by:"))]
    said = (errors or lines or [Message("it did not say why")])[-1]
    return " ".join([said, *causes[-1:]])[:_OUTPUT_CHARS]
