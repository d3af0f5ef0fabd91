"""Requests to the services that the settings name: a media server, a sign-in provider, a timestamp authority."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from mediavault.app.outgoing import vault_proxies
from mediavault.core.failures import BadSetting
from mediavault.core.messages import Message
from mediavault.core.settings import Settings, variable
from mediavault.core.urls import parse_http_url
from mediavault.egress.client import AiohttpClient
from mediavault.egress.guard import EgressGuard
from mediavault.features.media_servers.background import MediaServerConnection


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
    """Provide the connection to the media server; None without one. Raises BadSetting when a part of it is missing."""
    kind, url, token = settings.media_server, settings.media_server_url, settings.media_server_token
    if not kind and not url and not token:
        yield None
        return
    if not kind or not url or not token:
        parts = {"media_server": kind, "media_server_url": url, "media_server_token": token}
        missing = ", ".join(variable(name) for name, value in parts.items() if not value)
        raise BadSetting(Message("The media server's settings are incomplete: set %(missing)s too.", missing=missing))
    async with client_for(url, settings) as client:
        yield MediaServerConnection(kind, url, token.get_secret_value(), client)
