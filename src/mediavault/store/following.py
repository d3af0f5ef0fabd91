"""Lets the shelf follow the jobs when a page asks for it: one run at a time, however many pages ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from mediavault.core.failures import StoreError
from mediavault.core.logs import get_logger
from mediavault.store import shelf

log = get_logger(__name__)


class Follower:
    """``is_behind`` tells whether a job has changed that the shelf has not seen, ``step`` takes over a batch and tells
    whether there may be more. ``very_many`` is asked at the beginning and at the end of a run of more than a batch."""

    def __init__(
        self,
        is_behind: Callable[[], Awaitable[bool]],
        step: Callable[[], Awaitable[bool]],
        very_many: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._is_behind = is_behind
        self._step = step
        self._very_many = very_many
        self._run: asyncio.Task[None] | None = None
        self._closed = False
        self._far_behind = asyncio.Event()  # while a run has more than a batch to take over

    async def catch_up(self) -> None:
        """As far as the jobs are now. Where more than a batch is missing, as after a bulk import, where it takes too long or
        cannot be written, it returns all the same, and what stands on the shelf is answered: reads go on, and so does the run."""
        try:
            async with asyncio.timeout(shelf.CATCH_UP_WITHIN_S):
                for _ in range(2):  # a run that is under way may have begun before what the caller wrote
                    if not await self._is_behind():
                        return
                    if not await self._is_over_soon(self._running()):
                        return
        except (TimeoutError, StoreError) as exc:
            log.warning("shelf_is_behind", error=str(exc) or type(exc).__name__)

    async def follow(self) -> None:
        """To the end."""
        try:
            while not self._closed and await self._step():
                if not self._far_behind.is_set():
                    self._far_behind.set()
                    await self._tell_very_many()
            if self._far_behind.is_set():
                await self._tell_very_many()
        finally:
            self._far_behind.clear()

    async def _tell_very_many(self) -> None:
        if self._very_many is not None:
            await self._very_many()

    async def close(self) -> None:
        """After the batch that is under way."""
        self._closed = True
        if self._run is not None:
            with suppress(StoreError):
                await self._run

    async def _is_over_soon(self, run: asyncio.Task[None]) -> bool:
        """Wait for it until it shows to be a long one. Raises what it ended with."""
        long = asyncio.ensure_future(self._far_behind.wait())
        try:
            await asyncio.wait({run, long}, timeout=shelf.BATCH_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            long.cancel()
        if run.done():
            run.result()
        return run.done()

    def _running(self) -> asyncio.Task[None]:
        """It goes on to its end also when the page that began it waits no longer."""
        if self._run is None or self._run.done():
            self._run = asyncio.create_task(self.follow())
            self._run.add_done_callback(_forget)
        return self._run


def _forget(run: asyncio.Task[None]) -> None:
    """Read the outcome that nobody waits for, so that asyncio does not complain."""
    if not run.cancelled():
        run.exception()
