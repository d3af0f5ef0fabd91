"""Starts Chromium on a profile, behind the proxy, and finds out its user agent and its process id.

Playwright's objects are handed in by ``chromium.py``; nothing here imports it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediavault.browser.discovery import Sandbox, SandboxReport, for_browser, note_sandbox
from mediavault.browser.driver import BrowserCall, Guard, PageFailed
from mediavault.browser.profile import BrowserProfile
from mediavault.core.failures import BrowserUnavailable, TookTooLong
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.egress.proxy import CHROMIUM_ARGS

LAUNCH_S = 30.0
CALL_S = 10.0
CLOSE_BROWSER_S = 8.0

ARGS = (
    *CHROMIUM_ARGS,
    "--autoplay-policy=no-user-gesture-required",
    "--deny-permission-prompts",
    "--disable-notifications",
)
DISABLED_PLAYWRIGHT_ARGS = ["--disable-popup-blocking"]  # it would let every page open windows

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Launcher:
    """Starts one browser. ``playwright`` is a started driver;
    ``ask`` is that of ``chromium.py``.
    """

    playwright: Any
    ask: BrowserCall
    executable: Path
    profile: BrowserProfile
    downloads: Path
    proxy: Guard
    headless: bool

    async def context(self, user_agent: str) -> Any:
        """Start the persistent context. Chromium's sandbox is on, unless we are root or it does not
        start with it.

        Where a container or the kernel permits only a part of what the sandbox needs, Chromium ends
        with one of many errors, so any of them counts as a refusal. A start that takes too long
        does not: the machine may be busy.
        """
        if sys.platform == "linux" and os.geteuid() == 0:
            started = SandboxReport(Sandbox.OFF_FOR_ROOT)
            context = await self._persistent(user_agent, sandbox=False)
        else:
            started = SandboxReport(Sandbox.ON)
            try:
                context = await self._persistent(user_agent, sandbox=True)
            except BrowserUnavailable as exc:
                if isinstance(exc.__cause__, TookTooLong):
                    raise
                started = SandboxReport(Sandbox.REFUSED, reason_of(exc.__cause__ or exc))
                context = await self._persistent(user_agent, sandbox=False)
                log.warning("browser_sandbox_refused", error=started.reason)
        await asyncio.to_thread(note_sandbox, self.profile, started)
        return context

    async def _persistent(self, user_agent: str, *, sandbox: bool) -> Any:
        launching = self.playwright.chromium.launch_persistent_context(
            self.profile.folder,
            **self._common_options(sandbox=sandbox),
            **_context_options(user_agent),
        )
        try:
            return await self.ask(launching, LAUNCH_S)
        except (TookTooLong, PageFailed, BrowserUnavailable) as exc:
            raise launch_failure(exc) from exc

    async def anonymous(self, context: Any, user_agent: str) -> Any:
        """Open a second context of the browser, behind the same proxy, with nothing of the profile;
        it saves nothing.

        It costs 25 ms and 3 MB, and 30 MB more while a page is open in it (Chromium 156).
        """
        try:
            return await self.ask(
                context.browser.new_context(**_context_options(user_agent)), CALL_S
            )
        except (TookTooLong, PageFailed, BrowserUnavailable) as exc:
            raise launch_failure(exc) from exc

    async def user_agent(self) -> str:
        """Return this binary's user agent with a window.
        Measured once per binary and stored next to the profile.
        """
        notes = self.profile.folder.parent / "user-agent.json"
        try:
            stamp = [str(self.executable), self.executable.resolve().stat().st_mtime_ns]
        except OSError as exc:  # removed or replaced a moment ago
            raise launch_failure(exc) from exc
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            known = json.loads(notes.read_text("utf-8"))
            if known["of"] == stamp:
                return str(known["user_agent"])
        measured = (await self._measure_user_agent()).replace("HeadlessChrome", "Chrome")
        with contextlib.suppress(OSError):
            notes.write_text(json.dumps({"of": stamp, "user_agent": measured}), "utf-8")
        return measured

    async def _measure_user_agent(self) -> str:
        try:
            # shows about:blank only
            starting = self.playwright.chromium.launch(**self._common_options(sandbox=False))
            browser = await self.ask(starting, LAUNCH_S)
            try:
                page = await self.ask(browser.new_page(), CALL_S)
                return str(await self.ask(page.evaluate("navigator.userAgent"), CALL_S))
            finally:
                await self.ask(browser.close(), CLOSE_BROWSER_S)
        except (TookTooLong, PageFailed, BrowserUnavailable) as exc:
            raise launch_failure(exc) from exc

    def _common_options(self, *, sandbox: bool) -> dict[str, Any]:
        proxy = {
            "server": self.proxy.server,
            "username": self.proxy.username,
            "password": self.proxy.password,
        }
        return {
            "executable_path": self.executable,
            "headless": self.headless,
            "args": list(ARGS),
            "ignore_default_args": DISABLED_PLAYWRIGHT_ARGS,
            "chromium_sandbox": sandbox,
            # Playwright's own option also covers loopback, which a bare --proxy-server exempts
            "proxy": proxy,
            "env": {**environment_for(self.profile, os.environ)},
            "downloads_path": self.downloads,
            "artifacts_dir": self.profile.scratch,
            "handle_sigint": False,  # an orderly shutdown closes the browser
            "handle_sigterm": False,
            "handle_sighup": False,
        }


def _context_options(user_agent: str) -> dict[str, Any]:
    return {
        # captures cancel theirs at once; a context cannot have it both ways
        "accept_downloads": True,
        "service_workers": "block",  # what they fetch is hidden from the page's own events
        "user_agent": user_agent,
        "viewport": {"width": 1280, "height": 900},
    }


def environment_for(profile: BrowserProfile, own: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a browser gets (``discovery``), and where it puts its own files.

    What Chromium and its libraries write next to a profile (crash reports, settings of sound and
    desktop, caches) goes next to ours, not into the user's home.
    """
    base = profile.folder.parent
    folders = {
        "TMPDIR": profile.scratch,
        "XDG_CONFIG_HOME": base / "config",
        "XDG_CACHE_HOME": base / "cache",
    }
    return for_browser(own) | {name: str(folder) for name, folder in folders.items()}


