"""The connection to the OpenID Connect provider that signs users in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from mediavault.app.clients import client_for
from mediavault.auth.oidc import Fetch
from mediavault.core.settings import Settings
from mediavault.core.urls import EgressScope
from mediavault.egress.port import Timeouts

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
            url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
        ) -> tuple[int, bytes]:
            if form is not None:
                sending = client.post(url, form, scope=EgressScope(issuer), headers=headers, timeouts=LIMITS)
            else:
                sending = client.get(
                    url, scope=EgressScope(issuer), headers=headers, timeouts=LIMITS, max_redirects=0, decode=True
                )
            async with sending as response:
                return response.status, await response.read(limit=MAX_ANSWER_BYTES)

        yield fetch
