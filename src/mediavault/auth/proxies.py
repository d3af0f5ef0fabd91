"""Sign-in by a reverse proxy, and the client addresses that a proxy forwards. Pure.

Off unless four settings are set: the proxies' addresses, the header's name, the owner's name at the
proxy, and a secret that the proxy sends. A header counts only with all of them. A header that looks
similar, is repeated or comes from another address is refused and not ignored, because it is an
attack or a wrong configuration of the proxy.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mediavault.auth.keys import same
from mediavault.core.failures import BadSetting
from mediavault.core.messages import Message
from mediavault.core.settings import Settings
from mediavault.core.users import OWNER, is_user_name

SOMEBODY_ELSE = "The reverse proxy has signed in somebody who is no user of this vault."
SECRET_HEADER = "x-mediavault-proxy-secret"  # noqa: S105 - a header's name
MIN_SECRET_CHARS = 20
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NEVER = frozenset(
    {"authorization", "cookie", "host", "origin", "forwarded", "x-forwarded-for", SECRET_HEADER}
)

Headers = Sequence[tuple[str, str]]  # in the order received, names in lower case
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ProxyRefused(Exception):
    """The request claims to be signed in by the proxy and is refused; the message says why."""


@dataclass(frozen=True, slots=True)
class ProxyLogin:
    """The settings of sign-in by a header. ``header`` is in lower case."""

    header: str
    owner: str
    secret: str


@dataclass(frozen=True, slots=True)
class ProxyRules:
    trusted: tuple[Network, ...] = ()
    login: ProxyLogin | None = None


def proxy_rules(settings: Settings) -> ProxyRules:
    """Read the settings. Raises BadSetting when only some of those for sign-in by a header are
    set.
    """
    trusted = tuple(
        ipaddress.ip_network(network, strict=False) for network in settings.trusted_proxies
    )
    secret = settings.proxy_secret.get_secret_value() if settings.proxy_secret else ""
    login_settings = {
        "PROXY_HEADER": settings.proxy_header,
        "PROXY_USER": settings.proxy_user,
        "PROXY_SECRET": secret,
    }
    if not any(login_settings.values()):
        return ProxyRules(trusted)
    if missing := [name for name, value in login_settings.items() if not value]:
        raise BadSetting(
            Message(
                "MEDIAVAULT_%(missing)s is missing: signing in by the reverse proxy needs all"
                " three.",
                missing=missing[0],
            )
        )
    if not trusted:
        raise BadSetting(
            "MEDIAVAULT_TRUSTED_PROXIES is missing: signing in by the reverse proxy needs its"
            " address."
        )
    header = (settings.proxy_header or "").lower()
    if not _NAME.fullmatch(header) or header in _NEVER:
        raise BadSetting(
            Message("MEDIAVAULT_PROXY_HEADER: %(header)s cannot be used.", header=f"{header!r}"),
            help="A name such as Remote-User, without _ and dots.",
        )
    if len(secret) < MIN_SECRET_CHARS:
        raise BadSetting(
            Message(
                "MEDIAVAULT_PROXY_SECRET is shorter than %(min_secret_chars)s characters.",
                min_secret_chars=MIN_SECRET_CHARS,
            )
        )
    return ProxyRules(trusted, ProxyLogin(header, settings.proxy_user or "", secret))


def user_of_proxy(rules: ProxyRules, peer: str, headers: Headers) -> str | None:
    """Return the name that a trusted proxy sends of its user, OWNER for the owner's; None without
    its header.

    Raises ProxyRefused.
    """
    login = rules.login
    if login is None:
        return None
    named = [(name, value) for name, value in headers if _plain(name) == _plain(login.header)]
    if not named:
        return None
    secrets_sent = [
        (name, value) for name, value in headers if _plain(name) == _plain(SECRET_HEADER)
    ]
    if not is_trusted(rules, peer):
        raise ProxyRefused("The header of the reverse proxy came from elsewhere.")
    if any(name != login.header for name, _ in named) or any(
        name != SECRET_HEADER for name, _ in secrets_sent
    ):
        raise ProxyRefused(
            "A header looks like that of the reverse proxy and is spelled otherwise."
        )
    if len(named) != 1 or len(secrets_sent) != 1:
        raise ProxyRefused("Each header of the reverse proxy must be sent exactly once.")
    if not same(secrets_sent[0][1], login.secret):
        raise ProxyRefused("The secret of the reverse proxy is wrong.")
    if named[0][1] == login.owner:
        return OWNER
    name = named[0][1].lower()
    if name == OWNER or not is_user_name(name):  # a foreign "owner" must not become ours
        raise ProxyRefused(SOMEBODY_ELSE)
    return name


def is_trusted(rules: ProxyRules, address: str) -> bool:
    parsed = _address(address)
    return parsed is not None and any(
        parsed in network for network in rules.trusted if network.version == parsed.version
    )


def client_address(rules: ProxyRules, peer: str, forwarded_for: Sequence[str]) -> str:
    """The client's address, for limits and logs only: the rightmost hop that is not one of our
    proxies.

    ``forwarded_for`` are the X-Forwarded-For headers in order; entries that a client has added
    itself are not read.
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
    """Whether a proxy forwarded this request."""
    return any(_plain(name) in _FORWARDED for name, _ in headers)


_FORWARDED = frozenset(
    {"forwarded", "xforwardedfor", "xforwardedhost", "xforwardedproto", "xrealip", "via"}
)


def _plain(name: str) -> str:
    """Return the form of a header name in which some servers treat similar names as equal."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
