"""Recording streams that are running: the worker's side of it.

A recording lasts for hours, so it uses no slot: a worker records up to a number of streams in addition to its jobs. What is
recorded is in a folder of the job (``services.library.staging``) until its file is in the library, so that the next attempt
goes on where this one ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from mediavault.core.failures import Failure, FailureScope, NotYet, RateLimited, Retry, StoreError
from mediavault.core.job import Stage
from mediavault.core.logs import get_logger
from mediavault.core.media import Candidate, DownloadedFile
from mediavault.core.messages import Message
from mediavault.core.recordings import RECORDING, Recording, began_at, to_json
from mediavault.download.port import RecordingOrder
from mediavault.store.recordings import forget_stop, is_to_stop
from mediavault.worker.attempt import Attempt

ASKED_EVERY_S = 3.0  # whether a user wants to stop it

log = get_logger(__name__)


@dataclass(slots=True)
class ItemRecording:
    """The recording of one item in one attempt: of a stream that is running, or of one that an earlier attempt recorded."""

    attempt: Attempt
    index: int
    order: RecordingOrder = field(init=False)
    has_begun: bool = field(default=False, init=False)
    _recorded_s: float = field(default=0.0, init=False)
    _noticed_s: float | None = field(default=None, init=False)  # by has_progress
    _watching: asyncio.Task[None] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        staging = self.attempt.tools.vault.staging
        self.order = RecordingOrder(
            folder=staging.recording_folder(self.attempt.claim.id, self.index),
            begin=self._begin,
            on_change=self._on_change,
            began_at=began_at(self.attempt.extraction.metadata),
        )

    async def _begin(self) -> None:
        """Take a place, and tell users what is happening. Raises LiveNow."""
        attempt, claim = self.attempt, self.attempt.claim
        attempt.tools.recording_places.take(claim.id)
        staging = attempt.tools.vault.staging
        goes_on = await staging.has_recording(claim.id)
        if not goes_on:
            await forget_stop(attempt.tools.store.records, claim.id)
        await staging.make_recording_folder(claim.id, self.index)
        attempt.recorder.leave_slot()
        self._watching = self._watching or asyncio.create_task(self._watch())
        await attempt.recorder.set_stage(Stage.RECORD, 60)
        if not self.has_begun:
            self.has_begun = True
            detail = (
                Message("The recording continues.") if goes_on else Message("The stream is live; recording starts.")
            )
            await attempt.recorder.noted(Stage.RECORD, detail)

    def _on_change(self, recording: Recording) -> None:
        self._recorded_s = recording.recorded_s
        if self._noticed_s is None:  # what an earlier attempt recorded
            self._noticed_s = recording.recorded_s
        self.attempt.recorder.on_recorded(recording)

    def has_progress(self) -> bool:
        """Return whether this attempt has recorded something since the last call."""
        noticed_s, self._noticed_s = self._noticed_s, self._recorded_s
        return noticed_s is not None and self._recorded_s > noticed_s

    async def close(self) -> None:
        """Give up the place, and stop looking for the user's wish."""
        self.attempt.tools.recording_places.taken.discard(self.attempt.claim.id)
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def _watch(self) -> None:
        """Set the order's ``stop`` when a user wants the recording to end."""
        tools = self.attempt.tools
        while not self.order.stop.is_set():
            try:
                if await is_to_stop(tools.store.records, self.attempt.claim.id):
                    self.order.stop.set()
            except StoreError as exc:
                log.warning("wish_not_read", error=exc.message)
            await tools.clock.sleep(ASKED_EVERY_S)

    async def ends_with(self, failure: Failure) -> bool:
        """Return whether the recording ends with what there is, because of a failure that no strategy could avoid.

        Not while the next attempt may go on: after a failure of this machine, or when the site asked us to slow down.
        """
        claim = self.attempt.claim
        if not await self.attempt.tools.vault.staging.has_recording(claim.id):
            return False
        if isinstance(failure, NotYet):
            return failure.retry_after is None
        may_pass = isinstance(failure, RateLimited) or failure.spec.scope is FailureScope.MACHINE
        return not (may_pass and (failure.spec.retry is Retry.MACHINE or claim.fence < claim.job.max_attempts))


@asynccontextmanager
async def recording_of(attempt: Attempt, index: int) -> AsyncIterator[ItemRecording | None]:
    """Provide the recording of an item; None where the profile wants none, and none was begun."""
    tools, job_id = attempt.tools, attempt.claim.id
    if not tools.profile.record_live and not await tools.vault.staging.has_recording(job_id):
        yield None
        return
    recording = ItemRecording(attempt, index)
    try:
        yield recording
    finally:
        await recording.close()


async def note_recording(attempt: Attempt, candidate: Candidate, file: DownloadedFile) -> None:
    """Store what was recorded with the job, for its page and its sidecar. Without a recording nothing is written."""
    known = attempt.extraction.metadata
    if file.recording is None and RECORDING not in known:
        return
    facts = {RECORDING: to_json(file.recording)} if file.recording is not None else {}
    others = {name: value for name, value in known.items() if name != RECORDING}
    attempt.extraction = replace(attempt.extraction, metadata={**others, **facts})
    await attempt.checkpoint(candidate)
    await forget_stop(attempt.tools.store.records, attempt.claim.id)
