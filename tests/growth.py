"""How the time of a call grows with its input: the processor's time, compared with itself, so no machine is too slow."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass

from mediavault.core.errors import MediavaultError

# Repetitions of a pump. They begin small, so that exponential growth shows itself before it never comes back.
SIZES = (8, 16, 24, 48, 128, 512, 2_000, 8_000, 32_000)
FLOOR_S = 0.010  # below it nothing is above linear: measured, 32,000 characters of linear reading take a tenth of it
LIMIT = 2.9  # for twice the input; linear is 2, n log n a little more, quadratic 4
TRIES = 4


@dataclass(frozen=True, slots=True)
class Growth:
    """``seconds`` at ``size`` repetitions, and how many times as long as half the size took; 0.0 below the floor."""

    size: int
    seconds: float
    factor: float

    @property
    def is_above_linear(self) -> bool:
        return self.factor > LIMIT


def growth_of(call: Callable[[str], object], text_of: Callable[[int], str], *, longest: int = 200_000) -> Growth:
    """``call`` with ``text_of(8)``, ``text_of(16)`` … until the time can be judged, or ``longest`` characters are reached."""
    size, seconds = 0, 0.0
    for size in SIZES:
        text = text_of(size)
        seconds = seconds_of(call, text)
        if seconds >= FLOOR_S:
            return _judged(call, text_of, size)
        if len(text) >= longest:
            break
    return Growth(size, seconds, 0.0)


def _judged(call: Callable[[str], object], text_of: Callable[[int], str], size: int) -> Growth:
    """The least factor of several tries counts: a busy machine makes times longer, never shorter."""
    best = Growth(size, 0.0, float("inf"))
    for _ in range(TRIES):
        half = min(seconds_of(call, text_of(size // 2)) for _ in range(2))
        whole = seconds_of(call, text_of(size))
        best = min(best, Growth(size, whole, whole / max(half, 1e-7)), key=lambda one: one.factor)
        if not best.is_above_linear:
            break
    return best


def seconds_of(call: Callable[[str], object], text: str) -> float:
    """The time that this thread computed; what others did meanwhile does not count. Refusals are answers too."""
    gc.disable()  # its pauses grow with everything that a test run has made before
    began = time.thread_time()
    try:
        call(text)
    except (ValueError, LookupError, RecursionError, MediavaultError):
        pass
    finally:
        seconds = time.thread_time() - began
        gc.enable()
    return seconds
