"""A reverse proxy's word: whom it has signed in, and for whom it asks. Pure.

Off unless four settings are made: the proxies' addresses, the header's name, the owner's name as the proxy knows it, and
a secret that the proxy sends along. A header counts only with all of them; one that looks like it, stands there twice or
comes from elsewhere is refused rather than ignored, since then somebody tries something or the proxy is set up wrongly.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mediavault.access.keys import same
from mediavault.core.errors import BadSetting
from mediavault.core.settings import Settings

SECRET_HEADER = "x-mediavault-proxy-secret"  # noqa: S105 - a header's name
MIN_SECRET_CHARS = 20
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NEVER = frozenset({"authorization", "cookie", "host", "origin", "forwarded", "x-forwarded-for", SECRET_HEADER})

Headers = Sequence[tuple[str, str]]  # names in lower case, as they came
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ProxyRefused(Exception):
    """The request claims to come from the proxy, and is not believed; the message says why."""


@dataclass(frozen=True, slots=True)
class ProxyLogin:
    """``header`` is in lower case."""

    header: str
    owner: str
    secret: str


@dataclass(frozen=True, slots=True)
class ProxyRules:
    trusted: tuple[Network, ...] = ()
    login: ProxyLogin | None = None


def proxy_rules(settings: Settings) -> ProxyRules:
    """Raises BadSetting for a login by header that is set up by half."""
    trusted = tuple(ipaddress.ip_network(one, strict=False) for one in settings.trusted_proxies)
    secret = settings.proxy_secret.get_secret_value() if settings.proxy_secret else ""
    given = {"PROXY_HEADER": settings.proxy_header, "PROXY_USER": settings.proxy_user, "PROXY_SECRET": secret}
    if not any(given.values()):
        return ProxyRules(trusted)
    if missing := [name for name, value in given.items() if not value]:
        raise BadSetting(f"MEDIAVAULT_{missing[0]} is missing: signing in by the reverse proxy needs all three.")
    if not trusted:
        raise BadSetting("MEDIAVAULT_TRUSTED_PROXIES is missing: signing in by the reverse proxy needs its address.")
    header = (settings.proxy_header or "").lower()
    if not _NAME.fullmatch(header) or header in _NEVER:
        raise BadSetting(
            f"MEDIAVAULT_PROXY_HEADER: {header!r} cannot be used.",
            help="A name such as Remote-User, without _ and dots.",
        )
    if len(secret) < MIN_SECRET_CHARS:
        raise BadSetting(f"MEDIAVAULT_PROXY_SECRET is shorter than {MIN_SECRET_CHARS} characters.")
    return ProxyRules(trusted, ProxyLogin(header, settings.proxy_user or "", secret))


def signed_in_by_proxy(rules: ProxyRules, peer: str, headers: Headers) -> bool:
    """Whether a trusted proxy says that this is the owner; False where nobody says anything. Raises ProxyRefused."""
    login = rules.login
    if login is None:
        return False
    named = [(name, value) for name, value in headers if _plain(name) == _plain(login.header)]
    if not named:
        return False
    secrets_sent = [(name, value) for name, value in headers if _plain(name) == _plain(SECRET_HEADER)]
    if not is_trusted(rules, peer):
        raise ProxyRefused("The header of the reverse proxy came from elsewhere.")
    if any(name != login.header for name, _ in named) or any(name != SECRET_HEADER for name, _ in secrets_sent):
        raise ProxyRefused("A header looks like that of the reverse proxy and is spelled otherwise.")
    if len(named) != 1 or len(secrets_sent) != 1:
        raise ProxyRefused("The headers of the reverse proxy must stand there once.")
    knows_secret, is_owner = same(secrets_sent[0][1], login.secret), same(named[0][1], login.owner)
    if not knows_secret:
        raise ProxyRefused("The secret of the reverse proxy is wrong.")
    if not is_owner:
        raise ProxyRefused("The reverse proxy has signed in somebody else.")
    return True


def is_trusted(rules: ProxyRules, address: str) -> bool:
    parsed = _address(address)
    return parsed is not None and any(
        parsed in network for network in rules.trusted if network.version == parsed.version
    )


def client_address(rules: ProxyRules, peer: str, forwarded_for: Sequence[str]) -> str:
    """Who asks, for limits and logs alone: the rightmost hop that is no proxy of ours. It gives nobody any rights.

    ``forwarded_for`` are the X-Forwarded-For headers in their order. Whatever a stranger writes in them is not read.
    """
    hops = [hop.strip() for value in forwarded_for for hop in value.split(",")]
    nearest = peer
    while is_trusted(rules, nearest) and hops:
        hop = hops.pop()
        if _address(hop) is None:
            return nearest
        nearest = hop
    return nearest


def was_forwarded(headers: Headers) -> bool:
    """Whether something in between passed this request on."""
    return any(_plain(name) in _FORWARDED for name, _ in headers)


_FORWARDED = frozenset({"forwarded", "xforwardedfor", "xforwardedhost", "xforwardedproto", "xrealip", "via"})


def _plain(name: str) -> str:
    """Names that some servers between us take for one and the same."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
