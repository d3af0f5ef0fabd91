"""Hosts that look like a platform's and are not, and hosts that are no public site at all."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection

from mediavault.core.urls import HttpUrl

_MIN_CHARS = 8  # many names end in "x.com": only one that says which site it means is imitated by what ends in it
_LOCAL = re.compile(r"(?:.+\.)?(?:localhost|local|internal|intranet|lan|home|corp|home\.arpa|localdomain|invalid)")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")  # RFC 952 and 1123: no hyphen at either end

# Letters of other scripts that are drawn like Latin ones (UTS #39, confusables.txt), as far as names of sites use them
_DRAWN_LIKE = str.maketrans("аеорсухіјѕԁԛԝһӏкмтвнгпɡıοανρτυκι", "aeopcyxijsdqwhlkmtbhrngiovvptuki")


def is_public_name(url: HttpUrl) -> bool:
    """Whether the host can be a site on the internet: a full name that DNS takes, or a public address."""
    try:
        return ipaddress.ip_address(url.host).is_global and not ipaddress.ip_address(url.host).is_multicast
    except ValueError:
        labels = url.host.split(".")
        well_formed = len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels)
        return well_formed and not _LOCAL.fullmatch(url.host)


def imitates(host: str, names: Collection[str]) -> bool:
    """Whether ``host`` carries or draws one of ``names`` (hosts without ``www.``) and does not lie there.

    Caught are a name with something stuck to its front (``eviltiktok.com``), a name further left
    (``tiktok.com.evil.example``), and letters of other scripts (a Cyrillic ``х.com``).
    """
    shown = _as_shown(host)
    if shown != host and shown.translate(_DRAWN_LIKE) in names:
        return True
    return any(_carries(f".{host}", name) for name in names)


def _carries(dotted_host: str, name: str) -> bool:
    if f".{name}." in dotted_host or f".{name}-" in dotted_host:
        return not dotted_host.endswith(f".{name}")
    return len(name) >= _MIN_CHARS and dotted_host.endswith(name) and not dotted_host.endswith(f".{name}")


def _as_shown(host: str) -> str:
    """The host as browsers draw it, with its punycode labels decoded."""
    try:
        return ".".join(
            label.removeprefix("xn--").encode("ascii").decode("punycode") if label.startswith("xn--") else label
            for label in host.split(".")
        )
    except UnicodeError:
        return host
