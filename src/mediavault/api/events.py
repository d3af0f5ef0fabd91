"""``GET /api/events``: live changes as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.types import Receive, Scope, Send

from mediavault.api.dependencies import AuthenticatorDep, EventFeed, errors
from mediavault.api.feed import Feed, FeedListener
from mediavault.auth.authenticator import Authenticator
from mediavault.auth.login_throttle import address_bucket
from mediavault.server.authentication import credentials_of, current_principal
from mediavault.server.long_responses import watching_for_disconnect

router = APIRouter(tags=["events"])

HEARTBEAT_S = 15.0  # below the 30 to 60 s after which proxies drop a silent connection
SEND_DEADLINE_S = 30.0  # a client that reads nothing for this long has gone
RECONNECT_MS = 2_000

_HEARTBEAT = b": still here\n\n"
# The connection ends with the stream, and so with the caller's access: the server would keep it for
# another request.
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Connection": "close"}


@router.get(
    "/api/events",
    response_class=Response,
    responses=errors(401, 503) | {200: {"content": {"text/event-stream": {}}}},
)
async def events(
    request: Request,
    feed: EventFeed,
    authenticator: AuthenticatorDep,
    since: Annotated[str | None, Query(description="An ISO 8601 moment.")] = None,
) -> Response:
    """Send ``event: job`` with the job at every change, ``event: removed`` with its id, and a
    comment every 15 seconds.

    With ``Last-Event-ID`` (or ``?since=``) the changes from that moment on come first; an
    unreadable value is ignored. One session, token or (without either) address has five streams: a
    sixth ends the oldest with ``event: later``, whose client should not reconnect for a minute.
    """
    moment = read_moment(request.headers.get("last-event-id"), since)
    with contextlib.ExitStack() as until_streaming:
        # before reading missed changes, so that none falls in between
        listener = feed.join(_client_id(request, authenticator))
        until_streaming.callback(feed.leave, listener)
        missed = await feed.missed_since(moment) if moment is not None else []
        until_streaming.pop_all()  # from here on the stream removes the listener
        return EventStream(feed, listener, missed)


def _client_id(request: Request, authenticator: Authenticator) -> str:
    caller = current_principal()
    return (caller.by if caller else "") or address_bucket(
        authenticator.address_of(credentials_of(request))
    )


class EventStream(Response):
    """The event stream. It ends when the feed ends it,
    or when its client leaves or stops reading.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        feed: Feed,
        listener: FeedListener,
        missed: Sequence[bytes],
        *,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._feed = feed
        self._listener = listener
        self._missed = missed
        self._heartbeat_s = heartbeat_s

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with watching_for_disconnect(receive, lambda: self._feed.leave(self._listener)):
                with contextlib.suppress(TimeoutError):
                    await self._run(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._feed.leave(self._listener)

    async def _run(self, send: Send) -> None:
        await _send(send, f"retry: {RECONNECT_MS}\n\n".encode())
        for event in self._missed:
            await _send(send, event)
        while (event := await self._next()) is not None:  # type: ignore[assignment]
            await _send(send, event + self._listener.more())

    async def _next(self) -> bytes | None:
        try:
            async with asyncio.timeout(self._heartbeat_s):
                return await self._listener.next()
        except TimeoutError:
            return _HEARTBEAT


async def _send(send: Send, event: bytes) -> None:
    async with asyncio.timeout(SEND_DEADLINE_S):
        await send({"type": "http.response.body", "body": event, "more_body": True})


def read_moment(*texts: str | None) -> datetime | None:
    """Return the first of the texts that is an ISO 8601 moment with a time zone;
    None when there is none.
    """
    for text in texts:
        with contextlib.suppress(ValueError):
            if text and (moment := datetime.fromisoformat(text)).tzinfo is not None:
                return moment
    return None
