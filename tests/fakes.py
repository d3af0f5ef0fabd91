"""Stand-ins that the tests of several areas share."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class FakeClock:
    """A clock that a test moves by hand.

    ``advance`` moves wall clock and monotonic time together, ``jump`` only the wall clock, as NTP
    or a user does. ``sleep`` returns when ``advance`` has passed its deadline; with ``auto=True``
    it moves the time itself and returns.
    """

    def __init__(self, start: datetime = START, *, auto: bool = False) -> None:
        self._wall = start
        self._monotonic = 1_000.0
        self._auto = auto
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float | timedelta) -> None:
        step = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        self._wall += timedelta(seconds=step)
        self._monotonic += step
        due = [sleeper for sleeper in self._sleepers if sleeper[0] <= self._monotonic]
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self._monotonic]
        for _, future in due:
            if not future.done():
                future.set_result(None)

    def jump(self, seconds: float | timedelta) -> None:
        self._wall += seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self._auto:
            self.advance(max(0.0, seconds))
            await asyncio.sleep(0)
            return
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._monotonic + seconds, future))
        await future

    async def settle(self, turns: int = 20) -> None:
        """Let every task that can continue do so."""
        for _ in range(turns):
            await asyncio.sleep(0)
