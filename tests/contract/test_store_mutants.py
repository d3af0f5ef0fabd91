"""The random histories must be able to fail: each of these stores has one bug,
and each bug is found.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, MutableMapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from mediavault.core.clock import Clock
from mediavault.core.job import ClaimedJob, JobId, JobItem, JobStatus, NewJob, WorkerId
from mediavault.core.media import SavedFile
from mediavault.store.port import Enqueued, Recovered
from mediavault.store.postgres import sql as postgres_sql
from mediavault.store.postgres.claims import LowWaterMark
from mediavault.store.postgres.engine import Statement
from mediavault.store.postgres.store import PostgresJobStore, PostgresQueue
from mediavault.store.queries import age_of
from mediavault.store.sqlite.sql import SQL
from tests.contract.stores import POSTGRES, postgres_store, sqlite_store
from tests.contract.test_store_machine import machine_of
from tests.memory_store import MemoryJobStore, MemoryQueue

FIND = settings(
    max_examples=2_000,  # each bug is found in the first forty or so; the rest is for bad luck
    stateful_step_count=40,
    phases=[Phase.generate],  # to find the bug is enough; the example need not be shortened
    report_multiple_bugs=False,  # one bug is enough
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class CompletesWithAnyFence(MemoryQueue):
    """Checks the current row's fence instead of the attempt's."""

    async def complete(
        self, claim: ClaimedJob, saved: SavedFile, items: Sequence[JobItem] = ()
    ) -> None:
        current = self._state.jobs.get(claim.id, claim.job)
        await super().complete(replace(claim, job=current), saved, items)


class ReadsThenClaims(MemoryQueue):
    """Claims with a SELECT and an UPDATE instead of one statement."""

    async def claim(
        self, worker: WorkerId, *, limit: int, lease: timedelta, **_: Collection[str]
    ) -> list[ClaimedJob]:
        oldest = sorted(self._state.in_status(JobStatus.QUEUED), key=age_of)[:limit]
        await asyncio.sleep(0)
        now = self._state.clock.now()
        return [
            ClaimedJob(self._claim_one(self._state.jobs[job.id], worker, now, lease), worker)
            for job in oldest
        ]


class ClaimsWithAStaleFence(ReadsThenClaims):
    """As above, and the second worker gets the same fence as the first."""

    async def claim(
        self, worker: WorkerId, *, limit: int, lease: timedelta, **_: Collection[str]
    ) -> list[ClaimedJob]:
        oldest = sorted(self._state.in_status(JobStatus.QUEUED), key=age_of)[:limit]
        await asyncio.sleep(0)
        return [
            ClaimedJob(self._claim_one(job, worker, self._state.clock.now(), lease), worker)
            for job in oldest
        ]


class ReleaseDecrementsTheAttempt(MemoryQueue):
    """The fence shrinks, so that a zombie has the number of the next attempt."""

    async def release(self, claim: ClaimedJob, *, needs_session: bool = False) -> None:
        await super().release(claim, needs_session=needs_session)
        job = self._state.jobs[claim.id]
        self._state.jobs[claim.id] = replace(
            job, attempt_count=job.attempt_count - 1, max_attempts=job.max_attempts - 1
        )


class IgnoresUniquePosts(MemoryQueue):
    """Stores every submission as a new job."""

    def _enqueue_one(self, new: NewJob, at: datetime, *, force: bool) -> Enqueued:
        return super()._enqueue_one(
            replace(new, canonical_url=f"{new.canonical_url}#{new.id}"), at, force=force
        )


class TrustsTheWallClock(MemoryQueue):
    """Has no guard against a clock that was changed."""

    async def recover_stale_jobs(self, *, retry_in: timedelta) -> Recovered:
        self._state.guard = type(self._state.guard)()
        return await super().recover_stale_jobs(retry_in=retry_in)


class RenewsLostClaims(MemoryQueue):
    """Renews claims that the worker no longer holds together with the rest."""

    async def renew(
        self, worker: WorkerId, held: Collection[ClaimedJob], *, lease: timedelta
    ) -> set[JobId]:
        current = [replace(claim, job=self._state.jobs.get(claim.id, claim.job)) for claim in held]
        return await super().renew(worker, current, lease=lease)


MUTANTS = [
    CompletesWithAnyFence,
    ReadsThenClaims,
    ClaimsWithAStaleFence,
    ReleaseDecrementsTheAttempt,
    IgnoresUniquePosts,
    TrustsTheWallClock,
    RenewsLostClaims,
]

# statement, a part of it, the replacement of that part
SQL_MUTANTS = [
    ("complete", " AND attempt_count = :fence", ""),
    ("release", "max_attempts = max_attempts + 1", "attempt_count = attempt_count - 1"),
    ("recover", "THEN :now ELSE 0 END", "THEN :now * 2 ELSE :now * 2 END"),
    ("promote_due", " AND retry_at <= :now", ""),
    ("renew", "jobs.attempt_count = (given.value ->> 1) AND ", ""),
    ("retry", "max(max_attempts, attempt_count + 1)", "max_attempts"),
    ("first_queued", "ORDER BY priority, created_at", "ORDER BY created_at"),
]

# The same for PostgreSQL, as patterns: there every named value must stay in the statement.
POSTGRES_MUTANTS = [
    ("complete", r"jobs\.attempt_count = d\.fence", "d.fence IS NOT NULL"),
    ("progress", r"attempt_count = (\$\d+::int)", r"\1 IS NOT NULL"),
    ("begin_commit", r"attempt_count = (\$\d+::int)", r"\1 IS NOT NULL"),
    ("fail", r"attempt_count = (\$\d+::int)", r"\1 IS NOT NULL"),
    ("release", r"max_attempts = max_attempts \+ 1", "attempt_count = attempt_count - 1"),
    ("recover", r"THEN (coalesce\(.*\)::bigint\)) ELSE 0 END", r"THEN \1 * 2 ELSE \1 * 2 END"),
    ("promote_due", r" AND retry_at <= coalesce\(\$\d::bigint, .*\)::bigint\)", ""),
    ("renew", r"jobs\.attempt_count = \(given\.value ->> 1\)::int AND ", ""),
    ("retry", r"greatest\(max_attempts, attempt_count \+ 1\)", "max_attempts"),
    ("claim", r"ORDER BY priority, created_at", "ORDER BY created_at"),
]


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_store_with_a_bug_is_detected(mutant: type[MemoryQueue]) -> None:
    def factory(folder: Path, clock: Clock) -> MemoryJobStore:
        store = MemoryJobStore(clock)
        store.queue = mutant(store._state)
        return store

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run_state_machine_as_test(machine_of(factory), settings=FIND)


@pytest.mark.parametrize(("statement", "right", "wrong"), SQL_MUTANTS)
def test_a_statement_with_a_bug_is_detected(
    monkeypatch: pytest.MonkeyPatch, statement: str, right: str, wrong: str
) -> None:
    sql = SQL[statement]
    assert right in sql, f"the statement reads otherwise now, mend this test: {sql}"
    monkeypatch.setitem(SQL, statement, sql.replace(right, wrong))

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run_state_machine_as_test(machine_of(sqlite_store), settings=FIND)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("statement", "right", "wrong"), POSTGRES_MUTANTS)
def test_a_postgresql_statement_with_a_bug_is_detected(
    monkeypatch: pytest.MonkeyPatch, statement: str, right: str, wrong: str
) -> None:
    sql = postgres_sql.SQL[statement].sql
    assert re.search(right, sql), f"the statement reads otherwise now, mend this test: {sql}"
    changed = replace(postgres_sql.SQL[statement], sql=re.sub(right, wrong, sql))
    monkeypatch.setitem(
        cast("MutableMapping[str, Statement]", postgres_sql.SQL), statement, changed
    )

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run_state_machine_as_test(
            machine_of(postgres_store, on_the_hosts_clock=False), settings=FIND
        )


@pytest.mark.timeout(900)
def test_a_postgresql_store_that_ignores_unique_posts_is_detected() -> None:
    class EverySubmissionIsAJob(PostgresQueue):
        async def enqueue(self, jobs: Sequence[NewJob], *, force: bool = False) -> list[Enqueued]:
            apart = [replace(job, canonical_url=f"{job.canonical_url}#{job.id}") for job in jobs]
            return await super().enqueue(apart, force=force)

    def factory(folder: Path, clock: Clock) -> PostgresJobStore:
        store = PostgresJobStore(POSTGRES.url_for(folder), clock)
        store.queue = EverySubmissionIsAJob(store._server, LowWaterMark())
        return store

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run_state_machine_as_test(machine_of(factory, on_the_hosts_clock=False), settings=FIND)
