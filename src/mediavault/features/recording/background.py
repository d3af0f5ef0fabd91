"""Records streams that are running, in an attempt of the worker.

A recording lasts for hours, so it uses no slot: a worker records up to a number of streams in
addition to its jobs. What is recorded is in a folder of the job (``library.staging``) until its
file is in the library, so that the next attempt goes on where this one ended.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta

from mediavault.core.failures import Failure, FailureScope, NotYet, RateLimited, Retry, StoreError
from mediavault.core.job import JobId, Stage
from mediavault.core.logs import get_logger
from mediavault.core.media import Candidate, DownloadedFile, LiveNow
from mediavault.core.messages import Message
from mediavault.core.recordings import RECORDING, Recording, began_at
from mediavault.download.port import RecordingOrder
from mediavault.features.recording.service import forget_stop, is_to_stop
from mediavault.worker.attempt import Attempt
from mediavault.worker.hooks import ItemRecording

ASKED_EVERY_S = 3.0  # whether a user wants to stop it
PROGRESS_PCT = 60  # its length is not known
FULL_FOR = timedelta(minutes=2)  # until a stream is tried again for which there was no place

log = get_logger(__name__)


@dataclass(slots=True)
class RecordingPlaces:
    """How many streams one worker records at a time: they share its disk and network.
    ``most`` None: any number.
    """

    most: int | None = None
    taken: set[JobId] = field(default_factory=set)

    def take(self, job_id: JobId) -> None:
        """Take a place for the job. Raises LiveNow when there is none."""
        if self.most is not None and len(self.taken - {job_id}) >= self.most:
            raise LiveNow(
                Message(
                    "The stream is live, but this worker is already recording %(most)d.",
                    most=self.most,
                ),
                retry_after=FULL_FOR,
            )
        self.taken.add(job_id)


@dataclass(slots=True)
class StreamRecording(ItemRecording):
    """A recording: of a stream that is running, or of one that an earlier attempt recorded.

    Without ``order`` the profile wants none, and none was begun.
    """

    places: RecordingPlaces
    attempt: Attempt
    index: int
    order: RecordingOrder | None = field(default=None, init=False)
    has_begun: bool = field(default=False, init=False)
    _recorded_s: float = field(default=0.0, init=False)
    _noticed_s: float | None = field(default=None, init=False)  # by has_progress
    _watching: asyncio.Task[None] | None = field(default=None, init=False)

    async def __aenter__(self) -> StreamRecording:
        if self.attempt.context.profile.record_live or await self._is_begun():
            self.order = RecordingOrder(
                folder=self.attempt.context.library.staging.recording_folder(
                    self.attempt.claim.id, self.index
                ),
                begin=self._begin,
                on_change=self._on_change,
                began_at=began_at(self.attempt.extraction.metadata),
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Release the slot, and stop waiting for a user's request to stop."""
        self.places.taken.discard(self.attempt.claim.id)
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def _is_begun(self) -> bool:
        return await self.attempt.context.library.staging.has_recording(self.attempt.claim.id)

    async def _begin(self) -> None:
        """Take a place, and tell users what is happening. Raises LiveNow."""
        claim, recorder = self.attempt.claim, self.attempt.recorder
        self.places.take(claim.id)
        goes_on = await self._is_begun()
        if not goes_on:
            await forget_stop(self.attempt.context.store.records, claim.id)
        await self.attempt.context.library.staging.make_recording_folder(claim.id, self.index)
        recorder.leave_slot()
        self._watching = self._watching or asyncio.create_task(self._watch())
        await recorder.set_stage(Stage.RECORD, PROGRESS_PCT)
        if not self.has_begun:
            self.has_begun = True
            detail = (
                Message("The recording continues.")
                if goes_on
                else Message("The stream is live; recording starts.")
            )
            await recorder.record(Stage.RECORD, detail)

    def _on_change(self, recording: Recording) -> None:
        self._recorded_s = recording.recorded_s
        if self._noticed_s is None:  # what an earlier attempt recorded
            self._noticed_s = recording.recorded_s
        facts = {
            "stage": Stage.RECORD,
            "bytes_done": recording.bytes,
            "duration_s": recording.recorded_s,
        }
        self.attempt.recorder.report(facts, PROGRESS_PCT)

    async def _watch(self) -> None:
        """Set the order's ``stop`` when a user wants the recording to end."""
        context = self.attempt.context
        while self.order is not None and not self.order.stop.is_set():
            try:
                if await is_to_stop(context.store.records, self.attempt.claim.id):
                    self.order.stop.set()
            except StoreError as exc:
                log.warning("request_not_read", error=exc.message)
            await context.clock.sleep(ASKED_EVERY_S)

    def has_progress(self) -> bool:
        """Return whether this attempt has recorded something since the last call."""
        noticed_s, self._noticed_s = self._noticed_s, self._recorded_s
        return noticed_s is not None and self._recorded_s > noticed_s

    async def ends_with(self, failure: Failure) -> bool:
        """End the recording with what it has, unless the next attempt may go on.

        That may be after a failure of this machine, or when the site asked us to slow down.
        """
        claim = self.attempt.claim
        if self.order is None or not await self._is_begun():
            return False
        if isinstance(failure, NotYet):
            ends = failure.retry_after is None
        else:
            may_pass = (
                isinstance(failure, RateLimited) or failure.spec.scope is FailureScope.MACHINE
            )
            goes_on = failure.spec.retry is Retry.MACHINE or claim.fence < claim.job.max_attempts
            ends = not (may_pass and goes_on)
        if ends:
            self.order.give_up()
        return ends

    async def save(self, candidate: Candidate, file: DownloadedFile) -> None:
        """Store what was recorded, for the job's page and its sidecar.
        Without a recording nothing is written.
        """
        attempt = self.attempt
        known = attempt.extraction.metadata
        if file.recording is None and RECORDING not in known:
            return
        facts = {RECORDING: asdict(file.recording)} if file.recording is not None else {}
        others = {name: value for name, value in known.items() if name != RECORDING}
        attempt.extraction = replace(attempt.extraction, metadata={**others, **facts})
        await attempt.checkpoint(candidate)
        await forget_stop(attempt.context.store.records, attempt.claim.id)
