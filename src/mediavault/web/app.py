"""The application: its routes, the middleware around them, and the feed,
which lives as long as the server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from mediavault import __version__
from mediavault.api import events, files, health, jobs, player, sessions
from mediavault.api.feed import Feed
from mediavault.auth.authenticator import Authenticator
from mediavault.core.urls import is_loopback
from mediavault.features.duplicates import api as duplicates
from mediavault.features.following import api as following
from mediavault.features.jobs.service import Jobs
from mediavault.features.marks import api as marks
from mediavault.features.notifications import api as notifications
from mediavault.features.profiles import api as profiles
from mediavault.features.recording import api as recording
from mediavault.features.retention import api as retention
from mediavault.features.rss import api as rss
from mediavault.features.rss.pages.documents import RssVersions
from mediavault.features.rss.service import RssFeeds
from mediavault.features.sealing import api as sealing
from mediavault.features.sharing.service import SharedLinks
from mediavault.features.sites import api as site_limits
from mediavault.features.transcripts import api as transcripts
from mediavault.features.trash import api as trash
from mediavault.server import errors
from mediavault.server.middleware import (
    BasePathMiddleware,
    CompressionMiddleware,
    SecurityMiddleware,
)
from mediavault.server.security import host_rules
from mediavault.server.services import ApiServices
from mediavault.web import assets, pages
from mediavault.web.pages import job_log
from mediavault.web.render import error_page


def create_app(services: ApiServices) -> FastAPI:
    """Create the vault's HTTP application. ``app.state.feed.close()`` ends all event streams before
    a shutdown.
    """
    feed = Feed(services.store.catalogue, services.clock)
    settings = services.settings
    authenticator = Authenticator(
        services.store.records,
        settings,
        services.clock,
        loopback=is_loopback(settings.host),
        fetch=services.fetch_from_provider,
    )
    app = FastAPI(
        title="mediavault",
        version=__version__,
        summary="Saves the video behind a link and verifies that it plays.",
        docs_url=None,  # these pages load third-party scripts
        redoc_url=None,
        redirect_slashes=False,  # the redirect would be built from the Host header
        lifespan=_lifespan,
    )
    app.state.services = services
    app.state.feed = feed
    app.state.jobs = Jobs(
        services.store,
        services.clock,
        services.live,
        services.submit,
        services.library,
        services.frames.forget,
        services.extras.forget,
        feed,
    )
    app.state.authenticator = authenticator
    # these count wrong tries, so there is one of each
    app.state.shared_links = SharedLinks(
        services.store, services.clock, settings.state_dir, on_ended=authenticator.endings.announce
    )
    app.state.rss_feeds = RssFeeds(
        services.store, services.clock, settings.state_dir, on_ended=authenticator.endings.announce
    )
    app.state.rss_versions = RssVersions(services.store, services.clock)
    app.state.measurements = health.Measurements(services)
    errors.install(app, error_page)
    for router in (
        jobs.router,
        recording.router,
        jobs.library_router,
        duplicates.router,
        jobs.queue_router,
        marks.router,
        profiles.router,
        following.router,
        trash.router,
        retention.router,
        notifications.router,
        events.router,
        site_limits.router,
        health.router,
        files.router,
        player.router,
        transcripts.router,
        sealing.router,
        job_log.router,
        rss.router,
        sessions.router,
        sessions.window_router,
        *pages.ROUTERS,
        assets.router,
    ):
        # include_router would build all routes once more, for a quarter of a second of the first
        # request.
        app.router.routes.extend(router.routes)
    app.add_middleware(CompressionMiddleware)
    app.add_middleware(
        SecurityMiddleware,
        hosts=host_rules(services.settings),
        authenticator=authenticator,
        clock=services.clock,
    )
    app.add_middleware(BasePathMiddleware, base=settings.base_path)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    feed: Feed = app.state.feed
    services: ApiServices = app.state.services
    stop_listening = services.store.workers.on_work(feed.wake)
    try:
        yield
    finally:
        stop_listening()
        await feed.aclose()
