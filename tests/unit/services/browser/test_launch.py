"""The environment and the sandbox of a browser."""

from __future__ import annotations

import os
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from mediavault.core.failures import BrowserUnavailable
from mediavault.services.browser.discovery import Sandbox, noted_sandbox
from mediavault.services.browser.driver import PageFailed
from mediavault.services.browser.launch import Launcher, environment_for
from mediavault.services.browser.profile import claim_profile
from tests.unit.services.browser.test_keeper import StubProxy

T = TypeVar("T")


def test_files_that_a_browser_writes_outside_its_profile_are_in_the_state_folder(tmp_path: Path) -> None:
    """Crash reports, sound and desktop settings, caches: nothing is written to the user's own home."""
    profile = claim_profile(tmp_path)
    own = {"HOME": "/home/jane", "XDG_CONFIG_HOME": "/home/jane/.config", "MEDIAVAULT_TOKEN": "hunter2"}
    environment = environment_for(profile, own)
    profile.release()

    assert environment["HOME"] == "/home/jane"  # the certificates that she trusts are there
    assert Path(environment["XDG_CONFIG_HOME"]).is_relative_to(tmp_path / "browser")
    assert Path(environment["XDG_CACHE_HOME"]).is_relative_to(tmp_path / "browser")
    assert "MEDIAVAULT_TOKEN" not in environment


# --- the sandbox -------------------------------------------------------------------------------------------------------


class StubPlaywright:
    """Launches fail with ``error`` as long as the sandbox is requested."""

    def __init__(self, error: str | None) -> None:
        self.chromium = self
        self._error = error
        self.asked_for_sandbox: list[bool] = []

    async def launch_persistent_context(self, folder: Path, *, chromium_sandbox: bool, **_: Any) -> str:
        self.asked_for_sandbox.append(chromium_sandbox)
        if chromium_sandbox and self._error:
            raise PageFailed(self._error)
        return "a context"


async def ask(call: Awaitable[T], within_s: float) -> T:
    return await call


async def launched(playwright: StubPlaywright, root: Path) -> Any:
    profile = claim_profile(root)
    launcher = Launcher(cast("Any", playwright), ask, root, profile, root, StubProxy(), headless=True)
    try:
        return await launcher.context("a browser")
    finally:
        profile.release()


@pytest.mark.parametrize(
    ("user", "error", "noted", "tries"),
    [
        (1000, None, Sandbox.ON, [True]),
        (1000, "No usable sandbox! Update your kernel", Sandbox.REFUSED, [True, False]),
        (0, None, Sandbox.OFF_FOR_ROOT, [False]),
    ],
)
async def test_how_the_browser_was_started_is_noted_for_the_doctor(
    user: int, error: str | None, noted: Sandbox, tries: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr("sys.platform", "linux")
    playwright = StubPlaywright(error)
    assert noted_sandbox(tmp_path) is None

    assert await launched(playwright, tmp_path) == "a context"
    assert noted_sandbox(tmp_path) is noted
    assert playwright.asked_for_sandbox == tries


async def test_a_browser_that_does_not_start_leaves_no_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(BrowserUnavailable, match="no such library"):
        await launched(StubPlaywright("no such library"), tmp_path)
    assert noted_sandbox(tmp_path) is None


async def test_an_anonymous_profile_leaves_its_note_where_the_doctor_looks(tmp_path: Path) -> None:
    holder = claim_profile(tmp_path)
    await launched(StubPlaywright(None), tmp_path)
    holder.release()

    assert noted_sandbox(tmp_path) is not None
