"""A real Chromium for the pages with players, and the extraction of each page."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mediavault.browser.chromium import Chromium
from mediavault.browser.discovery import find_browser
from mediavault.core.clock import SystemClock
from mediavault.core.media import Candidate, Extraction
from mediavault.core.urls import parse_http_url
from mediavault.egress.guard import EgressGuard
from mediavault.egress.proxy import EgressProxy
from mediavault.extraction.browser_extractor import BrowserExtractor
from mediavault.extraction.ranking import choose_candidate, items_to_save
from mediavault.platforms.registry import identify
from tests.acceptance.players.site import PlayersSite
from tests.npm import PackagesMissing, node_modules
from tests.patience import patient
from tests.stubs import ReaderHere

LEAVE_OUT = "MEDIAVAULT_TEST_WITHOUT_PLAYERS"

NEEDS = [
    pytest.mark.browser,
    pytest.mark.skipif(find_browser().path is None, reason="no browser is installed"),
    pytest.mark.skipif(bool(os.environ.get(LEAVE_OUT)), reason=f"{LEAVE_OUT} is set"),
    pytest.mark.asyncio(loop_scope="module"),
]
WITHIN_S = 40.0


@dataclass
class World:
    site: PlayersSite
    browser: Chromium

    async def extraction(self, page: str) -> Extraction:
        post, platform = identify(parse_http_url(f"{self.site.origin}/post/{page}"))
        return await BrowserExtractor(self.browser, SystemClock(), ReaderHere()).extract(
            post, platform, within_s=patient(WITHIN_S)
        )

    def pages_open(self) -> int:
        running = self.browser._keeper.running
        return running.pages_open if running else 0


@asynccontextmanager
async def a_world(root: Path) -> AsyncIterator[World]:
    try:
        site = PlayersSite(node_modules(Path(__file__).parent))
    except PackagesMissing as exc:
        pytest.fail(f"{exc} Without a network, set {LEAVE_OUT}=1 to leave these tests out.")
    await site.start()
    proxy = EgressProxy(EgressGuard([f"127.0.0.1:{site.port}", f"localhost:{site.port}"]))
    await proxy.start()
    browser = Chromium(
        state_dir=root / "s", downloads_dir=root / "d", proxy=proxy, clock=SystemClock()
    )
    try:
        yield World(site, browser)
    finally:
        await browser.close()
        await proxy.close()
        await site.close()


def chosen(extraction: Extraction) -> Candidate:
    (item,) = items_to_save(extraction)
    return choose_candidate(item)


def names(extraction: Extraction) -> list[str]:
    """Return the paths of all candidates; for a manifest without its own URL,
    the beginning of it.
    """
    return [
        c.url[:26] if c.url.startswith("data:") else c.url.split("/", 3)[3]
        for c in extraction.candidates
    ]
