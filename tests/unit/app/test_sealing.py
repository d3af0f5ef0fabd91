"""The browser that visits a page for a sealed copy. It is opened here, and never started."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.app.composition import make_guard
from mediavault.app.sealing import ABANDONED_AFTER, open_signed_out_browser
from mediavault.browser.chromium import Chromium
from mediavault.core.failures import BrowserUnavailable
from mediavault.core.settings import Settings
from mediavault.egress.proxy import EgressProxy
from tests.fakes import FakeClock


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "state", port=0)


async def visit(settings: Settings, clock: FakeClock | None = None) -> list[str]:
    """Open the browser, and return the names in the state folder meanwhile."""
    async with open_signed_out_browser(settings, make_guard(settings), clock or FakeClock()):
        return sorted(path.name for path in settings.state_dir.iterdir())


async def test_the_folder_of_a_killed_process_is_removed_by_the_next_copy(
    settings: Settings,
) -> None:
    """One that may still be in use stays."""
    clock = FakeClock()
    for name, age in (
        ("seal-old", ABANDONED_AFTER + timedelta(seconds=1)),
        ("seal-new", timedelta(seconds=5)),
    ):
        (settings.state_dir / name / "profile").mkdir(parents=True)
        at = (clock.now() - age).timestamp()
        os.utime(settings.state_dir / name, (at, at))

    names = await visit(settings, clock)

    assert "seal-old" not in names
    assert "seal-new" in names
    assert len(names) == 2
    assert [path.name for path in settings.state_dir.iterdir()] == ["seal-new"]


async def test_a_folder_that_cannot_be_made_is_a_browser_that_cannot_be_had(
    settings: Settings,
) -> None:
    """So the copy is made without the page."""
    settings.state_dir.write_bytes(b"a file")

    with pytest.raises(BrowserUnavailable):
        await visit(settings)


async def test_a_proxy_that_cannot_listen_is_a_browser_that_cannot_be_had(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def start(_: EgressProxy) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(EgressProxy, "start", start)

    with pytest.raises(BrowserUnavailable, match="proxy could not be started"):
        await visit(settings)


async def test_the_proxy_is_closed_although_the_browser_fails_to_close(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[EgressProxy] = []
    close_proxy = EgressProxy.close

    async def close(proxy: EgressProxy) -> None:
        closed.append(proxy)
        await close_proxy(proxy)

    async def fail(_: Chromium) -> None:
        raise BrowserUnavailable("It hangs.")

    monkeypatch.setattr(EgressProxy, "close", close)
    monkeypatch.setattr(Chromium, "close", fail)

    with pytest.raises(BrowserUnavailable, match="hangs"):
        await visit(settings)
    assert len(closed) == 1
