"""What every long answer needs: to notice that its client has left."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from starlette.types import Receive


@contextlib.asynccontextmanager
async def watching_for_disconnect(receive: Receive, on_gone: Callable[[], None]) -> AsyncIterator[None]:
    """Call ``on_gone`` when the client leaves: the server swallows what is sent to nobody, however much it is."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        on_gone()

    watcher = asyncio.create_task(watch())
    try:
        yield
    finally:
        watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watcher
