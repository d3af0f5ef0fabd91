"""The worker's loop: stage 1 of every job (claim), slots, leases, heartbeat, recovery and an orderly end.

Each loop is dull; what one round of it does is a method that answers counts and can be called from a test.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from mediavault import __version__
from mediavault.core.errors import LeaseLost, MediavaultError, StoreError
from mediavault.core.job import ClaimedJob, JobId, WorkerBeat, WorkerId, new_worker_id
from mediavault.core.logs import bound_facts, get_logger, job_context
from mediavault.worker import liveness
from mediavault.worker.forgetting import FORGET_EVERY_S, forget_old_jobs
from mediavault.worker.freezes import FreezeReport, write_report
from mediavault.worker.handover import free_stranded_jobs, go_on_after_sign_in
from mediavault.worker.library_watch import LibraryWatch
from mediavault.worker.loops import end, every, first_of, guarded
from mediavault.worker.pipeline import process_one_cycle
from mediavault.worker.recovery import RECOVERIES_PER_LEASE, recover_stale_jobs
from mediavault.worker.ticker import Ticker
from mediavault.worker.tools import Tools, as_set_now

LEASE_SAFETY = 1 / 9  # of the lease: 10 s of 90 s. Work stops this long before anybody else may take the job
RELEASE_TIMEOUT_S = 10.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    concurrency: int
    poll_interval_s: float
    heartbeat_interval_s: float
    lease: timedelta
    shutdown_grace_s: float
    platforms: tuple[str, ...] = ()  # whose jobs it takes; empty: everybody's

    @property
    def recovery_interval_s(self) -> float:
        return self.lease.total_seconds() / RECOVERIES_PER_LEASE

    @property
    def watch_interval_s(self) -> float:
        """How often deadlines are looked at: several times between a deadline and the end of its lease."""
        return self.lease.total_seconds() * LEASE_SAFETY / 4


@dataclass(slots=True)
class HeldClaim:
    """A claim in the hands of this worker. ``deadline`` is monotonic: after it the lease may be gone.

    ``written`` when all that is left is the store's answer: it takes no slot any more.
    """

    claim: ClaimedJob
    deadline: float
    task: asyncio.Task[None] | None = None
    released: bool = False
    written: bool = False


class Worker:
    """One worker process's hold on the queue."""

    def __init__(self, tools: Tools, limits: WorkerLimits, *, live_folder: Path) -> None:
        self.id: WorkerId = new_worker_id()
        self._tools = tools
        self._limits = limits
        self._live_folder = live_folder
        self._started_at: datetime = tools.clock.now()
        self._attempts: dict[JobId, HeldClaim] = {}
        self._slots = limits.concurrency
        self._draining = False
        self._leaving = asyncio.Event()  # somebody asked it to: finish what runs, claim nothing, go
        self._tally: Counter[str] = Counter()
        self._missed_beats = 0
        self._signed_in: frozenset[str] | None = None  # as of the last beat
        self._new_sessions: frozenset[str] = frozenset()  # whose jobs still have to go on
        self._look_round_at = float("-inf")
        self._library = LibraryWatch(tools.vault, tools.clock, poll_interval_s=limits.poll_interval_s)
        self._ticker = Ticker(self.claim_and_start, interval_s=limits.poll_interval_s, clock=tools.clock)
        self._beats: set[asyncio.Task[None]] = set()
        self._background: set[asyncio.Task[None]] = set()

    @property
    def running_jobs(self) -> frozenset[JobId]:
        return frozenset(self._attempts)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then finish or release what is running; or until it was asked to leave and is done."""
        with liveness.alive(self._live_folder, self.id):
            log.info("worker_started", worker=self.id, concurrency=self._limits.concurrency)
            await guarded(self.recover)
            leave_work = self._tools.store.on_work(self._ticker.wake)
            leave_stops = self._tools.store.on_stop(self.stop_asked)
            heartbeat = self._loop(self._limits.heartbeat_interval_s, self._start_beat)
            claiming = asyncio.create_task(self._ticker.run())
            recovering = self._loop(self._limits.recovery_interval_s, self.recover, first=False)
            watching = self._loop(self._limits.watch_interval_s, self._watch)
            forgetting = self._loop(FORGET_EVERY_S, self.forget)
            leaving = asyncio.create_task(self._until_left())
            try:
                await first_of(stop, [heartbeat, claiming, recovering, watching, forgetting, leaving])
            finally:
                leave_work()
                self._draining = True
                await end(claiming, recovering, forgetting, leaving)
                await self._drain()  # the heartbeat goes on: attempts that may finish keep their leases
                leave_stops()
                await end(heartbeat, watching, *self._background)
                with contextlib.suppress(StoreError):
                    await self._tools.store.forget_worker(self.id)
            log.info("worker_stopped", worker=self.id)

    # --- one round of each loop ---------------------------------------------------------------------------------

    async def claim_and_start(self) -> None:
        """Promote due retries, claim as many jobs as there are free slots, start them.

        Between two polls a wake-up only claims: what is due can wait for the next one, what has just been enqueued is
        in a hurry, and a claim that is sent at once shares the transaction of the completion that made room for it.
        """
        try:
            if liveness.dead_workers(self._live_folder):
                await guarded(self.recover)  # a neighbour was killed: its jobs go on within a tick
            await self._look_round()
            if not self._library.is_there or not await self._library.disk_is_well():
                return
            running = sum(not attempt.written for attempt in self._attempts.values())
            free = self._library.allows(self._slots - running, running)
            if free <= 0 or self._draining or self._leaving.is_set():
                return
            sent = self._tools.clock.monotonic()
            # The ticker lets a round finish: a claim whose answer is dropped would hold its jobs until the lease ends.
            claims = await self._tools.store.claim(
                self.id,
                limit=free,
                lease=self._limits.lease,
                platforms=self._limits.platforms,
                sessions=self._signed_in or (),
            )
        except (StoreError, OSError) as exc:
            log.error("claim_failed", error=str(exc))
            return
        self._tally["claimed"] += len(claims)
        for claim in claims:
            self._start(claim, sent)

    async def _look_round(self) -> None:
        """At every poll, but not at every wake-up: a promotion is a transaction of its own, and a busy queue wakes us all the time."""
        now = self._tools.clock.monotonic()
        if now < self._look_round_at:
            return
        self._look_round_at = now + self._limits.poll_interval_s / 2  # a poll that comes a little early still does
        if self._tools.live is not None:
            self._slots = (await self._tools.live()).concurrency
        await self._library.look()
        if self._library.is_there:
            await self._tools.store.promote_due()

    async def beat(self) -> None:
        """Renew the leases of the attempts held, say that this worker lives, and stop attempts that were lost."""
        await self._renew([attempt.claim for attempt in self._attempts.values()])
        self._new_sessions |= await self._look_for_sessions()
        if await self._tools.store.beat(self._sign_of_life()) and not self._leaving.is_set():
            log.info("asked_to_leave", worker=self.id, running=len(self._attempts))
            self._leaving.set()
        if self._new_sessions:  # the workers that may take these jobs know of the session by now
            self._in_background(guarded(self._go_on_after_sign_in))

    async def _go_on_after_sign_in(self) -> None:
        """Not a part of the beat: the jobs may be many, and leases must be renewed meanwhile."""
        platforms, self._new_sessions = self._new_sessions, frozenset()
        try:
            await go_on_after_sign_in(platforms, self._tools.store)
        except MediavaultError:
            self._new_sessions |= platforms  # the next beat tries again
            raise

    async def _renew(self, held: Sequence[ClaimedJob]) -> None:
        """Keep these attempts, and stop those that somebody else has by now or a person cancelled."""
        sent = self._tools.clock.monotonic()
        still = await self._tools.store.renew(self.id, held, lease=self._limits.lease) if held else set()
        for claim in held:
            attempt = self._attempts.get(claim.id)
            if attempt is None or attempt.claim is not claim or attempt.released:
                continue
            if claim.id in still:
                attempt.deadline = self._deadline(sent)
            else:
                self._stop(attempt, why="lease_lost")

    async def _look_for_sessions(self) -> frozenset[str]:
        """The platforms that somebody has signed in to on this machine since the last look; none at the first."""
        try:
            now = await self._tools.signed_in()
        except (MediavaultError, OSError) as exc:
            log.warning("sessions_not_read", error=str(exc))
            return frozenset()
        new = frozenset[str]() if self._signed_in is None else now - self._signed_in
        self._signed_in = now
        return new

    async def recover(self) -> None:
        """One pass of recovery."""
        await recover_stale_jobs(self._tools.store, self._tools.vault.staging, self._live_folder)
        await free_stranded_jobs(self._tools.store)

    async def forget(self) -> None:
        """Remove old jobs that came to nothing, where a person has set so."""
        if self._tools.live is not None:
            days, at = (await self._tools.live()).forget_after_days, (await self._tools.store.report()).at
            await forget_old_jobs(self._tools.store, days=days, now=at)

    def stop_overdue_attempts(self) -> int:
        """Stop attempts whose lease could not be renewed in time, before anybody else may take them; how many."""
        now = self._tools.clock.monotonic()
        overdue = [attempt for attempt in self._attempts.values() if attempt.deadline <= now]
        for attempt in overdue:
            self._stop(attempt, why="lease_not_renewed")
        return len(overdue)

    async def _watch(self) -> None:
        """Asks nobody: the other loops may hang at a store that does not answer, and the lease ends all the same."""
        self.stop_overdue_attempts()

    def hurry(self) -> None:
        """Do not wait for running attempts any longer: give them back now."""
        for attempt in self._attempts.values():
            if attempt.task is not None:
                attempt.task.cancel()

    def stop_asked(self, asked: str) -> None:
        """A person cancelled or removed this job, it is said, or wants this worker to leave: ask the store at once.

        Not simply stop the job's attempt: what is said may be late, and the attempt that it meant over.
        """
        if asked == self.id:
            self._in_background(self._beat_or_count())
        elif (attempt := self._attempts.get(JobId(asked))) is not None and not attempt.released:
            self._in_background(guarded(partial(self._renew, [attempt.claim])))

    def report_freeze(self, seconds: float, stack: Sequence[str]) -> None:
        """Write down which job's code stopped the event loop, and which others are under way. Raises OSError.

        To be called by a signal handler, which interrupts that code: nothing else of this worker is running.
        """
        facts = bound_facts()
        report = FreezeReport(
            worker=self.id,
            at=self._tools.clock.now(),
            seconds=seconds,
            held=tuple((attempt.claim.id, attempt.claim.fence) for attempt in self._attempts.values()),
            stack=tuple(stack),
            job_id=facts.get("job_id"),
            attempt=facts.get("attempt"),
            trace_id=facts.get("trace_id"),
        )
        write_report(self._live_folder, report)

    # --- attempts -----------------------------------------------------------------------------------------------

    def _start(self, claim: ClaimedJob, sent: float) -> None:
        attempt = HeldClaim(claim, deadline=self._deadline(sent))
        self._attempts[claim.id] = attempt
        with job_context(claim.id, claim.job.trace_id, attempt=claim.fence, platform=claim.job.platform):
            # the task takes the context along: all that it logs carries the ids, the releasing at its end too
            attempt.task = asyncio.create_task(self._attempt(attempt), name=f"job-{claim.id}")

    async def _attempt(self, attempt: HeldClaim) -> None:
        try:
            free_slot = partial(self._free_slot, attempt)
            tools = await as_set_now(self._tools)
            ending = await process_one_cycle(attempt.claim, tools, on_last_write=free_slot)
            self._tally[ending.in_tally] += 1
            self._library.learn(ending)
        except LeaseLost:
            pass  # logged by the pipeline; whoever holds the job now goes on
        except asyncio.CancelledError:
            if self._draining and not attempt.released:
                attempt.released = True
                await self._release(attempt.claim)
        except MediavaultError as exc:
            # The store could not take the outcome. The row stays running; recovery finds it when the lease ends.
            log.error("outcome_not_saved", error=exc.message)
        finally:
            if self._attempts.get(attempt.claim.id) is attempt:
                del self._attempts[attempt.claim.id]
            if not self._draining:
                self._ticker.wake()

    def _free_slot(self, attempt: HeldClaim) -> None:
        attempt.written = True
        if not self._draining:
            self._ticker.wake()

    def _stop(self, attempt: HeldClaim, *, why: str) -> None:
        log.warning("attempt_stopped", job_id=attempt.claim.id, trace_id=attempt.claim.job.trace_id, why=why)
        attempt.released = True  # not ours to give back
        if attempt.task is not None:
            attempt.task.cancel()

    async def _release(self, claim: ClaimedJob) -> None:
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT_S):
                await self._tools.store.release(claim)
            log.info("job_released")
        except (StoreError, TimeoutError) as exc:
            log.warning("release_failed", error=str(exc))

    async def _until_left(self) -> None:
        """Until it was asked to leave and nothing runs any more, however long that takes; a signal ends it sooner."""
        await self._leaving.wait()
        while tasks := {attempt.task for attempt in self._attempts.values() if attempt.task is not None}:
            await asyncio.wait(tasks)

    async def _drain(self) -> None:
        """Let attempts finish within the grace, then give the rest back to the queue."""
        tasks = {attempt.task for attempt in self._attempts.values() if attempt.task is not None}
        if tasks:
            log.info("draining", running=len(tasks), grace_s=self._limits.shutdown_grace_s)
            _, late = await asyncio.wait(tasks, timeout=self._limits.shutdown_grace_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    def _deadline(self, sent: float) -> float:
        return sent + self._limits.lease.total_seconds() * (1 - LEASE_SAFETY)

    # --- heartbeat ----------------------------------------------------------------------------------------------

    async def _start_beat(self) -> None:
        """Fire and forget: a slow or failing store must not stop the jobs. A beat still under way counts as missed."""
        if self._beats:
            self._missed_beats += 1
            log.error("beat_missed", missed=self._missed_beats, error="the former one has not come back")
            return
        self._beats.add(task := self._in_background(self._beat_or_count()))
        task.add_done_callback(self._beats.discard)

    async def _beat_or_count(self) -> None:
        try:
            await self.beat()
        except StoreError as exc:
            self._missed_beats += 1
            log.error("beat_missed", missed=self._missed_beats, error=exc.message)

    def _sign_of_life(self) -> WorkerBeat:
        return WorkerBeat(
            worker=self.id,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            started_at=self._started_at,
            last_seen_at=self._tools.clock.now(),
            running_jobs=len(self._attempts),
            skipped_ticks=self._ticker.skipped,
            missed_beats=self._missed_beats,
            draining=self._draining or self._leaving.is_set(),
            platforms=self._limits.platforms,
            signed_in=tuple(sorted(self._signed_in or ())),
            tally=dict(self._tally),
        )

    # --- loops --------------------------------------------------------------------------------------------------

    def _loop(
        self, interval_s: float, work: Callable[[], Awaitable[None]], *, first: bool = True
    ) -> asyncio.Task[None]:
        return asyncio.create_task(every(interval_s, work, self._tools.clock, first=first))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)  # the loop itself keeps no hold of it
        task.add_done_callback(self._background.discard)
        return task
