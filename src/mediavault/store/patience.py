"""Waits for a store that is away when a process starts that is to stay: the machine's database may start a moment later."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from mediavault.core.clock import Clock
from mediavault.core.failures import StoreAway
from mediavault.core.logs import get_logger

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 5.0

T = TypeVar("T")

log = get_logger(__name__)


async def _nobody(_: StoreAway) -> None:
    return None


class Patience:
    """``on_away`` is awaited whenever the store was found away, so that somebody can be told."""

    def __init__(self, clock: Clock, on_away: Callable[[StoreAway], Awaitable[None]] = _nobody) -> None:
        self._clock = clock
        self._on_away = on_away

    async def wait_for(self, call: Callable[[], Awaitable[T]]) -> T:
        """``call``'s answer, as soon as the store is there. What waiting cannot help is raised at once."""
        wait_s = FIRST_WAIT_S
        while True:
            try:
                return await call()
            except StoreAway as exc:
                log.warning("database_waited_for", error=exc.message, help=exc.help, again_in_s=wait_s)
                await self._on_away(exc)
            await self._clock.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
