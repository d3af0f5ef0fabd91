"""The composition root: creates every part of the application and hands it its ports.

``open_app`` closes the parts in reverse order, also after an error.
"""

from __future__ import annotations

import asyncio
import functools
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mediavault.app.clients import open_media_server, upstream_proxies
from mediavault.app.notifying import open_notifier
from mediavault.app.storage import (
    free_for_videos,
    make_library,
    open_examiner,
    open_store,
    wait_for_database,
)
from mediavault.browser.session_manager import SessionManager, note_account
from mediavault.core.bandwidth_limiter import BandwidthLimiter
from mediavault.core.clock import Clock, SystemClock
from mediavault.core.failures import MediavaultError, NoSpace, StorageFailure
from mediavault.core.fleet import ALIVE_WITHIN
from mediavault.core.job import JobId, NewJob, WorkerHeartbeat
from mediavault.core.logs import get_logger
from mediavault.core.settings import Settings
from mediavault.core.submission import Submission
from mediavault.egress.guard import EgressGuard, PublicNames
from mediavault.extraction.port import Extractor
from mediavault.features.duplicates import background as duplicates
from mediavault.features.following.background import checks as following
from mediavault.features.following.background import previewer
from mediavault.features.jobs.service import Jobs
from mediavault.features.media_servers import background as media_server
from mediavault.features.media_servers.background import MediaServerRefresh
from mediavault.features.notifications import notifier as notifications
from mediavault.features.notifications.notifier import Notifier
from mediavault.features.recording.background import RecordingPlaces, StreamRecording
from mediavault.features.retention import background as retention
from mediavault.features.transcripts import background as transcripts
from mediavault.features.trash import background as trash
from mediavault.features.trash.service import Trash
from mediavault.library.port import Library
from mediavault.maintenance import companion_words, decoding, outdated_sidecars, replacing
from mediavault.maintenance.arranging import finish_moves
from mediavault.maintenance.decoding import PictureDecoder
from mediavault.maintenance.outdated_sidecars import write_outdated
from mediavault.maintenance.replacing import replace_damaged
from mediavault.maintenance.scheduled_checks import ROUND_S, ScheduledChecks
from mediavault.platforms import registry
from mediavault.presentation.views import saved_paths
from mediavault.store import waiting_jobs
from mediavault.store.live_settings import LiveSettings
from mediavault.store.patience import DatabaseWait
from mediavault.store.port import Store, Workers
from mediavault.tracing.opening import open_tracing
from mediavault.worker import recovery
from mediavault.worker.context import RetryPolicy, WorkerContext
from mediavault.worker.freezes import FreezeReport, settled_reports
from mediavault.worker.hooks import Hooks
from mediavault.worker.library_watch import LibraryWatch, ensure_library_id
from mediavault.worker.ticker import end, every
from mediavault.worker.worker import Worker, WorkerLimits

if TYPE_CHECKING:  # both load slowly, and processes without a worker need neither
    from mediavault.browser.chromium import Chromium
    from mediavault.egress.proxy import EgressProxy

LIBRARY_CHECK_S = 5.0  # of a process without a worker, which checks before each claim

log = get_logger(__name__)

MIB = 1 << 20
READING_CHILD = "mediavault.app.reading_child"


@dataclass(frozen=True, slots=True)
class App:
    """The parts of a running application. ``worker`` and ``working`` are None when the worker is
    another process.
    """

    settings: Settings
    store: Store
    clock: Clock
    guard: EgressGuard
    library: Library
    library_watch: LibraryWatch
    submission: Submission
    live: LiveSettings
    notifier: Notifier
    worker: Worker | None
    working: asyncio.Task[None] | None

    def submit(self, url: str) -> NewJob:
        """Read a URL; nothing is stored yet. Raises BadInput or a Final failure."""
        return self.submission.read(url)


