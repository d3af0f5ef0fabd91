"""Each site with its jobs, session, pace and limits, and the end of its pause. API,
pages and command line call this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from mediavault.core.clock import Clock
from mediavault.core.failures import FAILURES, NotFound
from mediavault.core.holds import Hold
from mediavault.core.job import JobStatus
from mediavault.core.platform import Pace
from mediavault.core.sessions import SessionState
from mediavault.core.site_limits import MANY_SITES, UNPARSED_WINDOW
from mediavault.presentation.schemas import SiteLimitView
from mediavault.presentation.session_views import SessionView, session_views
from mediavault.presentation.views import is_left_alone, site_limit_views
from mediavault.server.services import ApiServices
from mediavault.store.holds import all_holds
from mediavault.store.port import FailureGroup, PlatformTotals, Store


@dataclass(frozen=True, slots=True)
class Site:
    """A site and the state of its jobs, limits and session.

    ``totals`` is None without jobs, ``limits`` without any or waiting jobs, ``session`` where
    signing in is not possible, and ``pace`` where one name covers many sites. ``failures`` has the
    most frequent first. ``pause``: an admin has paused it.
    """

    name: str
    title: str
    totals: PlatformTotals | None
    limits: SiteLimitView | None
    session: SessionState | None
    pace: Pace | None
    failures: tuple[FailureGroup, ...]
    pause: Hold | None = None

    @property
    def address(self) -> str:
        return f"/sites/{quote(self.name, safe='')}"

    @property
    def waiting_for_sign_in(self) -> int:
        """The number of jobs that a sign-in or the user's answer lets continue."""
        return sum(
            group.jobs for group in self.failures if FAILURES[group.error_code].waits_for_window
        )

    @property
    def is_in_use(self) -> bool:
        """Whether there is anything to show: a job, limits, a session, a pause."""
        has_session = self.session is not None and bool(
            self.session.signed_in or self.session.cookies
        )
        return (
            self.totals is not None
            or self.limits is not None
            or has_session
            or self.pause is not None
        )

    def count(self, status: JobStatus) -> int:
        return self.totals.counts.get(status, 0) if self.totals else 0


async def all_sites(services: ApiServices) -> list[Site]:
    """Return the sites in use, by title; ``generic``,
    which covers all sites without their own name, is last.
    """
    sites = [site for site in (await _known(services)).values() if site.is_in_use]
    return sorted(sites, key=lambda site: (site.name == "generic", site.title.lower()))


async def one_site(name: str, services: ApiServices) -> Site:
    """Return one site. Raises NotFound for a name that is neither a site's nor a job's."""
    known = await _known(services)
    if name not in known:
        raise NotFound("Unknown site.", help="The sites page lists the known ones.")
    return known[name]


async def sessions_of(sites: list[Site], services: ApiServices) -> Mapping[str, SessionView]:
    """Return the full session of each site whose jobs wait for the user;
    for the others ``Site.session`` is enough.
    """
    waiting = [site for site in sites if site.session is not None and site.waiting_for_sign_in]
    views = await session_views([site.session for site in waiting if site.session], services.store)
    return {view.platform: view for view in views}


async def _known(services: ApiServices) -> dict[str, Site]:
    totals = {
        total.platform: total
        for total in (await services.store.catalogue.library_totals()).platforms
    }
    all_limits = {
        limits.platform: limits for limits in await all_site_limits(services.store, services.clock)
    }
    sessions = {state.platform: state for state in await services.sessions.states()}
    failures = await services.store.catalogue.failures()
    pauses = {hold.site: hold for hold in await all_holds(services.store.records)}
    names = {*totals, *all_limits, *sessions, *(platform.name for platform in services.platforms)}
    return {
        name: Site(
            name=name,
            title=services.title_of(name),
            totals=totals.get(name),
            limits=all_limits.get(name),
            session=sessions.get(name),
            pace=_pace(name, services),
            failures=tuple(group for group in failures if group.platform == name),
            pause=pauses.get(name),
        )
        for name in names
    }


def _pace(name: str, services: ApiServices) -> Pace | None:
    known = services.platform(name)
    return known.pace if known is not None and name not in MANY_SITES else None


async def all_site_limits(store: Store, clock: Clock) -> list[SiteLimitView]:
    """Return the limits of all sites that have any,
    or waiting jobs or posts that no extractor could read, by name.
    """
    waiting = (await store.catalogue.report()).waiting
    unread = await store.catalogue.count_unparsed(within=UNPARSED_WINDOW)
    return site_limit_views(
        await store.site_limits.all_limits(), waiting, clock.now(), not_understood=unread
    )


async def closed_limits(
    store: Store, clock: Clock, waiting: Mapping[str, int]
) -> list[SiteLimitView]:
    """Return the limits of paused sites, without ``not_understood``:
    health checks would count it too often.
    """
    views = site_limit_views(await store.site_limits.all_limits(), waiting, clock.now())
    return [view for view in views if is_left_alone(view)]


async def reopen_site(store: Store, site: str) -> None:
    """End a site's pause, so that its jobs may start again at once.
    Raises NotFound for a site without limits.
    """
    if all(limits.platform != site for limits in await store.site_limits.all_limits()):
        raise NotFound(
            "No site of this name has limits.",
            help="`mediavault limits` and GET /api/site-limits list those that have.",
        )
    await store.site_limits.reopen_site(site)
