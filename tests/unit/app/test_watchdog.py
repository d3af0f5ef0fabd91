"""When an event loop counts as frozen."""

from __future__ import annotations

import asyncio
import inspect
import signal
from types import FrameType

from mediavault.app.processes import ProcessEnd
from mediavault.app.watchdog import Watchdog, stack_of, watching


class FreezeCounter:
    """A watchdog of the test's event loop that counts the freezes."""

    def __init__(self, ticks: int = 3) -> None:
        self.times = 0
        self._dog = Watchdog(asyncio.get_running_loop(), self._on_freeze, ticks=ticks)

    def _on_freeze(self, _: FrameType | None) -> None:
        self.times += 1

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self._dog.tick(None)


async def test_a_loop_that_has_not_run_for_all_of_the_ticks_is_frozen() -> None:
    counter = FreezeCounter(ticks=3)
    counter.tick(3)
    assert counter.times == 0

    counter.tick()
    assert counter.times == 1


async def test_a_loop_that_runs_between_ticks_is_never_frozen_however_often_it_is_late() -> None:
    counter = FreezeCounter(ticks=3)
    for _ in range(10):
        counter.tick(3)
        await asyncio.sleep(0)

    assert counter.times == 0


async def test_a_stopped_process_gets_only_one_tick_when_it_resumes() -> None:
    """The kernel keeps one signal pending, whether the process was stopped for a second or for a
    night.
    """
    counter = FreezeCounter(ticks=3)
    counter.tick()
    await asyncio.sleep(0)

    assert counter.times == 0


def test_the_watchdog_stays_off_where_its_timer_signal_is_in_use() -> None:
    """A test's time limit uses it, for example; its timer would be lost."""
    loop = asyncio.new_event_loop()
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        with watching(Watchdog(loop, lambda _: None)) as is_watched:
            assert not is_watched
    finally:
        signal.signal(signal.SIGALRM, before)
        loop.close()


def test_the_stack_names_functions_and_lines_but_no_values() -> None:
    secret = "signature=" + "0" * 8
    lines = "\n".join(stack_of(inspect.currentframe()))

    assert "test_the_stack_names_functions_and_lines_but_no_values" in lines
    assert secret not in lines


async def test_a_signal_to_end_is_noted_even_when_the_loop_does_not_run() -> None:
    ending = ProcessEnd(asyncio.Event())
    ending.note_signal(signal.SIGTERM, None)

    assert ending.was_asked
    assert not ending.stop.is_set()
