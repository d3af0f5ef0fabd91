"""Host and origin checks, as pure functions. ``middleware.py`` applies these checks to every
request, in this order.

1. **Host**: only the vault's own names are allowed, else a web page could reach it through another
   name that resolves to this machine (DNS rebinding). Literal addresses are safe: a page cannot
   rebind them.
2. **Caller** (``authentication.py``): a web session, a token, or a user named by a reverse proxy.
   Without a password the vault is open to this machine only. The Host header and forwarded
   addresses never count as proof of anything.
3. **Same origin**: a browser's unsafe request must come from the vault's own page (the rule of Go's
   CrossOriginProtection); programs other than browsers send neither header and pass.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass

from mediavault.auth.authenticator import token_of
from mediavault.auth.oidc import provider_rules
from mediavault.auth.proxies import proxy_rules
from mediavault.core.failures import BadSetting
from mediavault.core.messages import Message
from mediavault.core.settings import Settings
from mediavault.core.urls import is_loopback

FORM_TYPE = "application/x-www-form-urlencoded"
JSON_TYPE = "application/json"
UPLOAD_TYPE = "multipart/form-data"

_HOST_HEADER = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::\d{1,5})?")
_WILDCARDS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not bound to


@dataclass(frozen=True, slots=True)
class HostRules:
    """The allowed hosts: ``names`` (lower case, IPv6 in brackets),
    with ``any_address`` also every literal address.
    """

    names: frozenset[str]
    any_address: bool = False


def host_rules(settings: Settings) -> HostRules:
    """Return the allowed hosts: loopback, the configured names, and the bound host.

    When all addresses are bound, these are the machine's own name and every literal address.
    """
    names = {"localhost", "127.0.0.1", "[::1]", *(name.lower() for name in settings.host_names)}
    if not listens_everywhere(settings):
        return HostRules(frozenset({*names, _bracketed(settings.host.lower())}))
    machine = socket.gethostname().lower()
    return HostRules(frozenset({*names, machine, f"{machine}.local"}), any_address=True)


def listens_everywhere(settings: Settings) -> bool:
    """Whether the vault listens on all addresses of its machine."""
    return settings.host in _WILDCARDS


def host_of(header: str | None) -> str | None:
    """Return the host of a Host header, in lower case and without port;
    None when it is not valid.
    """
    match = _HOST_HEADER.fullmatch(header or "")
    return match["host"].lower().rstrip(".") if match else None


def host_is_ours(host: str, rules: HostRules) -> bool:
    return host in rules.names or (rules.any_address and _is_address(host.strip("[]")))


def needs_a_password(settings: Settings) -> bool:
    """Whether the vault must not listen without a password: the network can reach it,
    and nothing else protects it.
    """
    guarded = (
        token_of(settings)
        or settings.setup
        or proxy_rules(settings).login
        or provider_rules(settings)
    )
    return not (guarded or is_loopback(settings.host))


def no_password(settings: Settings) -> BadSetting:
    """Return the error of a vault that must not listen without a password."""
    return BadSetting(
        Message(
            "MEDIAVAULT_HOST: %(host)s would open the vault to the whole network without a"
            " password.",
            host=settings.host or Message("every address"),
        ),
        help="Set one with `mediavault password`, or set MEDIAVAULT_TOKEN to a long random value,"
        " or keep MEDIAVAULT_HOST "
        "at 127.0.0.1. To set the password in the browser, start once with MEDIAVAULT_SETUP=true.",
    )


def bearer(header: str | None) -> str | None:
    """Return the bearer token of an Authorization header; None without one."""
    scheme, _, value = (header or "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" and value.strip() else None


def comes_from_elsewhere(fetch_site: str | None, origin: str | None, host: str | None) -> bool:
    """Whether a browser sends this request for another site's page. For unsafe methods only.

    ``fetch_site`` is Sec-Fetch-Site, ``host`` the raw Host header. A browser too old for
    Sec-Fetch-Site sends Origin.
    """
    if fetch_site is not None:
        return fetch_site not in ("same-origin", "none")
    if origin is None:
        return False
    return origin.partition("://")[2].lower() != (host or "").lower()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
