"""The composition root: the only place that names concrete classes. Everything else is handed its ports.

``open_vault`` puts the house together and takes it apart again in the reverse order, whatever happened in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mediavault.api.submission import Submission
from mediavault.api.waiting_jobs import go_on_after_window
from mediavault.core.clock import Clock, SystemClock
from mediavault.core.errors import BadSetting, Failure, MediavaultError
from mediavault.core.job import Job, JobId, JobStatus, NewJob
from mediavault.core.logs import get_logger
from mediavault.core.media import Candidate, Extraction
from mediavault.core.sessions import Errand, SessionState
from mediavault.core.settings import Settings
from mediavault.core.urls import HttpUrl, parse_http_url
from mediavault.platforms import registry
from mediavault.services.browser import own_display
from mediavault.services.browser.accounts import note_account
from mediavault.services.browser.login_windows import LoginWindows
from mediavault.services.browser.session_desk import SessionDesk
from mediavault.services.egress.guard import EgressGuard
from mediavault.services.extraction.port import Extractor
from mediavault.services.vault.port import Vault
from mediavault.services.vault.staging import STAGING_FOLDER
from mediavault.store.patience import Patience
from mediavault.store.port import JobStore
from mediavault.upkeep.moving import Onlooker
from mediavault.worker.library import look, recognise
from mediavault.worker.queue import Worker, WorkerLimits
from mediavault.worker.tools import RetryPolicy, Tools

if TYPE_CHECKING:
    from mediavault.store.postgres_facts import PostgresFacts  # its driver may not be installed

MIB = 1 << 20
SINGLE_JOB_LOOK_S = 0.25
POSTGRES_SCHEMES = ("postgresql", "postgres")
SIGNALS_TO_END = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # SIGHUP: the terminal was closed

T = TypeVar("T")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OpenVault:
    """A house put together. ``worker`` and ``working`` are None where another process does the work."""

    settings: Settings
    store: JobStore
    clock: Clock
    guard: EgressGuard
    library: Vault
    submission: Submission
    worker: Worker | None
    working: asyncio.Task[None] | None

    def submit(self, url: str) -> NewJob:
        """Read an address; nothing is stored yet. Raises BadInput or a Final failure."""
        return self.submission.read(url)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a look at a post found. Without ``choice``, ``reason`` says why; without ``extraction``, ``error`` does."""

    extraction: Extraction | None
    choice: Candidate | None
    reason: str
    error: MediavaultError | None = None


# --- the house -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def open_vault(
    settings: Settings, *, worker: bool = False, patience: Patience | None = None
) -> AsyncIterator[OpenVault]:
    """Open the store and the library, and run a worker in the background when asked to.

    Raises BadSetting, SchemaTooNew, StoreError, StorageFailure; nothing is left behind then. With ``patience`` a database
    that is away is waited for.
    """
    clock = SystemClock()
    limits = worker_limits(settings)  # refuses what cannot be before anything is opened
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(settings, clock, patience))
        guard = EgressGuard(settings.allow_private, own_ports=own_ports(settings))
        stack.callback(guard.close)
        library = make_vault(settings)
        # before anything is created where it may not be
        await _waiting(patience, lambda: recognise(store, library))
        await library.prepare()
        submission = _submission(settings, guard, clock)
        if not worker:
            yield OpenVault(settings, store, clock, guard, library, submission, None, None)
            return
        tools = await stack.enter_async_context(open_tools(settings, store, library, guard, clock))
        hand = Worker(tools, limits, live_folder=settings.state_dir / "workers")
        working = await stack.enter_async_context(_at_work(hand))
        yield OpenVault(settings, store, clock, guard, library, submission, hand, working)


@asynccontextmanager
async def open_store(
    settings: Settings, clock: Clock | None = None, patience: Patience | None = None
) -> AsyncIterator[JobStore]:
    """The store that ``database_url`` names, opened and migrated."""
    store = make_store(settings, clock or SystemClock())
    await _waiting(patience, store.open)
    try:
        yield store
    finally:
        await store.close()


async def _waiting(patience: Patience | None, call: Callable[[], Awaitable[None]]) -> None:
    await (call() if patience is None else patience.wait_for(call))


