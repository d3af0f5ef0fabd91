"""Whether two URLs are one file, and whose host a URL is on. Pure."""

from __future__ import annotations

from urllib.parse import unquote_plus, urlsplit

from mediavault.core.platform import Platform
from mediavault.extraction.media_urls import classify_media

_RANGE_IN_QUERY = frozenset({"bytestart", "byteend"})  # Meta: a part of the file, named by the query
_ADVERT = "it is an advert"  # as ``classify_media`` says it


def identity(url: str) -> str:
    """Return the URL without fragment and without a byte range in its query: two parts of one file are one file.

    Everything else is left as written, since a signature covers it and the same file without a range is spelled so.
    """
    base, _, query = url.partition("#")[0].partition("?")
    rest = "&".join(pair for pair in query.split("&") if _name(pair) not in _RANGE_IN_QUERY)
    return f"{base}?{rest}" if rest else base


def _name(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0]).lower()


def on_media_host(url: str, platform: Platform) -> bool:
    """Whether ``url`` is on one of the platform's media hosts; True where none are known."""
    if not platform.media.hosts:
        return True
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    return any(host == known.lstrip(".") or host.endswith(f".{known.lstrip('.')}") for known in platform.media.hosts)


def is_advert(url: str) -> bool:
    """Whether ``url`` is served by an ad network, or is in a folder of adverts."""
    return classify_media(url).rejected == _ADVERT


def site_of(url: str) -> str:
    """Return the site of a URL: the last two labels of its host, three below a short second one (``co.uk``)."""
    labels = (urlsplit(url).hostname or "").split(".")
    return ".".join(labels[-3:] if len(labels) > 2 and len(labels[-2]) <= 3 else labels[-2:])
