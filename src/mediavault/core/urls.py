"""One reading of a URL for all code: parsed once by WHATWG rules, odd forms refused, then only
re-serialised.

Python's urlsplit, yarl and Chromium disagree on odd forms (userinfo, backslashes, control
characters), and each disagreement is a way past a guard that checked one reading while the
connection used another. So a URL is either read exactly as Chromium reads it, or refused; and
callers use ``str(HttpUrl)``, never the text that came in. Source: https://url.spec.whatwg.org
(hosts, IPv4 numbers, dot segments, percent-encode sets) and UTS #46 through idna.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass

import idna

from mediavault.core.failures import BadUrl
from mediavault.core.messages import Message

# longer ones are refused at submission; media URLs may have up to MAX_MEDIA_URL_CHARS
MAX_URL_CHARS = 2_048
MAX_MEDIA_URL_CHARS = 16_384
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class HttpUrl:
    """An http or https URL in normal form. ``host`` is lower-case ASCII, an IPv6 literal without
    brackets.

    A host that ends in a number is always a dotted quad, as browsers read it, so
    ``ip_address(host)`` reliably distinguishes literals from names.
    """

    scheme: str
    host: str
    port: int
    path: str  # begins with "/"
    query: str = ""  # without "?"
    fragment: str = ""

    @property
    def bracketed_host(self) -> str:
        """The host as it is written in front of a port: an IPv6 literal in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def netloc(self) -> str:
        host = self.bracketed_host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    @property
    def without_fragment(self) -> str:
        """The URL that is sent in a request: fragments stay in the browser."""
        return f"{self.origin}{self.path}" + (f"?{self.query}" if self.query else "")

    def __str__(self) -> str:
        return self.without_fragment + (f"#{self.fragment}" if self.fragment else "")


@dataclass(frozen=True, slots=True)
class EgressScope:
    """What requests are for: the page at ``url``, mostly a post's. It decides the proxy and the
    egress guard's exemptions.

    ``listed_by`` is the origin of the list that named the page, "" for an unknown one, and None if
    a user did. A list may be a stranger's, so exemptions hold only for pages on its own server.
    """

    url: str
    listed_by: str | None = None

    @property
    def page(self) -> HttpUrl:
        """The page's URL. Raises BadUrl."""
        return parse_http_url(self.url, max_chars=MAX_MEDIA_URL_CHARS)

    @property
    def exemptible(self) -> HttpUrl | None:
        """The page's URL if exemptions may hold for it, else None. Raises BadUrl."""
        page = self.page
        return page if is_exemptible(page, self.listed_by) else None


def is_exemptible(page: HttpUrl, listed_by: str | None) -> bool:
    """Return whether exemptions may hold for a page that the list of this origin has named,
    as in :class:`EgressScope`.
    """
    return listed_by is None or listed_by.partition("://")[2] == page.netloc


_LIKE_A_LINK = re.compile(r"[.:/]")


def parse_http_url(text: str, *, max_chars: int = MAX_URL_CHARS) -> HttpUrl:
    """Parse an absolute URL, or raise :class:`BadUrl` with a message that says what is wrong with
    it.

    Surrounding blanks are dropped. ``parse_http_url(str(url)) == url`` holds for every result.
    """
    text = _trimmed(text, max_chars)
    if not text:
        raise BadUrl("No link found.")
    if _is_odd(text) or not _LIKE_A_LINK.search(text):
        raise BadUrl("That isn't a link.")
    return _read(text, max_chars)


def resolve_reference(
    base: HttpUrl, reference: str, *, max_chars: int = MAX_MEDIA_URL_CHARS
) -> HttpUrl:
    """Resolve ``reference`` on the page, playlist or redirect at ``base``; raise :class:`BadUrl`
    when it is odd.

    Takes absolute, protocol-relative and relative references to http and https. Inner blanks and
    non-ASCII letters of the path and query are percent-encoded, as browsers do; in the host, and as
    control characters, they are refused. An empty reference is ``base`` without its fragment.
    """
    reference = _trimmed(reference, max_chars)
    if _CONTROL_OR_BACKSLASH.search(reference):
        raise BadUrl("A reference contains a backslash or a control character.")
    return _read(_absolute(base, reference), max_chars)


