"""Requests to the services that the settings name: a media server, a sign-in provider,
a timestamp authority.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from mediavault.auth.oidc import Fetch
from mediavault.core.failures import BadSetting
from mediavault.core.messages import Message
from mediavault.core.settings import Settings, variable
from mediavault.core.upstream_proxies import UpstreamProxies, parse_choice, parse_upstream_proxy
from mediavault.core.urls import EgressScope, HttpUrl, parse_http_url
from mediavault.egress.client import AiohttpClient
from mediavault.egress.guard import EgressGuard
from mediavault.egress.port import Timeouts
from mediavault.features.media_servers.background import MediaServerConnection
from mediavault.platforms import registry


def upstream_proxies(settings: Settings) -> UpstreamProxies:
    """Return the proxies for posts: the vault's and those of single sites.
    Raises BadSetting for an unknown site.
    """
    registry.known_names(settings.proxies, setting="MEDIAVAULT_PROXIES")
    sites = {
        name: parse_choice(address.get_secret_value()) for name, address in settings.proxies.items()
    }
    return UpstreamProxies(vault_proxies(settings).vault, sites, site_of=_site_of)


def vault_proxies(settings: Settings) -> UpstreamProxies:
    """Return the proxy for what belongs to no post, such as notifications."""
    return UpstreamProxies(
        parse_upstream_proxy(settings.proxy.get_secret_value()) if settings.proxy else None
    )


def _site_of(post: HttpUrl) -> str:
    return registry.platform_at(post).name


@contextlib.asynccontextmanager
async def client_for(url: str, settings: Settings) -> AsyncIterator[AiohttpClient]:
    """Provide a client for one service, which is often in the home network.

    Its guard allows the host and port of ``url`` only; posts cannot reach them.
    """
    address = parse_http_url(url)
    rules = (*settings.allow_private, f"{address.bracketed_host}:{address.port}")
    guard = EgressGuard(rules, proxies=vault_proxies(settings))
    with contextlib.closing(guard):
        client = AiohttpClient(guard)
        try:
            yield client
        finally:
            await client.close()


@contextlib.asynccontextmanager
async def open_media_server(settings: Settings) -> AsyncIterator[MediaServerConnection | None]:
    """Provide the connection to the media server; None without one.
    Raises BadSetting when a part of it is missing.
    """
    kind, url, token = settings.media_server, settings.media_server_url, settings.media_server_token
    if not kind and not url and not token:
        yield None
        return
    if not kind or not url or not token:
        parts = {"media_server": kind, "media_server_url": url, "media_server_token": token}
        missing = ", ".join(variable(name) for name, value in parts.items() if not value)
        raise BadSetting(
            Message(
                "The media server's settings are incomplete: set %(missing)s too.", missing=missing
            )
        )
    async with client_for(url, settings) as client:
        yield MediaServerConnection(kind, url, token.get_secret_value(), client)


MAX_ANSWER_BYTES = 1 << 20
LIMITS = Timeouts(connect_s=5.0, read_s=10.0, total_s=15.0)


@asynccontextmanager
async def open_provider(settings: Settings) -> AsyncIterator[Fetch | None]:
    """Provide requests to the provider; None without one."""
    issuer = settings.oidc_issuer
    if not issuer:
        yield None
        return
    async with client_for(issuer, settings) as client:

        async def fetch(
            url: str,
            *,
            form: Mapping[str, str] | None = None,
            headers: Mapping[str, str] | None = None,
        ) -> tuple[int, bytes]:
            if form is not None:
                sending = client.post(
                    url, form, scope=EgressScope(issuer), headers=headers, timeouts=LIMITS
                )
            else:
                sending = client.get(
                    url,
                    scope=EgressScope(issuer),
                    headers=headers,
                    timeouts=LIMITS,
                    max_redirects=0,
                    decode=True,
                )
            async with sending as response:
                return response.status, await response.read(limit=MAX_ANSWER_BYTES)

        yield fetch