@asynccontextmanager
async def open_app(
    settings: Settings,
    *,
    worker: bool = False,
    patience: DatabaseWait | None = None,
    first: Callable[[Store], Awaitable[None]] | None = None,
) -> AsyncIterator[App]:
    """Open the store and the library, and run a worker in the background if ``worker``.

    ``first`` gets the open store before anything else is opened, and may raise. With ``patience``
    an unavailable database is waited for, and a library that is not there is looked for until it
    is. Raises BadSetting, SchemaTooNew, StoreError, StorageFailure; then nothing is left open.
    """
    for broken in registry.broken_packages():
        log.warning("site_package_broken", package=broken.entry_point, error=broken.reason)
    clock = SystemClock()
    limits, guard = (
        worker_limits(settings),
        make_guard(settings),
    )  # raise for invalid settings before anything is opened
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            open_store(settings, clock, patience, may_replace=True)
        )
        if first is not None:
            await first(store)
        stack.callback(guard.close)
        library = make_library(settings)
        submission, live = (
            _submission(settings, guard, clock),
            LiveSettings(settings, store.records, clock),
        )

        async def recognise() -> None:
            # first: nothing is created in a library that may be the wrong one
            await ensure_library_id(store, library)
            await library.prepare()
            if worker and settings.vault_url is None:  # files in a bucket are never moved
                await _finish_moves(store, library, live)

        watch = LibraryWatch(
            library, clock, poll_interval_s=limits.poll_interval_s, recognise=recognise
        )
        await wait_for_database(patience, watch.check)
        if watch.problem is not None and patience is None:
            raise watch.problem
        notifier = await stack.enter_async_context(open_notifier(settings, store, clock))
        if not worker:
            watching = asyncio.create_task(every(LIBRARY_CHECK_S, watch.check, clock, first=False))
            stack.push_async_callback(end, watching)
            yield App(
                settings,
                store,
                clock,
                guard,
                library,
                watch,
                submission,
                live,
                notifier,
                None,
                None,
            )
            return
        context = await stack.enter_async_context(
            open_context(settings, store, library, guard, clock, live)
        )
        from mediavault.app import ytdlp_upkeep  # loads what only workers need

        examiner = await stack.enter_async_context(open_examiner(settings, library, clock))
        checks = ScheduledChecks(store, library, clock, live.current, examiner)
        ytdlp = ytdlp_upkeep.YtdlpUpkeep(settings.state_dir, clock, settings.ytdlp_upgrade)
        upkeep: list[tuple[float, Callable[[], Awaitable[object]], str]] = [
            (ROUND_S, checks.check_due, "checks"),
            (outdated_sidecars.ROUND_S, partial(write_outdated, store, library, clock), "sidecars"),
            (
                companion_words.ROUND_S,
                partial(companion_words.index_if_due, store, library, clock),
                "words",
            ),
            (transcripts.ROUND_S, partial(transcripts.run_due, context), "deferred"),
            *[(following.ROUND_S, following.Follower(context, submission.read).round, "following")]
            * following.ROUNDS_AT_ONCE,
            (
                previewer.ROUND_S,
                previewer.SourcePreviewer(context, submission.read).round,
                "previews",
            ),
            (
                duplicates.ROUND_S,
                (
                    await stack.enter_async_context(
                        _duplicate_finder(settings, store, library, clock)
                    )
                ).find_due,
                "duplicates",
            ),
            (
                retention.ROUND_S,
                retention.Retention(
                    store, library, clock, saved_paths, partial(free_for_videos, settings)
                ).round,
                "retention",
            ),
            (
                waiting_jobs.ROUND_S,
                partial(waiting_jobs.continue_after_sign_ins, store),
                "sign-ins",
            ),
            (replacing.ROUND_S, partial(replace_damaged, store, clock, live.current), "replacing"),
            (trash.ROUND_S, partial(trash.empty_old, Trash(store, library, clock), live), "trash"),
            (notifications.ROUND_S, notifier.round, "notifications"),
            (ytdlp_upkeep.ROUND_S, ytdlp.round, "yt-dlp"),
        ]
        if (server := await stack.enter_async_context(open_media_server(settings))) is not None:
            refresh = MediaServerRefresh(server, store.records, clock)
            context = replace(context, hooks=replace(context.hooks, on_saved=refresh.saved))
            upkeep.append((media_server.ROUND_S, refresh.call_if_due, "media server"))
        new_worker = Worker(context, limits, live_folder=_live_folder(settings), library=watch)
        if examiner is not None:
            decoder = PictureDecoder(store, library, clock, examiner, lambda: new_worker.is_idle)
            upkeep.append((decoding.ROUND_S, decoder.decode_due, "decoding"))
        for interval_s, work, name in upkeep:
            stack.push_async_callback(
                end, asyncio.create_task(every(interval_s, _round_of(work, name), clock))
            )
        working = await stack.enter_async_context(_at_work(new_worker))
        yield App(
            settings,
            store,
            clock,
            guard,
            library,
            watch,
            submission,
            live,
            notifier,
            new_worker,
            working,
        )


