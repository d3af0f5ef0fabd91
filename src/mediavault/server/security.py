"""What the vault goes by, and whose page asks, as pure judgements. ``middleware.py`` applies them to every request, in this order.

1. **Host**: only names that the vault goes by, else a web page could reach it through a name of its own that resolves
   to this machine (DNS rebinding). Addresses are no names: a page cannot rebind a literal.
2. **Who asks** (the domain ``access``): a session of the page, a token, or a reverse proxy's word. Without a password the
   vault is open to this machine alone. The Host header and forwarded addresses never count as proof of anything.
3. **Same origin**: a browser's unsafe request must come from the vault's own page (the rule of Go's
   CrossOriginProtection); programs that are no browser send neither header and pass.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass

from mediavault.auth.authenticator import token_of
from mediavault.auth.proxies import proxy_rules
from mediavault.core.failures import BadSetting
from mediavault.core.messages import Message
from mediavault.core.settings import Settings

FORM_TYPE = "application/x-www-form-urlencoded"
JSON_TYPE = "application/json"

_HOST_HEADER = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::\d{1,5})?")
_WILDCARDS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not bound to


@dataclass(frozen=True, slots=True)
class HostRules:
    """``names`` are lower case, IPv6 in brackets. ``any_address`` also takes every literal address."""

    names: frozenset[str]
    any_address: bool = False


def host_rules(settings: Settings) -> HostRules:
    """What the Host header may say: loopback's names, the configured ones, and this machine's own when it binds them all."""
    names = {"localhost", "127.0.0.1", "[::1]", *(name.lower() for name in settings.host_names)}
    if settings.host not in _WILDCARDS:
        return HostRules(frozenset({*names, _bracketed(settings.host.lower())}))
    machine = socket.gethostname().lower()
    return HostRules(frozenset({*names, machine, f"{machine}.local"}), any_address=True)


def host_of(header: str | None) -> str | None:
    """The host of a Host header, lower case and without port; None when it is no host at all."""
    match = _HOST_HEADER.fullmatch(header or "")
    return match["host"].lower().rstrip(".") if match else None


def host_is_ours(host: str, rules: HostRules) -> bool:
    return host in rules.names or (rules.any_address and _is_address(host.strip("[]")))


def needs_a_password(settings: Settings) -> bool:
    """Whether the vault may listen only once it has a password: it is open beyond this machine, and nothing else guards it."""
    guarded = token_of(settings) or settings.setup or proxy_rules(settings).login
    return not (guarded or is_loopback(settings.host))


def no_password(settings: Settings) -> BadSetting:
    """Why it does not listen."""
    return BadSetting(
        Message(
            "MEDIAVAULT_HOST: %(host)s would open the vault to the whole network without a password.",
            host=settings.host or Message("every address"),
        ),
        help="Set one with `mediavault password`, or set MEDIAVAULT_TOKEN to a long random value, or keep MEDIAVAULT_HOST "
        "at 127.0.0.1. To set the password in the browser, start once with MEDIAVAULT_SETUP=true.",
    )


def bearer(header: str | None) -> str | None:
    """The token of an Authorization header."""
    scheme, _, value = (header or "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" and value.strip() else None


def comes_from_elsewhere(fetch_site: str | None, origin: str | None, host: str | None) -> bool:
    """Whether a browser sends this for a page that is not the vault's. For unsafe methods only.

    ``fetch_site`` is Sec-Fetch-Site, ``host`` the raw Host header. A browser too old for the first sends Origin.
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


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
