"""A fixed-rate ticker with an overlap guard, and the worker's periodic loops, which start and end
together.

Work that takes longer than the interval is never started twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from mediavault.core.clock import Clock
from mediavault.core.failures import MediavaultError
from mediavault.core.logs import get_logger, outside_jobs

SKIPS_PER_LOG_LINE = 10

log = get_logger(__name__)


class Ticker:
    """Calls ``work`` every ``interval_s`` seconds, measured from tick to tick and not from the end
    of the work.

    A tick that finds the previous one still running is skipped and counted. ``wake`` asks for a
    tick at once; while one is running it makes that one run once more, so that a wake-up between
    its query and its end is not lost. ``work`` must not raise: an exception ends the ticker.
    """

    def __init__(
        self, work: Callable[[], Awaitable[None]], *, interval_s: float, clock: Clock
    ) -> None:
        self._work = work
        self._interval_s = interval_s
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self.skipped = 0

    async def run(self) -> None:
        """Tick until cancelled; a running tick is finished first."""
        due = self._clock.monotonic()
        try:
            while True:
                self.tick()
                due = self._next_due(due)
                await self._clock.sleep(due - self._clock.monotonic())
                if self._task is not None and self._task.done():
                    self._task.result()  # raises what ended the work: a bug must not go unnoticed
        finally:
            if self._task is not None:
                await asyncio.wait({self._task})

    def tick(self) -> None:
        """Start the work unless it is running."""
        if self._is_running():
            self.skipped += 1
            if self.skipped % SKIPS_PER_LOG_LINE == 0:
                log.warning("ticks_skipped", skipped=self.skipped, interval_s=self._interval_s)
            return
        self._start()

    def wake(self) -> None:
        """Tick soon, because new work may have arrived."""
        if self._is_running():
            self._again = True
        else:
            self._start()

    def _is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    def _start(self) -> None:
        # An attempt that ends wakes the ticker from its own task, but the round does not belong to
        # that job's log.
        self._task = asyncio.get_running_loop().create_task(self._rounds(), context=outside_jobs())

    async def _rounds(self) -> None:
        self._again = True
        while self._again:
            self._again = False  # cleared before the work, so that a wake-up during it counts
            await self._work()

    def _next_due(self, due: float) -> float:
        """The next future point of the fixed grid: a late tick does not shift the grid."""
        behind = self._clock.monotonic() - due
        return due + self._interval_s * (int(behind // self._interval_s) + 1)


async def every(
    interval_s: float, work: Callable[[], Awaitable[None]], clock: Clock, *, first: bool = True
) -> None:
    """Run ``work`` repeatedly, ``interval_s`` seconds after the previous round has ended, until
    cancelled.

    The first round runs at once if ``first``, else after one interval.
    """
    if first:
        await guarded(work)
    while True:
        await clock.sleep(interval_s)
        await guarded(work)


async def guarded(work: Callable[[], Awaitable[None]]) -> None:
    """Run one round and log an expected error instead of raising it: the next round may succeed."""
    try:
        await work()
    except (MediavaultError, OSError) as exc:
        log.error("round_failed", round=getattr(work, "__name__", "?"), error=str(exc))


async def first_of(stop: asyncio.Event, loops: Sequence[asyncio.Task[None]]) -> None:
    """Wait until ``stop`` is set or one of the loops ends. Raises what ended that loop."""
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({stopping, *loops}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            task.result()
    finally:
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)


async def end(*tasks: asyncio.Task[None]) -> None:
    """Cancel the tasks and wait until they have ended; their results and errors are ignored."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