@asynccontextmanager
async def open_context(
    settings: Settings,
    store: Store,
    library: Library,
    guard: EgressGuard,
    clock: Clock,
    live: LiveSettings | None = None,
) -> AsyncIterator[WorkerContext]:
    """Open everything that a worker needs. The browser and the HTTP client start when they are
    first used.
    """
    from mediavault.download.fetcher import MediaFetcher
    from mediavault.download.port import DownloadLimits
    from mediavault.download.subtitles import SubtitleFetcher
    from mediavault.egress.client import AiohttpClient
    from mediavault.egress.keeping_client import KeepingClient
    from mediavault.egress.proxy import EgressProxy
    from mediavault.extraction.api_extractor import ApiExtractor, EnclosureExtractor
    from mediavault.extraction.browser_extractor import BrowserExtractor, BrowserLister
    from mediavault.extraction.confined_reader import ConfinedReader
    from mediavault.extraction.feed_lister import FeedLister
    from mediavault.extraction.page_extractor import PageExtractor
    from mediavault.extraction.ytdlp_extractor import YtdlpExtractor, YtdlpLister
    from mediavault.media.arrival import open_arrival_decoder, open_helpers
    from mediavault.media.probe import FfmpegProbe
    from mediavault.media.remux import Joiner

    async with AsyncExitStack() as stack:
        bandwidth = BandwidthLimiter(clock, live.current if live is not None else None)
        client = KeepingClient(
            AiohttpClient(guard, clock=clock, buffer_bytes=lambda: bandwidth.buffer_bytes), clock
        )
        stack.push_async_callback(client.close)
        proxy = EgressProxy(guard)
        await proxy.start()
        stack.push_async_callback(proxy.close)
        downloads = library.staging.root  # never in the library, where users would see it
        browser = make_browser(
            settings, proxy, clock, state_dir=settings.state_dir, downloads_dir=downloads
        )
        stack.push_async_callback(browser.close)
        reader = ConfinedReader(clock, child=READING_CHILD)
        stack.push_async_callback(reader.close)
        helpers = await stack.enter_async_context(open_helpers(clock))
        joiner = Joiner(helpers)
        arrivals = await stack.enter_async_context(open_arrival_decoder(clock))
        ytdlp = YtdlpExtractor(proxy, clock, state_dir=settings.state_dir)
        extractors: list[Extractor] = [
            EnclosureExtractor(),
            ApiExtractor(client, reader),
            PageExtractor(client, reader),
            ytdlp,
            BrowserExtractor(browser, clock, reader),
            BrowserExtractor(
                browser,
                clock,
                reader,
                signed_in=True,
                on_viewer=functools.partial(note_account, settings.state_dir),
            ),
            YtdlpExtractor(proxy, clock, state_dir=settings.state_dir, session=browser),
        ]
        yield WorkerContext(
            store=store,
            clock=clock,
            extractors={extractor.name: extractor for extractor in extractors},
            client=client,
            browser=browser,
            downloader=MediaFetcher(client, clock, joiner, reader, bandwidth, arrivals.start),
            probe=FfmpegProbe(helpers),
            remux=joiner.to_mp4,
            extract_sound=joiner.to_sound,
            embed_texts=joiner.embed,
            fetch_subtitles=SubtitleFetcher(client, reader),
            extract_extras=ytdlp.extract_extras,
            library=library,
            limits=DownloadLimits(
                max_bytes=settings.max_file_bytes,
                reserve_bytes=settings.reserve_mb * MIB,
                stall_s=settings.stall_timeout_s,
                segment_concurrency=settings.segment_concurrency,
            ),
            bandwidth=bandwidth,
            live=live.current if live is not None else None,
            retry=RetryPolicy(base=timedelta(seconds=settings.retry_base_s), jitter=random.random),
            extraction_timeout_s=settings.extraction_timeout_s,
            name_template=settings.name_template,
            layout=settings.layout,
            nfo=settings.nfo,
            pace=settings.pace,
            save_quoted=settings.save_quoted,
            sponsorblock_url=settings.sponsorblock_url,
            listers=[
                FeedLister(client, reader, clock),
                YtdlpLister(proxy, clock, state_dir=settings.state_dir),
                YtdlpLister(proxy, clock, state_dir=settings.state_dir, session=browser),
                BrowserLister(browser, clock, reader),
            ],
            signed_in=functools.partial(_signed_in, session_manager(settings)),
            hooks=Hooks(
                on_read=partial(following.refuse_unwanted, store, clock),
                recording_of=partial(StreamRecording, RecordingPlaces(settings.recordings)),
                before_complete=transcripts.before_complete,
            ),
            tracing=await stack.enter_async_context(open_tracing(os.environ)),
        )


