"""Background tasks: one for each key, and only a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class BackgroundTasks(Generic[K]):
    """The background tasks of this process, by key.
    All methods must be called in the event loop's thread.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._running: dict[K, asyncio.Task[None]] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._running

    @property
    def is_full(self) -> bool:
        return len(self._running) >= self._most

    def begin(self, key: K, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Start a task for a key that has none. Call it only while ``is_full`` is False."""
        task = asyncio.create_task(work, name=name)
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))

    async def wait_for(self, key: K) -> None:
        """Wait until the key's task, if it has one, is over."""
        if (task := self._running.get(key)) is not None:
            await asyncio.wait([task])

    async def aclose(self) -> None:
        """Cancel the running tasks and wait until they have ended."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
