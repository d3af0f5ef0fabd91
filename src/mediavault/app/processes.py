"""The long-running processes: everything, the API only, a worker only.
Each one shuts down in order on a signal.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mediavault.app.clients import open_provider
from mediavault.app.composition import (
    READING_CHILD,
    App,
    browser_memory_limit,
    browser_path,
    open_app,
    session_manager,
)
from mediavault.app.sealing import sealer
from mediavault.app.storage import open_examiner
from mediavault.app.watchdog import log_native_crashes, restarting_when_frozen
from mediavault.auth.authenticator import token_of
from mediavault.auth.credentials import SetupToken
from mediavault.auth.oidc import Fetch
from mediavault.auth.proxies import proxy_rules
from mediavault.auth.users import Users
from mediavault.browser.login_windows import LoginWindows
from mediavault.core.clock import SystemClock
from mediavault.core.logs import get_logger
from mediavault.core.sessions import BrowserTask, SessionState
from mediavault.core.settings import Settings
from mediavault.core.urls import parse_http_url
from mediavault.download.beginning import BeginningFetcher
from mediavault.download.frames import CandidateFrames
from mediavault.features.sealing.service import SealedCopies
from mediavault.maintenance.checking import JobChecks
from mediavault.media.arrival import open_helpers
from mediavault.media.extras import PlayerExtras, extras_folder
from mediavault.media.probe import FormatProbe, open_probe
from mediavault.platforms import registry
from mediavault.server.security import needs_a_password, no_password
from mediavault.store.patience import DatabaseWait
from mediavault.store.port import Records, Store
from mediavault.store.waiting_jobs import resume_after_window
from mediavault.worker.worker import Worker

if TYPE_CHECKING:
    from mediavault.app.ytdlp_upkeep import YtdlpUpkeep


SIGNALS_TO_END = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # SIGHUP: the terminal was closed

T = TypeVar("T")

log = get_logger(__name__)


async def serve(settings: Settings) -> int:
    """Run API, pages and worker in one process until a signal."""
    return await _serve_api(settings, worker=True)


async def run_api(settings: Settings) -> int:
    """Run API and pages only."""
    return await _serve_api(settings, worker=False)


async def run_worker(settings: Settings) -> int:
    """Run a worker only."""
    with _signals() as ending:
        async with AsyncExitStack() as stack:
            opening = open_app(settings, worker=True, patience=DatabaseWait(SystemClock()))
            vault = await ending.unless_stopped(stack.enter_async_context(opening))
            if vault is not None:
                ending.watch(vault)
                await ending.stop.wait()
    return 0


async def _serve_api(settings: Settings, *, worker: bool) -> int:
    from mediavault.server.http_server import check_address
    from mediavault.web.unavailable_app import UnavailableApp

    # before a worker claims jobs that it would have to release, and before anything is created
    check_address(settings.host, settings.port)
    with _signals() as ending:
        async with AsyncExitStack() as stack:
            async with UnavailableApp(
                settings.host, settings.port, proxy_rules(settings)
            ) as unavailable:
                patience = DatabaseWait(SystemClock(), on_away=unavailable.open)
                opening = open_app(
                    settings,
                    worker=worker,
                    patience=patience,
                    first=require_authentication(settings),
                )
                vault = await ending.unless_stopped(stack.enter_async_context(opening))
            if vault is None:
                return 0
            ending.watch(vault, outlives_worker=True)
            await serve_vault(vault, ending.stop)
    return 0


async def serve_vault(
    vault: App, stop: asyncio.Event, *, on_open: Callable[[str], None] | None = None
) -> None:
    """Serve the API and the pages until ``stop`` is set. ``on_open`` gets their URL."""
    from mediavault.app.ytdlp_upkeep import YtdlpUpkeep

    async with (
        _open_windows(vault) as windows,
        open_file_service(vault) as file_service,
        open_provider(vault.settings) as fetch,
    ):
        ytdlp = YtdlpUpkeep(vault.settings.state_dir, vault.clock, vault.settings.ytdlp_upgrade)
        try:
            await _serve(
                vault, windows, file_service, ytdlp, fetch, stop, on_open or (lambda _: None)
            )
        finally:
            await ytdlp.aclose()


async def _serve(
    vault: App,
    windows: LoginWindows,
    file_service: FileService,
    ytdlp: YtdlpUpkeep,
    fetch: Fetch | None,
    stop: asyncio.Event,
    on_open: Callable[[str], None],
) -> None:
    from mediavault.app.doctor.checks import examine
    from mediavault.presentation.doctor_report import Doctor
    from mediavault.server.http_server import serve_app
    from mediavault.server.services import ApiServices
    from mediavault.web.app import create_app

    settings = vault.settings
    services = ApiServices(
        store=vault.store,
        settings=settings,
        clock=vault.clock,
        submit=vault.submission,
        library=vault.library,
        library_problem=lambda: vault.library_watch.problem,
        browser_status=lambda: browser_path(settings),
        sessions=session_manager(settings),
        windows=windows,
        live=vault.live,
        doctor=Doctor(lambda: examine(settings), vault.clock),
        ytdlp=ytdlp,
        platforms=registry.all_platforms(),
        checks=file_service.checks,
        formats=file_service.formats,
        extras=file_service.extras,
        fetch_from_provider=fetch,
        frames=file_service.frames,
        notification_sender=vault.notifier.sender,
        sealed_copies=file_service.sealed_copies,
    )
    token = await setup_token(settings, vault.store.records)
    if vault.worker is not None and browser_path(settings) is None:
        log.warning(
            "no_browser",
            help="Posts cannot be extracted until there is one: run `mediavault doctor`.",
        )
    await serve_app(
        create_app(services),
        host=settings.host,
        port=settings.port,
        stop=stop,
        on_started=lambda address: _on_started(vault, address, token, on_open),
        proxies=proxy_rules(settings),
        base=settings.base_path,
    )


def _on_started(
    vault: App, address: str, token: str | None, on_open: Callable[[str], None]
) -> None:
    port = parse_http_url(address).port  # with port 0 the real one is known only now
    vault.guard.claim_port(port)
    settings = vault.settings
    if token is not None:
        log_setup_link(settings, port, token)
    log.info(
        "vault_open", address=address, library=settings.vault_url or str(settings.download_dir)
    )
    on_open(address)


@asynccontextmanager
async def _open_windows(vault: App) -> AsyncIterator[LoginWindows]:
    async def on_closed(state: SessionState, task: BrowserTask) -> None:
        await resume_after_window(state, task, vault.store)

    settings = vault.settings
    windows = LoginWindows(
        session_manager(settings),
        vault.guard,
        vault.clock,
        executable=settings.browser,
        memory_limit=browser_memory_limit(settings),
        on_closed=on_closed,
    )
    try:
        yield windows
    finally:
        await windows.aclose()


# --- shutdown -------------------------------------------------------------------------------------


@dataclass(slots=True)
class ProcessEnd:
    """When a long-running process ends: ``stop`` is set by a signal, or when the worker failed or
    was drained.

    ``was_asked`` is set by the signal handler itself, even while the event loop is blocked.
    """

    stop: asyncio.Event
    worker: Worker | None = None
    was_asked: bool = False
    watches: ExitStack = field(default_factory=ExitStack)

    def on_signal(self) -> None:
        """Handle a signal; a second one releases running jobs at once."""
        if self.stop.is_set() and self.worker is not None:
            self.worker.hurry()
        self.stop.set()

    def note_signal(self, *_: object) -> None:
        self.was_asked = True

    def watch(self, vault: App, *, outlives_worker: bool = False) -> None:
        """Watch the worker (unless ``outlives_worker``),
        and restart the process when its event loop is blocked.
        """

        def on_worker_end(working: asyncio.Task[None]) -> None:
            if not outlives_worker or working.cancelled() or working.exception() is not None:
                self.stop.set()

        self.worker = vault.worker
        if vault.working is not None:
            vault.working.add_done_callback(on_worker_end)
        log_native_crashes(vault.settings.state_dir)
        self.watches.enter_context(
            restarting_when_frozen(self._report_freeze, may_restart=lambda: not self.was_asked)
        )

    def _report_freeze(self, seconds: float, stack: Sequence[str]) -> None:
        if self.worker is not None:
            self.worker.report_freeze(seconds, stack)

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Return the result of ``work``; None when the stop came first, after cancelling it."""
        task, stopping = asyncio.create_task(work), asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            return None
        finally:
            for pending in (task, stopping):
                pending.cancel()
            await asyncio.wait({task, stopping})


