"""Whether the browser's own sandbox was on at its last start, noted next to its profile so that the doctor can report it."""

from __future__ import annotations

import contextlib
from enum import StrEnum
from pathlib import Path

from mediavault.services.browser.profile import Profile

_NOTE = "sandbox"


class Sandbox(StrEnum):
    """What shuts the processes that run a page's scripts off from the rest of the machine."""

    ON = "on"
    OFF_FOR_ROOT = "root"  # Chromium does not start with it then
    REFUSED = "refused"  # the kernel gives this user no namespaces


def note_sandbox(profile: Profile, sandbox: Sandbox) -> None:
    """Remember how the browser was started. A note that cannot be written is left out."""
    with contextlib.suppress(OSError):
        (profile.base / _NOTE).write_text(sandbox.value, "ascii")


def noted_sandbox(state_dir: Path) -> Sandbox | None:
    """How it was started last; None before its first start."""
    try:
        return Sandbox((state_dir / "browser" / _NOTE).read_text("ascii").strip())
    except (OSError, ValueError):
        return None
