"""The address at which a phone can open the vault, as far as the vault can know it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request

from mediavault.core.settings import Settings
from mediavault.core.urls import is_loopback
from mediavault.server.authentication import current_principal
from mediavault.server.base_path import base_path
from mediavault.server.security import listens_everywhere
from mediavault.web.qr import QrCode, qr_code

_OUTSIDE = ("192.0.2.1", 9)  # reserved for documentation; no packet is sent there
_SIGNS_OF_A_CONTAINER = (Path("/.dockerenv"), Path("/run/.containerenv"))


@dataclass(frozen=True, slots=True)
class PhoneView:
    """``here`` is the vault as this browser opened it; ``address`` the one for a phone, None if none is known."""

    here: str
    address: str | None
    code: QrCode | None

    @property
    def is_secure(self) -> bool:
        """Whether browsers install pages from the address, and share links to it."""
        return self.address is not None and self.address.startswith("https://")


def address_here(request: Request) -> str:
    """Return the vault's address as this browser opened it, with a slash at the end."""
    host = request.headers.get("host", "")  # checked by the middleware
    return f"{'https' if _is_over_tls(request, host) else 'http'}://{host}{base_path()}/"


def phone_view(request: Request, settings: Settings) -> PhoneView:
    """Return what the access page says about phones."""
    here, host = address_here(request), request.headers.get("host", "")
    address = here if not is_loopback(_name(host)) else address_of(settings, lan_host())
    return PhoneView(here, address, qr_code(address) if address else None)


def address_of(settings: Settings, in_the_lan: str | None) -> str | None:
    """Return the address that follows from the settings; ``in_the_lan`` is this machine's, None if it is not known.

    A name with a proxy in front of it, or on a vault that listens on loopback only, is taken to be a proxy's, over HTTPS.
    """
    is_local = is_loopback(settings.host)
    name = next(iter(settings.host_names), None)
    if name is not None and (settings.trusted_proxies or is_local):
        return f"https://{name}{settings.base_path}/"
    host = name or (in_the_lan if listens_everywhere(settings) else settings.host)
    if is_local or host is None:
        return None
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{shown}:{settings.port}{settings.base_path}/"


def lan_host() -> str | None:
    """Return this machine's address in its network; None without one, and in a container, whose own nobody can reach."""
    if any(sign.exists() for sign in _SIGNS_OF_A_CONTAINER):
        return None
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(_OUTSIDE)  # UDP: chooses the interface, and sends nothing
            host = str(probe.getsockname()[0])
    except OSError:
        return None
    return None if is_loopback(host) else host


def _is_over_tls(request: Request, host: str) -> bool:
    """Whether the browser uses HTTPS: it says so at the sign-in, and sends Sec-Fetch-Site over HTTPS and to loopback only."""
    caller = current_principal()
    if caller is not None and caller.session is not None and caller.session.visit.tls:
        return True
    return "sec-fetch-site" in request.headers and not is_loopback(_name(host))


def _name(host: str) -> str:
    """Return a Host header without its port."""
    return host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
