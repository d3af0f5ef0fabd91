"""Waits for a store that is away when a process starts that is to stay: the machine's database may start a moment later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from mediavault.core.clock import Clock
from mediavault.core.failures import StoreAway
from mediavault.core.logs import get_logger

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 5.0
SLOW_S = 2.0  # a usual opening takes less

T = TypeVar("T")

log = get_logger(__name__)


async def _nobody(_: StoreAway) -> None:
    return None


class DatabaseWait:
    """``on_away`` is awaited whenever the store was found away, and once an attempt takes long, as when an older vault is
    indexed: the process can then answer that it is starting."""

    def __init__(self, clock: Clock, on_away: Callable[[StoreAway], Awaitable[None]] = _nobody) -> None:
        self._clock = clock
        self._on_away = on_away

    async def wait_for(self, call: Callable[[], Awaitable[T]]) -> T:
        """``call``'s answer, as soon as the store is there. What waiting cannot help is raised at once."""
        wait_s = FIRST_WAIT_S
        while True:
            try:
                return await self._answer(call)
            except StoreAway as exc:
                log.warning("database_waited_for", error=exc.message, help=exc.help, again_in_s=wait_s)
                await self._on_away(exc)
            await self._clock.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    async def _answer(self, call: Callable[[], Awaitable[T]]) -> T:
        telling = asyncio.create_task(self._tell_when_slow())
        try:
            return await call()
        finally:
            telling.cancel()
            await asyncio.wait({telling})
            if not telling.cancelled():
                telling.exception()  # read, so that asyncio does not complain: the address is tried again later

    async def _tell_when_slow(self) -> None:
        await self._clock.sleep(SLOW_S)
        await self._on_away(StoreAway("The database is being brought up to date."))
