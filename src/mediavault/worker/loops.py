"""What keeps the worker's loops going, and ends them together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from mediavault.core.clock import Clock
from mediavault.core.errors import MediavaultError
from mediavault.core.logs import get_logger

log = get_logger(__name__)


async def every(interval_s: float, work: Callable[[], Awaitable[None]], clock: Clock, *, first: bool = True) -> None:
    """A round each ``interval_s`` seconds from the end of the one before, until cancelled; the first at once, or not."""
    if first:
        await guarded(work)
    while True:
        await clock.sleep(interval_s)
        await guarded(work)


async def guarded(work: Callable[[], Awaitable[None]]) -> None:
    """One round. What can fail in it is logged: the next round may do better."""
    try:
        await work()
    except (MediavaultError, OSError) as exc:
        log.error("round_failed", round=getattr(work, "__name__", "?"), error=str(exc))


async def first_of(stop: asyncio.Event, loops: Sequence[asyncio.Task[None]]) -> None:
    """Wait for the stop, or for a loop that ends: with what it broke with, if it did."""
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({stopping, *loops}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            task.result()
    finally:
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)


async def end(*tasks: asyncio.Task[None]) -> None:
    """Cancel them and wait; however they end, it is over."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
