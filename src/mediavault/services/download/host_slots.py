"""How many requests for media go to one host at a time, over all jobs of a worker."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from mediavault.services.download.port import MediaRequest

Slot = AbstractAsyncContextManager[object]  # held while something is being fetched; may be entered again and again


class HostSlots:
    """One for each fetcher. Slots of one host are given out in the order in which they were asked for.

    A stream counts at the host of its own address, wherever its segments lie. A segment holds its slot until all before
    it are written; with a slot for each segment's own host, two streams could each wait for what the other holds. Its
    key and its initialisation section ride on the slot of the segment that needs them.
    """

    def __init__(self) -> None:
        self._slots: WeakValueDictionary[tuple[str, int], asyncio.Semaphore] = WeakValueDictionary()

    def slot_for(self, request: MediaRequest) -> Slot:
        """One of the ``max_connections`` of the host that ``request.url`` names."""
        key = (_host(request), request.max_connections)
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = asyncio.Semaphore(request.max_connections)
        return slot


class SegmentSlots:
    """A slot among a stream's own and one at its host, both at once."""

    def __init__(self, count: int, host: Slot) -> None:
        self._own, self._host = asyncio.Semaphore(count), host

    async def __aenter__(self) -> None:
        await self._own.acquire()
        try:
            await self._host.__aenter__()
        except BaseException:
            self._own.release()
            raise

    async def __aexit__(self, *raised: object) -> None:
        await self._host.__aexit__(None, None, None)
        self._own.release()


def _host(request: MediaRequest) -> str:
    """Of a page's own manifest (``data:``), the page's host."""
    url = request.scope_url if request.url[:5].lower() == "data:" else request.url
    return urlsplit(url).netloc.lower()
