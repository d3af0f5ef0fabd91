"""Waits for the database when a long-running process starts:
the machine's database server may start a moment later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from mediavault.core.clock import Clock
from mediavault.core.failures import StoreUnreachable
from mediavault.core.logs import get_logger

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 5.0
SLOW_S = 2.0  # opening usually takes less

T = TypeVar("T")

log = get_logger(__name__)


async def _do_nothing(_: StoreUnreachable) -> None:
    return None


class DatabaseWait:
    """Repeats a call until the store is available.

    ``on_away`` is awaited whenever the store is unavailable, and when an attempt takes longer than
    ``SLOW_S``, as when the vault of an older release is upgraded: the process can then answer that
    it is starting.
    """

    def __init__(
        self, clock: Clock, on_away: Callable[[StoreUnreachable], Awaitable[None]] = _do_nothing
    ) -> None:
        self._clock = clock
        self._on_away = on_away

    async def wait_for(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return the result of ``call`` as soon as the store is available.

        An error that waiting cannot fix is raised at once.
        """
        wait_s = FIRST_WAIT_S
        while True:
            try:
                return await self._attempt(call)
            except StoreUnreachable as exc:
                log.warning(
                    "database_waited_for", error=exc.message, help=exc.help, again_in_s=wait_s
                )
                await self._on_away(exc)
            await self._clock.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    async def _attempt(self, call: Callable[[], Awaitable[T]]) -> T:
        notice = asyncio.create_task(self._notify_when_slow())
        try:
            return await call()
        finally:
            notice.cancel()
            await asyncio.wait({notice})
            if not notice.cancelled():
                # retrieved, so that asyncio does not log it: the address is tried again later
                notice.exception()

    async def _notify_when_slow(self) -> None:
        await self._clock.sleep(SLOW_S)
        await self._on_away(StoreUnreachable("The database is being brought up to date."))
