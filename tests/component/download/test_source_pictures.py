"""Pictures of sources: fetched through the guard, decoded and made small in a child."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.media import picture_suffix
from mediavault.egress.client import AiohttpClient
from mediavault.egress.guard import EgressGuard
from mediavault.features.following.background.checks import MAX_KEPT_BYTES, with_picture
from mediavault.features.following.model import Source, SourceState
from mediavault.features.following.records import find_picture
from mediavault.media.arrival import open_helpers
from mediavault.media.probe import FfmpegProbe
from mediavault.worker.context import WorkerContext
from tests import media
from tests.fakes import START, FakeClock
from tests.fault_server import FaultServer, reply
from tests.memory_store import MemoryJobStore
from tests.stubs import make_context

SOURCE = Source("s-1", "https://videos.example/feed", "generic", START)


@pytest.fixture
async def guard(server: FaultServer) -> AsyncIterator[EgressGuard]:
    guard = EgressGuard((f"127.0.0.1:{server.port}",))
    yield guard
    guard.close()


@pytest.fixture
async def context(guard: EgressGuard, tmp_path: Path) -> AsyncIterator[WorkerContext]:
    client = AiohttpClient(guard)
    async with open_helpers(SystemClock(), count=1) as helpers:
        made = make_context(MemoryJobStore(FakeClock()), FakeClock(), tmp_path)
        yield replace(made, client=client, probe=FfmpegProbe(helpers))
    await client.close()


@pytest.mark.parametrize(
    "body", [media.jpeg(), media.picture("image2", "png", "rgb24")], ids=["jpeg", "png"]
)
async def test_a_small_jpeg_is_kept(
    server: FaultServer, context: WorkerContext, body: bytes
) -> None:
    server.on("/face", reply(body=body, content_type="image/anything"))
    source = replace(SOURCE, url=server.url("/feed"))
    state = await with_picture(source, SourceState(picture_url=server.url("/face")), context)
    kept = await find_picture(context.store.records, SOURCE.id)

    assert state.has_picture
    assert kept is not None
    assert (picture_suffix(kept), len(kept) <= MAX_KEPT_BYTES) == (".jpg", True)


async def test_a_picture_in_a_private_network_is_never_asked_for(
    server: FaultServer, context: WorkerContext
) -> None:
    """Even a host that the owner has opened is open only for sources that are there themselves."""
    server.on("/face", reply(body=media.jpeg()))
    state = await with_picture(SOURCE, SourceState(picture_url=server.url("/face")), context)

    assert not state.has_picture
    assert state.picture_due is not None
    assert server.requests == []


async def test_a_picture_that_does_not_decode_is_not_kept(
    server: FaultServer, context: WorkerContext
) -> None:
    server.on("/face", reply(body=media.jpeg()[:40]))
    source = replace(SOURCE, url=server.url("/feed"))
    state = await with_picture(source, SourceState(picture_url=server.url("/face")), context)

    assert not state.has_picture
    assert await find_picture(context.store.records, SOURCE.id) is None
