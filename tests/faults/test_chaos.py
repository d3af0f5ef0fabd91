"""The short form of the chaos test, on SQLite and PostgreSQL; and proof that it finds the bugs it
is meant to find.

``make faults`` runs it. ``make test`` has the contract suite, the kills at each stage (F01) and the
frozen workers (F24).
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mediavault.core.failures import NetworkFailure
from mediavault.core.media import Post
from mediavault.platforms.generic import GENERIC
from mediavault.store.mongodb.engine import ANSWER_TIMEOUT_MS
from mediavault.worker.retry import RetryIn, decide
from tests.faults.chaos import ATTEMPTS, AWAY_S, Plan, chaos
from tests.faults.engines import ENGINES
from tests.faults.mutants import MUTANTS
from tests.faults.worker_process import RETRY_BASE, Events, SiteExtractor

SECONDS = 20.0
JOBS = 600
MUTANTS_SECONDS = 20.0
STORMS = 16  # at most: on a busy machine the moments that show a bug are rarer
NOW = datetime(2026, 11, 26, tzinfo=UTC)
# The tests' MongoDB runs its commands on one processor, so a useful storm takes minutes:
# `make chaos`.
STORES = sorted(ENGINES.keys() - {"mongodb"})


@pytest.mark.fault(
    "F02",
    "kills, freezes, cuts, restarts at random moments",
    by="signals, a proxy that cuts and loses",
)
@pytest.mark.long
@pytest.mark.parametrize("store", STORES)
async def test_kills_freezes_cuts_and_restarts_at_random_moments_lose_nothing(
    store: str, tmp_path: Path
) -> None:
    outcome = await chaos(Plan(store, SECONDS, JOBS), tmp_path)
    print(outcome)

    assert outcome.account.broken == []
    assert outcome.account.jobs == JOBS
    assert outcome.happened["kills"] > 0
    assert outcome.happened["freezes"] > 0


async def test_waiting_for_a_failing_site_never_exceeds_the_storms_patience(tmp_path: Path) -> None:
    """Waits grow with the attempts, and kills cause many:
    a job that fails in its tenth attempt is not stuck.
    """
    (tmp_path / "events").mkdir()
    post = Post("https://videos.example/1", "https://videos.example/1", "generic")
    with closing(Events(tmp_path)) as events, pytest.raises(NetworkFailure) as bad_moment:
        await SiteExtractor(1.0, events).extract(post, GENERIC, within_s=1)
    decision = decide(
        bad_moment.value, attempt=10, max_attempts=ATTEMPTS, base=RETRY_BASE, jitter=1.0, now=NOW
    )

    assert isinstance(decision, RetryIn)
    assert decision.delay.total_seconds() < Plan().patience_s / 2


def test_a_store_call_may_take_as_long_as_the_slowest_driver_waits() -> None:
    """MongoDB's driver retries once automatically;
    a single slow answer does not mean that the store is unavailable.
    """
    assert AWAY_S > 2 * ANSWER_TIMEOUT_MS / 1000


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("store", ["sqlite", "postgres"])
@pytest.mark.parametrize("mutant", MUTANTS)
async def test_chaos_finds_a_queue_with_a_known_bug(
    store: str, mutant: str, tmp_path: Path
) -> None:
    """Which moment finds it is chance: mostly one storm is enough; ``nofence`` takes a minute,
    ``naive_claim`` five.

    The contract suite finds all but ``twostep_reap`` at once (test_store_mutants): that needs a
    second process.
    """
    for attempt in range(STORMS):
        root = tmp_path / str(attempt)
        root.mkdir()
        outcome = await chaos(
            Plan(store, MUTANTS_SECONDS, JOBS, mutant=mutant, patience_s=10.0), root
        )
        if outcome.account.broken:
            return
    pytest.fail(f"{mutant} was not found on {store}")
