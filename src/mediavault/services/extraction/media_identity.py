"""When two addresses are one file, whose host an address lies on. Pure."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from mediavault.core.platform import Platform
from mediavault.services.extraction.media_urls import classify_media

_RANGE_IN_QUERY = frozenset({"bytestart", "byteend"})  # Meta: a part of the file, named by the query
_ADVERT = "it is an advert"  # classify_media's word


def identity(url: str) -> str:
    """The address without fragment and without a byte range in its query: two parts of one file are one file."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    kept = [pair for pair in pairs if pair[0].lower() not in _RANGE_IN_QUERY]
    query = parts.query if len(kept) == len(pairs) else urlencode(kept)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def on_media_host(url: str, platform: Platform) -> bool:
    """Whether ``url`` lies on one of the platform's media hosts; True where none are known."""
    if not platform.media_hosts:
        return True
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:
        return False
    return any(host == known.lstrip(".") or host.endswith(f".{known.lstrip('.')}") for known in platform.media_hosts)


def is_advert(url: str) -> bool:
    """Served by an advertising network, or from a folder of advertisements."""
    return classify_media(url).rejected == _ADVERT
