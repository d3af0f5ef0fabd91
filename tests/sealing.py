"""A vault with saved posts whose sealed copies are made by a stub of a browser and a local
authority.
"""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from mediavault.browser.port import Browser, PageCapture, SeenResponse
from mediavault.core.failures import Failure
from mediavault.core.job import Job
from mediavault.core.platform import Platform
from mediavault.core.urls import EgressScope
from mediavault.features.sealing.model import SealedCopy
from mediavault.features.sealing.sealer import Sealer, write_new
from mediavault.features.sealing.timestamps import Certificate
from mediavault.library.local_library import LocalLibrary
from mediavault.store.port import JobQuery
from tests.authority import Authority
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore
from tests.vaults import fill

WORDS = "A film about geese"
URL = "https://videos.example/1"
SECRETS = {"set-cookie": "sid=1", "cookie": "a=b", "proxy-authenticate": "Basic"}


def seen(url: str, status: int = 200, **headers: str) -> SeenResponse:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return SeenResponse(url, status, "text/html", "document", url, names)


def page(url: str = URL, status: int = 200, **changes: object) -> PageCapture:
    """Return a visit to a page with the words of the post."""
    facts = {
        "url": url,
        "final_url": url,
        "status": status,
        "html": f"<html><body><p>{WORDS}</p><script>alert(1)</script></body></html>",
        "title": "Geese",
        "visible_text": WORDS,
        "responses": (seen(url, status, content_type="text/html", server="stub", **SECRETS),),
        "videos": (),
        "drm_requested": False,
        "user_agent": "stub",
        "screenshot": b"\x89PNG\r\n\x1a\npixels",
        **changes,
    }
    return PageCapture(**facts)  # type: ignore[arg-type]


@dataclass
class PageBrowser:
    """A browser that shows one page, or fails."""

    shown: PageCapture | Failure
    visits: list[tuple[str, bool, bool]] = field(default_factory=list)

    async def capture(
        self,
        url: str,
        *,
        scope: EgressScope,
        platform: Platform,
        within_s: float,
        signed_in: bool = False,
        screenshot: bool = False,
        is_list: bool = False,
    ) -> PageCapture:
        self.visits.append((url, signed_in, screenshot))
        if isinstance(self.shown, Failure):
            raise self.shown
        return self.shown


class SealingVault:
    """A vault below ``root``, with two saved posts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FakeClock(auto=True)
        self.store = MemoryJobStore(self.clock)
        self.downloads = root / "downloads"
        self.downloads.mkdir(parents=True)
        self.library = LocalLibrary(self.downloads)
        self.browser = PageBrowser(page())

    async def fill(self, *, jobs: int = 1, videos: int = 1) -> Job:
        """Save posts; return one of them."""
        await fill(self.store, self.downloads, self.clock, jobs=jobs, videos=videos)
        return (await self.store.catalogue.jobs(JobQuery())).jobs[0]

    def sealer(
        self,
        ask: Callable[[bytes], Awaitable[bytes]] | Authority | None = None,
        *,
        system_roots: Sequence[Certificate] = (),
    ) -> Sealer:
        @asynccontextmanager
        async def open_browser() -> AsyncIterator[Browser]:
            yield cast("Browser", self.browser)

        async def answer(request: bytes) -> bytes:
            assert isinstance(ask, Authority)
            return ask.answer(request)

        async def slower(_: str) -> float:
            return 2.0

        return Sealer(
            self.store,
            self.library,
            self.clock,
            open_browser,
            ask_authority=answer if isinstance(ask, Authority) else ask,
            authority="https://tsa.example/tsr" if ask else None,
            system_roots=lambda: system_roots,
            new_nonce=lambda: 4_711,
            slower=slower,
        )

    async def seal(self, job: Job, sealer: Sealer | None = None) -> tuple[SealedCopy, Path]:
        """Make a copy, and return it with the zip that was written."""
        sealer = sealer or self.sealer()
        copy = await sealer.seal(job)
        file = self.root / "copy.zip"
        file.unlink(missing_ok=True)
        await write_new(file, sealer.pieces(copy))
        return copy, file


def unpacked(file: Path, folder: Path) -> Path:
    """Unpack a copy and return the bag's folder."""
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    [bag] = folder.iterdir()
    return bag
