"""A small cache with a time limit, so that a page with forty pictures does not query the store forty times."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from mediavault.core.clock import Clock

KNOWN_FOR_S = 3.0  # the time until another process's sign-out takes effect here
MAX_KNOWN = 512

T = TypeVar("T")


class TtlCache(Generic[T]):
    """Caches values by key for ``KNOWN_FOR_S``. The oldest are dropped when there are too many; None is not cached."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._forgotten = 0

    async def get(self, key: str, read: Callable[[str], Awaitable[T | None]]) -> T | None:
        """Return the cached value, else what ``read`` returns now."""
        until, value = self._known.get(key, (0.0, None))
        if self._clock.monotonic() < until:
            return value
        forgotten = self._forgotten
        current = await read(key)
        if current is not None and forgotten == self._forgotten:  # else it was forgotten during the read
            self._put(key, current)
        return current

    def forget(self, key: str) -> None:
        self._forgotten += 1
        self._known.pop(key, None)

    def forget_all(self) -> None:
        self._forgotten += 1
        self._known.clear()

    def _put(self, key: str, value: T) -> None:
        self._known[key] = (self._clock.monotonic() + KNOWN_FOR_S, value)
        self._known.move_to_end(key)
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
