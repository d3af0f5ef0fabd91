"""Passing bytes on, with connections that a test holds up."""

from __future__ import annotations

import asyncio
from typing import cast

from mediavault.services.egress.dial import BUFFER_BYTES, Streams
from mediavault.services.egress.relay import tunnel
from tests.fakes import FakeClock


class Source(asyncio.Transport):
    """The receiving end of a connection: sends whenever it is not told to pause."""

    def __init__(self) -> None:
        super().__init__()
        self.sending = asyncio.Event()
        self.sending.set()
        self.reader = asyncio.StreamReader(limit=BUFFER_BYTES)
        self.reader.set_transport(self)
        self.sent = 0

    def pause_reading(self) -> None:
        self.sending.clear()

    def resume_reading(self) -> None:
        self.sending.set()

    async def pour(self, size: int) -> None:
        while self.sent < size:
            await self.sending.wait()
            self.reader.feed_data(bytes(BUFFER_BYTES))
            self.sent += BUFFER_BYTES
        self.reader.feed_eof()


class Sink:
    """The sending end of a connection, whose other end takes nothing until it ``takes``."""

    def __init__(self) -> None:
        self.takes = asyncio.Event()
        self.written = 0

    def write(self, data: bytes) -> None:
        self.written += len(data)

    async def drain(self) -> None:
        await self.takes.wait()

    def write_eof(self) -> None:
        pass


async def test_a_slow_reader_slows_the_server_down() -> None:
    """Buffers are bounded: what the browser does not take, the server cannot send."""
    server, browser, silent = Source(), Sink(), Source()
    silent.reader.feed_eof()
    passing = asyncio.create_task(tunnel(streams(server, Sink()), streams(silent, browser)))
    pouring = asyncio.create_task(server.pour(100 * BUFFER_BYTES))
    await FakeClock().settle(200)
    held_up = server.sent
    browser.takes.set()
    await asyncio.gather(pouring, passing)

    assert held_up <= 4 * BUFFER_BYTES
    assert browser.written == 100 * BUFFER_BYTES


def streams(source: Source, sink: Sink) -> Streams:
    return source.reader, cast("asyncio.StreamWriter", sink)
