"""Sealed copies on request: made in the background, and kept in memory for an hour for their download."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta

from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, ErrorCode, MediavaultError
from mediavault.core.job import Job, JobId
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.seals import SealState, SealStep
from mediavault.maintenance.background import BackgroundTasks
from mediavault.maintenance.sealing import SealedCopy, Sealer

MAX_RUNNING = 2  # each opens a browser
MAX_READY = 4  # a copy's page and screenshot may take 30 MB; its video is not in memory
READY_FOR = timedelta(hours=1)

log = get_logger(__name__)


class TooManySeals(BadInput):
    code = ErrorCode.TOO_MANY
    help = "Wait until they are ready."


class SealedCopies:
    """The sealed copies of this process. All methods must be called in the event loop's thread."""

    def __init__(self, sealer: Sealer, clock: Clock) -> None:
        self._sealer = sealer
        self._clock = clock
        self._running = BackgroundTasks[JobId](most=MAX_RUNNING)
        self._states: dict[JobId, SealState] = {}
        self._ready: dict[JobId, SealedCopy] = {}

    def begin(self, job: Job) -> None:
        """Make a copy in the background, unless one of the job is being made. Raises BadInput (TOO_MANY)."""
        if job.id in self._running:
            return
        if self._running.is_full:
            raise TooManySeals("Other copies are being sealed.")
        self._forget_old()
        self._ready.pop(job.id, None)
        self._states[job.id] = SealState(SealStep.CHECKING)
        self._running.begin(job.id, self._seal(job), name=f"seal {job.id}")

    def state(self, job_id: JobId) -> SealState | None:
        """Return how far the job's copy is; None without one."""
        self._forget_old()
        return self._states.get(job_id)

    def open(self, job_id: JobId) -> tuple[str, AsyncGenerator[bytes, None]] | None:
        """Return the name and the pieces of the job's zip; None while there is none."""
        self._forget_old()
        copy = self._ready.get(job_id)
        return (f"{copy.name}.zip", self._sealer.pieces(copy)) if copy else None

    async def wait_for(self, job_id: JobId) -> None:
        """Wait until the job's copy is made."""
        await self._running.wait_for(job_id)

    async def aclose(self) -> None:
        """Cancel what is being made."""
        await self._running.aclose()

    async def _seal(self, job: Job) -> None:
        def on_step(step: SealStep) -> None:
            self._states[job.id] = SealState(step)

        try:
            copy = await self._sealer.seal(job, on_step)
        except MediavaultError as exc:
            log.warning("seal_failed", job_id=job.id, trace_id=job.trace_id, error=exc.message)
            self._states[job.id] = SealState(error=exc.message)
        except Exception:
            log.exception("seal_hit_a_bug", job_id=job.id, trace_id=job.trace_id)
            self._states[job.id] = SealState(error=Message("The copy could not be sealed: an internal error."))
        else:
            self._ready[job.id] = copy
            stamp = copy.timestamp
            self._states[job.id] = SealState(
                sealed_at=copy.at,
                bytes=copy.bytes,
                not_captured=copy.not_captured,
                stamped_at=stamp.at if stamp else None,
                authority=stamp.authority if stamp else None,
            )

    def _forget_old(self) -> None:
        """Forget copies that are old or too many, and the errors of earlier ones beyond as many."""
        oldest = self._clock.now() - READY_FOR
        kept = [job_id for job_id, copy in self._ready.items() if copy.at > oldest][-MAX_READY:]
        for job_id in self._ready.keys() - set(kept):
            del self._ready[job_id], self._states[job_id]
        failed = [job_id for job_id, state in self._states.items() if state.error is not None]
        for job_id in failed[:-MAX_READY]:
            del self._states[job_id]
