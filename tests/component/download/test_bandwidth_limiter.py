"""Downloads of every kind keep the limits of the bandwidth that they share,
over any number of connections.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from mediavault.core.bandwidth_limiter import BandwidthLimiter
from mediavault.core.media import SourceType
from mediavault.core.settings import ChangeableSettings
from mediavault.core.urls import EgressScope
from mediavault.download import writer
from mediavault.download.direct import DirectDownloader
from mediavault.download.manifest import Segment
from mediavault.download.port import DownloadLimits, MediaRequest, RecordingOrder
from mediavault.download.stream_source import LEAD_S, StreamSource
from mediavault.egress.client import AiohttpClient
from mediavault.egress.guard import EgressGuard
from tests.component.download.test_connections import BODY, EventClock, InThisThread, Line
from tests.fakes import FakeClock
from tests.patience import patient
from tests.stubs import IN_PROCESS

MB = 1_000_000
LIMITS = DownloadLimits(max_bytes=1_000 * MB, reserve_bytes=0, resumes=3)


@pytest.fixture
def in_this_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ThreadPoolExecutor", InThisThread)


@dataclass
class Limited:
    """A line whose limit a test changes."""

    clock: FakeClock
    bandwidth: str = ""
    limiter: BandwidthLimiter = field(init=False)

    def __post_init__(self) -> None:
        self.limiter = BandwidthLimiter(self.clock, self._settings)

    async def _settings(self) -> ChangeableSettings:
        return ChangeableSettings(bandwidth=self.bandwidth)


def request(number: int = 0, **changes: Any) -> MediaRequest:
    url = f"https://cdn{number}.example/v.mp4"
    return MediaRequest(url, SourceType.DIRECT, EgressScope("https://a.example/post"), **changes)


async def bytes_of_a_minute(
    limited: Limited, client: Line, folder: Path, **changes: Any
) -> list[float]:
    """Download four files at the same time; return the megabytes a second of three thirds of a
    minute, at each limit.
    """
    clock = cast("EventClock", limited.clock)
    downloader = DirectDownloader(client, clock, bandwidth=limited.limiter)
    files = []
    for number in range(4):
        into = folder / str(number)
        into.mkdir()
        fetching = downloader.fetch(
            request(number, **changes),
            into=into,
            limits=LIMITS,
            on_progress=lambda done, total: None,
        )
        files.append(asyncio.ensure_future(fetching))
    running = asyncio.ensure_future(clock.run())
    rates = []
    for limit in ("1 MB/s", "3 MB/s", "500 KB/s"):
        limited.bandwidth = limit
        await clock.sleep(3)
        before = limited.limiter.received
        await clock.sleep(20)
        rates.append((limited.limiter.received - before) / 20 / MB)
    for task in (*files, running):
        task.cancel()
    await asyncio.gather(*files, running, return_exceptions=True)
    return rates


@pytest.mark.usefixtures("in_this_thread")
@pytest.mark.parametrize(
    "max_range_bytes", [None, 1 << 20], ids=["in one request", "in ranges of a megabyte"]
)
async def test_several_downloads_keep_a_limit_together_while_it_changes(
    max_range_bytes: int | None, tmp_path: Path
) -> None:
    clock = EventClock()
    client = Line(clock, each=50 * MB)
    rates = await bytes_of_a_minute(
        Limited(clock), client, tmp_path, max_range_bytes=max_range_bytes
    )

    assert rates == [pytest.approx(limit, rel=0.05) for limit in (1, 3, 0.5)]


@pytest.mark.usefixtures("in_this_thread")
async def test_a_download_that_is_slow_by_our_limit_takes_no_further_connections(
    tmp_path: Path,
) -> None:
    clock = EventClock()
    client = Line(clock, each=50 * MB)
    limited = Limited(clock, "2 MB/s")
    running = asyncio.ensure_future(clock.run())
    await DirectDownloader(client, clock, bandwidth=limited.limiter).fetch(
        request(), into=tmp_path, limits=LIMITS, on_progress=lambda done, total: None
    )
    running.cancel()

    assert client.most_open == 1
    assert (tmp_path / "media.mp4").read_bytes() == BODY


@pytest.mark.usefixtures("in_this_thread")
async def test_waiting_for_the_line_is_not_the_site_s_slowness(tmp_path: Path) -> None:
    """At 10 KB/s over 20 downloads each has 500 bytes a second:
    a site that sent so slowly would be given up.
    """
    clock = EventClock()
    limited = Limited(clock, "10 KB/s")
    limited.limiter.workers = 20
    running = asyncio.ensure_future(clock.run())
    fetching = asyncio.ensure_future(
        DirectDownloader(Line(clock, each=50 * MB), clock, bandwidth=limited.limiter).fetch(
            request(), into=tmp_path, limits=LIMITS, on_progress=lambda done, total: None
        )
    )
    await clock.sleep(600)
    assert not fetching.done()
    limited.bandwidth = ""
    await fetching
    running.cancel()


class Segments:
    """A client that sends a megabyte for each segment at once."""

    @asynccontextmanager
    async def get(self, url: str, **_: Any) -> AsyncIterator[Any]:
        yield SegmentAnswer(url, iter([bytes(MB)]))


@dataclass
class SegmentAnswer:
    url: str
    pieces: Iterator[bytes]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    async def read_chunk(self, limit: int = 1 << 20) -> bytes:
        return next(self.pieces, b"")


async def seconds_for(
    count: int, segment_s: float, *, recording: bool, every_s: float = 0.0
) -> float:
    """Return how long ``count`` segments take at 100 KB/s,
    of which one comes ``every_s`` seconds.
    """
    clock = FakeClock(auto=True)
    order = (
        RecordingOrder(Path(), begin=cast("Any", None), on_change=lambda _: None)
        if recording
        else None
    )
    wanted = MediaRequest(
        "https://a.example/v", SourceType.HLS, EgressScope("https://a.example"), recording=order
    )
    source = StreamSource(
        cast("Any", Segments()),
        clock,
        wanted,
        LIMITS,
        IN_PROCESS,
        Limited(clock, "100 KB/s").limiter,
    )
    began_s = clock.monotonic()
    for number in range(count):
        segment = Segment("https://a.example/1.ts", None, segment_s, number, key=None, init=None)
        assert sum([len(piece) async for piece in source.pieces(segment)]) == MB
        await clock.sleep(every_s)
    return clock.monotonic() - began_s


async def test_a_running_stream_is_recorded_as_fast_as_it_is_sent_whatever_the_limit() -> None:
    """Four seconds of it are a megabyte, for which the limit would take ten seconds."""
    assert await seconds_for(100, 4.0, recording=True, every_s=4.0) == pytest.approx(400)
    assert await seconds_for(100, 4.0, recording=False, every_s=4.0) == pytest.approx(
        1_000, rel=0.7
    )


async def test_what_a_recording_finds_of_the_time_before_is_read_within_the_limit() -> None:
    at_once = round(LEAD_S / 4.0)

    assert await seconds_for(at_once, 4.0, recording=True) == 0
    assert await seconds_for(at_once + 500, 4.0, recording=True) > 500


async def test_the_line_itself_is_kept_free_and_not_only_what_is_read(tmp_path: Path) -> None:
    """By what a real server could send: buffers of the client would take megabytes at once."""
    sent = 0
    body = bytes(64 << 10)

    async def serve(reader: asyncio.StreamReader, connection: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        connection.transport.set_write_buffer_limits(high=0)
        connection.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 10)
        connection.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: 100000000\r\n\r\n"
        )
        connection.write(BODY[: 64 << 10])
        with suppress(ConnectionError):
            while True:
                await connection.drain()
                sent += len(body)
                connection.write(body)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    class RealClock(FakeClock):
        def monotonic(self) -> float:
            return time.monotonic()

        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(seconds)

    limited = Limited(RealClock(), "200 KB/s")
    await limited.limiter.limit()
    guard = EgressGuard((f"127.0.0.1:{port}",))
    client = AiohttpClient(guard, buffer_bytes=lambda: limited.limiter.buffer_bytes)
    wanted = MediaRequest(
        f"http://127.0.0.1:{port}/v.mp4",
        SourceType.DIRECT,
        EgressScope(f"http://127.0.0.1:{port}/"),
    )
    fetching = asyncio.ensure_future(
        DirectDownloader(client, limited.clock, bandwidth=limited.limiter).fetch(
            wanted, into=tmp_path, limits=LIMITS, on_progress=lambda done, total: None
        )
    )
    async with asyncio.timeout(patient(30)):
        while limited.limiter.received < 400_000:
            await asyncio.sleep(0.01)
    held = sent - limited.limiter.received
    fetching.cancel()
    await asyncio.gather(fetching, return_exceptions=True)
    await client.close()
    guard.close()
    server.close()

    assert held < 1_500_000  # without a limit it would be 2.5 MB
