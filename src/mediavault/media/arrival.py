"""Decodes videos while they are downloaded, so that the verdict needs little time when they are
there.

It is help and nothing else: a download never waits for it, and where it does not come to an end,
the file is decoded as if it had not begun. A few extra helpers do it, since each is taken as long
as its download lasts.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mediavault.core.clock import Clock
from mediavault.media.sniff import demuxer_in_order
from mediavault.sandbox.process import ChildFailed, ChildLimits
from mediavault.sandbox.standing import ChildPool

# --- The helper processes that read media files, for examining and joining them.

CHILD = "mediavault.media.child"
MAX_HELPERS = 2


@asynccontextmanager
async def open_helpers(clock: Clock, *, count: int = MAX_HELPERS) -> AsyncIterator[ChildPool]:
    """Provide at most ``count`` helpers, which start when they are first used,
    and end them afterwards.
    """
    helpers = ChildPool(CHILD, clock, size=count)
    try:
        yield helpers
    finally:
        await helpers.close()


# No download lasts as long, and its end is the helper's. What hangs is ended by the watchdog.
LIMIT_S = 30 * 86_400

Decoding = asyncio.Task[Mapping[str, Any] | None]


class ArrivalDecoder:
    """Decodes at most ``count`` files at a time."""

    def __init__(self, helpers: ChildPool, *, count: int) -> None:
        self._helpers, self._count = helpers, count
        self._running: set[Decoding] = set()

    def start(self, path: Path, head: bytes) -> Decoding | None:
        """Begin to decode the file at ``path``, which begins with ``head`` and is written in order.

        It has arrived when it is renamed. None when all helpers are taken, or when the container
        cannot be read in order. A caller that gives up the download, or writes the file again from
        an earlier byte, must cancel the task first.
        """
        demuxer = demuxer_in_order(head)
        if demuxer is None or len(self._running) >= self._count:
            return None
        decoding = asyncio.create_task(
            self._decode(path, demuxer), name=f"decode-arriving {path.name}"
        )
        self._running.add(decoding)
        decoding.add_done_callback(self._running.discard)
        return decoding

    async def close(self) -> None:
        """End what is running, and wait for its end."""
        running = list(self._running)
        for decoding in running:
            decoding.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _decode(self, path: Path, demuxer: str) -> Mapping[str, Any] | None:
        request = {"task": "arriving", "path": str(path), "demuxer": demuxer}
        try:
            return await self._helpers.ask(
                lambda: request, limits=ChildLimits(wall_s=LIMIT_S, cpu_s=LIMIT_S)
            )
        except (ChildFailed, OSError):  # OSError: no process could be started
            return None


@asynccontextmanager
async def open_arrival_decoder(clock: Clock) -> AsyncIterator[ArrivalDecoder]:
    """Provide a decoder that takes at most half of the processors, and end it afterwards."""
    count = max(1, (os.cpu_count() or 1) // 2)
    async with open_helpers(clock, count=count) as helpers:
        decoder = ArrivalDecoder(helpers, count=count)
        try:
            yield decoder
        finally:
            await decoder.close()


async def facts_on_arrival(
    decoding: Decoding | None, *, within_s: float
) -> Mapping[str, Any] | None:
    """Wait for the end of a decoding, at most ``within_s`` seconds, and return its answer;
    None when it has none.
    """
    if decoding is None:
        return None
    try:
        await asyncio.wait([decoding], timeout=within_s)
        ended = decoding.done() and not decoding.cancelled()
        return decoding.result() if ended else None
    finally:
        decoding.cancel()