_TRACKING = re.compile(
    r"^(utm_\w+|fbclid|gclid|dclid|msclkid|igsh|igshid|si|mc_cid|mc_eid|ref_src|ref_url|_ga)$"
)


def canonical_generic(url: HttpUrl) -> str:
    """Return the key of a page on an unknown site:
    its URL without fragment and tracking parameters.
    """
    query = "&".join(
        pair for pair in url.query.split("&") if not _TRACKING.match(pair.partition("=")[0])
    )
    return str(HttpUrl(url.scheme, url.host, url.port, url.path, query))


# --- the whole URL --------------------------------------------------------------------------------

_FORM = re.compile(
    r"(?P<scheme>https?)://(?P<netloc>[^/?#]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?",
    re.IGNORECASE | re.DOTALL,
)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_CONTROL_OR_BACKSLASH = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
_ODD_ASCII = re.compile(r"[\x00-\x20\x7f\\]")
# controls, invisible, lone surrogates, separators
_ODD_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
# NUL, CR, LF in a path: only ever an attack on its reader
_HIDDEN_BREAK = re.compile(r"%0[0ad]", re.IGNORECASE)


def _trimmed(text: str, max_chars: int) -> str:
    if len(text) > max_chars:
        raise BadUrl(
            Message(
                "The address has %(text)s characters; at most %(max_chars)s are taken.",
                text=len(text),
                max_chars=max_chars,
            )
        )
    return text.strip(" \t\r\n")


def _is_odd(text: str) -> bool:
    if _ODD_ASCII.search(text):
        return True
    return not text.isascii() and any(
        unicodedata.category(char) in _ODD_CATEGORIES for char in text
    )


def _absolute(base: HttpUrl, reference: str) -> str:
    if scheme := _SCHEME.match(reference):
        if scheme[1].lower() not in DEFAULT_PORTS:
            raise BadUrl("A reference uses a scheme other than http and https.")
        return reference
    if reference.startswith("//"):
        return f"{base.scheme}:{reference}"
    if reference.startswith("/"):
        return base.origin + reference
    if reference.startswith("?"):
        return f"{base.origin}{base.path}{reference}"
    if not reference or reference.startswith("#"):
        return base.without_fragment + reference
    return f"{base.origin}{base.path.rpartition('/')[0]}/{reference}"


def _read(text: str, max_chars: int) -> HttpUrl:
    match = _FORM.fullmatch(text)
    if match is None:
        raise BadUrl("The address must begin with http:// or https:// and name a host.")
    if "@" in match["netloc"]:
        raise BadUrl("The address carries a user name or password before the host.")
    scheme, path, query = match["scheme"].lower(), match["path"] or "/", match["query"] or ""
    if _HIDDEN_BREAK.search(path) or "%00" in query:
        raise BadUrl("The address contains an encoded line break or NUL character.")
    host, port = _host_and_port(match["netloc"], DEFAULT_PORTS[scheme])
    url = HttpUrl(
        scheme=scheme,
        host=host,
        port=port,
        path=_without_dot_segments(_percent_encoded(path, _NOT_IN_PATH)),
        query=_percent_encoded(query, _NOT_IN_QUERY),
        fragment=_percent_encoded(match["fragment"] or "", _NOT_IN_FRAGMENT),
    )
    if len(str(url)) > max_chars:
        raise BadUrl(
            Message(
                "The address has more than %(max_chars)s characters when it is written out.",
                max_chars=max_chars,
            )
        )
    return url


# --- host and port --------------------------------------------------------------------------------

_NETLOC = re.compile(
    r"(?P<host>\[(?P<ipv6>[0-9a-f:.]+)\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE
)
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_MAX_HOST_CHARS = 253  # RFC 1035, section 2.3.4, without the final dot
_NO_HOST = Message("This link is cut off.")


def _host_and_port(netloc: str, default_port: int) -> tuple[str, int]:
    match = _NETLOC.fullmatch(netloc)
    if match is None or _is_odd(netloc):
        raise BadUrl(_NO_HOST)
    port = int(match["port"]) if match["port"] else default_port
    if not 1 <= port <= 65_535:
        raise BadUrl(Message("%(port)s is not a port.", port=port))
    return (_ipv6(match["ipv6"]) if match["ipv6"] else _name_or_ipv4(match["host"])), port