@contextmanager
def _signals() -> Iterator[ProcessEnd]:
    ending = ProcessEnd(asyncio.Event())
    loop = asyncio.get_running_loop()
    for number in SIGNALS_TO_END:
        loop.add_signal_handler(number, ending.on_signal)
        signal.signal(number, ending.note_signal)  # the loop is still woken, by its own descriptor
        signal.siginterrupt(number, False)  # noqa: FBT003 - as the loop sets it
    try:
        yield ending
    finally:
        ending.watches.close()
        for number in SIGNALS_TO_END:
            loop.remove_signal_handler(number)


def require_authentication(settings: Settings) -> Callable[[Store], Awaitable[None]]:
    """Return a check that raises BadSetting if the vault listens on the network without
    authentication.
    """

    async def check(store: Store) -> None:
        if (
            needs_a_password(settings)
            and not await Users(store.records, SystemClock()).has_password()
        ):
            raise no_password(settings)

    return check


async def setup_token(settings: Settings, records: Records) -> str | None:
    """Return a new one-time token of the set-up page,
    if MEDIAVAULT_SETUP is set and there is no password yet.
    """
    clock = SystemClock()
    if settings.setup and not token_of(settings) and not await Users(records, clock).has_password():
        return await SetupToken(records, clock).issue()
    return None


