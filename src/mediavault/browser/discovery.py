"""The browser of this machine: which one to use, the environment it gets, and whether its sandbox
was on.

A page that breaks out of its renderer can read what the browser's processes were started with, and
our own environment may hold passwords of databases and buckets; so they get the variables named
here and no others.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mediavault.browser.profile import BrowserProfile
from mediavault.core.failures import BrowserUnavailable
from mediavault.core.messages import Message

# In this order: builds that decode H.264 and are kept up to date by the system come first.
NAMES_ON_PATH = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "microsoft-edge-stable",
    "microsoft-edge",
)

_USUAL_PATHS: Mapping[str, tuple[str, ...]] = {
    "darwin": (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
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
}
_INSTALL_ON_MACOS = "brew install --cask google-chrome"


@dataclass(frozen=True, slots=True)
class Machine:
    """What the search needs to know about the machine, so that a test can replace it."""

    platform: str  # sys.platform
    which: Callable[[str], str | None]
    is_file: Callable[[Path], bool]
    os_release: str  # the text of /etc/os-release
    is_root: bool


@dataclass(frozen=True, slots=True)
class FoundBrowser:
    """The browser to use. ``path`` is None where there is none;
    ``advice`` is then the exact command to install one.
    """

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
    """Find the browser to use: the setting, Playwright's own, one on PATH, one in a usual place;
    else what to install.

    A setting that does not name an executable is never skipped silently: nothing is found, and the
    advice says why. ``playwright`` is the path that Playwright would use; usually there is nothing.
    """
    machine = machine or this_machine()
    if setting is not None:
        return _from_setting(setting, machine)
    if playwright is not None and machine.is_file(playwright):
        return FoundBrowser(playwright, "playwright")
    for name in NAMES_ON_PATH:
        if executable := machine.which(name):
            return FoundBrowser(Path(executable), "path")
    for path in _USUAL_PATHS.get(machine.platform, ()):
        if machine.is_file(Path(path)):
            return FoundBrowser(Path(path), "usual place")
    return FoundBrowser(
        None,
        "nowhere",
        Message("No browser was found. Install one: %(machine)s", machine=install_command(machine)),
    )


def install_command(machine: Machine) -> str:
    """Return the command that installs a suitable browser on this system."""
    if machine.platform == "darwin":
        return _INSTALL_ON_MACOS
    for name in _distributions(machine.os_release):
        if name in _INSTALL_ON_LINUX:
            return f"{'' if machine.is_root else 'sudo '}{_INSTALL_ON_LINUX[name]}"
    return Message("your system's package manager; the package is mostly named chromium")


def unavailable(browser: FoundBrowser) -> BrowserUnavailable:
    """Return the failure for a call that needs a browser where there is none."""
    return BrowserUnavailable("No browser could be started.", help=browser.advice)


def _from_setting(setting: Path, machine: Machine) -> FoundBrowser:
    if machine.is_file(setting):
        return FoundBrowser(setting, "setting")
    return FoundBrowser(
        None,
        "nowhere",
        Message(
            "MEDIAVAULT_BROWSER names %(setting)s, which is not an executable file.",
            setting=setting,
        ),
    )


def _distributions(os_release: str) -> list[str]:
    """Return the ID of the distribution, then the names in its ID_LIKE."""
    facts = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    own, like = (facts.get(key, "").strip("\"'").lower() for key in ("ID", "ID_LIKE"))
    return [own, *like.split()]


# --- its environment ------------------------------------------------------------------------------

# A name that ends in "_" means every name that begins with it.
_BROWSER_VARIABLES = (
    "PATH",  # Debian's and Snap's `chromium` are shell scripts
    "HOME",  # certificates that the user trusts (~/.pki)
    "USER",  # named in the lock of a profile
    "LANG",
    "LANGUAGE",
    "LC_",  # languages of messages, sorting, and the pages' default language
    "TZ",  # pages show times
    "TMPDIR",
    "XDG_",  # where this user's fonts, settings and caches are, and the session's runtime folder
    "FONTCONFIG_",  # without it systems with fonts in other places (Nix, Guix) show boxes
    "LD_LIBRARY_PATH",  # libraries outside of the system's folders (Nix, Conda)
    "NIX_LD",
    "NIX_LD_LIBRARY_PATH",  # how NixOS starts programs that were built for other systems
    "CHROME_DEVEL_SANDBOX",  # the setuid sandbox, where the kernel has no user namespaces
    # for a window on the user's screen:
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "DBUS_SESSION_BUS_ADDRESS",  # input methods, light or dark
    "GTK_IM_MODULE",
    "XMODIFIERS",  # input methods for scripts that a keyboard cannot type
)

_DRIVER_VARIABLES = (
    *_BROWSER_VARIABLES,
    "PLAYWRIGHT_BROWSERS_PATH",  # where Playwright's own Chromium is looked for
    "PW_",  # set by Playwright's Python side for its driver
)


def for_browser(own: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of ``own`` that a browser gets."""
    return _only(_BROWSER_VARIABLES, own)


def for_driver(own: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of ``own`` that Playwright's driver, a Node.js program, gets."""
    return _only(_DRIVER_VARIABLES, own)


def _only(names: tuple[str, ...], own: Mapping[str, str]) -> dict[str, str]:
    prefixes = tuple(name for name in names if name.endswith("_"))
    return {
        name: value for name, value in own.items() if name in names or name.startswith(prefixes)
    }


# --- whether its sandbox was on at its last start -------------------------------------------------

_SANDBOX_NOTE = "sandbox"


class Sandbox(StrEnum):
    """Chromium's sandbox around the processes that run a page's scripts."""

    ON = "on"
    OFF_FOR_ROOT = "root"  # Chromium does not start with it then
    REFUSED = "refused"  # it did not start with it, but without it


@dataclass(frozen=True, slots=True)
class SandboxReport:
    """The sandbox at a start of the browser. ``reason`` is Chromium's error when it was refused."""

    sandbox: Sandbox
    reason: str = ""


def note_sandbox(profile: BrowserProfile, report: SandboxReport) -> None:
    """Record how the browser was started, for the doctor. A failed write is ignored."""
    with contextlib.suppress(OSError):
        (profile.base / _SANDBOX_NOTE).write_text(
            f"{report.sandbox.value}\n{report.reason}", "utf-8"
        )


def recorded_sandbox(state_dir: Path) -> SandboxReport | None:
    """Return the sandbox's state at the browser's last start; None before its first start."""
    try:
        state, _, reason = (
            (state_dir / "browser" / _SANDBOX_NOTE).read_text("utf-8").partition("\n")
        )
        return SandboxReport(Sandbox(state), reason.strip())
    except (OSError, ValueError):
        return None
