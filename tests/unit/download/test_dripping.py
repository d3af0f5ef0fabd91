"""A stream from a server that drips is given up, however its bytes are spread over manifests and
segments.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from mediavault.core.failures import TookTooLong
from mediavault.core.media import SourceType
from mediavault.core.urls import EgressScope
from mediavault.download.manifest import Segment
from mediavault.download.port import DownloadLimits, MediaRequest
from mediavault.download.stream_source import TRIES, StreamSource
from tests.fakes import FakeClock
from tests.stubs import IN_PROCESS

LIMITS = DownloadLimits(max_bytes=50_000_000)
SEGMENT = Segment(
    "http://a.example/1.ts", span=None, duration_s=4.0, sequence=0, key=None, init=None
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(auto=True)


class Dripping:
    """A client whose responses take ``head_s`` to begin and ``piece_s`` for each piece,
    on the fake clock.
    """

    def __init__(
        self, clock: FakeClock, pieces: list[bytes], *, head_s: float = 0.0, piece_s: float = 0.0
    ) -> None:
        self._clock, self._pieces, self._head_s, self._piece_s = clock, pieces, head_s, piece_s
        self.requests = 0

    @asynccontextmanager
    async def get(self, url: str, **_: Any) -> AsyncIterator[Any]:
        self.requests += 1
        self._clock.advance(self._head_s)
        yield DrippingResponse(url, iter(self._pieces), lambda: self._clock.advance(self._piece_s))


@dataclass
class DrippingResponse:
    url: str
    pieces: Iterator[bytes]
    wait: Callable[[], None]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    async def read_chunk(self, limit: int = 1 << 20) -> bytes:
        self.wait()
        return next(self.pieces, b"")

    async def read(self, *, limit: int) -> bytes:
        body = b""
        while (piece := await self.read_chunk()) and len(body) <= limit:
            body += piece
        return body


def dripping(
    clock: FakeClock, pieces: list[bytes], **times: float
) -> tuple[StreamSource, Dripping]:
    client = Dripping(clock, pieces, **times)
    request = MediaRequest("http://a.example/v", SourceType.HLS, EgressScope("http://a.example"))
    return StreamSource(cast("Any", client), clock, request, LIMITS, IN_PROCESS), client


async def fetch(source: StreamSource, *, times: int = 1) -> int:
    """Fetch the segment ``times`` times and return the number of bytes received."""
    return sum([len(piece) for _ in range(times) async for piece in source.pieces(SEGMENT)])


async def test_a_manifest_that_drips_is_given_up(clock: FakeClock) -> None:
    source, client = dripping(clock, [b"#"] * 10_000, piece_s=5.0)

    with pytest.raises(TookTooLong, match="less than 1024 bytes a second"):
        await source.fetch_small("http://a.example/index.m3u8", limit=1 << 20)
    assert client.requests == TRIES


@pytest.mark.parametrize(
    "times",
    [{"piece_s": 25.0}, {"head_s": 45.0}],
    ids=["segments that drip", "responses that are slow to begin"],
)
async def test_a_stream_whose_segments_all_arrive_too_slowly_is_given_up(
    times: dict[str, float], clock: FakeClock
) -> None:
    """Each segment takes less than a minute, but there may be ten thousand of them."""
    source, _ = dripping(clock, [bytes(188)], **times)
    began_s = clock.monotonic()

    with pytest.raises(TookTooLong, match="less than 1024 bytes a second") as caught:
        await fetch(source, times=1_000)
    assert clock.monotonic() - began_s < 300
    assert source.wait_before_retry_s(caught.value, 1) is None


async def test_a_stream_of_slow_segments_is_tolerated(clock: FakeClock) -> None:
    source, client = dripping(clock, [bytes(100_000)], head_s=20.0, piece_s=15.0)
    await fetch(source, times=100)

    assert client.requests == 100


async def test_concurrent_waits_for_segments_count_once() -> None:
    """Twenty concurrent responses that take ten seconds to begin are ten seconds without a byte,
    not two hundred.
    """
    clock = FakeClock()

    @asynccontextmanager
    async def get(url: str, **_: Any) -> AsyncIterator[Any]:
        await clock.sleep(10.0)
        yield DrippingResponse(url, iter([bytes(188)]), lambda: None)

    source, client = dripping(clock, [])
    client.get = get  # type: ignore[method-assign]
    calls = [asyncio.create_task(fetch(source)) for _ in range(20)]
    await clock.settle()
    clock.advance(10.0)

    assert await asyncio.gather(*calls) == [188] * 20
