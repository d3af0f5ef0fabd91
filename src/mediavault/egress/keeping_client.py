"""Lets a download go on with the response in which the video was found: one request,
also for a link that works once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from mediavault.core.clock import Clock
from mediavault.core.cookies import Cookie
from mediavault.core.urls import EgressScope
from mediavault.egress.port import HttpClient, HttpResponse, Timeouts

KEEP_S = 10.0  # servers cut connections that are not read
MAX_KEPT = 16


class KeepingClient:
    """An ``HttpClient`` that answers the next plain request for a URL with the response that was
    kept for it.
    """

    def __init__(self, client: HttpClient, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._kept: dict[tuple[str, EgressScope], _Kept] = {}  # by URL and scope
        self._timers: set[asyncio.Task[None]] = set()

    def keep(
        self,
        url: str,
        *,
        scope: EgressScope,
        response: HttpResponse,
        head: bytes,
        stack: AsyncExitStack,
    ) -> None:
        """Take ``response`` over from ``stack``, which closes it, after ``head`` has been read; for
        KEEP_S seconds.

        Its body must not be encoded. The stack keeps it where there is no room.
        """
        key = (url, scope)
        if key in self._kept or len(self._kept) >= MAX_KEPT:
            return
        kept = self._kept[key] = _Kept(_Continued(response, head), stack.pop_all())
        timer = asyncio.create_task(self._expire(key, kept))
        self._timers.add(timer)
        timer.add_done_callback(self._timers.discard)

    @asynccontextmanager
    async def get(
        self,
        url: str,
        *,
        scope: EgressScope,
        headers: Mapping[str, str] | None = None,
        cookies: Sequence[Cookie] = (),
        timeouts: Timeouts | None = None,
        max_redirects: int = 10,
        decode: bool = False,
    ) -> AsyncIterator[HttpResponse]:
        is_plain = not cookies and "range" not in (headers or {})
        kept = self._kept.pop((url, scope), None) if is_plain else None
        if kept is not None:
            async with kept.resources:
                yield kept.response
            return
        request = self._client.get(
            url,
            scope=scope,
            headers=headers,
            cookies=cookies,
            timeouts=timeouts,
            max_redirects=max_redirects,
            decode=decode,
        )
        async with request as response:
            yield response

    async def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        kept, self._kept = list(self._kept.values()), {}
        for one in kept:
            await one.resources.aclose()
        await self._client.close()

    async def _expire(self, key: tuple[str, EgressScope], kept: _Kept) -> None:
        await self._clock.sleep(KEEP_S)
        if self._kept.get(key) is kept:
            del self._kept[key]
            await kept.resources.aclose()


@dataclass(frozen=True, slots=True)
class _Kept:
    response: HttpResponse
    resources: AsyncExitStack


class _Continued:
    """A response of which ``head`` has been read already: it is returned first."""

    def __init__(self, response: HttpResponse, head: bytes) -> None:
        self.status, self.url, self.headers = response.status, response.url, response.headers
        self._response, self._head = response, head

    async def read_chunk(self, limit: int = 1 << 20) -> bytes:
        if self._head:
            piece, self._head = self._head[:limit], self._head[limit:]
            return piece
        return await self._response.read_chunk(limit)

    async def read(self, *, limit: int) -> bytes:
        return self._head + await self._response.read(limit=limit - len(self._head))