def make_browser(
    settings: Settings, proxy: EgressProxy, clock: Clock, *, state_dir: Path, downloads_dir: Path
) -> Chromium:
    """Return the browser of the settings, which starts when it is first used;
    its profile is below ``state_dir``.
    """
    from mediavault.browser.chromium import Chromium

    return Chromium(
        state_dir=state_dir,
        downloads_dir=downloads_dir,
        proxy=proxy,
        clock=clock,
        executable=settings.browser,
        headless=settings.browser_headless,
        memory_limit=browser_memory_limit(settings),
    )


@asynccontextmanager
async def _duplicate_finder(
    settings: Settings, store: Store, library: Library, clock: Clock
) -> AsyncIterator[duplicates.DuplicateFinder]:
    """Provide the search for duplicates, with a separate helper,
    for which no download has to wait.
    """
    from mediavault.media.arrival import open_helpers
    from mediavault.media.fingerprints import FingerprintReader

    async def path_of(relative: str) -> Path | None:
        return await library.local_path(relative, into=settings.state_dir)

    in_a_folder = settings.vault_url is None  # a bucket would send the whole file
    async with open_helpers(clock, count=1) as helpers:
        yield duplicates.DuplicateFinder(
            store, library, clock, FingerprintReader(helpers, path_of if in_a_folder else None).read
        )


@asynccontextmanager
async def _at_work(worker: Worker) -> AsyncIterator[asyncio.Task[None]]:
    """Run the worker in the background; end it in order afterwards,
    or raise what it failed with.
    """
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop), name="worker")
    try:
        yield task
    finally:
        stop.set()
        await task


async def _finish_moves(store: Store, library: Library, live: LiveSettings) -> None:
    """Finish interrupted moves. One that fails waits for the next start:
    it keeps no post from being saved.
    """
    try:
        await finish_moves(store, library, nfo=(await live.current()).nfo)
    except (StorageFailure, NoSpace) as exc:
        log.warning("moves_not_finished", error=exc.message)


