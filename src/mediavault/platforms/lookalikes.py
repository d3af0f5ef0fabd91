"""Recognise hosts that imitate a platform's, and hosts that are not public."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterator, Set

from mediavault.core.urls import HttpUrl

# many hosts end in "x.com": only a name of this length is imitated by a longer host that ends in it
_MIN_CHARS = 8
_LOCAL = re.compile(
    r"(?:.+\.)?(?:localhost|local|internal|intranet|lan|home|corp|home\.arpa|localdomain|invalid)"
)
# Public names that lead to this machine, and services whose names lead to the address in them
_LOOPBACK_NAME = re.compile(r"(?:.+\.)?(?:localtest\.me|lvh\.me|vcap\.me|lacolhost\.com)")
_ADDRESS_IN_NAME = re.compile(r"(?:^|.*[.-])(\d{1,3}(?:[.-]\d{1,3}){3})\.(?:xip|nip|sslip)\.io")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")  # RFC 952 and 1123: no hyphen at either end

# Letters of other scripts that are drawn like Latin ones (UTS #39, confusables.txt), as far as
# names of sites use them
_CONFUSABLES = str.maketrans("аеорсухіјѕԁԛԝһӏкмтвнгпɡıοανρτυκι", "aeopcyxijsdqwhlkmtbhrngiovvptuki")


def is_public_name(url: HttpUrl) -> bool:
    """Whether the host can be a site on the internet: a full name that DNS takes,
    or a public address.
    """
    try:
        return _is_public_address(url.host)
    except ValueError:
        labels = url.host.split(".")
        well_formed = len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels)
        return well_formed and not _is_local(url.host)


def _is_public_address(host: str) -> bool:
    """Whether the address is public, and any IPv4 address that an IPv6 one embeds (RFC 6052,
    3056, 4380).
    """
    address = ipaddress.ip_address(host)
    embedded = _embedded_ipv4(address) if isinstance(address, ipaddress.IPv6Address) else ()
    return all(
        candidate.is_global and not candidate.is_multicast for candidate in (address, *embedded)
    )


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _embedded_ipv4(address: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    if address in _NAT64:
        yield ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.sixtofour:
        yield address.sixtofour
    yield from address.teredo or ()


def _is_local(host: str) -> bool:
    if _LOCAL.fullmatch(host) or _LOOPBACK_NAME.fullmatch(host):
        return True
    match = _ADDRESS_IN_NAME.fullmatch(host)
    try:
        return match is not None and not _is_public_address(match[1].replace("-", "."))
    except ValueError:
        return False


def imitates(host: str, names: Set[str], brands: Set[str]) -> bool:
    """Whether ``host`` contains or looks like one of ``names`` (hosts without ``www.``) without
    being one of them.

    Recognised are a name with a prefix (``eviltiktok.com``), a name further left
    (``tiktok.com.evil.example``), letters of other scripts (a Cyrillic ``х.com``) or with accents
    (``tiktók.com``), and a brand under another ending or with hyphens (``youtube.co``,
    ``you-tube.com``).
    """
    shown = _as_shown(host)
    if shown != host and (
        is_below(skeleton := _skeleton(shown), names) or _contains_name(skeleton, names)
    ):
        return True
    return _contains_name(host, names) or _borrows_a_brand(host, names, brands)


def is_below(host: str, names: Set[str]) -> bool:
    """Whether ``host`` is one of ``names``, or is in its domain."""
    return any(host[at:] in names for at in range(len(host)) if at == 0 or host[at - 1] == ".")


_SECOND_LEVEL = frozenset(["ac", "co", "com", "edu", "gov", "net", "org"])  # example.co.uk


def _borrows_a_brand(host: str, names: Set[str], brands: Set[str]) -> bool:
    *left, _ending = host.split(".")
    if len(left) > 1 and left[-1] in _SECOND_LEVEL:
        left.pop()
    return (
        bool(left)
        and left[-1].replace("-", "") in brands
        and not any(f".{host}".endswith(f".{name}") for name in names)
    )


def _contains_name(host: str, names: Set[str]) -> bool:
    """Whether ``host`` contains one of ``names``. Iterates over the host,
    since there are far more names.
    """
    if any(
        host[at:] in names for at in range(1, len(host) - _MIN_CHARS + 1) if host[at - 1] != "."
    ):
        return True
    labels = host.split(".")
    for first in range(len(labels) - 1):
        for last in range(first + 1, len(labels)):
            head = ".".join(labels[first:last])
            whole, (cut, hyphen, _) = f"{head}.{labels[last]}", labels[last].partition("-")
            if (whole in names and last < len(labels) - 1) or (hyphen and f"{head}.{cut}" in names):
                return True
    return False


def _skeleton(shown: str) -> str:
    """Return what a reader takes a host for: without accents,
    with Latin letters for their lookalikes.
    """
    bare = "".join(
        char for char in unicodedata.normalize("NFKD", shown) if not unicodedata.combining(char)
    )
    return bare.translate(_CONFUSABLES)


def _as_shown(host: str) -> str:
    """Return the host as browsers show it, with its punycode labels decoded."""
    try:
        return ".".join(
            label.removeprefix("xn--").encode("ascii").decode("punycode")
            if label.startswith("xn--")
            else label
            for label in host.split(".")
        )
    except UnicodeError:
        return host
