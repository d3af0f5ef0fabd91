"""Group commit for a store whose every call costs a round trip: what waits goes together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")

MOST_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Batch(Generic[In, Out]):
    """Calls that go together."""

    members: Sequence[In]
    _futures: Sequence[asyncio.Future[Out]]

    def settle(self, outcomes: Sequence[Out | Exception]) -> None:
        """One outcome for each member, in order; an exception is raised for that member alone."""
        for future, outcome in zip(self._futures, outcomes, strict=True):
            if future.cancelled():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def fail(self, exc: Exception) -> None:
        """All of them get that."""
        self.settle([exc] * len(self.members))


class Combiner(Generic[In, Out]):
    """Hands everything that came while the former call was under way to the next one.

    ``run`` answers one outcome for each member of its batch, in order; when it raises, all of the batch get that. What
    is called on the way of another call can be taken along by that one instead. A caller who leaves changes nothing:
    what was submitted is done.
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

    def take(self) -> Batch[In, Out]:
        """What waits now, possibly nothing. Whoever takes it settles it, or fails it."""
        taken, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
        return Batch([one for one, _ in taken], [future for _, future in taken])

    async def settled(self) -> None:
        """Until nothing waits any more."""
        while self._task is not None:
            await asyncio.wait({self._task})

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._one(self.take())
        finally:
            self._task = None

    async def _one(self, batch: Batch[In, Out]) -> None:
        try:
            batch.settle(await self._run(batch.members))
        except Exception as exc:  # noqa: BLE001 - it belongs to those who wait for it
            batch.fail(exc)