def log_setup_link(settings: Settings, port: int, token: str) -> None:
    """Log the link to the set-up page, by the name that browsers use for this vault.

    Its token is the only secret that is ever logged: valid once, for an hour, and only while there
    is no password.
    """
    name = settings.host_names[0] if settings.host_names else "localhost"
    link = f"http://{name}:{port}{settings.base_path}/setup?invitation={token}"
    log.warning("set_up_wanted", link=link, valid_for="1 hour")


# --- file service ---------------------------------------------------------------------------------
# What pages can do with files: check saved ones, read chapters, subtitles and previews for
# players, make pictures of videos that can be chosen, and seal copies.


@dataclass(frozen=True, slots=True)
class FileService:
    checks: JobChecks
    formats: FormatProbe
    extras: PlayerExtras
    frames: CandidateFrames
    sealed_copies: SealedCopies


@asynccontextmanager
async def open_file_service(vault: App) -> AsyncIterator[FileService]:
    """Provide them. What is still running at the end is cancelled."""
    from mediavault.egress.client import AiohttpClient
    from mediavault.extraction.confined_reader import ConfinedReader

    library, state_dir = vault.library, vault.settings.state_dir

    async def path_of(relative: str) -> Path | None:
        return await library.local_path(relative, into=state_dir)

    in_a_folder = vault.settings.vault_url is None  # a bucket would send the whole file
    readable = path_of if in_a_folder else None
    client = AiohttpClient(vault.guard, clock=vault.clock)
    async with (
        open_probe(vault.clock, helpers=1) as probe,
        open_helpers(vault.clock, count=1) as helpers,
        open_examiner(vault.settings, library, vault.clock) as examiner,
    ):
        checks = JobChecks(vault.store, library, vault.clock, examiner)
        folder = extras_folder(state_dir)
        extras = PlayerExtras(helpers, folder, readable)
        reader = ConfinedReader(vault.clock, child=READING_CHILD)
        frames = CandidateFrames(
            client, BeginningFetcher(client, vault.clock, reader), probe, folder
        )
        making = sealer(vault.settings, vault.store, library, vault.guard, vault.clock, vault.live)
        copies = SealedCopies(vault.store.catalogue, making, vault.clock)
        try:
            yield FileService(checks, FormatProbe(probe, readable), extras, frames, copies)
        finally:
            await copies.aclose()
            await frames.aclose()
            await reader.close()
            await client.close()
            await extras.aclose()
            await checks.aclose()
