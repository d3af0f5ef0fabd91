"""The proxies through which the vault leaves its network: their addresses, and which site's posts
take which. Pure.

An address may contain a password, so its texts are masked, and what is wrong with it is said
without quoting it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote_to_bytes, urlsplit

from mediavault.core.failures import BadUrl
from mediavault.core.messages import Message
from mediavault.core.urls import HttpUrl, parse_http_url

DIRECT = "direct"  # written instead of an address: this site does not take the vault's proxy
MAX_CREDENTIAL_BYTES = 255  # RFC 1929, section 2
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


class ProxyScheme(StrEnum):
    """The protocol of a proxy."""

    HTTP = "http"
    HTTPS = "https"  # HTTP inside TLS
    SOCKS5 = "socks5"


_REFUSED_SCHEMES = {
    "socks5h": Message(
        "socks5h would let the proxy resolve host names, bypassing the check of addresses; use socks5://"
    ),
    "socks4": Message("SOCKS 4 supports neither IPv6 nor passwords; use socks5://"),
    "socks4a": Message("SOCKS 4 supports neither IPv6 nor passwords; use socks5://"),
    "socks": Message("the SOCKS version is missing; use socks5://"),
}


@dataclass(frozen=True, slots=True)
class UpstreamProxy:
    """A proxy between this machine and the internet. Its text is masked;
    ``host`` is as in an HttpUrl.
    """

    scheme: ProxyScheme
    host: str
    port: int
    username: bytes = field(default=b"", repr=False)
    password: bytes = field(default=b"", repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{'***@' if self.has_credentials else ''}{host}:{self.port}"

    @property
    def has_credentials(self) -> bool:
        return bool(self.username or self.password)


def parse_upstream_proxy(text: str) -> UpstreamProxy:
    """Read a proxy's address, such as ``socks5://user:password@gluetun:1080``.
    Raises ValueError, which quotes no secret.
    """
    scheme, separator, _ = text.strip().partition("://")
    if not separator:
        raise ValueError(
            Message("it must be an address such as http://gluetun:8888 or socks5://gluetun:1080")
        )
    if refusal := _REFUSED_SCHEMES.get(scheme.lower()):
        raise ValueError(refusal)
    if scheme.lower() not in set(ProxyScheme):
        raise ValueError(
            Message("a proxy's address must begin with http://, https:// or socks5://")
        )
    try:
        parts = urlsplit(text.strip())
        port = parts.port
        path = f"{parts.path}{'?' if parts.query else ''}{'#' if parts.fragment else ''}"
        host = parse_http_url(f"http://{parts.netloc.rpartition('@')[2]}/").host
    except (ValueError, BadUrl):
        raise ValueError(
            Message("it is not a valid address; percent-encode special characters in the password")
        ) from None
    if path not in ("", "/"):
        raise ValueError(
            Message(
                "nothing may follow the port; percent-encode special characters in the password"
            )
        )
    if not port:
        raise ValueError(
            Message("the port is missing; use an address such as socks5://gluetun:1080")
        )
    username, password = (_credential(part) for part in (parts.username, parts.password))
    if b":" in username:
        raise ValueError(Message("the proxy's user name may not contain a colon"))
    return UpstreamProxy(ProxyScheme(scheme.lower()), host, port, username, password)


def _credential(text: str | None) -> bytes:
    value = unquote_to_bytes(text or "")
    if len(value) > MAX_CREDENTIAL_BYTES or _CONTROL.search(value):
        raise ValueError(
            Message(
                "the proxy's user name or password is too long, or contains a control character"
            )
        )
    return value


def parse_choice(text: str) -> UpstreamProxy | None:
    """Read the setting of a site: a proxy's address, or ``direct``, which is None.
    Raises ValueError.
    """
    return None if text.strip().lower() == DIRECT else parse_upstream_proxy(text)


class UpstreamProxies:
    """The proxy for the connections of a post: its site's, else the vault's, else none."""

    def __init__(
        self,
        vault: UpstreamProxy | None = None,
        sites: Mapping[str, UpstreamProxy | None] | None = None,
        *,
        site_of: Callable[[HttpUrl], str] | None = None,
    ) -> None:
        """``site_of`` names the site of a post; without it, ``sites`` are not used."""
        self.vault = vault
        self.sites = dict(sites or {})
        self._site_of = site_of

    def for_post(self, scope: HttpUrl | None) -> UpstreamProxy | None:
        """Return the proxy for all requests for the post at ``scope``; None to connect directly."""
        if scope is None or self._site_of is None or not self.sites:
            return self.vault
        return self.sites.get(self._site_of(scope), self.vault)
