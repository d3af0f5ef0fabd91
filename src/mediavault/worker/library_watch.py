"""Watches whether the library can store a video, and is the one that holds the store's files: jobs
are claimed only then.

After an error of the disk, a circuit breaker stops claims for a while.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mediavault.core.clock import Clock
from mediavault.core.failures import FAILURES, ErrorCode, NoSpace, Stops, StorageFailure
from mediavault.core.job import JobStatus
from mediavault.core.logs import get_logger
from mediavault.library.port import Library
from mediavault.store.bulk import retry_failed
from mediavault.store.losses import LIBRARY, note_loss
from mediavault.store.port import JobCatalogue, Store
from mediavault.worker.recorder import AttemptResult

FIRST_PAUSE_POLLS = 10  # in polls of the worker: ten seconds with the default interval
LONGEST_PAUSE_POLLS = 300


@dataclass(slots=True)
class Breaker:
    """The breaker's state; times are in monotonic seconds. Attempts that fail at the same time trip
    it once.

    When a pause is over, the disk is tested; then one job at a time is claimed until one has been
    saved.
    """

    poll_interval_s: float
    trips: int = 0
    until: float = float("-inf")

    def trip(self, now: float) -> float | None:
        """Begin a pause after a disk error; return its length in seconds,
        None when one is running already.
        """
        if now < self.until:
            return None
        pause_s = self.poll_interval_s * min(FIRST_PAUSE_POLLS << self.trips, LONGEST_PAUSE_POLLS)
        self.trips += 1
        self.until = now + pause_s
        return pause_s

    def reset(self) -> bool:
        """Close the breaker because a video was saved; return whether it had been tripped."""
        was_tripped = self.trips > 0
        self.trips, self.until = 0, float("-inf")
        return was_tripped

    def end_pause(self) -> None:
        """End a pause that is running, since what caused it has changed."""
        self.until = float("-inf")

    def is_open(self, now: float) -> bool:
        """Whether a pause is running, so that nothing may be claimed."""
        return now < self.until

    def wants_proof(self, now: float) -> bool:
        return self.trips > 0 and not self.is_open(now)

    def allows(self, free: int, running: int) -> int:
        """How many jobs may be claimed with ``free`` slots while ``running`` jobs run."""
        return free if not self.trips else min(free, max(0, 1 - running))


AGREED_AS = "library"

log = get_logger(__name__)


async def ensure_library_id(store: Store, library: Library) -> None:
    """Check the library's id against the one that all processes of this store have agreed on.
    Raises StorageFailure.

    A library without an id gets one the first time, and later only while no job has a file in it:
    what looks like an empty library may be the mount point of a disk that is not mounted, and files
    would be saved below it.
    """
    agreed = (await store.records.constants()).get(AGREED_AS)
    is_first = agreed is None
    try:
        carried = await library.identity()
        if is_first and carried is None:
            # before an id is agreed on: a disk that comes later may bring its own
            await library.prepare()
    except StorageFailure:
        if agreed is not None:
            # so that no one takes what comes later for the library
            await library.require_identity(agreed)
        raise
    if agreed is None:
        agreed = await store.records.set_once(AGREED_AS, carried or str(uuid.uuid4()))
    # new, or emptied
    if is_first and carried is not None and not await _has_completed_jobs(store.catalogue):
        await note_loss(store.records, LIBRARY)
        log.warning(
            "library_has_an_older_store",
            library=carried,
            help="`mediavault rebuild` reads its files into this one.",
        )
    if carried is None and (is_first or not await _has_completed_jobs(store.catalogue)):
        await library.write_identity(agreed)
        log.info("library_marked", library=agreed)
    await library.require_identity(agreed)


async def check_library(store: Store, library: Library) -> None:
    """Run the check of :func:`recognise` for callers that only read: nothing is written."""
    agreed = (await store.records.constants()).get(AGREED_AS)
    if agreed is not None and (
        await library.identity() is not None or await _has_completed_jobs(store.catalogue)
    ):
        await library.require_identity(agreed)


async def _has_completed_jobs(catalogue: JobCatalogue) -> bool:
    return bool((await catalogue.report()).counts.get(JobStatus.COMPLETED))


ROOM_BYTES = 100_000_000  # a short video


class LibraryWatch:
    """The state of the library and its disk.

    ``problem`` is from the last check: why no video can be saved, or None. The first check that
    succeeds is ``recognise``, if given: it finds out which library it is, and prepares it.
    """

    def __init__(
        self,
        library: Library,
        clock: Clock,
        *,
        poll_interval_s: float,
        recognise: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.problem: StorageFailure | NoSpace | None = None
        self._recognise = recognise
        self._library = library
        self._clock = clock
        self._breaker = Breaker(poll_interval_s)
        self._was_full = False
        # measured at the first check after the failure: its files are removed
        self._free_when_full: int | None = None

    async def check(self) -> None:
        """Check whether the library is there. While it is not, no jobs are claimed,
        since no attempt could succeed.
        """
        was_there = self.problem is None
        try:
            if self._recognise is None:
                await self._library.check_identity()
            else:
                await self._recognise()
                self._recognise = None
        except (StorageFailure, NoSpace) as exc:
            self.problem = exc
            if was_there:
                log.error("library_gone", error=exc.message, help=exc.help)
        else:
            self.problem = None
            if not was_there:
                log.warning("library_back")

    async def disk_is_well(self) -> bool:
        """Whether the disk allows jobs to be claimed. While it fails,
        every attempt would bother its site for nothing.
        """
        now = self._clock.monotonic()
        if self._breaker.wants_proof(now):
            try:
                await self._library.prepare()
            except (StorageFailure, NoSpace) as exc:
                self._pause(exc.message)
        return not self._breaker.is_open(now)

    async def has_room_again(self) -> bool:
        """Whether a job found the disk full and ``ROOM_BYTES`` have been freed since: True once."""
        if not self._was_full:
            return False
        free = await asyncio.to_thread(self._library.staging.free_bytes)
        if free is None or self._free_when_full is None:
            self._free_when_full = free
            return False
        if free < self._free_when_full + ROOM_BYTES:
            return False
        self._was_full = False
        self._breaker.end_pause()
        return True

    def allows(self, free: int, running: int) -> int:
        """How many jobs may be claimed with ``free`` slots while ``running`` jobs run."""
        return self._breaker.allows(free, running)

    def record_result(self, ending: AttemptResult) -> None:
        """Update the breaker from the result of an attempt."""
        if ending.status is JobStatus.FAILED and _stops_worker(ending.error_code):
            self._pause(ending.error)
            if ending.error_code is ErrorCode.NO_SPACE:
                self._was_full, self._free_when_full = True, None
        elif ending.status is JobStatus.COMPLETED and self._breaker.reset():
            log.warning("claims_go_on")

    def _pause(self, why: str | None) -> None:
        pause_s = self._breaker.trip(self._clock.monotonic())
        if pause_s is not None:
            log.error("claims_paused", for_s=pause_s, error=why)


async def requeue_after_full_disk(store: Store) -> None:
    """Queue the jobs that found the disk full, oldest first."""
    count = await retry_failed(store, lambda job: job.error_code is ErrorCode.NO_SPACE)
    log.info("room_again", jobs=count)


def _stops_worker(code: ErrorCode | None) -> bool:
    return code is not None and FAILURES[code].stops is Stops.WORKER
