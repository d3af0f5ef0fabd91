"""The vault's own address: as a client opened it, and for other devices and programs,
as far as the vault can know it.
"""

from __future__ import annotations

import socket
from pathlib import Path

from starlette.requests import Request

from mediavault.core.settings import Settings
from mediavault.core.urls import is_loopback
from mediavault.server.authentication import current_principal
from mediavault.server.middleware import base_path
from mediavault.server.security import host_of, listens_everywhere

_OUTSIDE = ("192.0.2.1", 9)  # reserved for documentation; no packet is sent there
_SIGNS_OF_A_CONTAINER = (Path("/.dockerenv"), Path("/run/.containerenv"))


def address_here(request: Request) -> str:
    """Return the vault's address as this browser opened it, with a slash at the end."""
    return (
        f"{'https' if _is_over_tls(request) else 'http'}://{request.headers.get('host', '')}"
        f"{base_path()}/"
    )


def address_for_apps(request: Request, settings: Settings, known: str = "") -> str:
    """Return the vault's address as a program opened it, which sends no sign of HTTPS: with the
    scheme of ``known``, an address of the vault, or of the one in the settings, where either has
    the same host.
    """
    here = address_here(request)
    places = (place for place in (known, address_of(settings, None)) if place)
    return next(
        (place for place in places if place.partition("://")[2] == here.partition("://")[2]), here
    )


def address_elsewhere(request: Request, settings: Settings) -> str | None:
    """Return the address at which other devices can open the vault: as this client opened it,
    unless only this machine can do that; None if none is known.
    """
    if is_loopback(_host(request)):
        return address_of(settings, lan_host())
    return address_for_apps(request, settings)


def address_for_others(request: Request, settings: Settings) -> str:
    """Return the vault's address for links that others open: ``address_elsewhere``,
    or else as this client opened it.
    """
    return address_elsewhere(request, settings) or address_here(request)


def address_of(settings: Settings, in_the_lan: str | None) -> str | None:
    """Return the address that follows from the settings; ``in_the_lan`` is this machine's, None if
    it is not known.

    A name with a proxy in front of it, or on a vault that listens on loopback only, is taken to be
    a proxy's, over HTTPS.
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
    """Return this machine's address in its network; None without one, and in a container,
    whose own address is not reachable.
    """
    if any(sign.exists() for sign in _SIGNS_OF_A_CONTAINER):
        return None
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(_OUTSIDE)  # UDP: chooses the interface, and sends nothing
            host = str(probe.getsockname()[0])
    except OSError:
        return None
    return None if is_loopback(host) else host


def _is_over_tls(request: Request) -> bool:
    """Whether the browser uses HTTPS: it says so at the sign-in,
    and sends Sec-Fetch-Site over HTTPS and to loopback only.
    """
    caller = current_principal()
    if caller is not None and caller.session is not None and caller.session.tls:
        return True
    return "sec-fetch-site" in request.headers and not is_loopback(_host(request))


def _host(request: Request) -> str:
    """Return the host of the Host header, without its port. The middleware has checked it."""
    return host_of(request.headers.get("host")) or ""
