"""Wake-ups and stops between processes and machines: LISTEN on its own connection. Hints: a worker polls too."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from typing import Any

from mediavault.store.postgres.engine import PostgresDatabase, translate_errors

WORK, STOP = "mediavault_work", "mediavault_stop"
SELF_TEST_S = 2.0


async def wake_ups_arrive(database: PostgresDatabase) -> bool:
    """Return whether a NOTIFY of one connection reaches a LISTEN of another, within ``SELF_TEST_S``.

    Behind a pooler in transaction mode it does not: there the listening server connection is lent to others.
    """
    channel = f"mediavault_test_{secrets.token_hex(8)}"
    arrived = asyncio.Event()
    with translate_errors():
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


async def until_lost(database: PostgresDatabase, on_wake: Callable[[], None], on_stop: Callable[[str], None]) -> None:
    """Call ``on_wake`` at once, for missed notifications, then either callback at each until the connection ends."""
    lost = asyncio.Event()
    with translate_errors():
        connection: Any = await database.connect()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(WORK, lambda *_: on_wake())
            await connection.add_listener(STOP, lambda *payload: on_stop(payload[-1]))
            on_wake()
            await lost.wait()
        finally:
            with contextlib.suppress(Exception):
                await connection.close(timeout=1.0)
