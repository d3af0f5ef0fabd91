"""Which attempt extracts its post alone, which gives up, and the slots that enforce this."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.job import HistoryRecord, Stage, StepOutcome
from mediavault.store.transitions import DUE_AGAIN, RETRIED_BY_USER
from mediavault.worker.extraction_slots import (
    ExtractionMode,
    ExtractionSlot,
    ExtractionSlots,
    next_mode,
)
from tests.fakes import START

DIED_EXTRACTING = [Stage.CLAIM, Stage.ROUTE, Stage.RECOVER]
DIED_WAITING = [Stage.CLAIM, Stage.RECOVER]
DIED_DOWNLOADING = [
    Stage.CLAIM,
    Stage.ROUTE,
    Stage.EXTRACT,
    Stage.CHOOSE,
    Stage.CHECKPOINT,
    Stage.RECOVER,
]
FAILED = [Stage.CLAIM, Stage.ROUTE, Stage.FAIL]
GIVEN_BACK = [Stage.CLAIM, Stage.ROUTE, Stage.RELEASE]


def history(*attempts: list[Stage], retried: str = DUE_AGAIN) -> list[HistoryRecord]:
    """Attempts 1, 2, 3 … with a retry after each."""
    records: list[HistoryRecord] = []
    for number, stages in enumerate(attempts, start=1):
        records += [HistoryRecord(START, number, stage, StepOutcome.OK) for stage in stages]
        records.append(HistoryRecord(START, 0, Stage.RETRY, StepOutcome.OK, detail=retried))
    return records


def mode_after(*attempts: list[Stage]) -> ExtractionMode:
    return next_mode(history(*attempts), attempt=len(attempts) + 1)


@pytest.mark.parametrize(
    "attempts",
    [
        [],
        [FAILED],
        [DIED_DOWNLOADING],
        [DIED_DOWNLOADING, DIED_DOWNLOADING, DIED_DOWNLOADING],
        [DIED_EXTRACTING, FAILED],
        [DIED_EXTRACTING, DIED_DOWNLOADING],
        [GIVEN_BACK],
    ],
)
def test_an_attempt_that_follows_no_death_during_extraction_extracts_alongside_others(
    attempts: list[list[Stage]],
) -> None:
    assert mode_after(*attempts) is ExtractionMode.TOGETHER


@pytest.mark.parametrize(
    "attempts",
    [
        [DIED_EXTRACTING],
        [DIED_WAITING],
        [FAILED, DIED_EXTRACTING],
        [DIED_EXTRACTING, GIVEN_BACK],
        [DIED_EXTRACTING, FAILED, DIED_EXTRACTING],
        [DIED_DOWNLOADING, DIED_EXTRACTING],
        [DIED_WAITING, DIED_EXTRACTING],
    ],
)
def test_after_a_death_during_extraction_the_next_attempt_extracts_alone(
    attempts: list[list[Stage]],
) -> None:
    assert mode_after(*attempts) is ExtractionMode.ALONE


def test_an_attempt_that_its_worker_outlived_is_no_death() -> None:
    """As when the database was unavailable for longer than the lease."""
    records = history(DIED_EXTRACTING, DIED_EXTRACTING)
    outlived = [
        HistoryRecord(
            START,
            number,
            Stage.EXTRACT,
            StepOutcome.SKIPPED,
            error_code=ErrorCode.STORE_UNAVAILABLE,
        )
        for number in (1, 2)
    ]

    assert next_mode([*records, outlived[0]], attempt=3) is ExtractionMode.ALONE
    assert next_mode([*records, *outlived], attempt=3) is ExtractionMode.TOGETHER


@pytest.mark.parametrize(
    "attempts",
    [
        [DIED_EXTRACTING, DIED_EXTRACTING],
        [DIED_EXTRACTING, DIED_WAITING, DIED_EXTRACTING],
        [DIED_EXTRACTING, GIVEN_BACK, DIED_EXTRACTING],
        [DIED_EXTRACTING, DIED_EXTRACTING, GIVEN_BACK],
        [FAILED, DIED_EXTRACTING, DIED_EXTRACTING],
    ],
)
def test_a_post_whose_worker_died_while_extracting_it_alone_is_not_extracted_again(
    attempts: list[list[Stage]],
) -> None:
    assert mode_after(*attempts) is ExtractionMode.NEVER


def test_an_attempt_that_died_while_it_waited_for_its_slot_is_not_blamed() -> None:
    assert mode_after(DIED_EXTRACTING, DIED_WAITING) is ExtractionMode.ALONE


def test_a_retry_by_the_user_restarts_the_count() -> None:
    """Also where the attempts were used up before the job was given up,
    so that the user's retry really runs.
    """
    records = history(DIED_EXTRACTING, DIED_EXTRACTING, retried=RETRIED_BY_USER)

    assert next_mode(records, attempt=3) is ExtractionMode.TOGETHER


# --- the slots ------------------------------------------------------------------------------------


async def begin(slots: ExtractionSlots, *, alone: bool = False) -> asyncio.Task[ExtractionSlot]:
    """Return the task of an extraction that has its slot or waits for it."""
    task = asyncio.create_task(slots.begin(alone=alone))
    await settle()
    return task


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def have_slot(tasks: Sequence[asyncio.Task[ExtractionSlot]]) -> list[bool]:
    return [task.done() for task in tasks]


async def test_shared_extractions_do_not_wait_for_each_other() -> None:
    slots = ExtractionSlots()

    assert have_slot([await begin(slots) for _ in range(3)]) == [True, True, True]


async def test_an_exclusive_extraction_waits_for_all_others_and_holds_back_later_ones() -> None:
    slots = ExtractionSlots()
    first, second = await begin(slots), await begin(slots)
    alone, later = await begin(slots, alone=True), await begin(slots)
    first.result().end()
    await settle()
    assert have_slot([alone, later]) == [False, False]

    second.result().end()
    await settle()
    assert have_slot([alone, later]) == [True, False]

    alone.result().end()
    await settle()
    assert have_slot([later]) == [True]


async def test_two_exclusive_extractions_run_one_after_the_other() -> None:
    slots = ExtractionSlots()
    first, second = await begin(slots, alone=True), await begin(slots, alone=True)
    assert have_slot([first, second]) == [True, False]

    first.result().end()
    first.result().end()  # twice, as in an attempt that fails after its extraction
    third = await begin(slots)
    assert have_slot([second, third]) == [True, False]


async def test_an_exclusive_extraction_that_is_cancelled_while_it_waits_blocks_no_others() -> None:
    slots = ExtractionSlots()
    first = await begin(slots)
    alone, later = await begin(slots, alone=True), await begin(slots)
    alone.cancel()
    await settle()

    assert have_slot([first, later]) == [True, True]


async def test_an_extraction_that_is_cancelled_as_it_gets_its_slot_releases_it() -> None:
    slots = ExtractionSlots()
    first = await begin(slots, alone=True)
    second, third = await begin(slots, alone=True), await begin(slots, alone=True)
    first.result().end()
    second.cancel()
    await settle()

    assert second.cancelled()
    assert have_slot([third]) == [True]
