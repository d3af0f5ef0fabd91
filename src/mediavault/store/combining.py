"""Group commit for a store whose every call costs a round trip: what waits goes together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")

MOST_AT_ONCE = 100


class Combiner(Generic[In, Out]):
    """Hands everything that came while the former call was under way to the next one.

    ``run`` gets a batch and answers one outcome for each of its members, in order; an exception as an outcome is
    raised for that member alone. When ``run`` itself raises, all of the batch get that.
    """

    def __init__(self, run: Callable[[Sequence[In]], Awaitable[Sequence[Out | Exception]]]) -> None:
        self._run = run
        self._waiting: list[tuple[In, asyncio.Future[Out]]] = []
        self._task: asyncio.Task[None] | None = None

    def submit(self, one: In) -> asyncio.Future[Out]:
        future: asyncio.Future[Out] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, future))
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        return future

    async def settled(self) -> None:
        """Until nothing waits any more."""
        while self._task is not None:
            await asyncio.wait({self._task})

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                await self._one(batch)
        finally:
            self._task = None

    async def _one(self, batch: Sequence[tuple[In, asyncio.Future[Out]]]) -> None:
        try:
            outcomes: Sequence[Out | Exception] = await self._run([one for one, _ in batch])
        except Exception as exc:  # noqa: BLE001 - it belongs to those who wait for it
            outcomes = [exc] * len(batch)
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.cancelled():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
