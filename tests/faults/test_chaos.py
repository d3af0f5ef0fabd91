"""The chaos in its short form, on SQLite and PostgreSQL; and that it finds the mistakes which it is there to find."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.chaos import Plan, chaos
from tests.faults.engines import ENGINES
from tests.faults.mutants import MUTANTS

SECONDS = 20.0
JOBS = 600
MUTANTS_SECONDS = 20.0
STORMS = 8
# The stand-in for MongoDB runs one command at a time and takes minutes for a storm that shows something: `make chaos`.
STORES = sorted(ENGINES.keys() - {"mongodb"})
STORES_WITH_MUTANTS = ("sqlite", pytest.param("postgres", marks=pytest.mark.long))


@pytest.mark.fault("F02", "kills, freezes, cuts, restarts at random moments", by="signals, a proxy that cuts and loses")
@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("store", STORES)
async def test_kills_freezes_cuts_and_restarts_at_random_moments_lose_nothing(store: str, tmp_path: Path) -> None:
    outcome = await chaos(Plan(store, SECONDS, JOBS), tmp_path)
    print(outcome)

    assert outcome.account.broken == []
    assert outcome.account.jobs == JOBS
    assert outcome.happened["kills"] > 0
    assert outcome.happened["freezes"] > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("store", STORES_WITH_MUTANTS)
@pytest.mark.parametrize("mutant", MUTANTS)
async def test_chaos_finds_a_queue_with_a_known_mistake(store: str, mutant: str, tmp_path: Path) -> None:
    """Which moment finds it is chance: one storm is enough as a rule, three were not once, on a machine at its limit."""
    for attempt in range(STORMS):
        root = tmp_path / str(attempt)
        root.mkdir()
        outcome = await chaos(Plan(store, MUTANTS_SECONDS, JOBS, mutant=mutant, patience_s=10.0), root)
        if outcome.account.broken:
            return
    pytest.fail(f"{mutant} was not found on {store}")
