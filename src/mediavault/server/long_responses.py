"""Long responses: noticing that the client has left, and ending a response when the caller's access
has ended.

A session, a token, a shared link or an RSS feed may end, or an open vault may get a password. The
application then sees a client that has left: an event stream or the sign-in window's WebSocket ends
in order and its client is refused when it returns, while a file or an archive is cut off, so that
it is not taken for complete.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from mediavault.auth.authenticator import Authenticator, AuthMethod, Principal
from mediavault.core.clock import Clock
from mediavault.core.failures import StorageFailure, StoreError
from mediavault.core.logs import get_logger

# for access that another process ended; as often as the heartbeat of /api/events
CHECK_EVERY_S = 15.0
LATE_S = 1.0  # access is checked again before a response that begins later than this
# A proxy names the user when a request begins; it never reports that the user has signed out since.
PROXY_SIGN_IN_LASTS_S = 300.0
ADMISSION = "mediavault.admission"  # of a request, in its scope
RELAY_PATH = "/api/login-window/screen"  # the only WebSocket
_RENEWED_PATHS = frozenset({"/api/events", RELAY_PATH})  # their clients reconnect automatically

log = get_logger(__name__)


class Admission:
    """The access of one request's caller, and whether it is still valid.

    Create it before the caller is authenticated, and close it when the request is over.
    """

    def __init__(self, authenticator: Authenticator, clock: Clock, path: str) -> None:
        self._authenticator = authenticator
        self._clock = clock
        self._path = path
        self._began = clock.monotonic()
        self._ending = authenticator.endings.next
        self._conditions: list[_Condition] = []
        self._watch: asyncio.Task[None] | None = (
            None  # one for all messages: a task per message would restart the interval
        )

    def grant(self, caller: Principal | None) -> None:
        """Record the caller that was let in; None where access is open to all."""
        if caller is not None:
            self._conditions.append(
                _Condition(caller.how, self._path, partial(self._still_holds, caller))
            )

    def depend_on(self, how: str, path: str, holds: Callable[[], Awaitable[bool]]) -> None:
        """Record that the access lasts only while ``holds`` returns True.
        ``how`` and ``path`` are for the log.
        """
        self._conditions.append(_Condition(how, path, holds))

    async def next_message(self, receive: Receive, *, protocol: str = "http") -> Message:
        """Return the connection's next message; a disconnect as soon as the caller's access has
        ended.
        """
        if not self._conditions:
            return await receive()
        self._watch = self._watch or asyncio.create_task(self._until_access_ends())
        message = asyncio.ensure_future(receive())
        try:
            await asyncio.wait((message, self._watch), return_when=asyncio.FIRST_COMPLETED)
            return message.result() if message.done() else {"type": f"{protocol}.disconnect"}
        finally:
            await _cancel(message)

    async def aclose(self) -> None:
        if self._watch is not None:
            await _cancel(self._watch)

    async def holds_for_late_answer(self) -> bool:
        """Whether a response may begin now. Access is checked again if it took long or any access
        ended in between.
        """
        is_late = self._ending.is_set() or self._clock.monotonic() - self._began > LATE_S
        return not is_late or await self._ended() is None

    async def _until_access_ends(self) -> None:
        while True:
            await self._wait_for_ending_or_interval()
            self._ending = self._authenticator.endings.next
            if (ended := await self._ended()) is not None:
                log.info("answer_ended_with_access", path=ended.path, how=ended.how)
                return

    async def _ended(self) -> _Condition | None:
        """Return what the access depended on and no longer holds; None if it is still valid."""
        for condition in self._conditions:
            try:
                if not await condition.holds():
                    return condition
            except StoreError:  # logged by the store; a short outage must not cut off any response
                continue
        return None

    async def _wait_for_ending_or_interval(self) -> None:
        waits = (
            asyncio.create_task(self._ending.wait()),
            asyncio.create_task(self._clock.sleep(CHECK_EVERY_S)),
        )
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancel(*waits)

    async def _still_holds(self, caller: Principal) -> bool:
        if caller.how is AuthMethod.PROXY and self._path in _RENEWED_PATHS:
            return self._clock.monotonic() - self._began < PROXY_SIGN_IN_LASTS_S
        return await self._authenticator.is_still_valid(caller)


@dataclass(frozen=True, slots=True)
class _Condition:
    how: str
    path: str
    holds: Callable[[], Awaitable[bool]]


def depend_on(request: Request, how: str, path: str, holds: Callable[[], Awaitable[bool]]) -> None:
    """End the request's response, as with a session, once ``holds`` returns False.
    ``path`` is logged: without a secret.
    """
    admission: Admission = request.scope[ADMISSION]
    admission.depend_on(how, path, holds)


async def _cancel(
    *tasks: asyncio.Future[Message] | asyncio.Task[None] | asyncio.Task[bool],
) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def watching_for_disconnect(
    receive: Receive, on_gone: Callable[[], None]
) -> AsyncIterator[None]:
    """Call ``on_gone`` when the client leaves: the server silently drops everything that is sent
    afterwards.
    """

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


class StreamResponse(Response):
    """A response that sends pieces as fast as the client takes them, and always closes their
    source.

    It ends when the client leaves. When the source fails, the response is left unfinished: the
    server then cuts the connection, and the client sees that the response is incomplete.
    """

    def __init__(self, pieces: AsyncGenerator[bytes, None], headers: Mapping[str, str]) -> None:
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self._pieces = pieces

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.Event()
        async with (
            contextlib.aclosing(self._pieces) as pieces,
            watching_for_disconnect(receive, gone.set),
        ):
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            try:
                async for piece in pieces:
                    if gone.is_set():
                        return
                    if piece:
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
            except (StorageFailure, StoreError) as exc:
                # the headers are sent: no error can be reported any more
                log.warning("answer_broke_off", error=exc.message)
                return
            await send({"type": "http.response.body", "body": b"", "more_body": False})