def _round_of(work: Callable[[], Awaitable[object]], name: str) -> Callable[[], Awaitable[None]]:
    """Return one round of upkeep. A bug in it is logged,
    and ends neither the next rounds nor the jobs.
    """

    async def upkeep() -> None:
        try:
            await work()
        except (MediavaultError, OSError):
            raise
        except Exception:
            log.exception("upkeep_hit_a_bug", work=name)

    return upkeep


def _live_folder(settings: Settings) -> Path:
    return settings.state_dir / "workers"


async def living_workers(settings: Settings, workers: Workers) -> list[WorkerHeartbeat]:
    """Return the workers with a recent heartbeat, without those of this machine that were killed
    since.
    """
    killed = set(recovery.dead_workers(_live_folder(settings)))
    return [
        worker
        for worker in await workers.alive(seen_within=ALIVE_WITHIN)
        if worker.worker not in killed
    ]


def freeze_reports(settings: Settings) -> list[FreezeReport]:
    """Return the recent freezes of this machine's workers, newest first."""
    return settled_reports(_live_folder(settings))


def worker_limits(settings: Settings) -> WorkerLimits:
    """Return the worker's limits. Raises BadSetting for an unknown platform."""
    registry.known_names(settings.pace, setting="MEDIAVAULT_PACE")
    registry.known_names(settings.site_bandwidth, setting="MEDIAVAULT_SITE_BANDWIDTH")
    return WorkerLimits(
        concurrency=settings.concurrency,
        poll_interval_s=settings.poll_interval_s,
        heartbeat_interval_s=settings.heartbeat_interval_s,
        lease=timedelta(seconds=settings.lease_s),
        shutdown_grace_s=settings.shutdown_grace_s,
        platforms=registry.known_names(settings.platforms),
    )


def make_guard(settings: Settings) -> EgressGuard:
    """Return the egress guard: posts may never reach the API's own port.
    The proxy adds its own port. Raises BadSetting.
    """
    own_ports = (settings.port,) if settings.port else ()
    return EgressGuard(
        settings.allow_private,
        own_ports=own_ports,
        proxies=upstream_proxies(settings),
        public_names=PublicNames(settings.state_dir / "public-names"),
    )


def make_submission(settings: Settings) -> Submission:
    """Return the reader of submitted URLs, which needs no store."""
    return _submission(settings, make_guard(settings), SystemClock())


def make_jobs(settings: Settings, store: Store) -> Jobs:
    """Return what a command does with the jobs of an open store."""
    from mediavault.media.extras import FRAMES, extras_folder, forget_extras

    clock, made = SystemClock(), extras_folder(settings.state_dir)

    async def forget(job_id: JobId, *, kind: str = "") -> None:
        await asyncio.to_thread(forget_extras, made, job_id, kind=kind)

    return Jobs(
        store,
        clock,
        LiveSettings(settings, store.records, clock),
        make_submission(settings),
        make_library(settings),
        partial(forget, kind=FRAMES),
        forget,
    )


def _submission(settings: Settings, guard: EgressGuard, clock: Clock) -> Submission:
    return Submission(
        registry.identify,
        guard.check_submitted,
        clock,
        settings.max_attempts,
        registry.source_at,
        guard.exempts,
    )


# --- signing in -----------------------------------------------------------------------------------


def session_manager(settings: Settings) -> SessionManager:
    """Return the manager of all sites' sessions; it works also while another process uses the
    browser.
    """
    return SessionManager(settings.state_dir, registry.all_platforms(), SystemClock())


async def _signed_in(manager: SessionManager) -> frozenset[str]:
    return frozenset(state.platform for state in await manager.states() if state.signed_in)


def browser_memory_limit(settings: Settings) -> int | None:
    """Return the memory limit in bytes for all processes of one browser;
    None to leave it to the browser.
    """
    return settings.browser_memory_mb * MIB if settings.browser_memory_mb else None


def browser_path(settings: Settings) -> str | None:
    """Return the path of the browser that a worker would start; None without one."""
    from mediavault.browser.discovery import find_browser

    discovery = find_browser(settings.browser)
    return str(discovery.path) if discovery.path else None
