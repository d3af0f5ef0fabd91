"""The load on a host: concurrent requests over all jobs of a worker, and waits after failures."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from mediavault.core.failures import Failure, RateLimited
from mediavault.download.port import MediaRequest

T = TypeVar("T")
Slot = AbstractAsyncContextManager[object]  # held while something is being fetched; reusable


class HostSlots:
    """Limits the concurrent requests for media to each host. Slots of one host are given out in
    order of request.

    A stream counts against the host of its manifest's URL, wherever its segments are. A segment
    holds its slot until all before it are written; with slots of the segments' own hosts, two
    streams could deadlock. Keys and initialisation sections share the slot of the segment that
    needs them.
    """

    def __init__(self) -> None:
        self._slots: WeakValueDictionary[tuple[str, int], asyncio.Semaphore] = WeakValueDictionary()

    def slot_for(self, request: MediaRequest) -> asyncio.Semaphore:
        """Return a context manager that holds one of the ``max_connections`` slots of the host in
        ``request.url``.
        """
        key = (_host(request), request.max_connections)
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = asyncio.Semaphore(request.max_connections)
        return slot


class SegmentSlots:
    """Takes a slot of the stream and one of its host together."""

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
    """Return the host of the request; of a manifest that a page carries (``data:``),
    the page's host.
    """
    url = request.scope.url if request.url[:5].lower() == "data:" else request.url
    return urlsplit(url).netloc.lower()


async def all_or_first_failure(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Return all results in order. The first failure cancels the others,
    and is raised once they have ended.
    """
    tasks = [asyncio.create_task(coroutine) for coroutine in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# --- waits after failures -------------------------------------------------------------------------

BACKOFF_S, MAX_BACKOFF_S = 0.5, 60.0
PROGRESS_BYTES = 1_000_000  # this much beyond the farthest position so far resets the count of cuts
OPENING_TRIES = 2  # while no connection has delivered anything yet
RATE_LIMIT_S = 5.0  # minimum, for a site that asks us to slow down without saying for how long
LONGEST_WAIT_S = 30.0  # when a site asks for more, the attempt ends


def backoff_s(failures: int) -> float:
    """Return the seconds to wait after ``failures`` cuts in a row (1 is the first)."""
    return float(min(BACKOFF_S * 2 ** max(0, failures - 1), MAX_BACKOFF_S))


def wait_s(failure: Failure, failures: int) -> float | None:
    """Return the seconds to wait after ``failures`` failures in a row;
    None when this attempt should not retry.
    """
    if failure.retry_after is not None:
        requested_s = failure.retry_after.total_seconds()
        return max(backoff_s(failures), requested_s) if requested_s <= LONGEST_WAIT_S else None
    return max(
        backoff_s(failures), RATE_LIMIT_S * failures if isinstance(failure, RateLimited) else 0.0
    )


class InterruptionCounter:
    """Counts interruptions in a row.

    Progress is measured from the farthest position so far, so a file that starts over repeatedly
    makes none.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._best = 0
        self.failures = 0

    def may_go_on(self, position: int, *, ever_answered: bool = True) -> bool:
        """Record an interruption at ``position``; return False when it was one too many."""
        if position - self._best >= PROGRESS_BYTES:
            self._best, self.failures = position, 0
        self.failures += 1
        return self.failures <= (self._limit if ever_answered else min(self._limit, OPENING_TRIES))