def make_store(settings: Settings, clock: Clock) -> JobStore:
    """``sqlite:///path``, ``postgresql://…``, ``mongodb://…`` or ``memory:``. Raises BadSetting for anything else."""
    return store_at(settings.effective_database_url, clock, allow_unprotected=settings.allow_unprotected_database)


@asynccontextmanager
async def open_store_at(url: str, *, allow_unprotected: bool = False) -> AsyncIterator[JobStore]:
    """The store that ``url`` names, opened and migrated."""
    store = store_at(url, SystemClock(), allow_unprotected=allow_unprotected)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def store_at(url: str, clock: Clock, *, allow_unprotected: bool = False) -> JobStore:
    """The store that ``url`` names, not open yet. ``clock`` is for those that have none of their own.

    Raises BadSetting for what names none, StoreError for a MongoDB that is reached without protection.
    """
    scheme = url.partition(":")[0].lower()
    if (path := sqlite_path(url)) is not None:
        return _sqlite_store(path, clock)
    if scheme in POSTGRES_SCHEMES:
        with _driver_of("PostgreSQL", "postgresql"):
            from mediavault.store.postgres import PostgresJobStore

            return PostgresJobStore(url)
    if scheme in ("mongodb", "mongodb+srv"):
        with _driver_of("MongoDB", "mongodb"):
            from mediavault.store.mongodb import MongoJobStore
            from mediavault.store.mongodb_engine import options_of
            from mediavault.store.mongodb_facts import refuse_unprotected
        if not allow_unprotected:
            refuse_unprotected(options_of(url))
        return MongoJobStore(url)
    if scheme == "memory":
        from mediavault.store.memory import MemoryJobStore

        return MemoryJobStore(clock)
    raise BadSetting(
        f"MEDIAVAULT_DATABASE_URL: {scheme or url!r} is no database that this version knows.",
        help="Use sqlite:////path/to/mediavault.db, postgresql://user:password@host/database or mongodb://user:password@host/database, or leave it unset.",
    )


async def look_at_postgres(settings: Settings) -> PostgresFacts | None:
    """What the server says about itself, without changing anything there; None when the settings name none."""
    url = settings.effective_database_url
    if url.partition(":")[0].lower() not in POSTGRES_SCHEMES:
        return None
    with _driver_of("PostgreSQL", "postgresql"):
        from mediavault.store.postgres_facts import look_at
    return await look_at(url, SystemClock())


def sqlite_path(url: str) -> Path | None:
    """The file that ``url`` names; None when it is no SQLite database."""
    scheme, path = url.partition(":")[0].lower(), url.removeprefix("sqlite://")
    if scheme != "sqlite" or not path.startswith("/") or len(path) == 1:
        return None
    # sqlite:///relative and sqlite:////absolute, as SQLAlchemy reads them; a default always is absolute
    return Path(path[1:]) if path.startswith("//") else Path(path)


def _sqlite_store(path: Path, clock: Clock) -> JobStore:
    from mediavault.store.sqlite import SqliteJobStore

    return SqliteJobStore(path, clock)


def make_vault(settings: Settings) -> Vault:
    """The library that ``vault_url`` names, the download folder without one. Nothing is asked yet. Raises BadSetting."""
    if settings.vault_url is None:
        from mediavault.services.vault.local import LocalVault

        return LocalVault(settings.download_dir)
    from mediavault.services.vault.bucket_address import parse_bucket_address

    address = parse_bucket_address(settings.vault_url)
    with _driver_of("Object storage", "objects"):
        from mediavault.services.vault.bucket import open_bucket
        from mediavault.services.vault.objects import ObjectVault

        return ObjectVault(open_bucket(address), settings.download_dir / STAGING_FOLDER)


@contextmanager
def _driver_of(what: str, extra: str) -> Iterator[None]:
    try:
        yield
    except ImportError as exc:
        raise BadSetting(
            f"{what} needs a driver that is not installed ({exc.name}).", help=f"pip install 'mediavault[{extra}]'"
        ) from exc