def _ipv6(text: str) -> str:
    """Return the compressed hexadecimal form, also for IPv4-mapped addresses,
    which newer Pythons print with dots.
    """
    try:
        value = int(ipaddress.IPv6Address(text))
    except ValueError as exc:
        raise BadUrl("The address names no usable IPv6 host.") from exc
    plain = ":".join(f"{value >> shift & 0xFFFF:x}" for shift in range(112, -1, -16))
    zeros = max(re.finditer(r"\b0(?::0)+\b", plain), key=lambda run: len(run[0]), default=None)
    if zeros is None:
        return plain
    return f"{plain[: zeros.start()].rstrip(':')}::{plain[zeros.end() :].lstrip(':')}"


def _name_or_ipv4(text: str) -> str:
    try:
        # turns full-width, circled and script letters and ideographic dots into what browsers make
        # of them
        name = idna.uts46_remap(text, std3_rules=False).removesuffix(".")
        labels = [_ascii_label(label) for label in name.split(".")]
    except idna.IDNAError as exc:
        raise BadUrl("The host's name is not a valid one.") from exc
    if _ends_in_number(labels[-1]):
        return _ipv4(labels)
    host = ".".join(labels)
    if len(host) > _MAX_HOST_CHARS:
        raise BadUrl("The host's name is too long.")
    return host


def _ascii_label(label: str) -> str:
    """Return Punycode where needed. Of plain labels only the characters are checked:
    ``r3---sn`` and ``_x`` exist.
    """
    if not label.isascii() or label.startswith("xn--"):
        return idna.alabel(label).decode("ascii")
    if not _LABEL.fullmatch(label):
        raise BadUrl(_NO_HOST)
    return label


def _ends_in_number(last: str) -> bool:
    return bool(re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last))


def _ipv4(labels: list[str]) -> str:
    """Parse as WHATWG does: decimal, 0x hexadecimal, 0 octal,
    and short forms whose last part fills the rest.
    """
    try:
        numbers = [_ipv4_number(label) for label in labels]
        *heads, last = numbers
        if len(numbers) > 4 or any(head > 255 for head in heads) or last >= 256 ** (4 - len(heads)):
            raise ValueError(labels)
    except ValueError as exc:
        raise BadUrl("The host looks like an IPv4 address but is not a valid one.") from exc
    value = last + sum(head << (8 * (3 - index)) for index, head in enumerate(heads))
    return str(ipaddress.IPv4Address(value))


def _ipv4_number(label: str) -> int:
    if len(label) > 63 or not re.fullmatch(r"0x[0-9a-f]*|[0-9]+", label):
        raise ValueError(label)
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8 if len(label) > 1 and label[0] == "0" else 10)


# --- path, query, fragment ------------------------------------------------------------------------

# The WHATWG percent-encode sets, and "|" in paths as Chromium does. A "%" that is already there
# stays as it is: signed URLs must not change.
_NOT_IN_PATH = re.compile(r"[^!$-;=@-\]_a-z~]+")
_NOT_IN_QUERY = re.compile(r"[^!$-&(-;=?-~]+")
_NOT_IN_FRAGMENT = re.compile(r"[^!#-;=?-_a-~]+")


def _percent_encoded(text: str, unsafe: re.Pattern[str]) -> str:
    try:
        return unsafe.sub(_as_utf8_percent, text)
    except UnicodeEncodeError as exc:
        raise BadUrl("The address contains an incomplete character.") from exc


def _as_utf8_percent(match: re.Match[str]) -> str:
    # surrogateescape: raw bytes of a Location header that were not UTF-8
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape"))


def _without_dot_segments(path: str) -> str:
    result: list[str] = []
    segments = path.split("/")[1:]
    for number, segment in enumerate(segments, start=1):
        dots = segment.lower().replace("%2e", ".")
        if dots == "..":
            del result[-1:]
        elif dots != ".":
            result.append(segment)
        if dots in {".", ".."} and number == len(segments):
            result.append("")
    return "/" + "/".join(result)


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, by its name or address; IPv6 with or without brackets."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def without_query(url: str) -> str:
    """Return a URL without its query, which in a signed one is different each time,
    and without its fragment.
    """
    return url.partition("#")[0].partition("?")[0]
