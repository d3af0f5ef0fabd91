"""The proxies of the settings, for the egress guards that the application makes."""

from __future__ import annotations

from mediavault.core.settings import Settings
from mediavault.core.upstream_proxies import UpstreamProxies, parse_choice, parse_upstream_proxy
from mediavault.core.urls import HttpUrl
from mediavault.platforms import registry


def upstream_proxies(settings: Settings) -> UpstreamProxies:
    """Return the proxies for posts: the vault's and those of single sites. Raises BadSetting for an unknown site."""
    registry.known_names(settings.proxies, setting="MEDIAVAULT_PROXIES")
    sites = {name: parse_choice(address.get_secret_value()) for name, address in settings.proxies.items()}
    return UpstreamProxies(vault_proxies(settings).vault, sites, site_of=_site_of)


def vault_proxies(settings: Settings) -> UpstreamProxies:
    """Return the proxy for what belongs to no post, such as notifications."""
    return UpstreamProxies(parse_upstream_proxy(settings.proxy.get_secret_value()) if settings.proxy else None)


def _site_of(post: HttpUrl) -> str:
    return registry.platform_at(post).name