@asynccontextmanager
async def open_tools(
    settings: Settings, store: JobStore, library: Vault, guard: EgressGuard, clock: Clock
) -> AsyncIterator[Tools]:
    """Everything that a worker needs to reach out. The browser and the client start when they are first used."""
    from mediavault.services.browser.chromium import Chromium
    from mediavault.services.download.fetcher import MediaFetcher
    from mediavault.services.download.port import DownloadLimits
    from mediavault.services.egress.client import AiohttpClient
    from mediavault.services.egress.proxy import EgressProxy
    from mediavault.services.extraction.api_extractor import ApiExtractor
    from mediavault.services.extraction.browser_extractor import BrowserExtractor
    from mediavault.services.extraction.ytdlp_extractor import YtdlpExtractor
    from mediavault.services.media.probe import MediaProbe
    from mediavault.services.media.remux import to_mp4

    async with AsyncExitStack() as stack:
        client = AiohttpClient(guard, clock=clock)
        stack.push_async_callback(client.close)
        proxy = EgressProxy(guard)
        await proxy.start()
        stack.push_async_callback(proxy.close)
        browser = Chromium(
            state_dir=settings.state_dir,
            downloads_dir=library.staging.root,  # the library itself never shows a working folder
            proxy=proxy,
            clock=clock,
            executable=settings.browser,
            headless=settings.browser_headless,
        )
        stack.push_async_callback(browser.close)
        extractors: list[Extractor] = [
            ApiExtractor(client),
            YtdlpExtractor(proxy, clock, state_dir=settings.state_dir),
            BrowserExtractor(browser, clock),
            BrowserExtractor(
                browser, clock, as_person=True, on_viewer=functools.partial(note_account, settings.state_dir)
            ),
            YtdlpExtractor(proxy, clock, state_dir=settings.state_dir, session=browser),
        ]
        yield Tools(
            store=store,
            clock=clock,
            extractors={extractor.name: extractor for extractor in extractors},
            client=client,
            browser=browser,
            downloader=MediaFetcher(client, clock),
            probe=MediaProbe(),
            remux=to_mp4,
            vault=library,
            limits=DownloadLimits(
                max_bytes=settings.max_file_bytes,
                reserve_bytes=settings.reserve_mb * MIB,
                stall_s=settings.stall_timeout_s,
                segment_concurrency=settings.segment_concurrency,
            ),
            retry=RetryPolicy(base=timedelta(seconds=settings.retry_base_s), jitter=random.random),
            extraction_timeout_s=settings.extraction_timeout_s,
            prefer=settings.prefer,
            save_quoted=settings.save_quoted,
            signed_in=functools.partial(_signed_in, session_desk(settings)),
        )


@asynccontextmanager
async def _at_work(worker: Worker) -> AsyncIterator[asyncio.Task[None]]:
    """The worker's loop in the background; its orderly end afterwards, or what it broke with."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop), name="worker")
    try:
        yield task
    finally:
        stop.set()
        await task


def worker_limits(settings: Settings) -> WorkerLimits:
    """Raises BadSetting for a platform that nobody knows."""
    return WorkerLimits(
        concurrency=settings.concurrency,
        poll_interval_s=settings.poll_interval_s,
        heartbeat_interval_s=settings.heartbeat_interval_s,
        lease=timedelta(seconds=settings.lease_s),
        shutdown_grace_s=settings.shutdown_grace_s,
        platforms=registry.known_names(settings.platforms),
    )


def own_ports(settings: Settings) -> tuple[int, ...]:
    """Ports that posts can never reach: the API's. The proxy adds its own."""
    return (settings.port,) if settings.port else ()


def make_submission(settings: Settings) -> Submission:
    """The reader of addresses, without a store behind it."""
    return _submission(settings, EgressGuard(settings.allow_private, own_ports=own_ports(settings)), SystemClock())


def _submission(settings: Settings, guard: EgressGuard, clock: Clock) -> Submission:
    def check(url: HttpUrl) -> None:
        guard.check_url(url, scope=url)  # a submitted address is its own scope

    return Submission(registry.identify, check, clock, settings.max_attempts)


# --- looking after it --------------------------------------------------------------------------------------------


async def open_library(settings: Settings, store: JobStore) -> Vault:
    """The library, to be read; nothing is written to it. Raises StorageFailure when it is not the store's."""
    library = make_vault(settings)
    await look(store, library)
    return library


