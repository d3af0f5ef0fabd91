"""Random histories: three workers, their stale attempts, a user and a changing clock, compared with
a model of a few lines.

Any claim that was ever returned may act again at any time. After each step the store's jobs are
compared with the model, and the history with three laws: an attempt is a claim, a completed job
does not change, and no record disappears.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mediavault.core.failures import ErrorCode, IllegalMove, JobNotFound, LeaseLost
from mediavault.core.job import (
    ClaimedJob,
    HistoryRecord,
    Job,
    JobId,
    JobStatus,
    Priority,
    Stage,
    WorkerId,
)
from mediavault.store.port import JobQuery, Store
from tests import browsing
from tests.contract.stores import (
    LEASE,
    NOTHING_FOUND,
    ON_THE_HOSTS_CLOCK,
    SAVED,
    STORES,
    StoreFactory,
    give_back,
    numbered_job,
)
from tests.fakes import START, FakeClock

T = TypeVar("T")
Q, R, C, F, X = (
    JobStatus.QUEUED,
    JobStatus.RUNNING,
    JobStatus.COMPLETED,
    JobStatus.FAILED,
    JobStatus.CANCELLED,
)

WORKERS = [WorkerId(f"w-{name}") for name in ("ann", "bob", "cem")]
URLS = [f"https://videos.example/watch/{number}" for number in range(4)]
MINUTE = timedelta(minutes=1)
JUMPS = [
    timedelta(days=2),
    timedelta(hours=1),
    timedelta(seconds=7),
    -timedelta(seconds=7),
    -timedelta(days=2),
]

RANDOM = settings(database=None, suppress_health_check=list(HealthCheck))
EFFORT = {
    "memory": settings(RANDOM, max_examples=60, stateful_step_count=40),
    "mongodb": settings(RANDOM, max_examples=10, stateful_step_count=30),
    "postgres": settings(RANDOM, max_examples=10, stateful_step_count=30),
    "sqlite": settings(RANDOM, max_examples=25, stateful_step_count=30),
}


@dataclass
class Expected:
    """What the model knows of a job."""

    created_at: datetime
    url: str
    version: int
    max_attempts: int
    priority: Priority = Priority.NORMAL
    status: JobStatus = Q
    attempts: int = 0
    lease_until: datetime | None = None
    # monotonic: until then its worker must not lose it, whatever the wall clock does
    alive_until: float = 0.0
    committing: bool = False
    retry_at: datetime | None = None

    def move(self, status: JobStatus, *, retry_at: datetime | None = None) -> None:
        self.status, self.retry_at, self.lease_until = status, retry_at, None

    def seen(self) -> tuple[object, ...]:
        return (
            self.status,
            self.attempts,
            self.max_attempts,
            self.retry_at,
            self.lease_until,
            self.version,
        )


def seen_in(job: Job) -> tuple[object, ...]:
    return (
        job.status,
        job.attempt_count,
        job.max_attempts,
        job.retry_at,
        job.lease_expires_at,
        job.version,
    )


# What an attempt may do: the call, and the change to the model if the attempt still holds the job.
Act = tuple[Callable[[Store, ClaimedJob], Awaitable[object]], Callable[[Expected, datetime], None]]


def _failing(retry_in: timedelta | None) -> Act:
    return (
        lambda store, claim: store.queue.fail(
            claim, error_code=ErrorCode.NETWORK, error="it broke", retry_in=retry_in
        ),
        lambda job, now: job.move(F, retry_at=None if retry_in is None else now + retry_in),
    )


def _released(job: Expected, now: datetime) -> None:
    job.move(Q)
    job.max_attempts += 1


def _sets_flag(*, committing: bool) -> Callable[[Expected, datetime], None]:
    def change(job: Expected, now: datetime) -> None:
        job.committing = committing

    return change


ACTS: Mapping[str, Act] = {
    "complete": (
        lambda store, claim: store.queue.complete(claim, SAVED),
        lambda job, now: job.move(C),
    ),
    "fail for good": _failing(None),
    "fail and retry": _failing(MINUTE),
    "release": (lambda store, claim: store.queue.release(claim), _released),
    "checkpoint": (
        lambda store, claim: store.queue.checkpoint(claim, NOTHING_FOUND),
        _sets_flag(committing=False),
    ),
    "begin_commit": (
        lambda store, claim: store.queue.begin_commit(claim, SAVED),
        _sets_flag(committing=True),
    ),
    "progress": (
        lambda store, claim: store.queue.progress(claim, stage=Stage.DOWNLOAD, progress_pct=60),
        _sets_flag(committing=False),
    ),
}


class StoreMachine(RuleBasedStateMachine):
    """``factory`` and ``on_the_hosts_clock`` are set by :func:`machine_of`."""

    factory: StoreFactory
    on_the_hosts_clock: bool

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="store-machine-"))
        self.clock = FakeClock()
        self.store = type(self).factory(self.folder, self.clock)
        self.run(self.store.open())
        self.jobs: dict[JobId, Expected] = {}
        self.ids: list[JobId] = []  # including removed jobs
        self.claims: list[ClaimedJob] = []  # all that were ever returned
        self.completed: dict[JobId, Job] = {}
        self.histories: dict[JobId, list[HistoryRecord]] = {}
        self.not_believed_until = 0.0  # monotonic

    def run(self, call: Coroutine[Any, Any, T] | Awaitable[T]) -> T:
        async def wait() -> T:
            return await call

        return self.loop.run_until_complete(wait())

    def teardown(self) -> None:
        try:
            jobs = self.run(
                self.store.catalogue.changed_since(START - timedelta(days=99), limit=10_000)
            )
            assert self.run(self.store.catalogue.library_totals()) == browsing.totals(jobs)
        finally:
            self.close()

    def close(self) -> None:
        self.run(self.store.close())
        self.run(give_back(self.folder))
        self.loop.close()
        shutil.rmtree(self.folder)

    @initialize(running=st.integers(0, 2))
    def some_jobs_run_already(self, running: int) -> None:
        """A history that starts empty rarely produces a zombie."""
        for number in range(running):
            self.enqueue([URLS[number]], force=False, tries=2)
            self.claim(WORKERS[number], limit=1)

    # --- submissions ------------------------------------------------------------------------------

    @rule(
        urls=st.lists(st.sampled_from(URLS), min_size=1, max_size=4),
        force=st.booleans(),
        tries=st.integers(1, 3),
        priority=st.sampled_from(Priority),
    )
    def enqueue(
        self, urls: Sequence[str], force: bool, tries: int, priority: Priority = Priority.NORMAL
    ) -> None:
        first = len(self.ids) + 1
        numbered = (numbered_job(first + n, url, max_attempts=tries) for n, url in enumerate(urls))
        new = [replace(job, priority=priority) for job in numbered]
        self.ids += [job.id for job in new]

        answers = self.run(self.store.queue.enqueue(new, force=force))

        assert len(answers) == len(new)
        fresh: set[str] = set()
        for job, answer in zip(new, answers, strict=True):
            newest = self.newest(job.canonical_url)
            wanted = job.canonical_url not in fresh and (force or newest is None)
            assert answer.created is wanted
            if wanted:
                fresh.add(job.canonical_url)
                version = self.jobs[newest].version + 1 if newest else 1
                self.jobs[job.id] = Expected(
                    answer.job.created_at, job.canonical_url, version, tries, priority
                )
            assert answer.job.id == self.newest(job.canonical_url)

    def newest(self, url: str) -> JobId | None:
        versions = [(job.version, job_id) for job_id, job in self.jobs.items() if job.url == url]
        return max(versions)[1] if versions else None

    # --- workers ----------------------------------------------------------------------------------

    @rule(worker=st.sampled_from(WORKERS), limit=st.integers(1, 3))
    def claim(self, worker: WorkerId, limit: int) -> None:
        expected = self.first(limit)

        claims = self.run(self.store.queue.claim(worker, limit=limit, lease=LEASE))

        assert [claim.id for claim in claims] == expected
        self.note(claims)

    @rule(limit=st.integers(1, 2))
    def claim_at_the_same_moment(self, limit: int) -> None:
        expected = self.first(limit * 3)

        async def all_at_once() -> list[list[ClaimedJob]]:
            return await asyncio.gather(
                *(self.store.queue.claim(w, limit=limit, lease=LEASE) for w in WORKERS)
            )

        claims = [claim for taken in self.run(all_at_once()) for claim in taken]

        assert sorted(claim.id for claim in claims) == sorted(expected)
        self.note(claims)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), worker=st.sampled_from(WORKERS), limit=st.integers(1, 2))
    def completions_and_a_claim_at_the_same_moment(
        self, data: st.DataObject, worker: WorkerId, limit: int
    ) -> None:
        """As a busy worker makes them; one statement may hold them all."""
        attempts = st.lists(
            st.sampled_from(self.claims), min_size=1, max_size=3, unique_by=lambda claim: claim.id
        )
        done = data.draw(attempts, label="done")
        held, expected = [self.holds(claim) for claim in done], self.first(limit)

        async def all_at_once() -> list[Any]:
            completing = [self.store.queue.complete(claim, SAVED) for claim in done]
            claiming = self.store.queue.claim(worker, limit=limit, lease=LEASE)
            return await asyncio.gather(*completing, claiming, return_exceptions=True)

        *outcomes, claims = self.run(all_at_once())

        assert [claim.id for claim in claims] == expected
        self.note(claims)
        assert [type(outcome) for outcome in outcomes] == [
            type(None) if holds else LeaseLost for holds in held
        ]
        for claim in itertools.compress(done, held):
            self.jobs[claim.id].move(C)

    def first(self, limit: int) -> list[JobId]:
        queued = (
            (job.priority.rank, job.created_at, job_id)
            for job_id, job in self.jobs.items()
            if job.status is Q
        )
        return [job_id for *_, job_id in sorted(queued)[:limit]]

    def note(self, claims: Sequence[ClaimedJob]) -> None:
        for claim in claims:
            job = self.jobs[claim.id]
            job.move(R)
            job.attempts += 1
            job.committing = False
            job.lease_until = self.clock.now() + LEASE
            job.alive_until = self.clock.monotonic() + LEASE.total_seconds()
            assert claim.fence == job.attempts
        self.claims += claims

    def holds(self, claim: ClaimedJob) -> bool:
        job = self.jobs.get(claim.id)
        return job is not None and job.status is R and job.attempts == claim.fence

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), act=st.sampled_from(sorted(ACTS)))
    def an_attempt_acts(self, data: st.DataObject, act: str) -> None:
        self.act(act, data.draw(st.sampled_from(self.claims), label="claim"))

    @precondition(lambda self: self.held())
    @rule(data=st.data(), act=st.sampled_from(sorted(ACTS)))
    def a_holder_acts(self, data: st.DataObject, act: str) -> None:
        self.act(act, data.draw(st.sampled_from(self.held()), label="claim"))

    @precondition(lambda self: self.zombies())
    @rule(data=st.data(), act=st.sampled_from(sorted(ACTS)))
    def a_zombie_acts_on_a_running_job(self, data: st.DataObject, act: str) -> None:
        self.act(act, data.draw(st.sampled_from(self.zombies()), label="claim"))

    @precondition(lambda self: self.zombies())
    @rule(data=st.data())
    def a_zombie_renews(self, data: st.DataObject) -> None:
        self.renews_nothing(data.draw(st.sampled_from(self.zombies()), label="claim"))

    def renews_nothing(self, zombie: ClaimedJob) -> None:
        assert self.run(self.store.queue.renew(zombie.worker, [zombie], lease=LEASE)) == set()

    @precondition(lambda self: self.held())
    @rule(data=st.data(), worker=st.sampled_from([None, *WORKERS]))
    def a_job_changes_hands_and_its_zombie_tries_everything(
        self, data: st.DataObject, worker: WorkerId | None
    ) -> None:
        """This is rare by chance, and it is what fences are for."""
        claim = data.draw(st.sampled_from(self.held()), label="claim")
        self.a_worker_is_known_to_be_dead(claim.worker)
        self.recover()
        self.retry_of(claim.id)
        self.claim(worker or claim.worker, limit=9)  # None: the worker that had lost it
        self.renews_nothing(claim)
        for act in ACTS:
            self.act(act, claim)

    def act(self, act: str, claim: ClaimedJob) -> None:
        call, change = ACTS[act]
        if self.holds(claim):
            answer = self.run(call(self.store, claim))
            change(self.jobs[claim.id], self.clock.now())
            if isinstance(answer, Job):
                assert answer == self.run(self.store.catalogue.get(claim.id))
        else:
            before = self.run(self.store.catalogue.jobs(JobQuery(limit=500)))
            with pytest.raises(LeaseLost):
                self.run(call(self.store, claim))
            assert self.run(self.store.catalogue.jobs(JobQuery(limit=500))) == before

    def held(self) -> list[ClaimedJob]:
        return [claim for claim in self.claims if self.holds(claim)]

    def zombies(self) -> list[ClaimedJob]:
        """Return the attempts whose job is now held by another attempt."""
        running = {job_id for job_id, job in self.jobs.items() if job.status is R}
        return [claim for claim in self.claims if claim.id in running and not self.holds(claim)]

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), worker=st.sampled_from(WORKERS))
    def renew(self, data: st.DataObject, worker: WorkerId) -> None:
        """A worker may name any attempt that it ever had, and leave out some that it holds."""
        theirs = [claim for claim in self.claims if claim.worker == worker]
        named = (
            data.draw(st.lists(st.sampled_from(theirs), max_size=3), label="named")
            if theirs
            else []
        )
        held = {claim.id for claim in named if self.holds(claim)}

        assert self.run(self.store.queue.renew(worker, named, lease=LEASE)) == held
        for job_id in held:
            self.jobs[job_id].lease_until = self.clock.now() + LEASE
            self.jobs[job_id].alive_until = self.clock.monotonic() + LEASE.total_seconds()

    @rule(worker=st.sampled_from(WORKERS))
    def a_worker_is_known_to_be_dead(self, worker: WorkerId) -> None:
        theirs = {claim.id for claim in self.claims if claim.worker == worker and self.holds(claim)}

        assert self.run(self.store.workers.expire_leases([worker])) == len(theirs)
        for job_id in theirs:
            job = self.jobs[job_id]
            job.lease_until, job.alive_until = (
                self.run(self.store.catalogue.get(job_id)).lease_expires_at,
                0.0,
            )

    @rule()
    def recover(self) -> None:
        now, monotonic = self.clock.now(), self.clock.monotonic()
        believed = monotonic >= self.not_believed_until
        running = {job_id: job for job_id, job in self.jobs.items() if job.status is R}
        ended = {
            job_id
            for job_id, job in running.items()
            if job.alive_until == 0
            or (believed and job.lease_until is not None and job.lease_until <= now)
        }
        again = {
            i
            for i in ended
            if running[i].attempts < running[i].max_attempts + running[i].committing
        }

        recovered = self.run(self.store.queue.recover_stale_jobs(retry_in=MINUTE))

        assert all(running[job_id].alive_until <= monotonic for job_id in recovered.job_ids), (
            "a live worker's job"
        )
        assert set(recovered.job_ids) == ended
        assert (recovered.failed, recovered.requeueable) == (len(ended), len(again))
        for job_id in ended:
            running[job_id].move(F, retry_at=now + MINUTE if job_id in again else None)

    @rule()
    def promote(self) -> None:
        now = self.clock.now()
        due = [
            job for job in self.jobs.values() if job.retry_at is not None and job.retry_at <= now
        ]

        assert self.run(self.store.queue.promote_due()) == len(due)
        for job in due:
            job.move(Q)

    # --- user actions -----------------------------------------------------------------------------

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(self.ids), label="job")
        if self.asked(self.store.queue.cancel, job_id):
            self.jobs[job_id].move(X)

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        self.retry_of(data.draw(st.sampled_from(self.ids), label="job"))

    def retry_of(self, job_id: JobId) -> None:
        if self.asked(self.store.queue.retry, job_id) and (job := self.jobs[job_id]).status in (
            F,
            X,
        ):
            job.move(Q)
            job.max_attempts = max(job.max_attempts, job.attempts + 1)

    def asked(self, ask: Callable[[JobId], Awaitable[Job]], job_id: JobId) -> bool:
        """Return whether the state of the job allowed the call; if so,
        the result must be the stored job.
        """
        job = self.jobs.get(job_id)
        if job is None or job.status is C:
            with pytest.raises(JobNotFound if job is None else IllegalMove):
                self.run(ask(job_id))
            return False
        assert self.run(ask(job_id)) == self.run(self.store.catalogue.get(job_id))
        return True

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(self.ids), label="job")
        if job_id not in self.jobs:
            with pytest.raises(JobNotFound):
                self.run(self.store.catalogue.remove(job_id))
            return
        assert (
            seen_in(self.run(self.store.catalogue.remove(job_id))) == self.jobs.pop(job_id).seen()
        )
        self.completed.pop(job_id, None)
        self.histories.pop(job_id, None)

    # --- time -------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 30, 60, 91, 400]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: self.on_the_hosts_clock)
    @rule(by=st.sampled_from(JUMPS))
    def the_wall_clock_is_set(self, by: timedelta) -> None:
        """The clock is read before it is changed again, as every worker does every few seconds."""
        self.clock.jump(by)
        self.not_believed_until = self.clock.monotonic() + LEASE.total_seconds()
        self.recover()

    # --- laws -------------------------------------------------------------------------------------

    @invariant()
    def the_store_agrees_with_the_model(self) -> None:
        stored = {
            job.id: job for job in self.run(self.store.catalogue.jobs(JobQuery(limit=500))).jobs
        }

        assert {i: seen_in(job) for i, job in stored.items()} == {
            i: job.seen() for i, job in self.jobs.items()
        }
        for job_id, job in stored.items():
            if job.status is C:
                assert self.completed.setdefault(job_id, job) == job, "a completed job changed"
        assert self.completed.keys() <= stored.keys()

    @invariant()
    def an_attempt_is_a_claim_in_the_history(self) -> None:
        async def all_at_once() -> list[list[HistoryRecord]]:
            return await asyncio.gather(*map(self.store.catalogue.history, self.jobs))

        for (job_id, job), records in zip(self.jobs.items(), self.run(all_at_once()), strict=True):
            before = self.histories.get(job_id, [])
            assert records[: len(before)] == before, "history was rewritten"
            claims = [record.attempt for record in records if record.stage is Stage.CLAIM]
            assert claims == list(range(1, job.attempts + 1))
            self.histories[job_id] = records

    @invariant()
    def a_job_has_one_holder_at_most(self) -> None:
        tokens = [(claim.id, claim.fence) for claim in self.claims]

        assert len(set(tokens)) == len(tokens), "two attempts with the same fence"

    @invariant()
    def the_next_due_is_the_earliest(self) -> None:
        due = [job.retry_at for job in self.jobs.values() if job.retry_at is not None]

        assert self.run(self.store.catalogue.next_due()) == min(due, default=None)


def machine_of(factory: StoreFactory, *, on_the_hosts_clock: bool = True) -> type[StoreMachine]:
    made = {"factory": staticmethod(factory), "on_the_hosts_clock": on_the_hosts_clock}
    return type("StoreMachine", (StoreMachine,), made)


@pytest.mark.parametrize("name", sorted(STORES))
def test_no_history_of_workers_zombies_and_clock_changes_breaks_the_store(name: str) -> None:
    run_state_machine_as_test(
        machine_of(STORES[name], on_the_hosts_clock=name in ON_THE_HOSTS_CLOCK),
        settings=EFFORT[name],
    )
