"""The environment and the sandbox of a browser."""

from __future__ import annotations

import os
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from mediavault.browser.discovery import Sandbox, SandboxReport, recorded_sandbox
from mediavault.browser.driver import PageFailed
from mediavault.browser.launch import Launcher, environment_for
from mediavault.browser.profile import claim_profile
from mediavault.core.failures import BrowserUnavailable, TookTooLong
from tests.unit.browser.test_keeper import StubProxy

T = TypeVar("T")


def test_files_that_a_browser_writes_outside_its_profile_are_in_the_state_folder(
    tmp_path: Path,
) -> None:
    """Crash reports, sound and desktop settings, caches:
    nothing is written to the user's own home.
    """
    profile = claim_profile(tmp_path)
    own = {
        "HOME": "/home/jane",
        "XDG_CONFIG_HOME": "/home/jane/.config",
        "MEDIAVAULT_TOKEN": "hunter2",
    }
    environment = environment_for(profile, own)
    profile.release()

    assert environment["HOME"] == "/home/jane"  # the certificates that she trusts are there
    assert Path(environment["XDG_CONFIG_HOME"]).is_relative_to(tmp_path / "browser")
    assert Path(environment["XDG_CACHE_HOME"]).is_relative_to(tmp_path / "browser")
    assert "MEDIAVAULT_TOKEN" not in environment


# --- the sandbox ----------------------------------------------------------------------------------


CLOSED = """BrowserType.launch_persistent_context: Target page, context or browser has been closed
Browser logs:
<launched> pid=41
[pid=41][err] [0103/101112.131415:FATAL:content/browser/zygote_host/zygote_host_impl_linux.cc(201)] Check failed: . : \
Failed to receive hello message from zygote
"""  # noqa: E501


def closed() -> BrowserUnavailable:
    """The error of a browser that ended while it was started, as ``chromium.ask`` raises it."""
    error = BrowserUnavailable("The browser or its page was closed unexpectedly.")
    error.__cause__ = RuntimeError(CLOSED)
    return error


class StubPlaywright:
    """Launches fail with ``error`` while the sandbox is requested,
    and without it with ``always``.
    """

    def __init__(self, error: Exception | None = None, *, always: Exception | None = None) -> None:
        self.chromium = self
        self._error = error or always
        self._always = always
        self.asked_for_sandbox: list[bool] = []

    async def launch_persistent_context(
        self, folder: Path, *, chromium_sandbox: bool, **_: Any
    ) -> str:
        self.asked_for_sandbox.append(chromium_sandbox)
        if error := self._error if chromium_sandbox else self._always:
            raise error
        return "a context"


async def ask(call: Awaitable[T], within_s: float) -> T:
    return await call


async def launched(playwright: StubPlaywright, root: Path) -> Any:
    profile = claim_profile(root)
    launcher = Launcher(
        cast("Any", playwright), ask, root, profile, root, StubProxy(), headless=True
    )
    try:
        return await launcher.context("a browser")
    finally:
        profile.release()


NO_SANDBOX = PageFailed("No usable sandbox! Update your kernel")


@pytest.mark.parametrize(
    ("user", "error", "recorded", "tries"),
    [
        (1000, None, SandboxReport(Sandbox.ON), [True]),
        (1000, NO_SANDBOX, SandboxReport(Sandbox.REFUSED, str(NO_SANDBOX)), [True, False]),
        (
            1000,
            closed(),
            SandboxReport(
                Sandbox.REFUSED, "Check failed: . : Failed to receive hello message from zygote"
            ),
            [True, False],
        ),
        (0, None, SandboxReport(Sandbox.OFF_FOR_ROOT), [False]),
    ],
)
async def test_how_the_browser_was_started_is_noted_for_the_doctor(
    user: int,
    error: Exception | None,
    recorded: SandboxReport,
    tries: list[bool],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr("sys.platform", "linux")
    playwright = StubPlaywright(error)
    assert recorded_sandbox(tmp_path) is None

    assert await launched(playwright, tmp_path) == "a context"
    assert recorded_sandbox(tmp_path) == recorded
    assert playwright.asked_for_sandbox == tries


@pytest.mark.parametrize(
    ("error", "reason", "tries"),
    [
        (PageFailed("no such library"), "no such library", [True, False]),
        (closed(), "Failed to receive hello message", [True, False]),
        (TookTooLong("The browser did not answer within 30 seconds."), "within 30 seconds", [True]),
    ],
)
async def test_a_browser_that_does_not_start_leaves_no_note(
    error: Exception,
    reason: str,
    tries: list[bool],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A slow start is not repeated without the sandbox: the machine may only be busy."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    playwright = StubPlaywright(always=error)

    with pytest.raises(BrowserUnavailable, match=reason):
        await launched(playwright, tmp_path)
    assert recorded_sandbox(tmp_path) is None
    assert playwright.asked_for_sandbox == tries


async def test_an_anonymous_profile_leaves_its_note_where_the_doctor_looks(tmp_path: Path) -> None:
    holder = claim_profile(tmp_path)
    await launched(StubPlaywright(), tmp_path)
    holder.release()

    assert recorded_sandbox(tmp_path) is not None
