"""When two addresses are one file, whose host an address lies on. Pure."""

from __future__ import annotations

from urllib.parse import unquote_plus, urlsplit

from mediavault.core.platform import Platform
from mediavault.services.extraction.media_urls import classify_media

_RANGE_IN_QUERY = frozenset({"bytestart", "byteend"})  # Meta: a part of the file, named by the query
_ADVERT = "it is an advert"  # classify_media's word


def identity(url: str) -> str:
    """The address without fragment and without a byte range in its query: two parts of one file are one file.

    Everything else keeps its letters, since a signature covers them and the same file without a range is spelled so.
    """
    place, _, query = url.partition("#")[0].partition("?")
    kept = "&".join(pair for pair in query.split("&") if _name(pair) not in _RANGE_IN_QUERY)
    return f"{place}?{kept}" if kept else place


def _name(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0]).lower()


def on_media_host(url: str, platform: Platform) -> bool:
    """Whether ``url`` lies on one of the platform's media hosts; True where none are known."""
    if not platform.media.hosts:
        return True
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    return any(host == known.lstrip(".") or host.endswith(f".{known.lstrip('.')}") for known in platform.media.hosts)


def is_advert(url: str) -> bool:
    """Served by an advertising network, or from a folder of advertisements."""
    return classify_media(url).rejected == _ADVERT
