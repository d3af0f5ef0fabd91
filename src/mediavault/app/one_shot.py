"""One-shot tasks of commands that need the application or parts of it."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from mediavault.app.composition import (
    make_guard,
    make_submission,
    open_app,
    open_context,
    session_manager,
)
from mediavault.app.sealing import sealer
from mediavault.app.storage import (
    make_library,
    open_library,
    open_store,
    open_temporary_store,
    sqlite_path,
    sqlite_store,
)
from mediavault.browser import own_display
from mediavault.core.clock import SystemClock
from mediavault.core.failures import BadInput, Failure, MediavaultError
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.core.media import Candidate, Extraction
from mediavault.core.sessions import BrowserTask, SessionState
from mediavault.core.settings import Settings
from mediavault.core.urls import parse_http_url
from mediavault.features.sealing.model import SealedCopy, SealStep
from mediavault.features.sealing.service import write_copy
from mediavault.maintenance.moving import Progress
from mediavault.store.job_ids import find_job_id
from mediavault.store.live_settings import LiveSettings

SINGLE_JOB_CHECK_S = 0.25
SEAL_STEPS = {
    SealStep.CHECKING: "Checking the saved files",
    SealStep.VISITING: "Visiting the page",
    SealStep.STAMPING: "Asking for a timestamp",
    None: "Writing the copy",
}


@dataclass(frozen=True, slots=True)
class Inspection:
    """The result of inspecting a post. Without ``choice``, ``reason`` says why; without
    ``extraction``, ``error`` does.
    """

    extraction: Extraction | None
    choice: Candidate | None
    reason: str
    error: MediavaultError | None = None


async def save_here(settings: Settings, job_id: JobId) -> None:
    """Run a worker in this process until the job is over or its retry is scheduled;
    cancelling releases the job.
    """
    unlimited = settings.model_copy(update={"platforms": ()})
    async with open_app(unlimited, worker=True) as vault:
        while not (vault.working and vault.working.done()) and not _is_at_rest(
            await vault.store.catalogue.get(job_id)
        ):
            await vault.clock.sleep(SINGLE_JOB_CHECK_S)


def _is_at_rest(job: Job) -> bool:
    if job.status is JobStatus.FAILED and job.retry_at is not None:
        return False  # the caller decides how long to wait, and cancels
    return job.status not in (JobStatus.QUEUED, JobStatus.RUNNING)


async def inspect_url(settings: Settings, url: str) -> Inspection:
    """Extract a post as a worker would, without saving anything."""
    from mediavault.extraction.ranking import choose_candidate, explain, items_to_save
    from mediavault.worker.stages.extract import ask_extractors
    from mediavault.worker.stages.route import resolve, route_of

    clock = SystemClock()
    guard = make_guard(settings)
    with contextlib.closing(guard):
        route = route_of(parse_http_url(url))
        library = make_library(settings)
        await library.prepare()
        async with (
            open_temporary_store(settings, clock) as store,
            open_context(settings, store, library, guard, clock) as context,
        ):
            try:
                extraction = await ask_extractors(
                    await resolve(route, context.client, clock), context
                )
            except Failure as exc:
                return Inspection(None, None, exc.message, exc)
    return _inspection_of(
        extraction, lambda: choose_candidate(items_to_save(extraction)[0], now=clock.now()), explain
    )


def _inspection_of(
    extraction: Extraction, choose: Callable[[], Candidate], explain: Callable[[Candidate], str]
) -> Inspection:
    try:
        choice = choose()
    except Failure as exc:
        return Inspection(extraction, None, exc.message, exc)
    return Inspection(extraction, choice, explain(choice))


async def window_here(
    settings: Settings, task: BrowserTask, enough: Callable[[], Awaitable[None]]
) -> SessionState:
    """Show a browser window on the desktop until it is closed or ``enough`` returns."""
    manager, clock = session_manager(settings), SystemClock()
    guard = make_guard(settings)
    with contextlib.closing(guard):
        return await own_display.window_here(
            manager, guard, clock, task, executable=settings.browser, enough=enough
        )


def set_aside(settings: Settings) -> Path | None:
    """Move a damaged SQLite file aside and return its new path.
    Raises BadInput for a server, StoreError.
    """
    from mediavault.store.sqlite import aside

    database = sqlite_path(settings.effective_database_url)
    if database is None:
        raise BadInput("--set-aside works for SQLite only, and this vault uses another database.")
    return aside.set_aside(database, SystemClock().now())


async def back_up(settings: Settings, file: Path, onlooker: Progress) -> None:
    """Back the store up to one SQLite file while it is in use, on any engine.
    Raises BadInput, StoreError.
    """
    from mediavault.maintenance.backups import back_up_file, back_up_store

    database = sqlite_path(settings.effective_database_url)
    if database is not None:
        await back_up_file(database, file, onlooker)
        return
    async with open_store(settings) as store:
        await back_up_store(
            store, file, onlooker, make_copy=lambda path: sqlite_store(path, SystemClock())
        )


async def seal_copy(
    settings: Settings, post: str, target: Path, onlooker: Progress
) -> tuple[SealedCopy, Path]:
    """Seal a copy of a post, as ``service.write_copy`` does.
    Raises what ``find_job_id`` does too.
    """
    guard, clock = make_guard(settings), SystemClock()
    with contextlib.closing(guard):
        async with open_store(settings, clock) as store:
            library = await open_library(settings, store)
            making = sealer(
                settings, store, library, guard, clock, LiveSettings(settings, store.records, clock)
            )
            job_id = await find_job_id(store.catalogue, make_submission(settings), post)
            job = await store.catalogue.get(job_id)
            return await write_copy(
                making, job, target, lambda step: onlooker.start(SEAL_STEPS[step], None)
            )
