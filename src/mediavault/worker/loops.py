"""Runs the worker's periodic loops and ends them together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from mediavault.core.clock import Clock
from mediavault.core.failures import MediavaultError
from mediavault.core.logs import get_logger

log = get_logger(__name__)


async def every(interval_s: float, work: Callable[[], Awaitable[None]], clock: Clock, *, first: bool = True) -> None:
    """Run ``work`` repeatedly, ``interval_s`` seconds after the previous round has ended, until cancelled.

    The first round runs at once if ``first``, else after one interval.
    """
    if first:
        await guarded(work)
    while True:
        await clock.sleep(interval_s)
        await guarded(work)


async def guarded(work: Callable[[], Awaitable[None]]) -> None:
    """Run one round and log an expected error instead of raising it: the next round may succeed."""
    try:
        await work()
    except (MediavaultError, OSError) as exc:
        log.error("round_failed", round=getattr(work, "__name__", "?"), error=str(exc))


async def first_of(stop: asyncio.Event, loops: Sequence[asyncio.Task[None]]) -> None:
    """Wait until ``stop`` is set or one of the loops ends. Raises what ended that loop."""
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({stopping, *loops}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            task.result()
    finally:
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)


async def end(*tasks: asyncio.Task[None]) -> None:
    """Cancel the tasks and wait until they have ended; their results and errors are ignored."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
