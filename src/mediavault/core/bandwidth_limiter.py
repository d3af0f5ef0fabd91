"""Limits the bandwidth that all downloads of a process share, and counts what is downloaded.

A download reads a piece and then pays for it: ``pay`` returns when the piece was within the limits.
So however many connections there are, and whatever they read at a time, the bytes that are read
stay below the limit. What a connection holds unread is small while there is a limit
(``buffer_bytes``), so that the connection to the internet stays free too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from mediavault.core.bandwidth import parse_bandwidth
from mediavault.core.clock import Clock
from mediavault.core.settings import ChangeableSettings

PIECE_S = 0.05  # of the limit: what is read at a time, so that no connection takes all of it
PIECE_BYTES = (4 << 10, 256 << 10)
FREE_PIECE_BYTES = 1 << 20  # without a limit
BUFFER_S = 1 / 32  # of the limit: what a connection may hold unread; there may be a dozen
MIN_BUFFER_BYTES = 16 << 10
BURST_S = 0.1  # of the limit: what may be caught up after a pause
MAX_OWED_S = 10.0  # of the limit: for how long others wait for those that need not wait
CHECK_AGAIN_S = 0.5  # how often a download that waits looks whether the limit has changed
SHORTEST_WAIT_S = 0.001


class TokenBucket:
    """Enforces one limit. Callers wait in order of their calls; a new limit applies at once,
    also to those waiting.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turn = asyncio.Lock()
        self._level = 0.0  # bytes that may still come at once; negative: bytes that came too early
        self._at_s = clock.monotonic()

    async def pay(self, count: int, limit: Callable[[], Awaitable[float | None]]) -> None:
        """Count ``count`` bytes that arrived, and return once the limit allows them.
        ``limit`` is in bytes per second.
        """
        async with self._turn:
            self._fill(await limit())
            self._level -= count
            while (wait_s := self._owed_s(await limit())) > 0:
                await self._clock.sleep(min(max(wait_s, SHORTEST_WAIT_S), CHECK_AGAIN_S))

    async def charge(self, count: int, limit: Callable[[], Awaitable[float | None]]) -> None:
        """Count bytes that arrived, without waiting: others wait instead."""
        bytes_per_s = await limit()
        self._fill(bytes_per_s)
        self._level = max(self._level - count, -MAX_OWED_S * (bytes_per_s or 0.0))

    def _owed_s(self, limit: float | None) -> float:
        self._fill(limit)
        return 0.0 if limit is None else max(0.0, -self._level) / limit

    def _fill(self, limit: float | None) -> None:
        now_s = self._clock.monotonic()
        elapsed_s, self._at_s = now_s - self._at_s, now_s
        self._level = (
            0.0 if limit is None else min(self._level + elapsed_s * limit, BURST_S * limit)
        )


@dataclass(slots=True)
class BandwidthLimiter:
    """The bandwidth of one process. ``workers`` processes share the vault's limits; each takes its
    part of them.

    ``settings`` returns those in force; without it there are no limits. ``received`` counts all
    bytes of media.
    """

    clock: Clock
    settings: Callable[[], Awaitable[ChangeableSettings]] | None = None
    workers: int = 1
    received: int = 0
    _buckets: dict[str, TokenBucket] = field(default_factory=dict)  # by site; "" is the vault's
    _limit: float | None = None  # of the vault, as it was last looked at

    def of_site(self, site: str) -> SiteBandwidth:
        """Return the bandwidth for downloads from this site."""
        return SiteBandwidth(self, site)

    @property
    def buffer_bytes(self) -> int | None:
        """How many unread bytes a connection may buffer; None while there is no limit."""
        return None if self._limit is None else max(MIN_BUFFER_BYTES, round(self._limit * BUFFER_S))

    async def limit(self, site: str = "") -> float | None:
        """Return this process's part of the limit of a site, or of the vault,
        in bytes a second; None for no limit.
        """
        if self.settings is None:
            return None
        now = await self.settings()
        text = now.site_bandwidth.get(site, "") if site else now.bandwidth
        whole = parse_bandwidth(text).at(self.clock.now()) if text else None
        part = None if whole is None else whole / max(1, self.workers)
        if not site:
            self._limit = part
        return part

    def bucket(self, site: str) -> TokenBucket:
        """Return the bucket of a site, or with "" the vault's."""
        return self._buckets.setdefault(site, TokenBucket(self.clock))


@dataclass(frozen=True, slots=True)
class SiteBandwidth:
    """The bandwidth for downloads from one site: the limits of the site and of the vault apply."""

    bandwidth: BandwidthLimiter
    site: str

    async def limit(self) -> float | None:
        """Return the lower of the limits that apply, in bytes per second; None if there is none."""
        limits = [await self.bandwidth.limit(name) for name in self._names]
        return min((limit for limit in limits if limit is not None), default=None)

    async def piece_bytes(self) -> int:
        """Return how much to read at a time."""
        low, high = PIECE_BYTES
        limit = await self.limit()
        return FREE_PIECE_BYTES if limit is None else min(max(low, round(limit * PIECE_S)), high)

    async def pay(self, count: int, *, may_wait: bool = True) -> None:
        """Count bytes that arrived, and return once the limits allow them;
        at once if this download must not wait.
        """
        self.bandwidth.received += count
        limited = [name for name in self._names if await self.bandwidth.limit(name) is not None]
        await asyncio.gather(*(self._pay(name, count, may_wait=may_wait) for name in limited))

    async def _pay(self, name: str, count: int, *, may_wait: bool) -> None:
        bucket, limit = self.bandwidth.bucket(name), partial(self.bandwidth.limit, name)
        await (bucket.pay(count, limit) if may_wait else bucket.charge(count, limit))

    @property
    def _names(self) -> tuple[str, ...]:
        return (self.site, "") if self.site else ("",)


class SlowTransferDetector:
    """Detects a server that sends too slowly: fewer than ``bytes_per_s`` over ``window_s`` of
    waiting for it.

    Only waiting for the network counts: a slow disk of our own is not the server's fault.
    """

    def __init__(self, bytes_per_s: int, window_s: float) -> None:
        self.bytes_per_s, self._window_s = bytes_per_s, window_s
        self._waited_s, self._bytes = 0.0, 0

    def is_too_slow(self, *, count: int, waited_s: float) -> bool:
        """Record ``count`` bytes that came after ``waited_s``;
        return whether the window that ends now was too slow.
        """
        self._waited_s += waited_s
        self._bytes += count
        if self._waited_s < self._window_s:
            return False
        slow = self._bytes < self.bytes_per_s * self._waited_s
        self._waited_s, self._bytes = 0.0, 0
        return slow
