"""Calls to a server that may be away: run to their end whoever leaves, and asked again where an outcome is at stake."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from mediavault.core.clock import Clock
from mediavault.core.failures import StoreAway, StoreError
from mediavault.core.logs import get_logger

T = TypeVar("T")

# An outcome is worth some patience: the file is in its place, and what else would be lost is the work. The lease, which
# cannot be renewed meanwhile, sets the bound: 80 s after the last renewal the attempt is stopped.
PATIENCE_S = 45.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 3.0

log = get_logger(__name__)


class ConnectionLost(StoreAway):
    """The server went away, refused, or could not be asked just now. What was asked may or may not have been done."""

    help = "Check that the database server runs and can be reached; mediavault continues automatically when it does."


class DuplicateKey(StoreError):
    """A row with this key stands already."""


async def _nothing() -> None:
    return None


class Calls:
    """The calls of one store that are under way."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._under_way: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def settled(self) -> None:
        """Until none is under way any more, also of those that begin when another ends."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def whole(
        self, work: Coroutine[Any, Any, T], *, when_left: Callable[[asyncio.Task[T]], None] | None = None
    ) -> T:
        """To its end also when the caller is cancelled: no connection is left in the middle of an answer.

        ``when_left`` gets the answer that nobody waited for.
        """
        task = self.start(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(when_left or _forget)
            raise

    async def handed(
        self, work: Coroutine[Any, Any, list[T]], *, unseen: Callable[[T], Coroutine[Any, Any, None]]
    ) -> list[T]:
        """As ``whole``, for what is handed out: of what nobody saw, because the caller had left, each goes to ``unseen``."""

        def take_back(done: asyncio.Task[list[T]]) -> None:
            if not done.cancelled() and done.exception() is None:
                for each in done.result():
                    self.start(unseen(each))

        return await self.whole(work, when_left=take_back)

    async def patiently(
        self,
        call: Callable[[], Awaitable[T]],
        *,
        otherwise: Callable[[], Awaitable[T | None]] = _nothing,
    ) -> T:
        """Ask again while the server is away; ``call`` itself sees to its end.

        The answer to the first call may be what got lost: once something was repeated, ``otherwise`` tells whether a
        refusal means that it was done all along, and answers with what was.
        """
        deadline = self._clock.monotonic() + PATIENCE_S
        wait_s, repeated = FIRST_WAIT_S, False
        while True:
            try:
                return await call()
            except ConnectionLost as exc:
                if self._clock.monotonic() + wait_s > deadline:
                    raise
                log.warning("store_away", error=exc.message, retry_in_s=wait_s)
            except StoreError:
                found = await otherwise() if repeated else None
                if found is None:
                    raise
                return found
            repeated = True
            await self._clock.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)


def _forget(task: asyncio.Task[Any]) -> None:
    """Read the outcome that nobody waits for, so that asyncio does not complain."""
    if not task.cancelled():
        task.exception()
