"""Adds a post and waits until its job is over, with a worker in this process when no other is
alive.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
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
from mediavault.core.job import Job, JobId, JobStatus, Priority, Stage
from mediavault.core.settings import Settings
from mediavault.core.users import OWNER
from mediavault.features.jobs.service import Caller
from mediavault.presentation.labels import format_progress, format_recorded, format_size
from mediavault.presentation.views import display, finished
from mediavault.store.holds import holds_in_force
from mediavault.store.live_settings import LiveSettings
from mediavault.store.port import Store

CHECK_EVERY_S = 0.25
WORKERS_EVERY_S = 10.0  # a worker may die during the wait


class JobWatcher(Protocol):
    """Receives the job each time that it was read."""

    def see(self, job: Job) -> None: ...


async def save_and_wait(
    settings: Settings, url: str, clock: Clock, *, force: bool, patience_s: float, silent: bool
) -> Job:
    """Return the job when it is over, or when its next retry is more than ``patience_s`` seconds
    away.

    Raises BadInput when the URL is refused; then nothing was stored.
    """
    async with storage.open_store(settings) as store:
        jobs = composition.make_jobs(settings, store)
        # a user waits for it: before all others, and in quiet hours too
        job = (await jobs.submit([url], Caller(OWNER), priority=Priority.NOW, force=force))[0].job
        if job.status in (JobStatus.FAILED, JobStatus.CANCELLED):  # the command is a new request
            job = await jobs.retry(job.id)
        with _watcher(silent) as watcher:
            return await wait_for(
                store, job.id, settings, clock, watcher, patience=timedelta(seconds=patience_s)
            )


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
            onlooker.see(job)
            if (
                finished(job)
                or await _is_held(job, store, live, clock)
                or is_too_far_off(job, clock, patience)
                or helper.gave_up()
            ):
                return await store.catalogue.get(job_id)
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
    """A progress bar on standard error; without a terminal, one line for every new state."""

    def __init__(self, progress: Progress, *, is_terminal: bool) -> None:
        self._progress = progress
        self._is_terminal = is_terminal
        self._task = progress.add_task("", total=None, bytes="")
        self._shown = ""

    def see(self, job: Job) -> None:
        state = display(job).state
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
def _watcher(silent: bool) -> Iterator[JobWatcher]:  # noqa: FBT001 - private, called once
    if silent:
        yield _Silent()
        return
    console = err()
    with Progress(
        *COLUMNS, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        yield Bar(progress, is_terminal=console.is_terminal)
