"""Cookies with their scope, and which of them a request may carry (RFC 6265, sections 5.1.3, 5.1.4 and 5.4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Cookie:
    """``domain`` without a leading dot; ``host_only`` says that sub-domains do not get it."""

    name: str
    value: str
    domain: str
    path: str = "/"
    secure: bool = False
    host_only: bool = True
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        """Never shows the value: cookies must not reach logs or tracebacks."""
        return f"Cookie({self.name}=***, {self.domain}{self.path})"


def cookies_for(url: str, cookies: Iterable[Cookie], *, now: datetime) -> tuple[Cookie, ...]:
    """The cookies that a request to ``url`` carries, longest path first."""
    parts = urlsplit(url)
    host, path = (parts.hostname or "").lower(), parts.path or "/"
    fitting = [
        cookie
        for cookie in cookies
        if _domain_fits(cookie, host)
        and _path_fits(cookie.path, path)
        and (parts.scheme == "https" or not cookie.secure)
        and (cookie.expires_at is None or cookie.expires_at > now)
    ]
    return tuple(sorted(fitting, key=lambda cookie: -len(cookie.path)))


def cookie_header(cookies: Iterable[Cookie]) -> str | None:
    """The ``Cookie`` header's value; None when there is nothing to send."""
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in cookies) or None


def _domain_fits(cookie: Cookie, host: str) -> bool:
    return host == cookie.domain or (not cookie.host_only and host.endswith(f".{cookie.domain}"))


def _path_fits(cookie_path: str, path: str) -> bool:
    if path == cookie_path:
        return True
    return path.startswith(cookie_path) and (cookie_path.endswith("/") or path[len(cookie_path) :].startswith("/"))
