"""A task that listens for wake-ups on its own connection, and reconnects after a loss."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from mediavault.core.clock import Clock
from mediavault.core.failures import StoreError
from mediavault.core.logs import get_logger

RECONNECT_S = (1.0, 30.0)  # first wait, longest wait
CANCEL_AGAIN_S = 2.0

log = get_logger(__name__)


class ChangeListener:
    """Repeatedly runs ``until_lost``, which listens until its connection breaks."""

    def __init__(self, until_lost: Callable[[], Awaitable[None]], clock: Clock) -> None:
        self._until_lost = until_lost
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Start listening in the running loop. Safe to call twice."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="store-wake-ups")

    async def close(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            while not task.done():  # a driver may swallow a cancellation that coincides with a response
                task.cancel()
                await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)
            with contextlib.suppress(asyncio.CancelledError):
                task.result()

    async def _run(self) -> None:
        first_s, longest_s = RECONNECT_S
        wait_s = first_s
        while True:
            began, error = self._clock.monotonic(), None
            try:
                await self._until_lost()
            except StoreError as exc:
                error = exc.message
            # A change stream ends with an error even after a week, so an error does not mean that it never listened.
            if error is None or self._clock.monotonic() - began > longest_s:
                wait_s = first_s
            if error is not None:
                log.warning("wake_ups_lost", error=error, retry_in_s=wait_s)
            await self._clock.sleep(wait_s)
            wait_s = min(2 * wait_s, longest_s)
