"""Judge from cookies whether the browser is signed in to a site, and with which account.

Only names and expiries are read, and the one value in which some sites name the account. No value
is stored or shown.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote, urlsplit

from mediavault.core.cookies import Cookie
from mediavault.core.failures import AgeRestrictedSignedOut, LoginRequired, SessionExpired
from mediavault.core.job import JobId
from mediavault.core.messages import Message
from mediavault.core.names import safe_text
from mediavault.core.platform import Platform
from mediavault.core.urls import EgressScope


@dataclass(frozen=True, slots=True)
class SessionState:
    """A site's session, as its cookies show it. ``signed_in`` is None where a site's session
    cookies are not known.

    ``expires_at`` is when the first of the needed cookies expires; None when none of them says, or
    when not signed in. ``pending``: cookies were imported and the browser has not started since.
    """

    platform: str
    title: str
    login_url: str | None
    domains: tuple[str, ...]  # whose cookies are known to be the site's (see ``belongs_to``)
    signed_in: bool | None
    cookies: int  # how many valid ones the site has
    expires_at: datetime | None
    checked_at: datetime
    pending: bool = False
    signed_in_as: str | None = (
        None  # "jane_doe", or "user 12345" where only the number is known; never a cookie's value
    )


@dataclass(frozen=True, slots=True)
class BrowserTask:
    """What a browser window is opened for: a site's sign-in,
    or a post that a job is waiting for (``job_id``).
    """

    platform: Platform
    url: str  # the first page that the window shows
    job_id: JobId | None = None
    listed_by: str | None = None  # as in EgressScope

    @property
    def scope(self) -> EgressScope:
        """The scope of the window's requests."""
        return EgressScope(self.url, self.listed_by)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Access to a sign-in window.

    ``key`` authenticates its connections; ``seconds_left`` is the time until the window closes
    automatically.
    """

    key: str
    platform: str
    title: str
    width: int  # of the screen, in pixels
    height: int
    seconds_left: int
    job_id: JobId | None = None  # of the job whose post it was opened on


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The result of importing a cookies.txt: cookies taken, cookies of other sites,
    and expired cookies.
    """

    imported: int
    other_sites: int
    expired: int
    first_expiry: datetime | None  # of those taken; None when all are session cookies


def can_be_signed_in_to(platform: Platform) -> bool:
    return platform.sign_in.url is not None


def belongs_to(platform: Platform, domain: str) -> bool:
    """Whether a cookie of ``domain`` (lower case, no leading dot) is one of the platform's sign-in.

    These are cookies of its own hosts and of the host of its login page, of the domains above these
    (a site sets its cookies for ``x.com``, not for ``www.x.com``) and of the hosts below them.
    """
    if "." not in domain and domain != "localhost":
        return False
    return any(
        domain == host or host.endswith(f".{domain}") or domain.endswith(f".{host}")
        for host in _hosts(platform)
    )


def is_signed_in(platform: Platform, cookies: Iterable[Cookie], *, now: datetime) -> bool:
    """Whether all cookies that the platform's sign-in sets are present and have not expired."""
    names = {cookie.name for cookie in _valid(platform, cookies, now)}
    return bool(platform.sign_in.session_cookies) and names.issuperset(
        platform.sign_in.session_cookies
    )


def judge_session(
    platform: Platform,
    cookies: Iterable[Cookie],
    *,
    now: datetime,
    pending: bool = False,
    name: str | None = None,
) -> SessionState:
    """Return the state of a platform's session, from all cookies that the browser has or will be
    given.

    ``name`` is the account's name on the site's own pages.
    """
    valid = _valid(platform, cookies, now)
    signed_in = is_signed_in(platform, valid, now=now) if platform.sign_in.session_cookies else None
    return SessionState(
        platform=platform.name,
        title=platform.title,
        login_url=platform.sign_in.url,
        domains=tuple(dict.fromkeys(_hosts(platform))),
        signed_in=signed_in,
        cookies=len(valid),
        expires_at=_first_expiry(platform, valid) if signed_in else None,
        checked_at=now,
        pending=pending,
        signed_in_as=(name or account_of(platform, valid)) if signed_in is not False else None,
    )


def account_of(platform: Platform, cookies: Iterable[Cookie]) -> str | None:
    """Return the account of the session, if a cookie names it."""
    account_cookie = platform.sign_in.account_cookie
    if account_cookie is None:
        return None
    for cookie in cookies:
        if cookie.name == account_cookie.name and (
            match := account_cookie.pattern.search(_readable(cookie.value))
        ):
            return safe_text(match[1]) if account_cookie.is_name else f"user {match[1]}"
    return None


def _readable(value: str) -> str:
    """Return the value without percent-encoding and quotes; for a JSON Web Token,
    its claims (RFC 7519, section 3).
    """
    parts = value.split(".")
    if len(parts) == 3:
        with contextlib.suppress(ValueError):
            return base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)).decode()
    return unquote(value).strip('"')


def wall_failure(
    wall: LoginRequired | AgeRestrictedSignedOut,
    platform: Platform,
    cookies: Iterable[Cookie],
    *,
    now: datetime,
) -> LoginRequired | AgeRestrictedSignedOut | SessionExpired:
    """Return the failure that a wall for anonymous visitors means with ``cookies``: no sign-in,
    or an expired one.
    """
    if not is_signed_in(platform, cookies, now=now):
        return wall
    return SessionExpired(
        Message(
            "Your %(site)s sign-in has ended: %(message)s",
            site=platform.title,
            message=wall.message,
        ),
        http_status=wall.http_status,
    )


def _valid(platform: Platform, cookies: Iterable[Cookie], now: datetime) -> list[Cookie]:
    return [
        cookie
        for cookie in cookies
        if belongs_to(platform, cookie.domain)
        and (cookie.expires_at is None or cookie.expires_at > now)
    ]


def _first_expiry(platform: Platform, valid: Iterable[Cookie]) -> datetime | None:
    """Return the earliest expiry. Where two domains have the same cookie,
    the one that lasts longer counts.
    """
    last: dict[str, datetime | None] = {}
    for cookie in valid:
        if cookie.name in platform.sign_in.session_cookies:
            previous = last.get(cookie.name, cookie.expires_at)
            is_endless = previous is None or cookie.expires_at is None
            last[cookie.name] = None if is_endless else max(previous, cookie.expires_at)  # type: ignore[type-var]
    return min((at for at in last.values() if at is not None), default=None)


def _hosts(platform: Platform) -> tuple[str, ...]:
    login_host = urlsplit(platform.sign_in.url).hostname if platform.sign_in.url else None
    suffixes = (suffix.removeprefix(".") for suffix in platform.matching.host_suffixes)
    return (*platform.matching.hosts, *suffixes, *((login_host,) if login_host else ()))
