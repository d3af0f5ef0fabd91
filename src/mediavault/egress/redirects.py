"""The headers and cookies that a request may carry, and those that may follow a redirect. Pure.

Credentials that follow a redirect are the classic leak of HTTP clients (CVE-2018-18074,
CVE-2023-35934 and others), so each hop's headers are rebuilt by the scope of each credential, never
copied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mediavault.core.cookies import Cookie
from mediavault.core.failures import BadUrl, HttpError
from mediavault.core.messages import Message
from mediavault.core.urls import (
    DEFAULT_PORTS,
    MAX_MEDIA_URL_CHARS,
    HttpUrl,
    parse_http_url,
    resolve_reference,
)

REDIRECTS = frozenset({301, 302, 303, 307, 308})

# Headers of a captured request that belong to its connection or that the client sets itself.
# Cookies come separately.
_DROPPED = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
    }
    | {"proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
# RFC 9110, section 5.6.2; leaves out HTTP/2's ":path"
_TOKEN = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_NOT_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Hop:
    """One request of a chain. ``headers`` have lower-case names;
    ``cookies`` are not filtered by the URL yet.
    """

    url: HttpUrl
    headers: Mapping[str, str]
    cookies: tuple[Cookie, ...] = ()


def request_headers(given: Mapping[str, str], target: HttpUrl) -> dict[str, str]:
    """Return the headers of ``given`` that a caller may set on a request to ``target``; others
    would break it.

    The Referer is shortened as by :func:`referer_for`.
    """
    lower = {name.strip().lower(): value.strip() for name, value in given.items()}
    taken = {
        name: value
        for name, value in lower.items()
        if _TOKEN.fullmatch(name) and name not in _DROPPED and not _NOT_IN_VALUE.search(value)
    }
    return _with_short_referer(taken, target)


def after_redirect(hop: Hop, location: str, *, status: int, sent_cookies: bool) -> Hop:
    """Return the request that follows a response ``status`` with ``location``.

    Another origin gets no Authorization, and of the Referer only what browsers send
    (strict-origin-when-cross-origin); another port gets no cookies: other services run there.
    Raises HttpError for a URL that is not accepted, and for a downgrade to plain http after
    credentials were sent.
    """
    try:
        target = resolve_reference(hop.url, location)
    except BadUrl as exc:
        raise HttpError(
            Message("%(host)s redirected to a URL that is not accepted.", host=hop.url.host),
            http_status=status,
        ) from exc
    headers = dict(hop.headers)
    if (
        hop.url.scheme == "https"
        and target.scheme == "http"
        and (sent_cookies or "authorization" in headers)
    ):
        raise HttpError(
            Message("%(host)s redirected a signed-in request to plain http.", host=hop.url.host),
            http_status=status,
        )
    if target.origin != hop.url.origin:
        headers.pop("authorization", None)
    cookies = hop.cookies if _same_port(hop.url, target) else ()
    return replace(hop, url=target, headers=_with_short_referer(headers, target), cookies=cookies)


def _same_port(first: HttpUrl, second: HttpUrl) -> bool:
    return first.port == second.port or all(
        url.port == DEFAULT_PORTS[url.scheme] for url in (first, second)
    )


def _with_short_referer(headers: Mapping[str, str], target: HttpUrl) -> dict[str, str]:
    referer = referer_for(headers.get("referer"), target)
    others = {name: value for name, value in headers.items() if name != "referer"}
    return {**others, **({"referer": referer} if referer else {})}


def referer_for(referer: str | None, target: HttpUrl) -> str | None:
    """Return the Referer of a request to ``target`` from the page ``referer``; None for none.

    As browsers do by default: another origin gets only the page's origin, and a plain http URL none
    of an https page.
    https://www.w3.org/TR/referrer-policy/#referrer-policy-strict-origin-when-cross-origin
    """
    try:
        page = parse_http_url(referer or "", max_chars=MAX_MEDIA_URL_CHARS)
    except BadUrl:
        return None
    if page.origin == target.origin:
        return page.without_fragment
    if page.scheme == "https" and target.scheme == "http":
        return None
    return f"{page.origin}/"
