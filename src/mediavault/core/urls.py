"""One reading of an address for everybody: parsed once by WHATWG rules, odd forms refused, then only re-serialised.

Python's urlsplit, yarl and Chromium disagree on odd forms (userinfo, backslashes, control characters), and each
disagreement is a way past a guard that looked at one reading while another one connected.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

import idna

from mediavault.core.errors import BadUrl

MAX_URL_CHARS = 2_048  # longer ones are refused at submission; media addresses may be up to MAX_MEDIA_URL_CHARS
MAX_MEDIA_URL_CHARS = 16_384
DEFAULT_PORTS = {"http": 80, "https": 443}

_TRACKING = re.compile(r"^(utm_\w+|fbclid|gclid|dclid|msclkid|igsh|igshid|si|mc_cid|mc_eid|ref_src|ref_url|_ga)$")


@dataclass(frozen=True, slots=True)
class HttpUrl:
    """An http or https address in normal form. ``host`` is lower-case ASCII, an IPv6 literal without brackets."""

    scheme: str
    host: str
    port: int
    path: str  # begins with "/"
    query: str = ""  # without "?"
    fragment: str = ""

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    def __str__(self) -> str:
        query = f"?{self.query}" if self.query else ""
        fragment = f"#{self.fragment}" if self.fragment else ""
        return f"{self.origin}{self.path}{query}{fragment}"


_FORM = re.compile(
    r"^(?P<scheme>https?)://(?P<netloc>[^/?#]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?$",
    re.IGNORECASE,
)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\x9f\\\u200b-\u200f\u2028-\u202f\u2060\ufeff]")


def parse_http_url(text: str, *, max_chars: int = MAX_URL_CHARS) -> HttpUrl:
    """Read an address, or raise :class:`BadUrl` with a sentence that says what is odd about it."""
    if not isinstance(text, str) or not text.strip():
        raise BadUrl("There is no address.")
    text = text.strip(" \t\r\n")
    if len(text) > max_chars:
        raise BadUrl(f"The address has {len(text)} characters; at most {max_chars} are taken.")
    if _FORBIDDEN.search(text):
        raise BadUrl("The address contains a blank, a backslash or an invisible character.")
    match = _FORM.match(text)
    if match is None:
        raise BadUrl("The address must begin with http:// or https:// and name a host.")
    netloc = match["netloc"]
    if "@" in netloc:
        raise BadUrl("The address carries a user name or password before the host.")
    host, port = _host_and_port(netloc, match["scheme"].lower())
    return HttpUrl(
        scheme=match["scheme"].lower(),
        host=host,
        port=port,
        path=match["path"] or "/",
        query=match["query"] or "",
        fragment=match["fragment"] or "",
    )


def canonical_generic(url: HttpUrl) -> str:
    """The key of a page on a site that we know nothing about: no fragment, no tracking parameters."""
    pairs = [(k, v) for k, v in parse_qsl(url.query, keep_blank_values=True) if not _TRACKING.match(k)]
    kept = urlencode(pairs) if len(pairs) != len(parse_qsl(url.query, keep_blank_values=True)) else url.query
    return str(HttpUrl(url.scheme, url.host, url.port, url.path, kept))


def _host_and_port(netloc: str, scheme: str) -> tuple[str, int]:
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::(\d{1,5}))?", netloc)
    if match is None:
        raise BadUrl("The address names no usable host.")
    port = int(match[2]) if match[2] else DEFAULT_PORTS[scheme]
    if not 1 <= port <= 65_535:
        raise BadUrl(f"{port} is not a port.")
    host = match[1].strip("[]").rstrip(".").lower()
    if not host:
        raise BadUrl("The address names no usable host.")
    if match[1].startswith("["):
        return host, port
    try:
        return idna.encode(host, uts46=True).decode("ascii") if not host.isascii() else host, port
    except idna.IDNAError as exc:
        raise BadUrl("The host's name is not a valid one.") from exc
