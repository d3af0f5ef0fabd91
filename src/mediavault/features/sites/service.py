"""Each site's limits, and the end of its pause. API, pages and command line call this."""

from __future__ import annotations

from collections.abc import Mapping

from mediavault.core.clock import Clock
from mediavault.core.failures import NotFound
from mediavault.core.site_limits import UNPARSED_WINDOW
from mediavault.presentation.schemas import SiteLimitView
from mediavault.presentation.views import is_left_alone, site_limit_views
from mediavault.store.port import Store


async def all_site_limits(store: Store, clock: Clock) -> list[SiteLimitView]:
    """Return the limits of all sites that have any, or waiting jobs or posts that no extractor could read, by name."""
    waiting = (await store.catalogue.report()).waiting
    unread = await store.catalogue.count_unparsed(within=UNPARSED_WINDOW)
    return site_limit_views(await store.site_limits.all_limits(), waiting, clock.now(), not_understood=unread)


async def closed_limits(store: Store, clock: Clock, waiting: Mapping[str, int]) -> list[SiteLimitView]:
    """Return the limits of paused sites, without ``not_understood``: health checks would count it too often."""
    views = site_limit_views(await store.site_limits.all_limits(), waiting, clock.now())
    return [view for view in views if is_left_alone(view)]


async def reopen_site(store: Store, site: str) -> None:
    """End a site's pause, so that its jobs may start again at once. Raises NotFound for a site without limits."""
    if all(limits.platform != site for limits in await store.site_limits.all_limits()):
        raise NotFound(
            "No site of this name has limits.", help="`mediavault limits` and GET /api/gates list those that have."
        )
    await store.site_limits.reopen_site(site)
