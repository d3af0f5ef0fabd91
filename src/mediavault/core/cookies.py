"""Cookies with their scope, and which of them a request may carry (RFC 6265, sections 5.1.3,
5.1.4 and 5.4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from mediavault.core.failures import BadUrl
from mediavault.core.urls import MAX_MEDIA_URL_CHARS, HttpUrl, parse_http_url


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie with its scope. ``domain`` has no leading dot; with ``host_only``,
    subdomains do not get it.
    """

    name: str
    value: str
    domain: str
    path: str = "/"
    secure: bool = False
    host_only: bool = True
    expires_at: datetime | None = None
    http_only: bool = False  # hidden from the page's scripts

    def __repr__(self) -> str:
        """Never shows the value: cookies must not reach logs or tracebacks."""
        return f"Cookie({self.name}=***, {self.domain}{self.path})"


def cookies_for(
    url: HttpUrl | str, cookies: Iterable[Cookie], *, now: datetime
) -> tuple[Cookie, ...]:
    """Return the cookies that a request to ``url`` carries, longest path first.

    Ports are ignored, as in browsers. A URL that core.urls refuses gets none: another parser could
    read a different host in it.
    """
    try:
        target = (
            url if isinstance(url, HttpUrl) else parse_http_url(url, max_chars=MAX_MEDIA_URL_CHARS)
        )
    except BadUrl:
        return ()
    fitting = [
        cookie
        for cookie in cookies
        if _domain_fits(cookie, target.host)
        and _path_fits(cookie.path, target.path)
        and (target.scheme == "https" or not cookie.secure)
        and (cookie.expires_at is None or cookie.expires_at > now)
    ]
    return tuple(sorted(fitting, key=lambda cookie: -len(cookie.path)))


def joined(first: Iterable[Cookie], second: Iterable[Cookie]) -> tuple[Cookie, ...]:
    """Return the cookies of both; where both have one of the same name and scope,
    that of ``first``.
    """
    jar = {(cookie.name, cookie.domain, cookie.path): cookie for cookie in (*second, *first)}
    return tuple(jar.values())


_NOT_IN_NAME = re.compile(r"[\x00-\x20\x7f;,=]")
_NOT_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f;]")


def cookie_header(cookies: Iterable[Cookie]) -> str | None:
    """The ``Cookie`` header's value; None when there is nothing to send.

    A cookie whose name or value would corrupt the header is left out.
    """
    return (
        "; ".join(f"{cookie.name}={cookie.value}" for cookie in cookies if _can_be_sent(cookie))
        or None
    )


def _can_be_sent(cookie: Cookie) -> bool:
    return (
        bool(cookie.name)
        and not _NOT_IN_NAME.search(cookie.name)
        and not _NOT_IN_VALUE.search(cookie.value)
    )


def _domain_fits(cookie: Cookie, host: str) -> bool:
    domain = cookie.domain.lower()
    if host == domain:
        return True
    # "." in the domain: no site may set a cookie for all of "com"; a literal address has no
    # subdomains
    return (
        not cookie.host_only
        and "." in domain
        and host.endswith(f".{domain}")
        and not _is_literal(host)
    )


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _path_fits(cookie_path: str, path: str) -> bool:
    cookie_path = cookie_path or "/"
    if path == cookie_path:
        return True
    return path.startswith(cookie_path) and (
        cookie_path.endswith("/") or path[len(cookie_path) :].startswith("/")
    )
