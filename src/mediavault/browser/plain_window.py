"""A browser window for a user: the same binary on the same profile as the automated browser, and
nothing drives it.

There is no DevTools and no automation switch: sites refuse sign-ins with either, and a sign-in is
the user's private matter. It uses the egress proxy like every browser of the vault.
``window_child.py`` starts and ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import struct
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediavault.browser.discovery import for_browser
from mediavault.browser.profile import BrowserProfile
from mediavault.browser.vnc import SOCKET
from mediavault.core.failures import BrowserUnavailable
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.urls import EgressScope
from mediavault.egress.guard import EgressGuard
from mediavault.egress.proxy import CHROMIUM_ARGS, EgressProxy
from mediavault.egress.tcp import is_same_user
from mediavault.sandbox.process import environment

START_S = 30.0
END_S = 30.0  # more than the helper gives the browser and the screen together

# What the automated browser gets from its driver and must be the same here: with another password
# store, Chromium drops the cookies that it cannot decrypt.
_SAME_STORE = ("--password-store=basic", "--use-mock-keychain")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ScreenSize:
    """The size of a virtual screen, in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class VirtualScreen:
    """A virtual screen's private folder: its VNC socket, the secret of its X clients,
    and their home.
    """

    size: ScreenSize
    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "authority"


class PlainWindow:
    """A running window. ``pid`` is its browser's process id,
    updated after a restart while ``closed`` is awaited.
    """

    def __init__(self, process: asyncio.subprocess.Process, pid: int) -> None:
        self._process = process
        self.pid = pid

    async def closed(self) -> None:
        """Wait until the window is gone, by the user or by ``close``."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self.pid = json.loads(line).get("pid", self.pid)
        await self._process.wait()

    async def close(self) -> None:
        """End the browser in order, then all that belongs to it. Safe to call twice;
        nothing is left afterwards.
        """
        await asyncio.shield(asyncio.ensure_future(_end(self._process)))


async def open_window(
    executable: Path, profile: BrowserProfile, url: str, *, proxy: str, screen: VirtualScreen | None
) -> PlainWindow:
    """Open ``url`` on ``screen``, or on the user's own where it is None. ``profile`` is held by
    this process.

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
        "mediavault.browser.window_child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment(),
        pass_fds=(profile.descriptor,),  # held as long as the browser lives, even when we do not
        start_new_session=True,
    )
    try:
        answer = await _first_answer(process, request)
    except BaseException:
        await asyncio.shield(asyncio.ensure_future(_end(process)))
        raise
    log.info("window_opened", screen=screen is not None)
    return PlainWindow(process, answer["pid"])


async def _first_answer(
    process: asyncio.subprocess.Process, request: Mapping[str, Any]
) -> Mapping[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            process.stdin.write(json.dumps(request).encode() + b"\n")
            await process.stdin.drain()
            answer = json.loads(await process.stdout.readline() or b"{}")
    except (TimeoutError, OSError, ValueError) as exc:
        raise BrowserUnavailable("The window did not open.") from exc
    if "pid" not in answer:
        raise BrowserUnavailable(
            Message(
                "The window did not open: %(answer)s.",
                answer=answer.get("failed", Message("its helper ended")),
            )
        )
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


def new_screen(folder: Path, size: ScreenSize) -> VirtualScreen:
    """Make the private ``folder`` (0700) of a screen,
    which only its X clients and this user can reach. Raises OSError.
    """
    folder.mkdir(mode=0o700)
    screen = VirtualScreen(size, folder)
    screen.authority.touch(mode=0o600)
    screen.authority.write_bytes(_authority(secrets.token_bytes(16)))
    (folder / "home").mkdir(mode=0o700)
    return screen


def _authority(cookie: bytes) -> bytes:
    """Return the one record of an Xauthority file, valid for any display (Xau's FamilyWild)."""
    parts = (b"", b"", b"MIT-MAGIC-COOKIE-1", cookie)  # address, display, name, data
    return struct.pack(">H", 0xFFFF) + b"".join(
        struct.pack(">H", len(part)) + part for part in parts
    )


@asynccontextmanager
async def window_proxy(guard: EgressGuard, scope: EgressScope) -> AsyncIterator[str]:
    """Run the egress proxy of a window, and yield its address. Its first page is that of ``scope``,
    whose exemptions hold.

    It asks for no password, because nothing drives the window's browser to enter one: processes of
    our own user may connect. Raises BrowserUnavailable.
    """
    proxy = EgressProxy(guard, admits=is_same_user)
    try:
        await proxy.start()
    except OSError as exc:
        raise BrowserUnavailable(
            Message("The egress proxy could not be started: %(error)s.", error=exc)
        ) from exc
    try:
        with proxy.exempting(scope):
            yield proxy.server
    finally:
        await proxy.close()


def _command(
    executable: Path, profile: Path, url: str, proxy: str, screen: VirtualScreen | None
) -> Sequence[str]:
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
        # no address bar and no menus: the viewer is to sign in, not to explore this machine
        # without a window manager it is one less
        size = f"--window-size={screen.size.width + 1},{screen.size.height + 1}"
        command += [
            "--kiosk",
            "--window-position=0,0",
            size,
            "--deny-permission-prompts",
            "--disable-notifications",
        ]
    else:
        command.append("--new-window")
    return [*command, url]


def window_environment(
    own: Mapping[str, str], scratch: Path, screen: VirtualScreen | None
) -> dict[str, str]:
    """Return the variables of ``own`` for the window's browser; on a virtual screen without a
    desktop, and with its own home.
    """
    passed = for_browser(own) | {"TMPDIR": str(scratch)}
    if screen is None:
        return passed
    for name in (
        "WAYLAND_DISPLAY",
        "DISPLAY",
        "XAUTHORITY",
        "DBUS_SESSION_BUS_ADDRESS",
        "XDG_SESSION_TYPE",
    ):
        passed.pop(name, None)
    homes = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_DOWNLOAD_DIR")
    return passed | dict.fromkeys(homes, str(screen.folder / "home"))


def _screen_request(screen: VirtualScreen | None) -> dict[str, Any] | None:
    if screen is None:
        return None
    return {
        "width": screen.size.width,
        "height": screen.size.height,
        "folder": str(screen.folder),
        "authority": str(screen.authority),
        "socket": SOCKET,
    }
