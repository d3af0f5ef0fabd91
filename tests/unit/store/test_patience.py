"""A long-running process waits for its database; an error that waiting cannot fix ends it at
once.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest

from mediavault.core.failures import SchemaTooNew, StoreError, StoreUnreachable
from mediavault.store.patience import DatabaseWait
from mediavault.store.sqlite.engine import translate_refusal
from tests.fakes import FakeClock


class Database:
    """Unavailable for the first ``away`` calls."""

    def __init__(self, away: int) -> None:
        self.away, self.calls = away, 0

    async def open(self) -> str:
        self.calls += 1
        if self.calls <= self.away:
            raise StoreUnreachable("nobody answers")
        return "open"


async def test_the_database_is_tried_again_with_growing_waits_until_it_answers() -> None:
    clock, database, messages = FakeClock(auto=True), Database(away=6), list[str]()

    async def tell(exc: StoreUnreachable) -> None:
        messages.append(exc.message)

    began = clock.monotonic()
    assert await DatabaseWait(clock, tell).wait_for(database.open) == "open"

    assert clock.monotonic() - began == 0.5 + 1 + 2 + 4 + 5 + 5
    assert messages == ["nobody answers"] * 6


async def test_an_opening_that_takes_long_is_reported_while_it_goes_on() -> None:
    """For example while an older vault is indexed: requests are answered in the meantime."""
    clock, messages = FakeClock(), list[str]()

    async def tell(exc: StoreUnreachable) -> None:
        messages.append(exc.message)

    async def open_slowly() -> str:
        await clock.sleep(10)
        return "open"

    opening = asyncio.create_task(DatabaseWait(clock, tell).wait_for(open_slowly))
    for _ in range(2):
        await clock.settle()
        clock.advance(5)
    await clock.settle()

    assert await opening == "open"
    assert messages == ["The database is being brought up to date."]


@pytest.mark.parametrize("error", [StoreError("wrong password"), SchemaTooNew("schema 99")])
async def test_an_error_that_waiting_cannot_fix_is_raised_at_once(error: StoreError) -> None:
    async def refuse() -> None:
        raise error

    with pytest.raises(StoreError) as caught:
        await DatabaseWait(FakeClock()).wait_for(refuse)

    assert caught.value is error


@pytest.mark.parametrize(
    "held", [apsw.BusyError("database is locked"), apsw.LockedError("table is locked")]
)
def test_a_file_that_another_program_holds_may_be_available_later(held: apsw.Error) -> None:
    assert isinstance(translate_refusal(held, Path("/state/mediavault.db")), StoreUnreachable)


@pytest.mark.parametrize(
    "broken", [apsw.NotADBError("no"), apsw.CorruptError("no"), apsw.ReadOnlyError("no")]
)
def test_a_file_that_is_not_a_database_is_not_waited_for(broken: apsw.Error) -> None:
    assert not isinstance(translate_refusal(broken, Path("/state/mediavault.db")), StoreUnreachable)
