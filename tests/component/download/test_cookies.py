"""Cookies that came with a URL are sent to the hosts in their scope, and to no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mediavault.core.cookies import Cookie
from mediavault.core.media import DownloadedFile, SourceType
from mediavault.core.urls import EgressScope
from mediavault.download.fetcher import MediaFetcher
from mediavault.download.port import MIN_RANGE_BYTES, MediaRequest
from mediavault.egress.client import AiohttpClient
from mediavault.egress.guard import EgressGuard
from tests import media
from tests.component.download.conftest import LIMITS
from tests.fakes import FakeClock
from tests.fault_server import FaultServer, Request, reply, serve
from tests.stubs import IN_PROCESS, UNSTARTED

pytestmark = pytest.mark.usefixtures("joined_here")

CANARY = Cookie("chain", "canary-0815", "127.0.0.1")


@asynccontextmanager
async def fetcher_for(server: FaultServer) -> AsyncIterator[MediaFetcher]:
    """Yield a fetcher that may reach the server under both of its names."""
    guard = EgressGuard((f"127.0.0.1:{server.port}", f"localhost:{server.port}"))
    client = AiohttpClient(guard, clock=FakeClock(auto=True))
    try:
        yield MediaFetcher(client, FakeClock(auto=True), UNSTARTED, IN_PROCESS)
    finally:
        await client.close()
        guard.close()


async def fetched(
    server: FaultServer, into: Path, path: str, kind: SourceType, audio: str = ""
) -> DownloadedFile:
    request = MediaRequest(
        server.url(path),
        kind,
        EgressScope(server.url("/post")),
        audio_url=elsewhere(server, audio) if audio else None,
        cookies=(CANARY,),
        max_range_bytes=MIN_RANGE_BYTES,
    )
    async with fetcher_for(server) as fetcher:
        return await fetcher.fetch(
            request, into=into, limits=LIMITS, on_progress=lambda done, total: None
        )


def elsewhere(server: FaultServer, path: str) -> str:
    return f"http://localhost:{server.port}{path}"


def received_cookies(server: FaultServer) -> dict[str, set[str | None]]:
    """Return the Cookie headers that each name of the server received."""
    heard: dict[str, set[str | None]] = {"127.0.0.1": set(), "localhost": set()}
    for request in server.requests:
        heard[host_of(request)].add(request.headers.get("cookie"))
    return heard


def host_of(request: Request) -> str:
    return request.headers["host"].partition(":")[0]


ONLY_ITS_OWN = {"127.0.0.1": {"chain=canary-0815"}, "localhost": {None}}


async def test_a_redirect_to_another_host_does_not_send_the_cookie(
    server: FaultServer, tmp_path: Path
) -> None:
    server.on("/v.mp4", reply(302, Location=elsewhere(server, "/w.mp4")))
    server.on("/w.mp4", serve(media.mp4()))
    await fetched(server, tmp_path, "/v.mp4", SourceType.DIRECT)

    assert received_cookies(server) == ONLY_ITS_OWN


async def test_segments_of_another_host_are_requested_without_the_cookie(
    server: FaultServer, tmp_path: Path
) -> None:
    files = dict(media.hls("ts"))
    text = files.pop("index.m3u8").decode().replace("seg002", elsewhere(server, "/seg002"))
    server.files(files)
    server.on("/index.m3u8", serve(text.encode()))
    await fetched(server, tmp_path, "/index.m3u8", SourceType.HLS)

    assert received_cookies(server) == ONLY_ITS_OWN


async def test_the_sound_of_another_host_is_requested_without_the_cookie(
    server: FaultServer, tmp_path: Path
) -> None:
    server.on("/v.mp4", serve(media.mp4(sound=False)))
    server.on("/a.m4a", serve(media.sound_only_mp4()))
    await fetched(server, tmp_path, "/v.mp4", SourceType.DIRECT, audio="/a.m4a")

    assert received_cookies(server) == ONLY_ITS_OWN


async def test_every_range_request_carries_the_cookie_and_the_part_file_does_not(
    server: FaultServer, tmp_path: Path
) -> None:
    body = media.mp4() + bytes(range(256)) * (MIN_RANGE_BYTES // 200)
    server.on("/v.mp4", serve(body), reply(403))
    with pytest.raises(Exception, match="403"):
        await fetched(server, tmp_path, "/v.mp4", SourceType.DIRECT)
    left = sorted(path.name for path in tmp_path.iterdir())

    assert [request.headers.get("cookie") for request in server.requests] == [
        "chain=canary-0815"
    ] * 2
    assert left == ["media.part", "media.part.json"]
    assert not any(b"canary" in path.read_bytes() for path in tmp_path.iterdir())
