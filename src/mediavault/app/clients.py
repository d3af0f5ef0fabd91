"""Requests to the services that the settings name: a media server, a sign-in provider, a timestamp authority."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from mediavault.app.outgoing import vault_proxies
from mediavault.core.settings import Settings
from mediavault.core.urls import parse_http_url
from mediavault.egress.client import AiohttpClient
from mediavault.egress.guard import EgressGuard


@contextlib.asynccontextmanager
async def client_for(url: str, settings: Settings) -> AsyncIterator[AiohttpClient]:
    """Provide a client for one service, which is often in the home network.

    Its guard opens the host and port of ``url``, which stay closed to posts.
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
