"""The doctor's check of the proxies: how each site is reached, and whether that works."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from mediavault.app.composition import make_guard
from mediavault.core.failures import BadSetting, Failure, ProxyFailed
from mediavault.core.settings import Settings
from mediavault.core.upstream_proxies import UpstreamProxies, UpstreamProxy
from mediavault.egress.guard import EgressGuard, Endpoint
from mediavault.egress.upstream import WELL_KNOWN, connect
from mediavault.platforms import registry
from mediavault.presentation.doctor_report import Check, DoctorVerdict
from mediavault.presentation.translation import gettext, translated

NAME = "Proxy"
TRIAL_S = 8.0
LOOKUP_S = 5.0


async def check_proxies(settings: Settings) -> list[Check]:
    """Connect through each proxy to one of its sites, without a request; nothing if no proxy is set."""
    try:
        guard = make_guard(settings)
    except BadSetting as exc:
        return [Check(NAME, DoctorVerdict.BROKEN, exc.message, exc.help)]
    with contextlib.closing(guard):
        return await try_proxies(guard)


async def try_proxies(guard: EgressGuard) -> list[Check]:
    """Return a check for each proxy of the guard, and one for the sites that use none."""
    proxies = guard.proxies
    if proxies.vault is None and not proxies.sites:
        return []
    ways = dict.fromkeys((*proxies.sites.values(), proxies.vault))
    return await asyncio.gather(*(_try(way, proxies, guard) for way in ways))


async def _try(proxy: UpstreamProxy | None, proxies: UpstreamProxies, guard: EgressGuard) -> Check:
    facts = {"sites": _named(proxies, proxy), "proxy": proxy}
    if proxy is None:
        return Check(NAME, DoctorVerdict.OK, gettext("%(sites)s: direct connection") % facts)
    endpoint = await _address_of_a_site([name for name, way in proxies.sites.items() if way == proxy], guard)
    try:
        (await connect(proxy, [endpoint], guard, within_s=TRIAL_S)).abort()
    except ProxyFailed as exc:
        fact = gettext("%(sites)s: %(problem)s") % {**facts, "problem": translated(exc.message)}
        advice = gettext(
            "Check that it is running and that its address in MEDIAVAULT_PROXY or MEDIAVAULT_PROXIES is right."
        )
        return Check(NAME, DoctorVerdict.BROKEN, fact, advice)
    except Failure as exc:
        fact = gettext("%(sites)s: %(problem)s") % {**facts, "problem": translated(exc.message)}
        return Check(
            NAME, DoctorVerdict.WARNING, fact, gettext("It reaches other addresses; the site may be blocking it.")
        )
    return Check(NAME, DoctorVerdict.OK, gettext("%(sites)s: through %(proxy)s, which works") % facts)


async def _address_of_a_site(names: Sequence[str], guard: EgressGuard) -> Endpoint:
    """Return the address of one of these sites, else one that answers on every network."""
    host = next((host for name in names for host in registry.platform(name).matching.hosts), None)
    if host is not None:
        with contextlib.suppress(Failure, TimeoutError):
            async with asyncio.timeout(LOOKUP_S):
                return min(await guard.resolve(host, 443, scope=None), key=lambda each: each[0])  # IPv4 first
    return WELL_KNOWN


def _named(proxies: UpstreamProxies, proxy: UpstreamProxy | None) -> str:
    names = [_title(name) for name, way in sorted(proxies.sites.items()) if way == proxy]
    if proxies.vault == proxy:
        names.append(gettext("all other sites, and notifications") if proxies.sites else gettext("everything"))
    return ", ".join(names)


def _title(name: str) -> str:
    return gettext("unknown sites") if name == "generic" else registry.platform(name).title
