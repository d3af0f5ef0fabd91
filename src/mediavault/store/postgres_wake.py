"""Wake-ups among processes and machines: LISTEN on a connection of its own. A hint; the worker's poll makes sure."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from typing import Any

from mediavault.core.clock import Clock
from mediavault.core.errors import StoreError
from mediavault.core.logs import get_logger
from mediavault.store.postgres_engine import Database, errors_as_ours

CHANNEL = "mediavault_work"
SELF_TEST_S = 2.0
RECONNECT_S = (1.0, 30.0)  # first wait, longest wait

log = get_logger(__name__)


async def wake_ups_arrive(database: Database) -> bool:
    """Whether a NOTIFY of one connection reaches a LISTEN of another, within ``SELF_TEST_S``.

    Behind a pooler in transaction mode it does not: there the listening connection of the server is lent to others.
    """
    channel = f"mediavault_test_{secrets.token_hex(8)}"
    arrived = asyncio.Event()
    with errors_as_ours():
        listener, sender = await database.connect(), await database.connect()
        try:
            await listener.add_listener(channel, lambda *_: arrived.set())
            await sender.execute(f"NOTIFY {channel}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(arrived.wait(), SELF_TEST_S)
            return arrived.is_set()
        finally:
            for connection in (listener, sender):
                with contextlib.suppress(Exception):
                    await connection.close(timeout=1.0)


class WakeListener:
    """Calls ``on_wake`` at every notification, and once whenever the connection has come back."""

    def __init__(self, database: Database, clock: Clock, on_wake: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._on_wake = on_wake
        self._task: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Begin, in the running loop. Safe to call twice."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="store-wake-ups")

    async def close(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        wait_s, longest_s = RECONNECT_S
        while True:
            try:
                await self._until_lost()
                wait_s = RECONNECT_S[0]
            except StoreError as exc:
                log.warning("wake_ups_lost", error=exc.message, retry_in_s=wait_s)
            await self._clock.sleep(wait_s)
            wait_s = min(2 * wait_s, longest_s)

    async def _until_lost(self) -> None:
        lost = asyncio.Event()
        with errors_as_ours():
            connection: Any = await self._database.connect()
            try:
                connection.add_termination_listener(lambda _: lost.set())
                await connection.add_listener(CHANNEL, lambda *_: self._on_wake())
                self._on_wake()  # what was enqueued while nobody listened
                await lost.wait()
            finally:
                with contextlib.suppress(Exception):
                    await connection.close(timeout=1.0)
