"""How the time of a call grows with its input: processor time, compared with itself,
so that no machine is too slow.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass

from mediavault.core.failures import MediavaultError

# Repetitions of a pump. They start small, so that exponential growth is detected before a call
# never returns.
SIZES = (4, 8, 12, 16, 20, 24, 48, 128, 512, 2_000, 6_000)
LONGEST = 6_000  # characters: quadratic growth takes 18 million steps of a few nanoseconds for them
LONG_S = 0.05  # judged at once, and not only at the end: the next size might never return
# times below it are not judged: noise is large, and quadratic growth takes far longer at LONGEST
FLOOR_S = 0.02
# for four times the input; linear is 4, n log n a little more, quadratic 16: far from both
LIMIT = 8.0
TRIES = 4


@dataclass(frozen=True, slots=True)
class Growth:
    """``seconds`` at ``size`` repetitions; ``factor`` is the ratio to a quarter of it,
    0.0 below the floor.
    """

    size: int
    seconds: float
    factor: float

    @property
    def is_above_linear(self) -> bool:
        return self.factor > LIMIT


def growth_of(call: Callable[[str], object], text_of: Callable[[int], str]) -> Growth:
    """Measure ``call`` with ``text_of(4)``, ``text_of(8)`` … until it can be judged,
    or up to LONGEST characters.
    """
    size, seconds, judged = 0, 0.0, None
    for size in SIZES:
        text = text_of(size)
        seconds = seconds_of(call, text)
        is_last = len(text) >= LONGEST or size == SIZES[-1]
        if seconds >= (FLOOR_S if is_last else LONG_S):
            judged = _judged(call, text_of, size)
            if judged.is_above_linear:
                return judged
        if is_last:
            break
    return judged or Growth(size, seconds, 0.0)


def _judged(call: Callable[[str], object], text_of: Callable[[int], str], size: int) -> Growth:
    """Return the lowest factor of several tries: a busy machine makes times longer,
    never shorter.
    """
    best = Growth(size, 0.0, float("inf"))
    for _ in range(TRIES):
        quarter = min(seconds_of(call, text_of(size // 4)) for _ in range(2))
        whole = seconds_of(call, text_of(size))
        best = min(
            best, Growth(size, whole, whole / max(quarter, 1e-7)), key=lambda growth: growth.factor
        )
        if not best.is_above_linear:
            break
    return best


def seconds_of(call: Callable[[str], object], text: str) -> float:
    """Return the processor time of this thread; other threads and programs do not count.
    Refusals are valid results.
    """
    gc.disable()  # its pauses grow with everything that the test run has allocated before
    began = time.thread_time()
    try:
        call(text)
    except (ValueError, LookupError, RecursionError, MediavaultError):
        pass
    finally:
        seconds = time.thread_time() - began
        gc.enable()
    return seconds