def prepare(profile: BrowserProfile, downloads: Path) -> None:
    profile.forget_stale_locks()
    profile.empty_scratch()
    shutil.rmtree(downloads, ignore_errors=True)  # what a killed browser left half written
    downloads.mkdir(parents=True, exist_ok=True)


async def pid_of(context: Any, ask: BrowserCall) -> int | None:
    """Return the process id that the browser reports; None where it reports none."""
    browser = context.browser
    if browser is None:
        return None
    try:
        session = await ask(browser.new_browser_cdp_session(), CALL_S)
        answer = await ask(session.send("SystemInfo.getProcessInfo"), CALL_S)
    except (TookTooLong, PageFailed, BrowserUnavailable):
        return None
    return next(
        (int(process["id"]) for process in answer["processInfo"] if process["type"] == "browser"),
        None,
    )


def launch_failure(exc: Exception) -> BrowserUnavailable:
    return BrowserUnavailable(Message("The browser did not start: %(error)s", error=reason_of(exc)))


def reason_of(exc: BaseException) -> str:
    """Return why a call failed: the last line that Chromium logged if Playwright quotes it, else
    the first line of the error.
    """
    quoting = str(exc.__cause__ or exc)
    fatal = _FATAL.search(quoting)
    return fatal[1] if fatal else first_line(exc)


_FATAL = re.compile(
    r":FATAL:[^\]\n]{0,200}\] ?(\S[^\n]{0,300})"
)  # [0103/101112.5:FATAL:zygote_host_impl_linux.cc(128)] …


def first_line(exc: BaseException) -> str:
    return (str(exc).splitlines() or [type(exc).__name__])[0]
