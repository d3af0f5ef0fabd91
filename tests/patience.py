"""Time limits of tests that grow with how slow the machine currently is.

A limit in a test only ends a test that hangs; speed is measured in ``benchmarks/``. So choose a
limit that is generous on an idle machine and write ``patient(30)``: the machine's load is taken
into account here and nowhere else.
"""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from functools import cache
from inspect import isawaitable

# measured once per run and inherited by its processes; may be set by hand
SLOWNESS = "MEDIAVAULT_TEST_SLOWNESS"

# Measured on the machine for which the limits were chosen, while idle: two cores of an AMD EPYC,
# Python 3.11.
_LOOP_S = 0.12
_START_S = 0.012
_STARTS = 5


def patient(seconds: float, *, most: float = math.inf) -> float:
    """Convert ``seconds`` of an idle machine to seconds of this machine under its current load;
    never fewer.

    ``most``: the maximum factor, for durations that a test really waits for, such as a lease.
    """
    return seconds * min(most, slowness())


def slowness() -> float:
    """Return how many times longer work takes than on the idle reference machine, at least 1.

    The load is read at each call, because other programs come and go. A short measurement alone
    would not show them: the kernel lets a process that has slept run first.
    """
    return max(1.0, _measured_slowness(), os.getloadavg()[0] / (os.cpu_count() or 1))


def measure() -> float:
    """Measure the machine if no process of this run has done so,
    and pass the result on to later processes.
    """
    os.environ[SLOWNESS] = f"{_measured_slowness():.2f}"
    return slowness()


@cache
def _measured_slowness() -> float:
    if inherited := os.environ.get(SLOWNESS):
        return float(inherited)
    return max(_seconds_of(_loop) / _LOOP_S, _seconds_of(_start_processes) / (_START_S * _STARTS))


def _seconds_of(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _loop() -> int:
    return sum(number * number for number in range(3_500_000))


def _start_processes() -> None:
    for _ in range(_STARTS):
        subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)


async def until(
    seen: Callable[[], Awaitable[object] | object], *, within_s: float = 60, every_s: float = 0.05
) -> None:
    """Call ``seen`` until its result is true; raise ``AssertionError`` after ``patient(within_s)``
    seconds.
    """
    ends = time.monotonic() + patient(within_s)
    while True:
        answer = seen()
        if await answer if isawaitable(answer) else answer:
            return
        assert time.monotonic() < ends, (
            f"not within {within_s:g} s, extended to {patient(within_s):.0f} s for the load"
        )
        await asyncio.sleep(every_s)
