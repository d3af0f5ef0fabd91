"""What sealed copies need: a separate browser without any sign-in,
and the connection to the timestamp authority.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mediavault.app.clients import client_for
from mediavault.app.composition import make_browser
from mediavault.browser.port import Browser
from mediavault.core.clock import Clock
from mediavault.core.failures import BrowserUnavailable, HttpError
from mediavault.core.messages import Message
from mediavault.core.settings import Settings
from mediavault.core.urls import EgressScope, parse_http_url
from mediavault.egress.guard import EgressGuard
from mediavault.egress.port import Timeouts
from mediavault.features.sealing.sealer import Sealer
from mediavault.library.port import Library
from mediavault.store.live_settings import LiveSettings
from mediavault.store.port import Store

if TYPE_CHECKING:  # loads cryptography, which only a stamp needs
    from mediavault.features.sealing.timestamps import Certificate

ABANDONED_AFTER = timedelta(hours=1)  # a visit takes two minutes at most
_FOLDER_PREFIX = "seal-"
LIMITS = Timeouts(connect_s=10.0, read_s=20.0, total_s=30.0)
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


def sealer(
    settings: Settings,
    store: Store,
    library: Library,
    guard: EgressGuard,
    clock: Clock,
    live: LiveSettings,
) -> Sealer:
    """Return what makes sealed copies. Nothing is opened before one is made."""

    async def ask_authority(request: bytes) -> bytes:
        return await ask(settings, request)

    async def slower(site: str) -> float:
        return (await live.current()).pace.get(site, 1.0)

    return Sealer(
        store,
        library,
        clock,
        lambda: open_signed_out_browser(settings, guard, clock),
        ask_authority=ask_authority if settings.timestamp_url else None,
        authority=settings.timestamp_url,
        system_roots=system_roots,
        new_nonce=lambda: secrets.randbits(63),
        slower=slower,
    )


async def ask(settings: Settings, request: bytes) -> bytes:
    """Send a request to the timestamp authority and return its answer.
    Raises Failure, AddressRefused.
    """
    from mediavault.features.sealing.timestamps import MAX_BYTES

    url = settings.timestamp_url or ""
    headers = {
        "content-type": "application/timestamp-query",
        "accept": "application/timestamp-reply",
    }
    async with (
        client_for(url, settings) as client,
        client.post(
            url, request, scope=EgressScope(url), headers=headers, timeouts=LIMITS
        ) as response,
    ):
        if response.status != 200:
            host = parse_http_url(url).host
            raise HttpError(
                Message(
                    "%(host)s answered with HTTP %(status)s.", host=host, status=response.status
                ),
                http_status=response.status,
            )
        return await response.read(limit=MAX_BYTES)


def system_roots() -> Sequence[Certificate]:
    """Return the root certificates that this system trusts;
    none where it has no bundle that can be read.
    """
    from mediavault.features.sealing.timestamps import readable_certificates

    for name in (ssl.get_default_verify_paths().cafile, *SYSTEM_BUNDLES):
        with suppress(OSError):
            if name and (roots := readable_certificates(Path(name).read_bytes())):
                return roots
    return ()


@asynccontextmanager
async def open_signed_out_browser(
    settings: Settings, guard: EgressGuard, clock: Clock
) -> AsyncIterator[Browser]:
    """Open a browser with a profile that is removed afterwards:
    the worker's has the sign-ins. Raises BrowserUnavailable.
    """
    from mediavault.egress.proxy import EgressProxy

    async with AsyncExitStack() as stack:
        try:
            folder = stack.enter_context(
                await asyncio.to_thread(_new_folder, settings.state_dir, clock.now())
            )
        except OSError as exc:
            raise BrowserUnavailable(
                Message("The browser's profile cannot be used: %(error)s.", error=exc)
            ) from exc
        proxy = EgressProxy(guard)
        try:
            await proxy.start()
        except OSError as exc:
            raise BrowserUnavailable(
                Message("The egress proxy could not be started: %(error)s.", error=exc)
            ) from exc
        stack.push_async_callback(proxy.close)
        browser = make_browser(
            settings, proxy, clock, state_dir=Path(folder), downloads_dir=Path(folder)
        )
        stack.push_async_callback(browser.close)
        yield browser


def _new_folder(state_dir: Path, now: datetime) -> tempfile.TemporaryDirectory[str]:
    """Make a temporary folder, and remove those that killed processes have left."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in state_dir.glob(f"{_FOLDER_PREFIX}*"):
        with suppress(OSError):
            if old.stat().st_mtime < (now - ABANDONED_AFTER).timestamp():
                shutil.rmtree(old, ignore_errors=True)
    return tempfile.TemporaryDirectory(
        prefix=_FOLDER_PREFIX, dir=state_dir, ignore_cleanup_errors=True
    )
