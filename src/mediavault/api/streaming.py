"""What every long answer needs: to notice that its client has left, and to say no more than it knows."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mediavault.core.failures import StorageFailure, StoreError
from mediavault.core.logs import get_logger

log = get_logger(__name__)


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


class StreamAnswer(Response):
    """Sends the pieces as fast as the client takes them, and closes their source in any case.

    A client that leaves ends it. When the source breaks, the answer is left without its end: the server then cuts the
    connection, and the client sees that it has not got everything.
    """

    def __init__(self, pieces: AsyncGenerator[bytes, None], headers: Mapping[str, str]) -> None:
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self._pieces = pieces

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.Event()
        async with contextlib.aclosing(self._pieces) as pieces, watching_for_disconnect(receive, gone.set):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            try:
                async for piece in pieces:
                    if gone.is_set():
                        return
                    if piece:
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
            except (StorageFailure, StoreError) as exc:  # the head is sent: nothing else can be said any more
                log.warning("answer_broke_off", error=exc.message)
                return
            await send({"type": "http.response.body", "body": b"", "more_body": False})
