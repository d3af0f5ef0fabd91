"""How soon the task that listens for wake-ups comes back after a loss, and that it ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import pytest

from mediavault.store import wake
from mediavault.store.calls import ConnectionLost
from mediavault.store.wake import RECONNECT_S, ChangeListener
from tests.fakes import FakeClock
from tests.patience import patient

FIRST_S, LONGEST_S = RECONNECT_S


async def waits_between(listened_s: Sequence[float]) -> list[float]:
    """Return the wait after each loss; ``listened_s`` is how long the listener had listened before
    each of them.
    """
    clock, over = FakeClock(auto=True), asyncio.Event()
    periods = iter(listened_s)

    async def until_lost() -> None:
        listening_s = next(periods, None)
        if listening_s is None:
            over.set()
            await asyncio.Event().wait()
        clock.advance(listening_s or 0)
        raise ConnectionLost("the connection broke")

    listener = ChangeListener(until_lost, clock)
    listener.listen()
    await asyncio.wait_for(over.wait(), patient(30))
    await listener.close()
    return clock.slept


async def test_a_server_that_stays_unavailable_is_tried_less_and_less_often() -> None:
    waits = await waits_between([0] * 8)

    assert waits[0] == FIRST_S
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_S


async def test_a_loss_after_a_long_time_of_listening_is_retried_as_soon_as_the_first() -> None:
    """A change stream always ends with an error: an outage of last week must not slow down today's
    return.
    """
    waits = await waits_between([0] * 8 + [3600, 0])

    assert waits[-2:] == [FIRST_S, 2 * FIRST_S]


async def test_a_connection_that_breaks_soon_after_each_start_is_tried_less_often() -> None:
    waits = await waits_between([1] * 8)

    assert waits[-1] == LONGEST_S


async def test_closing_ends_a_listener_whose_driver_swallows_a_cancellation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """asyncio.wait_for of Python 3.11 does so when an answer arrives at the same moment."""
    monkeypatch.setattr(wake, "CANCEL_AGAIN_S", 0.01)
    started = asyncio.Event()

    async def until_lost() -> None:
        started.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()  # for the next answer

    listener = ChangeListener(until_lost, FakeClock())
    listener.listen()
    await started.wait()

    closing = asyncio.create_task(listener.close())
    await asyncio.wait({closing}, timeout=patient(30))
    is_closed = closing.done()
    closing.cancel()

    assert is_closed
