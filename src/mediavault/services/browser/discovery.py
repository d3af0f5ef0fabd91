"""Which browser to use: a pure search over paths, and what to install where there is none."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mediavault.core.failures import BrowserUnavailable

# In this order: builds that decode H.264 and are kept up to date by the system come first.
NAMES_ON_PATH = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "microsoft-edge-stable",
    "microsoft-edge",
)

_USUAL_PLACES: Mapping[str, tuple[str, ...]] = {
    "darwin": (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    ),
    "win32": (
        r"C:\Program Files\Google\Chrome\Application\chrome.exe",
        r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
        r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
    ),
}

# ID or ID_LIKE of /etc/os-release -> the command that installs a Chromium which decodes H.264
_INSTALL_ON_LINUX: Mapping[str, str] = {
    "debian": "apt-get install -y chromium",
    "ubuntu": "snap install chromium",
    "fedora": "dnf install -y chromium",
    "rhel": "dnf install -y chromium",
    "arch": "pacman -S --noconfirm chromium",
    "suse": "zypper install -y chromium",
    "opensuse": "zypper install -y chromium",
    "alpine": "apk add chromium",
}
_INSTALL_ELSEWHERE: Mapping[str, str] = {
    "darwin": "brew install --cask google-chrome",
    "win32": "winget install --id Google.Chrome",
}


@dataclass(frozen=True, slots=True)
class Machine:
    """What the search asks of the machine, so that a test can answer instead."""

    platform: str  # sys.platform
    which: Callable[[str], str | None]
    is_file: Callable[[Path], bool]
    os_release: str  # the text of /etc/os-release
    is_root: bool


@dataclass(frozen=True, slots=True)
class FoundBrowser:
    """``path`` is None where there is none; then ``advice`` names the exact command that installs one."""

    path: Path | None
    where: str  # "setting", "playwright", "path", "usual place", "nowhere"
    advice: str = ""


def this_machine() -> Machine:
    release = Path("/etc/os-release")
    return Machine(
        platform=sys.platform,
        which=shutil.which,
        is_file=lambda path: path.is_file() and os.access(path, os.X_OK),
        os_release=release.read_text("utf-8", "replace") if release.is_file() else "",
        is_root=hasattr(os, "geteuid") and os.geteuid() == 0,
    )


def find_browser(
    setting: Path | None = None, *, playwright: Path | None = None, machine: Machine | None = None
) -> FoundBrowser:
    """The browser to use: the setting, Playwright's own, one on PATH, one at a usual place; else what to install.

    A setting that names no executable is not passed over in silence: nothing is found, and the advice says why.
    ``playwright`` is the path that Playwright would use; mostly nothing is there.
    """
    machine = machine or this_machine()
    if setting is not None:
        return _as_set(setting, machine)
    if playwright is not None and machine.is_file(playwright):
        return FoundBrowser(playwright, "playwright")
    for name in NAMES_ON_PATH:
        if found := machine.which(name):
            return FoundBrowser(Path(found), "path")
    for place in _USUAL_PLACES.get(machine.platform, ()):
        if machine.is_file(Path(place)):
            return FoundBrowser(Path(place), "usual place")
    return FoundBrowser(None, "nowhere", f"No browser was found. Install one: {install_command(machine)}")


def install_command(machine: Machine) -> str:
    """The one command that installs a fitting browser on this system."""
    if machine.platform in _INSTALL_ELSEWHERE:
        return _INSTALL_ELSEWHERE[machine.platform]
    for name in _distributions(machine.os_release):
        if name in _INSTALL_ON_LINUX:
            return f"{'' if machine.is_root else 'sudo '}{_INSTALL_ON_LINUX[name]}"
    return "your system's package manager; the package is mostly named chromium"


def unavailable(found: FoundBrowser) -> BrowserUnavailable:
    """The failure of whoever needs a browser that is not there."""
    return BrowserUnavailable("There is no browser that could be started.", help=found.advice)


def _as_set(setting: Path, machine: Machine) -> FoundBrowser:
    if machine.is_file(setting):
        return FoundBrowser(setting, "setting")
    return FoundBrowser(None, "nowhere", f"MEDIAVAULT_BROWSER names {setting}, which is no executable file.")


def _distributions(os_release: str) -> list[str]:
    """ID first, then the names in ID_LIKE."""
    facts = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    own, like = (facts.get(key, "").strip("\"'").lower() for key in ("ID", "ID_LIKE"))
    return [own, *like.split()]
