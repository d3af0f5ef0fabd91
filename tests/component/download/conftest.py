"""Fixtures of the download tests: a misbehaving server, the real HTTP client for it alone,
and a fast clock.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.media import DownloadedFile, SourceType
from mediavault.core.urls import EgressScope
from mediavault.download.fetcher import MediaFetcher
from mediavault.download.port import DownloadLimits, MediaRequest
from mediavault.egress.client import AiohttpClient
from mediavault.egress.guard import EgressGuard
from mediavault.media import remux_child
from mediavault.media.arrival import open_helpers
from mediavault.media.remux import Joiner
from mediavault.sandbox.process import ChildFailed, ChildLimits
from mediavault.sandbox.standing import ChildPool
from tests.fakes import FakeClock
from tests.fault_server import FaultServer, fault_server
from tests.stubs import IN_PROCESS

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
    """Yield ``fetch("/path", source_type=…, limits=…, …)``,
    which uses ``MediaFetcher`` and saves into ``tmp_path``.
    """
    guard = EgressGuard((f"127.0.0.1:{server.port}",))
    client = AiohttpClient(guard, clock=clock)

    async def run(
        path: str,
        *,
        source_type: SourceType = SourceType.DIRECT,
        limits: DownloadLimits = LIMITS,
        into: Path = tmp_path,
        on_progress: Callable[[int, int | None], None] = lambda done, total: None,
        audio: str | None = None,
        **facts: Any,
    ) -> DownloadedFile:
        request = MediaRequest(
            url=server.url(path),
            source_type=source_type,
            scope=EgressScope(server.url("/post")),
            audio_url=server.url(audio) if audio else None,
            **facts,
        )
        return await fetcher.fetch(request, into=into, limits=limits, on_progress=on_progress)

    async with open_helpers(SystemClock()) as helpers:
        fetcher = MediaFetcher(client, clock, Joiner(helpers), IN_PROCESS)
        yield run
    await client.close()
    guard.close()


@pytest.fixture
def joined_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Join streams in this process to save time; test_fetcher.py and media/test_remux.py use the
    real child process.
    """

    async def join_here(
        pool: ChildPool, make_request: Callable[[], Mapping[str, Any]], *, limits: ChildLimits
    ) -> Mapping[str, Any]:
        try:
            return remux_child.answer(json.loads(json.dumps(make_request())))
        except (OSError, ValueError) as exc:
            raise ChildFailed(str(exc), errno=getattr(exc, "errno", None)) from exc

    monkeypatch.setattr(ChildPool, "ask", join_here)
