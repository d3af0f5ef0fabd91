"""A browser window for a person: the same binary on the same profile, and nothing that drives it.

No DevTools, no switch of an automation: sites refuse sign-ins under these, and a sign-in is a person's own business. It
lives behind the egress proxy like every browser of ours. See ``window_child.py`` for how it starts and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediavault.core.errors import BrowserUnavailable
from mediavault.core.logs import get_logger
from mediavault.services.browser.environment import for_browser
from mediavault.services.browser.profile import Profile
from mediavault.services.browser.x11_input import authority
from mediavault.services.child.process import environment
from mediavault.services.egress.proxy import CHROMIUM_ARGS

START_S = 30.0
END_S = 30.0  # more than the helper gives the browser and the screen together

# What the automated browser gets from its driver and must be the same here: another password store, and Chromium drops
# the cookies that it cannot decrypt.
_SAME_STORE = ("--password-store=basic", "--use-mock-keychain")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ScreenSize:
    """Of a virtual screen, in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Screen:
    """A virtual screen's private folder: its framebuffer, who may draw on it, and the home of its programs."""

    size: ScreenSize
    folder: Path
    cookie: bytes

    @property
    def authority(self) -> Path:
        return self.folder / "authority"

    @property
    def framebuffer(self) -> Path:
        return self.folder / "Xvfb_screen0"


class PlainWindow:
    """A running window. ``display`` is the virtual screen's number, None on the person's own."""

    def __init__(self, process: asyncio.subprocess.Process, display: int | None) -> None:
        self._process = process
        self.display = display

    async def closed(self) -> None:
        """Wait until the window is gone, by whomever it was closed."""
        assert self._process.stdout is not None
        while await self._process.stdout.readline():
            pass
        await self._process.wait()

    async def close(self) -> None:
        """End the browser in order, then all that belongs to it. Safe to call twice; nothing is left afterwards."""
        await asyncio.shield(asyncio.ensure_future(_end(self._process)))


async def open_window(
    executable: Path, profile: Profile, url: str, *, proxy: str, screen: Screen | None
) -> PlainWindow:
    """Open ``url``, on ``screen`` or on the person's own. ``profile`` is held by this process.

    Raises BrowserUnavailable; nothing is left then.
    """
    request = {
        "parent": os.getpid(),
        "browser": _command(executable, profile.folder, url, proxy, screen),
        "environment": window_environment(os.environ, profile.scratch, screen),
        "screen": _screen_request(screen),
        "sweep": str(screen.folder) if screen else None,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "mediavault.services.browser.window_child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment(),
        pass_fds=(profile.descriptor,),  # held as long as the browser lives, also when we do not
        start_new_session=True,
    )
    try:
        answer = await _first_answer(process, request)
    except BaseException:
        await asyncio.shield(asyncio.ensure_future(_end(process)))
        raise
    log.info("window_opened", screen=screen is not None)
    return PlainWindow(process, answer["display"])


async def _first_answer(process: asyncio.subprocess.Process, request: Mapping[str, Any]) -> Mapping[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            process.stdin.write(json.dumps(request).encode() + b"\n")
            await process.stdin.drain()
            answer = json.loads(await process.stdout.readline() or b"{}")
    except (TimeoutError, OSError, ValueError) as exc:
        raise BrowserUnavailable("The window did not open.") from exc
    if "display" not in answer:
        raise BrowserUnavailable(f"The window did not open: {answer.get('failed', 'its helper ended')}.")
    return dict(answer)


async def _end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(END_S):
            while await process.stdout.readline():
                pass
            await process.wait()
    except TimeoutError:
        log.warning("window_killed", pid=process.pid)
        with contextlib.suppress(ProcessLookupError):
            process.kill()  # the kernel then ends its children
        await process.wait()


def new_screen(folder: Path, size: ScreenSize) -> Screen:
    """Make the private ``folder`` (0700) of a screen that only its own programs and we may talk to. Raises OSError."""
    folder.mkdir(mode=0o700)
    screen = Screen(size, folder, secrets.token_bytes(16))
    screen.authority.touch(mode=0o600)
    screen.authority.write_bytes(authority(screen.cookie))
    (folder / "home").mkdir(mode=0o700)
    return screen


def _command(executable: Path, profile: Path, url: str, proxy: str, screen: Screen | None) -> Sequence[str]:
    command = [
        str(executable),
        f"--user-data-dir={profile}",
        *_SAME_STORE,
        *CHROMIUM_ARGS,
        "--no-default-browser-check",
        f"--proxy-server={proxy}",
        "--proxy-bypass-list=<-loopback>",  # without it loopback goes past the proxy
    ]
    if sys.platform == "linux" and os.geteuid() == 0:
        command.append("--no-sandbox")  # Chromium refuses to run otherwise
    if screen is not None:
        # no address bar, no menu: whoever looks through a page of ours is to sign in, not to look round this machine
        size = (
            f"--window-size={screen.size.width + 1},{screen.size.height + 1}"  # without a window manager it is one less
        )
        command += ["--kiosk", "--window-position=0,0", size, "--deny-permission-prompts", "--disable-notifications"]
    else:
        command.append("--new-window")
    return [*command, url]


def window_environment(own: Mapping[str, str], scratch: Path, screen: Screen | None) -> dict[str, str]:
    """What the window's browser gets of ``own``; on a virtual screen no way to a desktop of ours, and its own home."""
    passed = for_browser(own) | {"TMPDIR": str(scratch)}
    if screen is None:
        return passed
    for name in ("WAYLAND_DISPLAY", "DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "XDG_SESSION_TYPE"):
        passed.pop(name, None)
    homes = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_DOWNLOAD_DIR")
    return passed | dict.fromkeys(homes, str(screen.folder / "home"))


def _screen_request(screen: Screen | None) -> dict[str, Any] | None:
    if screen is None:
        return None
    return {
        "width": screen.size.width,
        "height": screen.size.height,
        "folder": str(screen.folder),
        "authority": str(screen.authority),
    }
