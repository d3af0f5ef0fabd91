"""Which attempt looks at its post alone, which gives it up, and the turns that make it so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from mediavault.core.job import HistoryRecord, Stage, StepOutcome
from mediavault.store.transitions import ASKED_AGAIN, DUE_AGAIN
from mediavault.worker.extraction_slots import ExtractionMode, ExtractionSlot, ExtractionSlots, next_mode
from tests.fakes import START

DIED_LOOKING = [Stage.CLAIM, Stage.ROUTE, Stage.RECOVER]
DIED_WAITING = [Stage.CLAIM, Stage.RECOVER]
DIED_DOWNLOADING = [Stage.CLAIM, Stage.ROUTE, Stage.EXTRACT, Stage.CHOOSE, Stage.CHECKPOINT, Stage.RECOVER]
FAILED = [Stage.CLAIM, Stage.ROUTE, Stage.FAIL]
GIVEN_BACK = [Stage.CLAIM, Stage.ROUTE, Stage.RELEASE]


def history(*attempts: list[Stage], retried: str = DUE_AGAIN) -> list[HistoryRecord]:
    """Attempts 1, 2, 3 … with a retry after each."""
    records: list[HistoryRecord] = []
    for number, stages in enumerate(attempts, start=1):
        records += [HistoryRecord(START, number, stage, StepOutcome.OK) for stage in stages]
        records.append(HistoryRecord(START, 0, Stage.RETRY, StepOutcome.OK, detail=retried))
    return records


def look_after(*attempts: list[Stage]) -> ExtractionMode:
    return next_mode(history(*attempts), attempt=len(attempts) + 1)


@pytest.mark.parametrize(
    "attempts",
    [
        [],
        [FAILED],
        [DIED_DOWNLOADING],
        [DIED_DOWNLOADING, DIED_DOWNLOADING, DIED_DOWNLOADING],
        [DIED_LOOKING, FAILED],
        [DIED_LOOKING, DIED_DOWNLOADING],
        [GIVEN_BACK],
    ],
)
def test_an_attempt_that_follows_no_death_while_looking_looks_together_with_others(
    attempts: list[list[Stage]],
) -> None:
    assert look_after(*attempts) is ExtractionMode.TOGETHER


@pytest.mark.parametrize(
    "attempts",
    [
        [DIED_LOOKING],
        [DIED_WAITING],
        [FAILED, DIED_LOOKING],
        [DIED_LOOKING, GIVEN_BACK],
        [DIED_LOOKING, FAILED, DIED_LOOKING],
        [DIED_DOWNLOADING, DIED_LOOKING],
        [DIED_WAITING, DIED_LOOKING],
    ],
)
def test_after_a_death_while_looking_the_next_attempt_looks_alone(attempts: list[list[Stage]]) -> None:
    assert look_after(*attempts) is ExtractionMode.ALONE


@pytest.mark.parametrize(
    "attempts",
    [
        [DIED_LOOKING, DIED_LOOKING],
        [DIED_LOOKING, DIED_WAITING, DIED_LOOKING],
        [DIED_LOOKING, GIVEN_BACK, DIED_LOOKING],
        [DIED_LOOKING, DIED_LOOKING, GIVEN_BACK],
        [FAILED, DIED_LOOKING, DIED_LOOKING],
    ],
)
def test_a_post_whose_worker_died_while_it_was_looked_at_alone_is_looked_at_no_more(
    attempts: list[list[Stage]],
) -> None:
    assert look_after(*attempts) is ExtractionMode.NEVER


def test_an_attempt_that_died_while_it_waited_for_its_turn_is_not_blamed() -> None:
    assert look_after(DIED_LOOKING, DIED_WAITING) is ExtractionMode.ALONE


def test_a_person_who_asks_again_starts_the_count_again() -> None:
    """Also where the attempts were used up before the job was given up, so that the person's try is really made."""
    asked = history(DIED_LOOKING, DIED_LOOKING, retried=ASKED_AGAIN)

    assert next_mode(asked, attempt=3) is ExtractionMode.TOGETHER


# --- the turns -------------------------------------------------------------------------------------------------


async def begun(looks: ExtractionSlots, *, alone: bool = False) -> asyncio.Task[ExtractionSlot]:
    """A look that has its turn, or waits for it."""
    task = asyncio.create_task(looks.begin(alone=alone))
    await settle()
    return task


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def with_turn(tasks: Sequence[asyncio.Task[ExtractionSlot]]) -> list[bool]:
    return [task.done() for task in tasks]


async def test_looks_that_are_not_alone_do_not_wait_for_each_other() -> None:
    looks = ExtractionSlots()

    assert with_turn([await begun(looks) for _ in range(3)]) == [True, True, True]


async def test_a_look_alone_waits_for_all_others_and_keeps_later_ones_waiting() -> None:
    looks = ExtractionSlots()
    first, second = await begun(looks), await begun(looks)
    alone, later = await begun(looks, alone=True), await begun(looks)
    first.result().end()
    await settle()
    assert with_turn([alone, later]) == [False, False]

    second.result().end()
    await settle()
    assert with_turn([alone, later]) == [True, False]

    alone.result().end()
    await settle()
    assert with_turn([later]) == [True]


async def test_two_looks_alone_come_one_after_the_other() -> None:
    looks = ExtractionSlots()
    first, second = await begun(looks, alone=True), await begun(looks, alone=True)
    assert with_turn([first, second]) == [True, False]

    first.result().end()
    first.result().end()  # twice, as an attempt does that fails after its look
    third = await begun(looks)
    assert with_turn([second, third]) == [True, False]


async def test_a_look_alone_that_is_cancelled_while_it_waits_holds_nobody_up() -> None:
    looks = ExtractionSlots()
    first = await begun(looks)
    alone, later = await begun(looks, alone=True), await begun(looks)
    alone.cancel()
    await settle()

    assert with_turn([first, later]) == [True, True]


async def test_a_look_that_is_cancelled_in_the_moment_of_its_turn_gives_it_back() -> None:
    looks = ExtractionSlots()
    first = await begun(looks, alone=True)
    second, third = await begun(looks, alone=True), await begun(looks, alone=True)
    first.result().end()
    second.cancel()
    await settle()

    assert second.cancelled()
    assert with_turn([third]) == [True]