async def back_up(settings: Settings, file: Path, onlooker: Onlooker) -> None:
    """Write the store as one SQLite file, whatever engine it is on, while it is in use. Raises BadInput, StoreError."""
    from mediavault.upkeep.backups import back_up_file, back_up_store

    database = sqlite_path(settings.effective_database_url)
    if database is not None:
        await back_up_file(database, file, onlooker)
        return
    async with open_store(settings) as store:
        await back_up_store(store, file, onlooker, make_copy=lambda path: _sqlite_store(path, SystemClock()))


@asynccontextmanager
async def open_backup(settings: Settings, file: Path) -> AsyncIterator[JobStore]:
    """A backup as a store. A copy of it is opened, so that the file stays as it is."""
    from mediavault.upkeep.backups import private_copy

    async with private_copy(file, settings.state_dir) as copy:
        store = _sqlite_store(copy, SystemClock())
        await store.open()
        try:
            yield store
        finally:
            await store.close()


# --- processes that stay ---------------------------------------------------------------------------------------


async def serve(settings: Settings) -> int:
    """API, pages and worker in one process, until a signal."""
    return await _serve_api(settings, worker=True)


async def run_api(settings: Settings) -> int:
    """API and pages alone."""
    return await _serve_api(settings, worker=False)


async def run_worker(settings: Settings) -> int:
    """A worker alone."""
    with _signals() as ending:
        async with AsyncExitStack() as stack:
            opening = open_vault(settings, worker=True, patience=Patience(SystemClock()))
            vault = await ending.unless_stopped(stack.enter_async_context(opening))
            if vault is not None:
                ending.watch(vault)
                await ending.stop.wait()
    return 0


async def _serve_api(settings: Settings, *, worker: bool) -> int:
    from mediavault.api.waiting_room import WaitingRoom

    with _signals() as ending:
        async with AsyncExitStack() as stack:
            async with WaitingRoom(settings.host, settings.port) as room:
                opening = open_vault(settings, worker=worker, patience=Patience(SystemClock(), on_away=room.open))
                vault = await ending.unless_stopped(stack.enter_async_context(opening))
            if vault is None:
                return 0
            ending.watch(vault, outlives_worker=True)
            windows = await stack.enter_async_context(_open_windows(vault))
            await _serve(vault, windows, ending.stop)
    return 0


async def _serve(vault: OpenVault, windows: LoginWindows, stop: asyncio.Event) -> None:
    from mediavault.api.app import create_app
    from mediavault.api.server import serve_app
    from mediavault.api.services import ApiServices

    settings = vault.settings
    services = ApiServices(
        store=vault.store,
        settings=settings,
        clock=vault.clock,
        submit=vault.submission,
        library=vault.library,
        browser_status=lambda: browser_path(settings),
        sessions=session_desk(settings),
        windows=windows,
    )
    if vault.worker is not None and browser_path(settings) is None:
        log.warning("no_browser", help="Posts cannot be extracted until there is one: run `mediavault doctor`.")
    await serve_app(
        create_app(services),
        host=settings.host,
        port=settings.port,
        stop=stop,
        on_started=lambda address: _on_started(vault, address),
    )


# --- signing in --------------------------------------------------------------------------------------------------


def session_desk(settings: Settings) -> SessionDesk:
    """The sessions of all sites, whoever works with the browser just now."""
    return SessionDesk(settings.state_dir, registry.all_platforms(), SystemClock())


async def _signed_in(desk: SessionDesk) -> frozenset[str]:
    return frozenset(state.platform for state in await desk.states() if state.signed_in)


@asynccontextmanager
async def _open_windows(vault: OpenVault) -> AsyncIterator[LoginWindows]:
    async def on_closed(state: SessionState, errand: Errand) -> None:
        await go_on_after_window(state, errand, vault.store)

    settings = vault.settings
    windows = LoginWindows(
        session_desk(settings), vault.guard, vault.clock, executable=settings.browser, on_closed=on_closed
    )
    try:
        yield windows
    finally:
        await windows.aclose()


async def window_here(settings: Settings, errand: Errand, enough: Callable[[], Awaitable[None]]) -> SessionState:
    """A window of the desktop until it is closed, or ``enough`` returns."""
    desk, clock = session_desk(settings), SystemClock()
    guard = EgressGuard(settings.allow_private, own_ports=own_ports(settings))
    with contextlib.closing(guard):
        return await own_display.window_here(desk, guard, clock, errand, executable=settings.browser, enough=enough)


