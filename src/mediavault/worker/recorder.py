"""Records an attempt's steps in the job's history, the log and the job's progress;
and how an attempt ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from mediavault.core.clock import Clock
from mediavault.core.failures import ErrorCode, Failure, LeaseLost, StoreError
from mediavault.core.job import (
    ClaimedJob,
    HistoryRecord,
    JobStatus,
    Stage,
    StepOutcome,
    StrategyName,
)
from mediavault.core.logs import get_logger
from mediavault.core.platform import Platform
from mediavault.core.site_limits import Permit
from mediavault.core.system_errors import translate_machine_errors
from mediavault.store.port import Store
from mediavault.tracing.port import AttemptTrace, NoTracing
from mediavault.worker.extraction_slots import ExtractionSlot

# progress is only shown to users; more frequent writes would only load the store
PROGRESS_INTERVAL_S = 1.0
EXTRACTED = 50  # percent; the rest is shared by the items
MAX_DETAIL = 1000  # characters

log = get_logger(__name__)


@dataclass(slots=True)
class Note:
    """What a step records when it succeeds."""

    detail: str = ""
    bytes: int = 0


@dataclass(slots=True)
class AttemptRecorder:
    """Records the steps of one claim, and belongs to the task that works on it.

    A progress write that finds the lease gone cancels that task and sets ``lost``, so that a long
    download does not continue until the next stage begins.
    """

    claim: ClaimedJob
    store: Store
    clock: Clock
    owner: asyncio.Task[object] | None = None
    # from now on the attempt uses none of the worker's slots
    leave_slot: Callable[[], None] = lambda: None
    # its outcome is written next, which ends its lease
    begin_outcome: Callable[[], None] = lambda: None
    trace: AttemptTrace = field(default_factory=NoTracing)
    # the permit that the site's limits granted
    permit: Permit | None = field(default=None, init=False)
    site: Platform | None = field(default=None, init=False)  # the platform of the permit
    permit_is_unused: bool = field(default=False, init=False)  # no post was requested with it yet
    # the extraction slot, until the checkpoint is saved
    slot: ExtractionSlot | None = field(default=None, init=False)
    lost: bool = field(default=False, init=False)
    # the post's saved items, and all that are to be saved
    items: tuple[int, int] = field(default=(0, 1), init=False)
    # the highest so far: a second strategy starts over, the bar does not
    _percent: int = field(default=0, init=False)
    _last_progress: float = field(default=float("-inf"), init=False)
    _pending: asyncio.Task[None] | None = field(default=None, init=False)

    @asynccontextmanager
    async def step(
        self, stage: Stage, *, strategy: StrategyName | None = None
    ) -> AsyncIterator[Note]:
        """Record a step: its outcome, error code, bytes and duration.
        A failure is recorded and raised again.
        """
        note, began = Note(), self.clock.monotonic()
        try:
            with translate_machine_errors():
                yield note
        except Failure as failure:
            await self._write(
                stage,
                strategy,
                StepOutcome.FAILED,
                began,
                failure.message,
                failure.bytes_received,
                failure.code,
            )
            raise
        await self._write(stage, strategy, StepOutcome.OK, began, note.detail, note.bytes, None)

    async def skipped(
        self, stage: Stage, why: str, *, strategy: StrategyName | None = None
    ) -> None:
        """Record a step that did not apply."""
        await self._write(
            stage, strategy, StepOutcome.SKIPPED, self.clock.monotonic(), why, 0, None
        )

    async def record(self, stage: Stage, what: str) -> None:
        """Record that something has begun, or is so."""
        await self._write(stage, None, StepOutcome.OK, self.clock.monotonic(), what, 0, None)

    async def set_stage(self, stage: Stage, progress_pct: int) -> None:
        """Store that the attempt has reached ``stage``. Raises LeaseLost,
        so that no stage begins without the lease.
        """
        await self.flush()
        await self.store.queue.progress(
            self.claim, stage=stage, progress_pct=self._raised(progress_pct)
        )

    def on_progress(self, done: int, total: int | None) -> None:
        """Report the bytes of a running download. Written at most once a second;
        the download never waits for it.
        """
        facts = {"stage": Stage.DOWNLOAD, "bytes_done": done, "bytes_total": total}
        self.report(facts, download_percent(done, total))

    def report(self, facts: Mapping[str, Any], percent: int) -> None:
        """Report facts of the job's row, as ``on_progress`` does."""
        now = self.clock.monotonic()
        busy = self._pending is not None and not self._pending.done()
        if busy or now - self._last_progress < PROGRESS_INTERVAL_S:
            return
        self._last_progress = now
        self._pending = asyncio.get_running_loop().create_task(self._save_progress(facts, percent))

    def release_slot(self) -> None:
        """Give up the extraction slot, if the attempt has one."""
        if self.slot is not None:
            self.slot.end()

    async def flush(self) -> None:
        """Wait until a progress write in progress has ended."""
        if self._pending is not None:
            await self._pending
            self._pending = None

    def _raised(self, percent: int) -> int:
        done, count = self.items
        if percent >= EXTRACTED:
            percent = EXTRACTED + (percent - EXTRACTED + EXTRACTED * done) // count
        self._percent = max(self._percent, percent)
        return self._percent

    async def _save_progress(self, facts: Mapping[str, Any], percent: int) -> None:
        try:
            await self.store.queue.progress(self.claim, progress_pct=self._raised(percent), **facts)
        except LeaseLost:
            self.lost = True
            if self.owner is not None:
                self.owner.cancel()
        except StoreError as exc:
            log.warning("progress_not_saved", error=exc.message)

    async def _write(
        self,
        stage: Stage,
        strategy: StrategyName | None,
        outcome: StepOutcome,
        began: float,
        detail: str,
        size: int,
        code: ErrorCode | None,
    ) -> None:
        took_ms = round((self.clock.monotonic() - began) * 1000)
        if len(detail) > MAX_DETAIL:  # else it stays a message, which pages translate
            detail = detail[:MAX_DETAIL]
        log.info(
            f"{stage}_{outcome}",
            strategy=strategy,
            error_code=code,
            detail=detail or None,
            bytes=size,
            took_ms=took_ms,
        )
        facts = {"outcome": outcome, "strategy": strategy, "detail": detail or None, "bytes": size}
        self.trace.step(stage, self.clock.now(), took_ms / 1000, facts, error=code)
        await self.store.queue.record(
            self.claim,
            HistoryRecord(
                at=self.clock.now(),
                attempt=self.claim.fence,
                stage=stage,
                outcome=outcome,
                strategy=strategy,
                error_code=code,
                detail=detail,
                bytes=size,
                duration_ms=took_ms,
            ),
        )


def download_percent(done: int, total: int | None) -> int:
    """The job's progress during a download: from 50 to 90 %; 60 when the length is unknown."""
    if not total:
        return 60
    return 50 + min(40, 40 * done // total)


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """The job's status after the attempt: completed, failed, or queued when it was released.

    ``error_code`` and ``error`` belong to a failure; ``output_path`` is the first file of a
    completed job.
    """

    status: JobStatus
    error_code: ErrorCode | None = None
    error: str | None = None
    output_path: str | None = None

    @property
    def metric_label(self) -> str:
        """The key under which the worker counts it: completed, failed:CODE, or given_back."""
        if self.status is JobStatus.FAILED and self.error_code is not None:
            return f"failed:{self.error_code.value}"
        return "completed" if self.status is JobStatus.COMPLETED else "given_back"
