"""A browser window on the user's own screen, to sign in or to answer a site's question."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from mediavault.browser.discovery import find_browser, unavailable
from mediavault.browser.plain_window import open_window, window_proxy
from mediavault.browser.profile import borrowed_profile
from mediavault.browser.session_manager import SessionManager
from mediavault.core.clock import Clock
from mediavault.core.failures import StorageFailure
from mediavault.core.messages import Message
from mediavault.core.sessions import BrowserTask, SessionState
from mediavault.egress.guard import EgressGuard


def has_display(environment: Mapping[str, str] = os.environ, system: str = sys.platform) -> bool:
    """Return whether a window can be opened on the user's screen."""
    return system == "darwin" or bool(
        environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    )


async def window_here(
    authenticator: SessionManager,
    guard: EgressGuard,
    clock: Clock,
    task: BrowserTask,
    *,
    executable: Path | None,
    enough: Callable[[], Awaitable[None]],
) -> SessionState:
    """Open the task's page, wait until the user closes it or ``enough`` returns, and return the
    session's state.

    Raises AddressRefused, WindowBusy, BrowserUnavailable, StorageFailure. Cancellation closes the
    window in order too.
    """
    browser = find_browser(executable)
    if browser.path is None:
        raise unavailable(browser)
    guard.check_url(task.scope.page, scope=task.scope.exemptible)
    try:
        async with borrowed_profile(authenticator.state_dir, clock) as profile:
            await asyncio.to_thread(authenticator.before_window, profile)
            async with window_proxy(guard, task.scope) as proxy:
                window = await open_window(
                    browser.path, profile, task.url, proxy=proxy, screen=None
                )
                try:
                    await _first_of(window.closed(), enough())
                finally:
                    await window.close()
            return await asyncio.to_thread(authenticator.after_window, profile, task.platform)
    except OSError as exc:
        raise StorageFailure(
            Message("The browser's profile cannot be used: %(error)s.", error=exc)
        ) from exc


async def _first_of(*waits: Awaitable[None]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
