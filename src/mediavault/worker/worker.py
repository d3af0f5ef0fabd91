"""The worker: claims jobs (stage 1), runs them in slots, renews leases, sends heartbeats, recovers,
shuts down in order.

Each loop is plain; one round of it is a method that a test can call.
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
from mediavault.core.failures import ErrorCode, LeaseLost, MediavaultError, StoreError
from mediavault.core.fleet import ALIVE_WITHIN
from mediavault.core.holds import Hold, download_pauses
from mediavault.core.job import (
    ClaimedJob,
    HistoryRecord,
    JobId,
    Priority,
    Stage,
    StepOutcome,
    WorkerHeartbeat,
    WorkerId,
    new_worker_id,
)
from mediavault.core.logs import bound_facts, get_logger, job_context
from mediavault.core.messages import Message
from mediavault.store.holds import VolumeCounter
from mediavault.worker import recovery
from mediavault.worker.context import WorkerContext, for_attempt
from mediavault.worker.freezes import FreezeReport, write_report
from mediavault.worker.library_watch import LibraryWatch, requeue_after_full_disk
from mediavault.worker.pipeline import process_one_cycle
from mediavault.worker.recovery import (
    OLD_JOBS_INTERVAL_S,
    RECOVERIES_PER_LEASE,
    delete_old_jobs,
    recover_stale_jobs,
)
from mediavault.worker.session_routing import release_orphaned_jobs, requeue_after_sign_in
from mediavault.worker.ticker import Ticker, end, every, first_of, guarded

# of the lease: 10 s of 90 s. Work stops this long before another worker may take the job
LEASE_SAFETY = 1 / 9
RELEASE_TIMEOUT_S = 10.0
STORE_OUTAGE = Message(
    "The database was unavailable, so the worker ended this attempt. The post is not the cause."
)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    concurrency: int
    poll_interval_s: float
    heartbeat_interval_s: float
    lease: timedelta
    shutdown_grace_s: float
    # the platforms whose jobs the worker claims; empty: all of them
    platforms: tuple[str, ...] = ()

    @property
    def recovery_interval_s(self) -> float:
        return self.lease.total_seconds() / RECOVERIES_PER_LEASE

    @property
    def watch_interval_s(self) -> float:
        """How often deadlines are checked: several times between a deadline and the end of its
        lease.
        """
        return self.lease.total_seconds() * LEASE_SAFETY / 4


@dataclass(slots=True)
class HeldClaim:
    """A claim that this worker holds. ``deadline`` is in monotonic seconds: after it the lease may
    have expired.

    ``missed_beats``: the worker's count at the start. ``released``: the job must not be released
    again. ``written``: no slot is used, because only the store's answer is missing, or because it
    records a running stream. ``ends``: its outcome is being written, after which it has no lease
    any more.
    """

    claim: ClaimedJob
    deadline: float
    missed_beats: int = 0
    task: asyncio.Task[None] | None = None
    released: bool = False
    written: bool = False
    ends: bool = False

    def begin_outcome(self) -> None:
        self.ends = True


class Worker:
    """One worker process: its slots, its leases and its loops."""

    def __init__(
        self,
        context: WorkerContext,
        limits: WorkerLimits,
        *,
        live_folder: Path,
        library: LibraryWatch | None = None,
    ) -> None:
        self.id: WorkerId = new_worker_id()
        self._context = context
        self._limits = limits
        self._live_folder = live_folder
        self._started_at: datetime = context.clock.now()
        self._attempts: dict[JobId, HeldClaim] = {}
        self._slots = limits.concurrency
        self._draining = False
        # `mediavault drain`: finish what runs, claim nothing more, exit
        self._drain_requested = asyncio.Event()
        self._tally: Counter[str] = Counter()
        self._missed_beats = 0
        # attempts ended by an outage of the store, not yet recorded as such
        self._outlived: list[ClaimedJob] = []
        self._signed_in: frozenset[str] | None = None  # platforms, as of the last beat
        # platforms whose waiting jobs are still to be queued again
        self._new_sessions: frozenset[str] = frozenset()
        self._poll_work_at = float("-inf")
        self._library = library or LibraryWatch(
            context.library, context.clock, poll_interval_s=limits.poll_interval_s
        )
        self._ticker = Ticker(
            self.claim_and_start, interval_s=limits.poll_interval_s, clock=context.clock
        )
        self._volume = VolumeCounter(
            context.store.records, context.clock, context.bandwidth, self.id
        )
        self._line_holds: tuple[Hold, ...] = ()  # as of the last claim
        self._beats: set[asyncio.Task[None]] = set()
        self._background: set[asyncio.Task[None]] = set()

    @property
    def running_jobs(self) -> frozenset[JobId]:
        return frozenset(self._attempts)

    @property
    def is_idle(self) -> bool:
        """Whether no job uses a slot, and the worker is not about to end:
        then it may do what no user waits for.
        """
        return not self._draining and self._used_slots() == 0

    def _used_slots(self) -> int:
        return sum(not attempt.written for attempt in self._attempts.values())

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then finish or release the running jobs;
        or until a requested drain is done.
        """
        with recovery.alive(self._live_folder, self.id):
            log.info("worker_started", worker=self.id, concurrency=self._limits.concurrency)
            await guarded(self.recover)
            unsubscribe_work = self._context.store.workers.on_work(self._ticker.wake)
            unsubscribe_stops = self._context.store.workers.on_stop(self.stop_asked)
            heartbeat = self._loop(self._limits.heartbeat_interval_s, self._start_beat)
            claiming = asyncio.create_task(self._ticker.run())
            recovering = self._loop(self._limits.recovery_interval_s, self.recover, first=False)
            watching = self._loop(self._limits.watch_interval_s, self._watch)
            forgetting = self._loop(OLD_JOBS_INTERVAL_S, self.forget)
            drained = asyncio.create_task(self._until_drained())
            try:
                await first_of(
                    stop, [heartbeat, claiming, recovering, watching, forgetting, drained]
                )
            finally:
                unsubscribe_work()
                self._draining = True
                await end(claiming, recovering, forgetting, drained)
                # the heartbeat continues, so that running attempts keep their leases
                await self._drain()
                unsubscribe_stops()
                await end(heartbeat, watching, *self._background)
                await self._volume.save()
                with contextlib.suppress(StoreError):
                    await self._context.store.workers.forget_worker(self.id)
            log.info("worker_stopped", worker=self.id)

    # --- one round of each loop -------------------------------------------------------------------

    async def claim_and_start(self) -> None:
        """Promote due retries, claim as many jobs as there are free slots, and start them.

        A wake-up between two polls only claims: due retries can wait for the next poll, a new job
        should not, and a claim that is sent at once shares the transaction of the completion that
        freed its slot.
        """
        try:
            if recovery.dead_workers(self._live_folder):
                # a worker of this host was killed: its jobs are recovered within a tick
                await guarded(self.recover)
            await self._do_poll_work()
            if self._library.problem is not None or not await self._library.disk_is_well():
                return
            running = self._used_slots()
            free = self._library.allows(self._slots - running, running)
            if free <= 0 or self._draining or self._drain_requested.is_set():
                return
            sent = self._context.clock.monotonic()
            # The ticker never cancels a round: a claim whose answer was lost would hold its jobs
            # until the lease ends.
            claims = await self._context.store.queue.claim(
                self.id,
                limit=free,
                lease=self._limits.lease,
                platforms=self._limits.platforms,
                sessions=self._signed_in or (),
                at_least=Priority.NOW if await self._is_line_held() else Priority.LATER,
            )
        except (StoreError, OSError) as exc:
            log.error("claim_failed", error=str(exc))
            return
        self._tally["claimed"] += len(claims)
        for claim in claims:
            self._start(claim, sent)

    async def _is_line_held(self) -> bool:
        """Return whether quiet hours or the volume of the day hold back all that no user has moved
        to the front.
        """
        if self._context.live is None:
            return False
        settings = await self._context.live()
        volume = await self._volume.of_today() if settings.daily_volume_gb else 0
        holds = download_pauses(settings, self._context.clock.now(), volume=volume)
        if [hold.why for hold in holds] != [hold.why for hold in self._line_holds]:
            log.info("line_held", why=[hold.why for hold in holds])
        self._line_holds = holds
        return bool(holds)

    async def _do_poll_work(self) -> None:
        """Do what only polls do, not wake-ups: a promotion is its own transaction,
        and wake-ups are frequent.
        """
        now = self._context.clock.monotonic()
        if now < self._poll_work_at:
            return
        # half: a poll may come slightly early
        self._poll_work_at = now + self._limits.poll_interval_s / 2
        if self._context.live is not None:
            self._slots = (await self._context.live()).concurrency
        await self._library.check()
        if self._library.problem is None:
            await self._context.store.queue.promote_due()
            if await self._library.has_room_again():
                self._in_background(guarded(partial(requeue_after_full_disk, self._context.store)))

    async def beat(self) -> None:
        """Renew the leases of the running attempts, report this worker as alive,
        and stop attempts that lost theirs.
        """
        await self._renew([attempt.claim for attempt in self._attempts.values()])
        self._new_sessions |= await self._find_new_sessions()
        if (
            await self._context.store.workers.heartbeat(self._worker_beat())
            and not self._drain_requested.is_set()
        ):
            log.info("asked_to_leave", worker=self.id, running=len(self._attempts))
            self._drain_requested.set()
        # only after the beat has published the sessions, by which these jobs are claimed
        if self._new_sessions:
            self._in_background(guarded(self._go_on_after_sign_in))
        await self._record_outlived()
        await self._share_bandwidth()

    async def _share_bandwidth(self) -> None:
        """Say how much this worker has downloaded, and take its part of the limits,
        which the fleet shares.
        """
        await self._volume.save()
        alive = await self._context.store.workers.alive(seen_within=ALIVE_WITHIN)
        self._context.bandwidth.workers = len({worker.worker for worker in alive} | {self.id})

    async def _record_outlived(self) -> None:
        """Record that this worker outlived these attempts, since recovery can only assume that it
        died.

        Otherwise two outages of the store would look like a post that stops its workers, and it
        would be given up.
        """
        while self._outlived:
            claim = self._outlived[0]
            record = HistoryRecord(
                self._context.clock.now(),
                claim.fence,
                Stage.EXTRACT,
                StepOutcome.SKIPPED,
                error_code=ErrorCode.STORE_UNAVAILABLE,
                detail=STORE_OUTAGE,
            )
            await self._context.store.queue.record(claim, record)
            self._outlived.remove(claim)

    async def _go_on_after_sign_in(self) -> None:
        """Queue the jobs that waited for these sessions. Outside the beat: there may be many,
        and leases cannot wait.
        """
        platforms, self._new_sessions = self._new_sessions, frozenset()
        try:
            await requeue_after_sign_in(platforms, self._context.store)
        except MediavaultError:
            self._new_sessions |= platforms  # the next beat tries again
            raise

    async def _renew(self, held: Sequence[ClaimedJob]) -> None:
        """Renew the leases of ``held``, and stop those that another worker has taken over or a user
        cancelled.
        """
        sent = self._context.clock.monotonic()
        still = (
            await self._context.store.queue.renew(self.id, held, lease=self._limits.lease)
            if held
            else set()
        )
        for claim in held:
            attempt = self._attempts.get(claim.id)
            if attempt is None or attempt.claim is not claim or attempt.released:
                continue
            if claim.id in still:
                attempt.deadline = self._deadline(sent)
            elif not attempt.ends:
                # its last write finds out who has the job, and what follows that must still happen
                self._stop(attempt, why="lease_lost")

    async def _find_new_sessions(self) -> frozenset[str]:
        """Return the platforms that a user signed in to on this machine since the last call;
        none at the first call.
        """
        try:
            now = await self._context.signed_in()
        except (MediavaultError, OSError) as exc:
            log.warning("sessions_not_read", error=str(exc))
            return frozenset()
        new = frozenset[str]() if self._signed_in is None else now - self._signed_in
        self._signed_in = now
        return new

    async def recover(self) -> None:
        """Run recovery once."""
        await recover_stale_jobs(
            self._context.store, self._context.library.staging, self._live_folder
        )
        await release_orphaned_jobs(self._context.store)

    async def forget(self) -> None:
        """Remove old jobs without files, if the retention setting says so."""
        if self._context.live is not None:
            days, at = (
                (await self._context.live()).retention_days,
                (await self._context.store.catalogue.report()).at,
            )
            await delete_old_jobs(self._context.store.catalogue, days=days, now=at)

    def stop_overdue_attempts(self) -> int:
        """Stop attempts whose lease was not renewed in time,
        before another worker may claim them; return how many.
        """
        now = self._context.clock.monotonic()
        overdue = [attempt for attempt in self._attempts.values() if attempt.deadline <= now]
        for attempt in overdue:
            self._stop(attempt, why="lease_not_renewed")
        return len(overdue)

    async def _watch(self) -> None:
        """Stop overdue attempts without the store: when it hangs, the other loops may too,
        but leases still expire.
        """
        self.stop_overdue_attempts()

    def hurry(self) -> None:
        """Release the running attempts now instead of waiting for them."""
        for attempt in self._attempts.values():
            if attempt.task is not None:
                attempt.task.cancel()

    def stop_asked(self, target: str) -> None:
        """Check with the store at once: a notification says that this job was cancelled or removed,
        or this worker drained.

        ``target`` is a job id or this worker's id. The attempt is not stopped directly, because the
        notification may be late and mean an attempt that has already ended.
        """
        if target == self.id:
            self._in_background(self._beat_or_count())
        elif (attempt := self._attempts.get(JobId(target))) is not None and not attempt.released:
            self._in_background(guarded(partial(self._renew, [attempt.claim])))

    def report_freeze(self, seconds: float, stack: Sequence[str]) -> None:
        """Record which job's code blocked the event loop and which other jobs are running. Raises
        OSError.

        Called by a signal handler, which interrupts that code, so no other code of this worker is
        running.
        """
        facts = bound_facts()
        report = FreezeReport(
            worker=self.id,
            at=self._context.clock.now(),
            seconds=seconds,
            held=tuple(
                (attempt.claim.id, attempt.claim.fence) for attempt in self._attempts.values()
            ),
            stack=tuple(stack),
            job_id=facts.get("job_id"),
            attempt=facts.get("attempt"),
            trace_id=facts.get("trace_id"),
        )
        write_report(self._live_folder, report)

    # --- attempts ---------------------------------------------------------------------------------

    def _start(self, claim: ClaimedJob, sent: float) -> None:
        attempt = HeldClaim(claim, deadline=self._deadline(sent), missed_beats=self._missed_beats)
        self._attempts[claim.id] = attempt
        with job_context(
            claim.id, claim.job.trace_id, attempt=claim.fence, platform=claim.job.platform
        ):
            # The task copies this context, so everything that it logs carries the ids, including
            # the final release.
            attempt.task = asyncio.create_task(self._attempt(attempt), name=f"job-{claim.id}")

    async def _attempt(self, attempt: HeldClaim) -> None:
        try:
            free_slot = partial(self._free_slot, attempt)
            context = await for_attempt(self._context, attempt.claim.job)
            ending = await process_one_cycle(
                attempt.claim, context, on_slot_left=free_slot, on_outcome=attempt.begin_outcome
            )
            self._tally[ending.metric_label] += 1
            self._library.record_result(ending)
        except LeaseLost:  # logged by the pipeline; the attempt that holds the job now continues
            self._check_outage(attempt)
        except asyncio.CancelledError:
            if self._draining and not attempt.released:
                attempt.released = True
                await self._release(attempt.claim)
            self._check_outage(attempt)
        except MediavaultError as exc:
            # The outcome could not be stored. The row stays running; recovery finds it when the
            # lease expires.
            log.error("outcome_not_saved", error=exc.message)
            self._outlived.append(attempt.claim)
        finally:
            if self._attempts.get(attempt.claim.id) is attempt:
                del self._attempts[attempt.claim.id]
            if not self._draining:
                self._ticker.wake()

    def _check_outage(self, attempt: HeldClaim) -> None:
        """Note an attempt that has lost its lease because the store was unavailable.

        An attempt whose own code has blocked this worker loses its lease too, but no heartbeat has
        failed then.
        """
        if self._missed_beats > attempt.missed_beats:
            self._outlived.append(attempt.claim)

    def _free_slot(self, attempt: HeldClaim) -> None:
        attempt.written = True
        if not self._draining:
            self._ticker.wake()

    def _stop(self, attempt: HeldClaim, *, why: str) -> None:
        log.warning(
            "attempt_stopped", job_id=attempt.claim.id, trace_id=attempt.claim.job.trace_id, why=why
        )
        # another attempt may hold the job: it must not be released by this one
        attempt.released = True
        if attempt.task is not None:
            attempt.task.cancel()

    async def _release(self, claim: ClaimedJob) -> None:
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT_S):
                await self._context.store.queue.release(claim)
            log.info("job_released")
        except (StoreError, TimeoutError) as exc:
            log.warning("release_failed", error=str(exc))

    async def _until_drained(self) -> None:
        """Wait until a drain was requested and the last running attempt has ended."""
        await self._drain_requested.wait()
        while tasks := {
            attempt.task for attempt in self._attempts.values() if attempt.task is not None
        }:
            await asyncio.wait(tasks)

    async def _drain(self) -> None:
        """Let attempts finish within the grace period, then release the rest to the queue."""
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

    # --- heartbeat --------------------------------------------------------------------------------

    async def _start_beat(self) -> None:
        """Start a beat and do not wait for it, so that a slow store cannot stop the jobs.

        When the previous beat is still running, this one counts as missed.
        """
        if self._beats:
            self._missed_beats += 1
            log.error(
                "beat_missed", missed=self._missed_beats, error="the previous beat is still running"
            )
            return
        self._beats.add(task := self._in_background(self._beat_or_count()))
        task.add_done_callback(self._beats.discard)

    async def _beat_or_count(self) -> None:
        try:
            await self.beat()
        except StoreError as exc:
            self._missed_beats += 1
            log.error("beat_missed", missed=self._missed_beats, error=exc.message)

    def _worker_beat(self) -> WorkerHeartbeat:
        return WorkerHeartbeat(
            worker=self.id,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            started_at=self._started_at,
            last_seen_at=self._context.clock.now(),
            running_jobs=len(self._attempts),
            skipped_ticks=self._ticker.skipped,
            missed_beats=self._missed_beats,
            draining=self._draining or self._drain_requested.is_set(),
            platforms=self._limits.platforms,
            signed_in=tuple(sorted(self._signed_in or ())),
            tally=dict(self._tally),
        )

    # --- loops ------------------------------------------------------------------------------------

    def _loop(
        self, interval_s: float, work: Callable[[], Awaitable[None]], *, first: bool = True
    ) -> asyncio.Task[None]:
        return asyncio.create_task(every(interval_s, work, self._context.clock, first=first))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)  # the event loop keeps only a weak reference
        task.add_done_callback(self._background.discard)
        return task