def _on_started(vault: OpenVault, address: str) -> None:
    vault.guard.claim_port(parse_http_url(address).port)  # where port 0 was asked for, the real one is known only now
    settings = vault.settings
    log.info("vault_open", address=address, library=settings.vault_url or str(settings.download_dir))


def browser_path(settings: Settings) -> str | None:
    """The browser that a worker would start, None when there is none."""
    from mediavault.services.browser.discovery import find_browser

    found = find_browser(settings.browser)
    return str(found.path) if found.path else None


@dataclass(slots=True)
class Ending:
    """What ends a process that stays: ``stop`` is set by a signal, or by a worker that broke or was asked to leave and has left."""

    stop: asyncio.Event
    worker: Worker | None = None

    def on_signal(self) -> None:
        """A second signal gives running jobs back at once."""
        if self.stop.is_set() and self.worker is not None:
            self.worker.hurry()
        self.stop.set()

    def watch(self, vault: OpenVault, *, outlives_worker: bool = False) -> None:
        """With ``outlives_worker`` a worker that has left ends nothing."""

        def on_worker_end(working: asyncio.Task[None]) -> None:
            if not outlives_worker or working.cancelled() or working.exception() is not None:
                self.stop.set()

        self.worker = vault.worker
        if vault.working is not None:
            vault.working.add_done_callback(on_worker_end)

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The answer of ``work``; None when the stop came first, and then nothing of it is left behind."""
        task, stopping = asyncio.create_task(work), asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            return None
        finally:
            for each in (task, stopping):
                each.cancel()
            await asyncio.wait({task, stopping})


@contextmanager
def _signals() -> Iterator[Ending]:
    ending = Ending(asyncio.Event())
    loop = asyncio.get_running_loop()
    for number in SIGNALS_TO_END:
        loop.add_signal_handler(number, ending.on_signal)
    try:
        yield ending
    finally:
        for number in SIGNALS_TO_END:
            loop.remove_signal_handler(number)


# --- single errands --------------------------------------------------------------------------------------------


async def save_here(settings: Settings, job_id: JobId) -> None:
    """Run a worker in this process until the job is over or its next try is planned; cancelling gives it back."""
    unlimited = settings.model_copy(update={"platforms": ()})
    async with open_vault(unlimited, worker=True) as vault:
        while not (vault.working and vault.working.done()) and not _rests(await vault.store.get(job_id)):
            await vault.clock.sleep(SINGLE_JOB_LOOK_S)


def _rests(job: Job) -> bool:
    if job.status is JobStatus.FAILED and job.retry_at is not None:
        return False  # the caller decides how long to wait, and cancels
    return job.status not in (JobStatus.QUEUED, JobStatus.RUNNING)


async def inspect_url(settings: Settings, url: str) -> Inspection:
    """Look at a post as a worker would, without saving anything."""
    from mediavault.services.extraction.ranking import choose, explain, videos_to_save
    from mediavault.worker.dispatch import route_of
    from mediavault.worker.stages.extract import ask_extractors
    from mediavault.worker.stages.resolve import resolve

    clock = SystemClock()
    guard = EgressGuard(settings.allow_private, own_ports=own_ports(settings))
    with contextlib.closing(guard):
        route = route_of(parse_http_url(url))
        library = make_vault(settings)
        await library.prepare()
        store = make_store(settings.model_copy(update={"database_url": "memory:"}), clock)
        async with open_tools(settings, store, library, guard, clock) as tools:
            try:
                found = await ask_extractors(await resolve(route, tools.client, clock), tools)
            except Failure as exc:
                return Inspection(None, None, exc.message, exc)
    return _chosen(found, lambda: choose(videos_to_save(found)[0], now=clock.now()), explain)


def _chosen(found: Extraction, choose: Callable[[], Candidate], explain: Callable[[Candidate], str]) -> Inspection:
    try:
        choice = choose()
    except Failure as exc:
        return Inspection(found, None, exc.message, exc)
    return Inspection(found, choice, explain(choice))
