"""Ctrl-C while a command runs: the first one lets it end in order, the second one ends it at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

EXIT_INTERRUPTED = 128 + signal.SIGINT  # as shells report it


def run(work: Coroutine[Any, Any, T]) -> T:
    """Like ``asyncio.run``, but a second Ctrl-C ends the process at once.

    Raises KeyboardInterrupt after a first Ctrl-C has cancelled ``work`` and it has ended in order. asyncio would raise the
    second one wherever the loop happens to be, and a result that is lost there can leave a wait that never ends. Ending the
    process is like killing it: recovery takes care of its job.
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
