"""What users do with sealed copies: make one, in the background or into a file, and download it.
API, pages and commands call this.

A copy that was made in the background can be downloaded for an hour, from memory. To check one, see
``checking.check_copy``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, ErrorCode, MediavaultError, NotFound
from mediavault.core.job import Job, JobId
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.features.sealing.model import SealedCopy, SealState, SealStep
from mediavault.features.sealing.sealer import Sealer, files_to_seal, write_new
from mediavault.library import disk
from mediavault.maintenance.background import BackgroundTasks
from mediavault.presentation.views import shown_page
from mediavault.store.port import JobCatalogue

MAX_RUNNING = 2  # each opens a browser
MAX_READY = 4  # a copy's page and screenshot may take 30 MB; its video is not in memory
READY_FOR = timedelta(hours=1)

log = get_logger(__name__)


class TooManySeals(BadInput):
    code = ErrorCode.TOO_MANY
    help = "Wait until they are ready."


class SecretAddress(BadInput):
    code = ErrorCode.FORBIDDEN
    help = "Ask an admin to make the copy."


async def write_copy(
    sealer: Sealer, job: Job, target: Path, on_step: Callable[[SealStep | None], None]
) -> tuple[SealedCopy, Path]:
    """Seal a copy of a post into ``target``: a new file, or a folder in which it gets its own name.
    Returns both.

    The file appears whole or not at all; while it is written the step is None. Raises as
    :meth:`Sealer.seal`, BadInput, NoSpace.
    """
    is_folder = await asyncio.to_thread(target.is_dir)
    if not is_folder:
        disk.refuse_taken(target)
    copy = await sealer.seal(job, on_step)
    file = target / f"{copy.name}.zip" if is_folder else target
    on_step(None)
    async with aclosing(sealer.pieces(copy)) as pieces:
        await write_new(file, pieces)
    return copy, file


class SealedCopies:
    """The sealed copies of this process. All methods must be called in the event loop's thread."""

    def __init__(self, catalogue: JobCatalogue, sealer: Sealer, clock: Clock) -> None:
        self._catalogue = catalogue
        self._sealer = sealer
        self._clock = clock
        self._running = BackgroundTasks[JobId](most=MAX_RUNNING)
        self._states: dict[JobId, SealState] = {}
        self._ready: dict[JobId, SealedCopy] = {}

    async def begin(self, job_id: JobId) -> None:
        """Make a copy in the background, unless one of the job is being made.

        Raises JobNotFound, SecretAddress, NotFound for a job without files, TooManySeals.
        """
        job = await self._permitted(job_id)
        files_to_seal(job)
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

    async def open(self, job_id: JobId) -> tuple[str, AsyncGenerator[bytes, None]]:
        """Return the name and the pieces of the job's zip. Raises JobNotFound, SecretAddress,
        NotFound while there is none.
        """
        await self._permitted(job_id)
        self._forget_old()
        copy = self._ready.get(job_id)
        if copy is None:
            raise NotFound(
                "There is no sealed copy, or it has expired.", help="Make one on the post's page."
            )
        return f"{copy.name}.zip", self._sealer.pieces(copy)

    async def wait_for(self, job_id: JobId) -> None:
        """Wait until the job's copy is made."""
        await self._running.wait_for(job_id)

    async def aclose(self) -> None:
        """Cancel what is being made."""
        await self._running.aclose()

    async def _permitted(self, job_id: JobId) -> Job:
        """Return the job, if the caller may see the post's whole address, which its copy has."""
        job = await self._catalogue.get(job_id)
        if shown_page(job.post_url) != job.post_url:
            raise SecretAddress(
                "The post's link has a secret, and its sealed copy has the whole link."
            )
        return job

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
            self._states[job.id] = SealState(
                error=Message("The copy could not be sealed: an internal error.")
            )
        else:
            self._ready[job.id] = copy
            stamp = copy.timestamp
            self._states[job.id] = SealState(
                sealed_at=copy.at,
                bytes=copy.bytes,
                not_captured=copy.not_captured,
                stamped_at=stamp.at if stamp else None,
                authority=stamp.authority if stamp else None,
                href=f"/files/{job.id}/sealed-copy",
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
