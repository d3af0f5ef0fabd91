"""A browser that disappears while the vault runs, and profiles that are damaged:
the queue waits, logins are kept.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mediavault.browser.discovery import find_browser
from mediavault.core.clock import SystemClock
from mediavault.core.failures import BrowserUnavailable
from mediavault.demo.site import PracticeSite, practice_site
from tests.acceptance.test_browser_capture import World, a_world
from tests.acceptance.test_serve import Served, chromium_of, environment, free_port, up
from tests.patience import patient

pytestmark = pytest.mark.browser

# `mediavault serve`, but jobs that wait for the machine wait two seconds instead of five minutes.
IMPATIENT = """
import sys
from datetime import timedelta
from mediavault.worker import retry
retry.ENVIRONMENT_DELAY = timedelta(seconds=2)
from mediavault.cli.main import main
sys.exit(main(["serve"]))
"""


@asynccontextmanager
async def served(root: Path, site: PracticeSite, browser: Path) -> AsyncIterator[Served]:
    port = free_port()
    with (root / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            IMPATIENT,
            env=environment(root, port, site, MEDIAVAULT_BROWSER=str(browser)),
            stderr=log,
        )
    vault = Served(process, port, root, site)
    try:
        await up(vault)
        yield vault
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), patient(30))


async def until_waiting(vault: Served, job_id: str) -> dict[str, Any]:
    """Return the job as soon as it has failed and has a time for its next attempt."""
    return await vault.until_job(
        job_id, lambda job: job["status"] == "failed" and bool(job["retry_at"])
    )


def kill_browsers(root: Path) -> None:
    for pid in chromium_of(root):
        try:
            if b"chrom" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]:
                os.kill(pid, signal.SIGKILL)
        except OSError:
            continue


@pytest.mark.fault(
    "F46",
    "Chromium missing while the vault runs, back later",
    by="its binary moved away, its processes killed",
)
async def test_the_queue_waits_for_a_missing_browser_and_continues_automatically(
    tmp_path: Path,
) -> None:
    browser, away = tmp_path / "browser", tmp_path / "elsewhere"
    browser.write_text(f'#!/bin/sh\nexec {find_browser().path} "$@"\n')
    browser.chmod(0o755)
    async with (
        practice_site(tmp_path / "practice", clock=SystemClock()) as site,
        served(tmp_path, site, browser) as vault,
    ):
        _, first = await vault.call("POST", "/api/jobs", {"post_url": vault.url("plain")})
        before = await vault.until(first["id"], "completed")
        browser.rename(away)
        kill_browsers(tmp_path)
        # only a browser shows it
        _, second = await vault.call("POST", "/api/jobs", {"post_url": vault.url("click")})
        waiting = await until_waiting(vault, second["id"])
        _, health = await vault.call("GET", "/api/worker/health")
        away.rename(browser)
        after = await vault.until(second["id"], "completed")

    assert before["status"] == "completed"
    assert waiting["error_code"] == "BROWSER_UNAVAILABLE"
    assert waiting["max_attempts"] - waiting["attempt_count"] == 5  # no attempt is used up
    assert len(health["workers"]) == 1
    assert after["status"] == "completed"


# --- damaged profiles -----------------------------------------------------------------------------

DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda file: os.truncate(file, file.stat().st_size // 2),
    "emptied": lambda file: os.truncate(file, 0),
    "garbage": lambda file: file.write_bytes(random.Random(46).randbytes(file.stat().st_size)),
}


def damaged(world: World, damage: Callable[[Path], object]) -> set[str]:
    """Damage the profile, and return the names of the files that were damaged."""
    profile = world.state / "browser" / "profile"
    files = [
        path for name in ("Cookies", "Preferences", "Local State") for path in profile.rglob(name)
    ]
    for file in files:
        damage(file)
    return {file.name for file in files}


@pytest.mark.fault(
    "F46", "profile damaged", by="Cookies, Preferences and Local State cut, emptied, overwritten"
)
@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_profile_still_opens_pages_and_the_logins_are_restored(
    tmp_path: Path, damage: str
) -> None:
    async with a_world(tmp_path) as world:
        await world.capture("/login", signed_in=True)
        before = await world.cookies(signed_in=True)
        await world.browser.close()
        names = damaged(world, DAMAGES[damage])
        world.browser = world.another()
        seen = await world.capture("/plain", signed_in=True)
        after = await world.cookies(signed_in=True)

    assert names == {"Cookies", "Preferences", "Local State"}
    assert len(seen.videos) == 1
    assert before == after == {"session", "kept"}


@pytest.mark.fault(
    "F46", "no profile can be made", by="a file in the profile folder's place, removed later"
)
async def test_a_profile_that_cannot_be_used_is_reported_and_works_once_the_cause_is_gone(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path) as world:
        profile = world.state / "browser" / "profile"
        profile.parent.mkdir(parents=True)
        profile.write_text("no folder")
        with pytest.raises(BrowserUnavailable, match="profile cannot be used"):
            await world.capture("/plain")
        profile.unlink()

        assert len((await world.capture("/plain")).videos) == 1
