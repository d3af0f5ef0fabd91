"""A URL that is the video itself is requested once:
the look at it and its download share a response.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.media import DownloadedFile
from mediavault.core.urls import EgressScope, parse_http_url
from mediavault.download.fetcher import MediaFetcher
from mediavault.download.port import DownloadLimits, MediaRequest
from mediavault.egress.client import AiohttpClient
from mediavault.egress.guard import EgressGuard
from mediavault.egress.keeping_client import KeepingClient
from mediavault.extraction.page_extractor import PageExtractor
from mediavault.extraction.ranking import choose_candidate
from mediavault.platforms.registry import identify
from tests import media
from tests.fault_server import FaultServer, cut, fault_server, reply, serve
from tests.stubs import IN_PROCESS, UNSTARTED, ReaderHere

BODY = media.mp4(4.0)
LIMITS = DownloadLimits(max_bytes=50_000_000, reserve_bytes=0, resumes=1)


@pytest.fixture
async def server() -> AsyncIterator[FaultServer]:
    async with fault_server() as running:
        yield running


async def save(server: FaultServer, path: str, into: Path) -> DownloadedFile:
    """Extract the post at ``path`` and download its video."""
    url, clock = server.url(path), SystemClock()
    post, platform = identify(parse_http_url(url))
    client = KeepingClient(
        AiohttpClient(EgressGuard((f"127.0.0.1:{server.port}",)), clock=clock), clock
    )
    try:
        extraction = await PageExtractor(client, ReaderHere()).extract(post, platform, within_s=60)
        best = choose_candidate(extraction.videos[0])
        request = MediaRequest(best.url, best.source_type, EgressScope(post.url))
        return await MediaFetcher(client, clock, UNSTARTED, IN_PROCESS).fetch(
            request, into=into, limits=LIMITS, on_progress=lambda done, total: None
        )
    finally:
        await client.close()


async def test_a_link_that_works_once_is_saved(server: FaultServer, tmp_path: Path) -> None:
    server.on("/v.mp4", serve(BODY), reply(410))
    file = await save(server, "/v.mp4", tmp_path)

    assert file.path.read_bytes() == BODY
    assert len(server.requests) == 1


async def test_a_response_that_is_cut_is_resumed_like_any_other(
    server: FaultServer, tmp_path: Path
) -> None:
    server.on("/v.mp4", cut(serve(BODY), at=len(BODY) - 5_000), serve(BODY))

    assert (await save(server, "/v.mp4", tmp_path)).path.read_bytes() == BODY
    assert server.requests[1].range_start is not None
