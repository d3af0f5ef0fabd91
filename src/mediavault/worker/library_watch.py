"""Watches whether the library can store a video: jobs are claimed only while it can.

The circuit breaker for the disk is :mod:`mediavault.worker.breaker`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mediavault.core.clock import Clock
from mediavault.core.failures import FAILURES, ErrorCode, NoSpace, Stops, StorageFailure
from mediavault.core.job import JobStatus
from mediavault.core.logs import get_logger
from mediavault.library.port import Library
from mediavault.store.bulk import retry_failed
from mediavault.store.port import Store
from mediavault.worker.attempt_result import AttemptResult
from mediavault.worker.breaker import Breaker

log = get_logger(__name__)

ROOM_BYTES = 100_000_000  # a short video


class LibraryWatch:
    """The state of the library and its disk.

    ``problem`` is from the last check: why no video can be saved, or None. The first check that succeeds is ``recognise``,
    if given: it finds out which library it is, and prepares it.
    """

    def __init__(
        self,
        vault: Library,
        clock: Clock,
        *,
        poll_interval_s: float,
        recognise: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.problem: StorageFailure | NoSpace | None = None
        self._recognise = recognise
        self._vault = vault
        self._clock = clock
        self._breaker = Breaker(poll_interval_s)
        self._was_full = False
        self._free_when_full: int | None = None  # measured at the first check after the failure: its files are removed

    async def check(self) -> None:
        """Check whether the library is there. While it is not, no jobs are claimed, since no attempt could succeed."""
        was_there = self.problem is None
        try:
            if self._recognise is None:
                await self._vault.check_identity()
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
        """Whether the disk allows jobs to be claimed. While it fails, every attempt would bother its site for nothing."""
        now = self._clock.monotonic()
        if self._breaker.wants_proof(now):
            try:
                await self._vault.prepare()
            except (StorageFailure, NoSpace) as exc:
                self._pause(exc.message)
        return not self._breaker.is_open(now)

    async def has_room_again(self) -> bool:
        """Whether a job found the disk full and ``ROOM_BYTES`` have been freed since: True once."""
        if not self._was_full:
            return False
        free = await asyncio.to_thread(self._vault.staging.free_bytes)
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
