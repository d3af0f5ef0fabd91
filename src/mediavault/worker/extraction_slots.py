"""Whether an attempt extracts its post together with others, alone, or not at all; and the slots
that enforce it.

When a worker dies, several posts may be in extraction, and only one of them is the cause. So the
attempts after such a death extract alone: when the worker dies again, the post is identified.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, auto
from itertools import takewhile

from mediavault.core.failures import ErrorCode
from mediavault.core.job import HistoryRecord, Stage
from mediavault.store.transitions import RETRIED_BY_USER


class ExtractionMode(Enum):
    TOGETHER = auto()
    ALONE = auto()
    # its worker died twice in a row during its extraction, the second time while it was alone
    NEVER = auto()


def next_mode(history: Sequence[HistoryRecord], *, attempt: int) -> ExtractionMode:
    """Return how attempt number ``attempt`` may extract its post, judging by the job's history.
    Pure.

    Only deaths before the checkpoint count: two power cuts during a long download do not mean that
    the post is the cause. Attempts that were released, or that their worker outlived, are skipped;
    nothing counts that happened before a user retried the job.
    """
    ended = _stages_by_attempt(_since_user_retry(history), before=attempt)
    deaths = list(takewhile(_died_before_checkpoint, reversed(ended)))
    if not deaths:
        return ExtractionMode.TOGETHER
    # The route is recorded once the attempt has its slot: without it the attempt died while another
    # post was extracted.
    is_known = Stage.ROUTE in deaths[0] and sum(Stage.ROUTE in stages for stages in deaths) > 1
    return ExtractionMode.NEVER if is_known else ExtractionMode.ALONE


def _since_user_retry(history: Sequence[HistoryRecord]) -> Sequence[HistoryRecord]:
    retries = [
        index
        for index, record in enumerate(history)
        if record.stage is Stage.RETRY and record.detail == RETRIED_BY_USER
    ]
    return history[retries[-1] :] if retries else history


def _stages_by_attempt(history: Sequence[HistoryRecord], *, before: int) -> list[set[Stage]]:
    """The stages that each earlier attempt has recorded, oldest attempt first."""
    stages: dict[int, set[Stage]] = {}
    innocent: set[int] = set()
    for record in history:
        if 0 < record.attempt < before:
            stages.setdefault(record.attempt, set()).add(record.stage)
            if record.stage is Stage.RELEASE or record.error_code is ErrorCode.STORE_UNAVAILABLE:
                innocent.add(record.attempt)
    return [stages[number] for number in sorted(stages) if number not in innocent]


def _died_before_checkpoint(stages: set[Stage]) -> bool:
    return Stage.RECOVER in stages and Stage.CHECKPOINT not in stages


class ExtractionSlots:
    """The extraction slots of one worker process: any number together, or one alone.
    First come, first served.
    """

    def __init__(self) -> None:
        self._running = 0
        self._is_alone = False
        self._waiting: deque[tuple[bool, asyncio.Future[None]]] = deque()

    async def begin(self, *, alone: bool) -> ExtractionSlot:
        """Wait for a slot and return it; it is held until its ``end``."""
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((alone, admitted))
        self._admit()
        try:
            await admitted
        except asyncio.CancelledError:
            if admitted.cancelled():
                self._admit()  # those behind it may have been waiting only for this one
            else:
                self._leave()  # cancelled just after it was admitted
            raise
        return ExtractionSlot(self._leave)

    def _admit(self) -> None:
        while self._waiting:
            alone, admitted = self._waiting[0]
            if not admitted.cancelled():
                if self._is_alone or (alone and self._running):
                    return
                self._running, self._is_alone = self._running + 1, alone
                admitted.set_result(None)
            self._waiting.popleft()

    def _leave(self) -> None:
        self._running, self._is_alone = self._running - 1, False
        self._admit()


class ExtractionSlot:
    """A slot to extract one post."""

    def __init__(self, leave: Callable[[], None]) -> None:
        self._leave: Callable[[], None] | None = leave

    def end(self) -> None:
        """Release the slot. Safe to call twice."""
        if self._leave is not None:
            leave, self._leave = self._leave, None
            leave()
