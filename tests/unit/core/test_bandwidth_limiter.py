"""However many downloads share the bandwidth and whatever they read at a time,
they stay within the limits together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediavault.core.bandwidth_limiter import BURST_S, CHECK_AGAIN_S, BandwidthLimiter
from mediavault.core.settings import ChangeableSettings
from tests.fakes import FakeClock

MB = 1_000_000
MINUTE_S = 60.0


class EventClock(FakeClock):
    """Moves to the next moment that a task waits for, once no task can continue."""

    async def run_for(self, seconds: float) -> None:
        end_s = self.monotonic() + seconds
        await self.settle(30)
        while self._sleepers and (next_s := min(at for at, _ in self._sleepers)) <= end_s:
            self.advance(next_s - self.monotonic())
            await self.settle(8)
        self.advance(end_s - self.monotonic())


class Vault:
    """A line whose settings a test changes, and the bytes that each of its downloads has read."""

    def __init__(self, **changes: Any) -> None:
        self.clock = EventClock()
        self.now = ChangeableSettings(**changes)
        self.bandwidth = BandwidthLimiter(self.clock, self._settings)
        self.read: dict[str, int] = {}
        self._downloads: list[asyncio.Task[None]] = []

    def change(self, **changes: Any) -> None:
        self.now = ChangeableSettings(**changes)

    @property
    def total(self) -> int:
        return sum(self.read.values())

    def download(
        self, name: str, site: str = "x", *, at_most: int = 1 << 20, may_wait: bool = True
    ) -> None:
        """Begin a download from a site that is as fast as we want."""
        self._downloads.append(
            asyncio.ensure_future(self._download(name, site, at_most, may_wait=may_wait))
        )

    async def _download(self, name: str, site: str, at_most: int, *, may_wait: bool) -> None:
        bandwidth = self.bandwidth.of_site(site)
        while True:
            count = min(at_most, await bandwidth.piece_bytes())
            await self.clock.sleep(count / (1_000 * MB))
            self.read[name] = self.read.get(name, 0) + count
            await bandwidth.pay(count, may_wait=may_wait)

    async def _settings(self) -> ChangeableSettings:
        return self.now

    async def end(self) -> None:
        for task in self._downloads:
            task.cancel()
        await asyncio.gather(*self._downloads, return_exceptions=True)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


@given(
    limit=st.integers(10, 20_000),
    parts=st.lists(st.floats(0.02, 10), min_size=1, max_size=12),
)
@settings(max_examples=8, deadline=None)
def test_a_limit_holds_within_five_percent_over_every_minute(
    limit: int, parts: list[float]
) -> None:
    """Both ways: no more comes, and no bandwidth is left unused."""
    bytes_per_s = limit * 1_000

    async def test() -> None:
        vault = Vault(bandwidth=f"{limit} KB/s")
        # of what comes in a second: how much the site sends at a time
        for number, part in enumerate(parts):
            vault.download(str(number), at_most=min(round(bytes_per_s * part), 1 << 20))
        await vault.clock.run_for(5)
        for _ in range(2):
            before = vault.total
            await vault.clock.run_for(MINUTE_S)
            assert (
                abs(vault.total - before - bytes_per_s * MINUTE_S) <= 0.05 * bytes_per_s * MINUTE_S
            )
        await vault.end()

    run(test)


async def test_no_second_brings_more_than_a_burst_beyond_the_limit() -> None:
    vault = Vault(bandwidth="2 MB/s")
    for number in range(4):
        vault.download(str(number))
    await vault.clock.run_for(1)
    for _ in range(20):
        before = vault.total
        await vault.clock.run_for(1)
        assert vault.total - before <= 2 * MB * (1 + BURST_S + 0.25)  # and a piece of each download
    await vault.end()


async def test_downloads_share_the_line_evenly() -> None:
    vault = Vault(bandwidth="2 MB/s")
    for number in range(4):
        vault.download(str(number))
    await vault.clock.run_for(MINUTE_S)

    assert max(vault.read.values()) <= 1.1 * min(vault.read.values())
    await vault.end()


async def test_a_limit_that_is_changed_counts_at_once_in_both_directions() -> None:
    vault = Vault(bandwidth="10 KB/s")
    for number in range(8):
        vault.download(str(number))
    await vault.clock.run_for(10)

    rates = []
    for limit in ("20 MB/s", "1 MB/s", "20 MB/s"):
        vault.change(bandwidth=limit)
        await vault.clock.run_for(2 * CHECK_AGAIN_S)
        before = vault.total
        await vault.clock.run_for(MINUTE_S)
        rates.append((vault.total - before) / MINUTE_S / MB)

    assert rates == [pytest.approx(limit, rel=0.05) for limit in (20, 1, 20)]
    await vault.end()


async def test_a_limit_that_is_removed_lets_those_go_on_who_wait_for_it() -> None:
    vault = Vault(bandwidth="10 KB/s")
    vault.download("one", at_most=1 << 20)
    await vault.clock.run_for(10)
    before = vault.total
    vault.change()
    await vault.clock.run_for(1 + CHECK_AGAIN_S)

    assert vault.total - before > 500 * MB
    await vault.end()


async def test_a_site_has_its_own_limit_within_that_of_the_vault() -> None:
    vault = Vault(bandwidth="5 MB/s", site_bandwidth={"x": "1 MB/s"})
    vault.download("slow", "x")
    vault.download("fast", "youtube")
    await vault.clock.run_for(MINUTE_S)

    assert 0.75 * MB * MINUTE_S < vault.read["slow"] < 1.05 * MB * MINUTE_S
    assert abs(vault.total - 5 * MB * MINUTE_S) < 0.05 * 5 * MB * MINUTE_S
    await vault.end()


async def test_each_worker_takes_its_part_of_the_limit() -> None:
    vault = Vault(bandwidth="3 MB/s")
    vault.bandwidth.workers = 3
    vault.download("one")
    await vault.clock.run_for(MINUTE_S)

    assert abs(vault.total - MB * MINUTE_S) < 0.05 * MB * MINUTE_S
    await vault.end()


async def test_who_must_not_wait_does_not_and_others_give_way() -> None:
    """A running stream is recorded as fast as it is sent,
    and what it takes is missing for the others.
    """
    vault = Vault(bandwidth="2 MB/s")
    vault.download("other")
    stream = vault.bandwidth.of_site("x")
    for _ in range(600):  # a megabyte a second
        began_s = vault.clock.monotonic()
        await stream.pay(100_000, may_wait=False)
        assert vault.clock.monotonic() == began_s
        await vault.clock.run_for(0.1)

    assert abs(vault.total - MB * MINUTE_S) < 0.05 * 2 * MB * MINUTE_S
    await vault.end()


async def test_without_a_limit_nobody_waits_and_what_comes_is_counted() -> None:
    vault = Vault()
    await vault.bandwidth.of_site("x").pay(5 * MB)
    await BandwidthLimiter(vault.clock).of_site("x").pay(5 * MB)

    assert vault.clock.slept == []
    assert vault.bandwidth.received == 5 * MB
    assert vault.bandwidth.buffer_bytes is None


async def test_connections_hold_little_while_there_is_a_limit() -> None:
    vault = Vault(bandwidth="2 MB/s")
    await vault.bandwidth.limit()

    assert vault.bandwidth.buffer_bytes == 62_500
    assert await vault.bandwidth.of_site("x").piece_bytes() == 100_000
