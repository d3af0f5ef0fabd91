"""What the download tests share: a misbehaving server, the real HTTP client opened for it alone, and a fast clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.media import DownloadedFile, SourceType
from mediavault.services.download.fetcher import MediaFetcher
from mediavault.services.download.port import DownloadLimits, MediaRequest
from mediavault.services.egress.client import AiohttpClient
from mediavault.services.egress.guard import EgressGuard
from tests.fakes import FakeClock
from tests.fault_server import FaultServer, fault_server

LIMITS = DownloadLimits(max_bytes=50_000_000, reserve_bytes=0, resumes=3)

Fetch = Callable[..., Coroutine[Any, Any, DownloadedFile]]


@pytest.fixture
async def server() -> AsyncIterator[FaultServer]:
    async with fault_server() as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(auto=True)


@pytest.fixture
async def fetch(server: FaultServer, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Fetch]:
    """``await fetch("/path", source_type=…, limits=…, …)`` through ``MediaFetcher`` into ``tmp_path``."""
    guard = EgressGuard((f"127.0.0.1:{server.port}",))
    client = AiohttpClient(guard, clock=clock)
    fetcher = MediaFetcher(client, clock)

    async def run(
        path: str,
        *,
        source_type: SourceType = SourceType.DIRECT,
        limits: DownloadLimits = LIMITS,
        into: Path = tmp_path,
        on_progress: Callable[[int, int | None], None] = lambda done, total: None,
        **facts: Any,
    ) -> DownloadedFile:
        url = server.url(path)
        request = MediaRequest(url=url, source_type=source_type, scope_url=server.url("/post"), **facts)
        return await fetcher.fetch(request, into=into, limits=limits, on_progress=on_progress)

    yield run
    await client.close()
    guard.close()
