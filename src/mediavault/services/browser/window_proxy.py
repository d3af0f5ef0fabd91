"""The way out for a person's window: the egress proxy, open to processes of our own user instead of behind a password.

Nothing drives the window's browser, so nothing can tell it a password, and it would ask the person for one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mediavault.core.errors import BrowserUnavailable
from mediavault.services.egress.guard import EgressGuard
from mediavault.services.egress.peer import is_of_our_user
from mediavault.services.egress.proxy import EgressProxy


@asynccontextmanager
async def window_proxy(guard: EgressGuard, url: str) -> AsyncIterator[str]:
    """The proxy's address while the block runs. What is exempt from the guard is what the page at ``url`` may reach.

    Raises BrowserUnavailable.
    """
    proxy = EgressProxy(guard, admits=is_of_our_user)
    try:
        await proxy.start()
    except OSError as exc:
        raise BrowserUnavailable(f"The way out could not be opened: {exc}.") from exc
    try:
        with proxy.exempting(url):
            yield proxy.server
    finally:
        await proxy.close()
