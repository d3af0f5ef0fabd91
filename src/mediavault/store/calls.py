"""Calls to a database server that may be unavailable: shielded,
repeated where a result is at stake, and batched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from mediavault.core.clock import Clock
from mediavault.core.failures import StoreError, StoreUnreachable
from mediavault.core.logs import get_logger

P = ParamSpec("P")
T = TypeVar("T")
In = TypeVar("In")
Out = TypeVar("Out")

MOST_AT_ONCE = 100  # members of one grouped call

# How long a call is repeated: the file is already saved, and giving up would lose the attempt's
# work. The lease, which cannot be renewed in that time, sets the limit: the attempt is stopped 80 s
# after the last renewal.
PATIENCE_S = 45.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 3.0

log = get_logger(__name__)


class ConnectionLost(StoreUnreachable):
    """The server went away, refused the call, or cannot be reached now.
    The operation may or may not have been done.
    """

    help = (
        "Check that the database server is running and reachable; mediavault continues"
        " automatically once it is."
    )


class DuplicateKey(StoreError):
    """A row with this key already exists."""


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
        """Wait until no call is under way, including those that start when another ends."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def shielded(
        self,
        work: Coroutine[Any, Any, T],
        *,
        when_left: Callable[[asyncio.Task[T]], None] | None = None,
    ) -> T:
        """Run ``work`` to its end even if the caller is cancelled: no connection is left in the
        middle of a response.

        When the caller was cancelled, ``when_left`` gets the finished task.
        """
        task = self.start(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(when_left or _forget)
            raise

    async def shielded_claims(
        self,
        work: Coroutine[Any, Any, list[T]],
        *,
        unseen: Callable[[T], Coroutine[Any, Any, None]],
    ) -> list[T]:
        """As :meth:`shielded`, for claims; ``unseen`` gets each claim that a cancelled caller did
        not receive.
        """

        def take_back(done: asyncio.Task[list[T]]) -> None:
            if not done.cancelled() and done.exception() is None:
                for claim in done.result():
                    self.start(unseen(claim))

        return await self.shielded(work, when_left=take_back)

    async def with_retries(
        self,
        call: Callable[[], Awaitable[T]],
        *,
        otherwise: Callable[[], Awaitable[T | None]] = _nothing,
    ) -> T:
        """Repeat ``call`` while the server is unavailable, for ``PATIENCE_S``. ``call`` must shield
        itself.

        Perhaps only the response to an earlier call was lost. So if a repeated call is refused,
        ``otherwise`` returns the result of the earlier one, or None if it was not done; then the
        refusal is raised.
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
                earlier = await otherwise() if repeated else None
                if earlier is None:
                    raise
                return earlier
            repeated = True
            await self._clock.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)


class Combiner(Generic[In, Out]):
    """Group commit: members that are submitted while a call is under way go into the next one
    together.

    ``run`` returns one outcome for each member of its batch, in order; an exception is raised for
    that member alone. When ``run`` itself raises, all members of the batch get that error. A
    cancelled caller changes nothing: what was submitted is still done.
    """

    def __init__(self, run: Callable[[Sequence[In]], Awaitable[Sequence[Out | Exception]]]) -> None:
        self._run = run
        self._waiting: list[tuple[In, asyncio.Future[Out]]] = []
        self._task: asyncio.Task[None] | None = None

    def submit(self, member: In) -> asyncio.Future[Out]:
        future: asyncio.Future[Out] = asyncio.get_running_loop().create_future()
        self._waiting.append((member, future))
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        return future

    async def settled(self) -> None:
        """Wait until all that was submitted is done."""
        while self._task is not None:
            await asyncio.wait({self._task})

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                await self._run_one(batch)
        finally:
            self._task = None

    async def _run_one(self, batch: Sequence[tuple[In, asyncio.Future[Out]]]) -> None:
        outcomes: Sequence[Out | Exception]
        try:
            outcomes = await self._run([member for member, _ in batch])
        except Exception as exc:  # noqa: BLE001 - it belongs to the callers
            outcomes = [exc] * len(batch)
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.cancelled():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)


# --- ports: each method is an operation on an engine, wrapped by one of these functions -----------


class Engine(Protocol):
    @property
    def calls(self) -> Calls: ...


E = TypeVar("E", bound=Engine)


class Port(Generic[E]):
    """One of a store's ports."""

    def __init__(self, engine: E) -> None:
        self._engine = engine


def shielded(
    operation: Callable[Concatenate[E, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Port[E], P], Coroutine[Any, Any, T]]:
    """Return a port's method that runs ``operation`` to its end even if the caller is cancelled."""

    async def method(self: Port[E], /, *args: P.args, **options: P.kwargs) -> T:
        return await self._engine.calls.shielded(operation(self._engine, *args, **options))

    return method


def with_retries(
    operation: Callable[Concatenate[E, P], Coroutine[Any, Any, T]],
    *,
    otherwise: Callable[Concatenate[E, P], Coroutine[Any, Any, T | None]] | None = None,
) -> Callable[Concatenate[Port[E], P], Coroutine[Any, Any, T]]:
    """Return a port's method that is shielded, and repeated as in :meth:`Calls.with_retries`."""

    async def method(self: Port[E], /, *args: P.args, **options: P.kwargs) -> T:
        engine = self._engine

        async def call() -> T:
            return await engine.calls.shielded(operation(engine, *args, **options))

        async def done_before() -> T | None:
            return await otherwise(engine, *args, **options) if otherwise else None

        return await engine.calls.with_retries(call, otherwise=done_before)

    return method


def _forget(task: asyncio.Task[Any]) -> None:
    """Retrieve the outcome that no one awaits, so that asyncio logs no error about it."""
    if not task.cancelled():
        task.exception()
