"""Signing in on a person's own screen: a window of the desktop, as long as it is open."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from mediavault.core.clock import Clock
from mediavault.core.errors import StorageFailure
from mediavault.core.platform import Platform
from mediavault.core.sessions import SessionState
from mediavault.services.browser.discovery import find_browser, unavailable
from mediavault.services.browser.plain_window import open_window
from mediavault.services.browser.profile import borrowed_profile
from mediavault.services.browser.session_desk import SessionDesk
from mediavault.services.browser.window_proxy import window_proxy
from mediavault.services.egress.guard import EgressGuard


def has_display(environment: Mapping[str, str] = os.environ, system: str = sys.platform) -> bool:
    """Whether a window can be opened before a person's eyes."""
    return system in ("darwin", "win32") or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


async def sign_in_here(
    desk: SessionDesk,
    guard: EgressGuard,
    clock: Clock,
    platform: Platform,
    *,
    executable: Path | None,
    enough: Callable[[], Awaitable[None]],
) -> SessionState:
    """Open the platform's sign-in and wait until the person closes it, or ``enough`` returns; what the cookies say then.

    Raises WindowBusy, BrowserUnavailable, StorageFailure. Being cancelled closes the window in order too.
    """
    found = find_browser(executable)
    if found.path is None:
        raise unavailable(found)
    url = platform.login_url or ""
    try:
        async with borrowed_profile(desk.state_dir, clock) as profile:
            await asyncio.to_thread(desk.before_window, profile)
            async with window_proxy(guard, url) as proxy:
                window = await open_window(found.path, profile, url, proxy=proxy, screen=None)
                try:
                    await _first_of(window.closed(), enough())
                finally:
                    await window.close()
            return await asyncio.to_thread(desk.after_window, profile, platform)
    except OSError as exc:
        raise StorageFailure(f"The browser's profile cannot be used: {exc}.") from exc


async def _first_of(*waits: Awaitable[None]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
