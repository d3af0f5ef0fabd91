"""A few helpers that stay, for requests that come at the same time; they end when nothing has come for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from mediavault.core.clock import Clock
from mediavault.services.child.process import ChildLimits
from mediavault.services.child.standing import StandingChild

IDLE_S = 60.0


class ChildPool:
    """At most ``most`` processes of ``module``. A request that finds them all at work waits for the first that is free."""

    def __init__(self, module: str, clock: Clock, *, most: int) -> None:
        self._clock = clock
        self._all = [StandingChild(module) for _ in range(most)]
        # last in, first out: the one that is running already is asked before another one is started
        self._free: asyncio.LifoQueue[StandingChild] = asyncio.LifoQueue()
        self._endings: dict[StandingChild, asyncio.Task[None]] = {}
        for child in self._all:
            self._free.put_nowait(child)

    async def ask(self, request: Mapping[str, Any], *, limits: ChildLimits) -> Mapping[str, Any]:
        """As :meth:`StandingChild.ask`; the time limit begins when a helper is free."""
        child = await self._free.get()
        if (ending := self._endings.pop(child, None)) is not None:
            ending.cancel()
        try:
            return await child.ask(request, limits=limits)
        finally:
            self._endings[child] = asyncio.create_task(self._end_when_idle(child), name="end-idle-helper")
            self._free.put_nowait(child)

    async def close(self) -> None:
        """End all processes; nothing of them is left then."""
        endings, self._endings = list(self._endings.values()), {}
        for ending in endings:
            ending.cancel()
        await asyncio.gather(*endings, return_exceptions=True)
        for child in self._all:
            await child.close()

    async def _end_when_idle(self, child: StandingChild) -> None:
        """A request that comes meanwhile cancels this; ``close`` forgets the process before it waits for its end."""
        await self._clock.sleep(IDLE_S)
        await child.close()
