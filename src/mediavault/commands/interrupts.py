"""Ctrl-C while a command works: the first lets it leave in order, the second ends it at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

EXIT_INTERRUPTED = 128 + signal.SIGINT  # as shells say it


def run(work: Coroutine[Any, Any, T]) -> T:
    """As ``asyncio.run``. Raises KeyboardInterrupt once ``work`` was cancelled by a first Ctrl-C and has left in order.

    asyncio raises a second one wherever the loop happens to be. An answer that is lost there leaves a wait that nothing
    ends, so here the process ends instead; what it leaves is what a killed one leaves, and its job goes on elsewhere.
    """
    return asyncio.run(_interruptible(work))


async def _interruptible(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.create_task(work)
    pressed = 0

    def on_interrupt() -> None:
        nonlocal pressed
        pressed += 1
        if pressed > 1:
            os._exit(EXIT_INTERRUPTED)
        task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, on_interrupt)
    try:
        return await task
    except asyncio.CancelledError:
        if pressed:
            raise KeyboardInterrupt from None
        raise
