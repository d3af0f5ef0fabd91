"""Adds posts and waits until their jobs are over, with a worker in this process when no other is
alive.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from mediavault.app import composition, one_shot, storage
from mediavault.cli.output import err
from mediavault.core.clock import Clock
from mediavault.core.failures import MediavaultError
from mediavault.core.fleet import is_served
from mediavault.core.holds import hold_of
from mediavault.core.job import MAX_BATCH, Job, JobId, JobStatus, Priority, Stage
from mediavault.core.settings import Settings
from mediavault.core.submission import RefusedAddress
from mediavault.core.users import OWNER
from mediavault.features.jobs.service import Caller, Jobs
from mediavault.presentation.labels import format_progress, format_recorded, format_size
from mediavault.presentation.views import display, finished
from mediavault.store.holds import holds_in_force
from mediavault.store.live_settings import LiveSettings
from mediavault.store.port import Store

CHECK_EVERY_S = 0.25
WORKERS_EVERY_S = 10.0  # a worker may die during the wait


class JobWatcher(Protocol):
    """Receives the job each time that it was read, except when it is over."""

    def see(self, job: Job) -> None: ...


@dataclass(frozen=True, slots=True)
class Saving:
    """How ``get`` saves posts. ``patience_s``: seconds until a retry that is waited for."""

    profile: str | None = None
    force: bool = False
    patience_s: float = 30.0
    silent: bool = False


async def save_and_wait(
    settings: Settings,
    texts: Sequence[str],
    clock: Clock,
    saving: Saving,
    report: Callable[[Job], None],
) -> list[RefusedAddress]:
    """Store all posts, then wait for one after the other; return the addresses that were refused.

    ``report`` gets each job when it is over, or when its next retry is further away than the
    patience. Raises BadInput for an unknown profile, and the refusal of the only address; then
    nothing was stored.
    """
    async with storage.open_store(settings) as store:
        jobs = composition.make_jobs(settings, store)
        ids, refused = await _store_all(jobs, texts, saving)
        patience = timedelta(seconds=saving.patience_s)
        for number, job_id in enumerate(ids, 1):
            count = f"{number} of {len(ids)}" if len(ids) > 1 else ""
            with _watcher(saving.silent, count) as watcher:
                job = await wait_for(store, job_id, settings, clock, watcher, patience=patience)
            report(job)
    return refused


async def _store_all(
    jobs: Jobs, texts: Sequence[str], saving: Saving
) -> tuple[list[JobId], list[RefusedAddress]]:
    refused = jobs.submission.read_each(texts)[1] if len(texts) > 1 else []
    bad = {address.position for address in refused}
    accepted = [text for position, text in enumerate(texts) if position not in bad]
    ids: dict[JobId, None] = {}
    # users wait for them: before all others, and in quiet hours too
    for first in range(0, len(accepted), MAX_BATCH):
        stored = await jobs.submit(
            accepted[first : first + MAX_BATCH],
            Caller(OWNER),
            profile=saving.profile,
            priority=Priority.NOW,
            force=saving.force,
        )
        for job in (enqueued.job for enqueued in stored):
            # the command is a new request
            if job.id not in ids and job.status in (JobStatus.FAILED, JobStatus.CANCELLED):
                await jobs.retry(job.id, profile=saving.profile)
            ids[job.id] = None
    return list(ids), refused


async def _is_held(job: Job, store: Store, live: LiveSettings, clock: Clock) -> bool:
    if job.status is not JobStatus.QUEUED:
        return False
    return hold_of(job, await holds_in_force(store.records, live, clock.now())) is not None


async def wait_for(
    store: Store,
    job_id: JobId,
    settings: Settings,
    clock: Clock,
    onlooker: JobWatcher,
    *,
    patience: timedelta,
) -> Job:
    """Poll until the job is over or held back; start a worker in this process as soon as no other
    is alive.
    """
    next_worker_check, live = clock.monotonic(), LiveSettings(settings, store.records, clock)
    async with _LocalWorker(settings, job_id).at_hand() as helper:
        while True:
            job = await store.catalogue.get(job_id)
            if (
                finished(job)
                or await _is_held(job, store, live, clock)
                or is_too_far_off(job, clock, patience)
                or helper.gave_up()
            ):
                return await store.catalogue.get(job_id)
            onlooker.see(job)
            if not helper.works and clock.monotonic() >= next_worker_check:
                next_worker_check = clock.monotonic() + WORKERS_EVERY_S
                if not is_served(
                    job.platform, await composition.living_workers(settings, store.workers)
                ):
                    helper.start()
            await clock.sleep(CHECK_EVERY_S)


def is_too_far_off(job: Job, clock: Clock, patience: timedelta) -> bool:
    """Whether the next retry is later than the caller wants to wait."""
    return (
        job.status is JobStatus.FAILED
        and job.retry_at is not None
        and job.retry_at - clock.now() > patience
    )


class _LocalWorker:
    """A worker in this process for this one job; when it ends, an unfinished job is released."""

    def __init__(self, settings: Settings, job_id: JobId) -> None:
        self._settings = settings
        self._job_id = job_id
        self._task: asyncio.Task[None] | None = None

    @property
    def works(self) -> bool:
        return self._task is not None

    def start(self) -> None:
        self._task = asyncio.create_task(one_shot.save_here(self._settings, self._job_id))

    def gave_up(self) -> bool:
        """Whether it has ended; raises its error, so that the command does not wait for a broken
        worker.
        """
        if self._task is None or not self._task.done():
            return False
        try:
            self._task.result()
        except MediavaultError as exc:
            exc.help = f"{exc.help} The job waits for a worker: {self._job_id}.".lstrip()
            raise
        return True

    @contextlib.asynccontextmanager
    async def at_hand(self) -> AsyncIterator[_LocalWorker]:
        try:
            yield self
        finally:
            if self._task is not None:
                self._task.cancel()
                with contextlib.suppress(asyncio.CancelledError, MediavaultError):
                    await self._task


class Bar:
    """A progress bar on standard error; without a terminal, one line for every new state.
    ``count`` says which of several posts it is.
    """

    def __init__(self, progress: Progress, *, is_terminal: bool, count: str = "") -> None:
        self._progress = progress
        self._prefix = f"{count}: " if count else ""
        self._is_terminal = is_terminal
        self._task = progress.add_task("", total=None, bytes="")
        self._shown = ""

    def see(self, job: Job) -> None:
        state = self._prefix + display(job).state
        if not self._is_terminal and state != self._shown:
            self._progress.console.print(state, markup=False)
        elif self._is_terminal:
            if state != self._shown:
                # a stage without bytes has no known length
                self._progress.reset(self._task, total=None)
            self._show(job, state)
        self._shown = state

    def _show(self, job: Job, state: str) -> None:
        is_downloading = job.status is JobStatus.RUNNING and job.stage is Stage.DOWNLOAD
        words = format_progress(job.bytes_done, job.bytes_total) if is_downloading else ""
        if job.is_recording:
            words = format_recorded(job.duration_s, job.bytes_done)
        done, total = (job.bytes_done, job.bytes_total) if is_downloading else (0, None)
        self._progress.update(
            self._task, description=state, completed=done, total=total, bytes=words
        )


class _Speed(ProgressColumn):
    """Bytes per second, empty while nothing is transferred."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{format_size(int(speed))}/s" if speed else "", style="dim")


COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    TextColumn("{task.fields[bytes]}"),
    _Speed(),
)


class _Silent:
    def see(self, job: Job) -> None:
        """Show nothing, for scripts."""


@contextlib.contextmanager
def _watcher(silent: bool, count: str) -> Iterator[JobWatcher]:  # noqa: FBT001 - private, called once
    if silent:
        yield _Silent()
        return
    console = err()
    with Progress(
        *COLUMNS, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        yield Bar(progress, is_terminal=console.is_terminal, count=count)
